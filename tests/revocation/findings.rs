//! What the watches come to: figures for people, and faults, which fail the part.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use todo_api::clock::{Clock, rfc3339};

use crate::BOUND;
use crate::fleet::ANSWER_TIME;
use crate::trio::Trio;
use crate::victim::Revocation;
use crate::watch::{Knock, Watch};

/// How many faults are told at length.
const TOLD: usize = 12;

/// The findings of one part.
#[derive(Default)]
pub(crate) struct Findings {
    revocations: usize,
    retried: usize,
    again: usize,
    late: usize,
    last_acceptances: Vec<Duration>,
    statuses: BTreeMap<u16, usize>,
    slowest: Duration,
    faults: Vec<String>,
}

impl Findings {
    /// What the instances answered to a token from when its revocation was acknowledged.
    pub(crate) fn add(&mut self, revocation: &Revocation, watches: &[Watch]) {
        self.revocations += 1;
        self.retried += usize::from(revocation.tries.len() > 1);
        self.again += usize::from(revocation.again);
        self.faults.extend(revocation.faults.iter().cloned());
        for (_, took) in &revocation.tries {
            self.time(*took, || format!("{:?}: {:?}", revocation.act, revocation.tries));
        }
        for watch in watches {
            self.tally(watch);
            if watch.instance == revocation.by {
                self.expect(watch, &what(revocation), |knock| knock.status == 401);
                continue;
            }
            let is_late = |knock: &Knock| knock.sent > BOUND && knock.was_accepted();
            self.late += usize::from(watch.knocks.iter().any(is_late));
            self.expect(watch, &what(revocation), |knock| !is_late(knock));
            self.last_acceptances.push(watch.last_acceptance());
        }
    }

    /// Counts the answers, and finds those that are late or none at all.
    pub(crate) fn tally(&mut self, watch: &Watch) {
        for knock in &watch.knocks {
            *self.statuses.entry(knock.status).or_default() += 1;
            self.time(knock.took, || format!("instance {}: {knock:?}", watch.instance));
        }
        self.expect(watch, "any token", |knock| matches!(knock.status, 200 | 400 | 401 | 503));
    }

    /// Finds a fault when an answer is not `right`, and tells it with those around it.
    pub(crate) fn expect(&mut self, watch: &Watch, what: &str, right: impl Fn(&Knock) -> bool) {
        let Some(first) = watch.knocks.iter().position(|knock| !right(knock)) else { return };
        let wrong = watch.knocks.iter().filter(|knock| !right(knock)).count();
        let mut fault = format!("instance {}: {wrong} wrong answers to {what}:\n", watch.instance);
        for knock in &watch.knocks[first.saturating_sub(6)..watch.knocks.len().min(first + 12)] {
            let Knock { door, sent, took, status } = knock;
            let mark = if right(knock) { ' ' } else { '!' };
            writeln!(fault, "  {mark} sent {sent:>10.1?}, answered after {took:>8.1?}: {status} {door:?}")
                .unwrap();
        }
        self.faults.push(fault);
    }

    /// Finds a fault unless `holds`.
    pub(crate) fn check(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(fault());
        }
    }

    fn time(&mut self, took: Duration, what: impl FnOnce() -> String) {
        self.slowest = self.slowest.max(took);
        self.check(took < ANSWER_TIME, || format!("an answer took {took:?}: {}", what()));
    }

    /// Prints the figures, and fails the part if there were faults.
    pub(crate) fn conclude(self, part: &str, trio: &Trio) {
        let Self { revocations, retried, again, late, last_acceptances, statuses, slowest, faults } = self;
        println!(
            "{part}: {revocations} revocations ({retried} repeated, {again} by another login), {late} late, \
             last acceptance {}, slowest answer {slowest:.1?}, answers {statuses:?}",
            distribution(last_acceptances),
        );
        if !faults.is_empty() {
            println!("{part}: {} faults, at {}", faults.len(), rfc3339(Clock::system().now()));
            faults.iter().take(TOLD).for_each(|fault| println!("{fault}"));
            println!("{}", trio.log());
        }
        assert!(faults.is_empty(), "{part}: {} faults", faults.len());
    }
}

fn what(revocation: &Revocation) -> String {
    let Revocation { act, by, at, tries, again, .. } = revocation;
    format!("{act:?} acknowledged by {by} at {at} (tries {tries:?}, by another login: {again})")
}

/// The percentiles of some durations.
pub(crate) fn distribution(mut all: Vec<Duration>) -> String {
    all.sort_unstable();
    let Some(last) = all.len().checked_sub(1) else { return "none".to_owned() };
    let [p50, p90, p99, max] = [50, 90, 99, 100].map(|percent| all[last * percent / 100].as_millis());
    format!("p50 {p50} p90 {p90} p99 {p99} max {max} ms")
}
