//! The results of a test: measurements, which are printed, and faults, which fail the test.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::BOUND;
use crate::fleet::ANSWER_TIME;
use crate::fleet::faults::Faults;
use crate::revoked_user::Revocation;
use crate::three_instances::ThreeInstances;
use crate::watch::{Attempt, Watch};

/// The results of one test.
#[derive(Default)]
pub(crate) struct Findings {
    revocations: usize,
    retried: usize,
    again: usize,
    late: usize,
    last_acceptances: Vec<Duration>,
    statuses: BTreeMap<u16, usize>,
    slowest: Duration,
    faults: Faults,
}

impl Findings {
    /// The responses to a token since the acknowledgement of its revocation.
    pub(crate) fn add(&mut self, revocation: &Revocation, watches: &[Watch]) {
        self.revocations += 1;
        self.retried += usize::from(revocation.tries.len() > 1);
        self.again += usize::from(revocation.again);
        revocation.faults.iter().for_each(|fault| self.faults.add(fault));
        for (_, took) in &revocation.tries {
            self.time(*took, || format!("{:?}: {:?}", revocation.kind, revocation.tries));
        }
        for watch in watches {
            self.tally(watch);
            if watch.instance == revocation.by {
                self.expect(watch, &what(revocation), |attempt| attempt.status == 401);
                continue;
            }
            let is_late = |attempt: &Attempt| attempt.sent > BOUND && attempt.was_accepted();
            self.late += usize::from(watch.attempts.iter().any(is_late));
            self.expect(watch, &what(revocation), |attempt| !is_late(attempt));
            self.last_acceptances.push(watch.last_acceptance());
        }
    }

    /// Counts the responses, and reports late, missing and unexpected ones.
    pub(crate) fn tally(&mut self, watch: &Watch) {
        for attempt in &watch.attempts {
            *self.statuses.entry(attempt.status).or_default() += 1;
            self.time(attempt.took, || format!("instance {}: {attempt:?}", watch.instance));
        }
        self.expect(watch, "any token", |attempt| matches!(attempt.status, 200 | 400 | 401 | 503));
    }

    /// Reports a fault if a response is not `right`, and shows it with the responses around it.
    pub(crate) fn expect(&mut self, watch: &Watch, what: &str, right: impl Fn(&Attempt) -> bool) {
        let Some(first) = watch.attempts.iter().position(|attempt| !right(attempt)) else { return };
        let wrong = watch.attempts.iter().filter(|attempt| !right(attempt)).count();
        let mut fault = format!("instance {}: {wrong} wrong answers to {what}:\n", watch.instance);
        for attempt in &watch.attempts[first.saturating_sub(6)..watch.attempts.len().min(first + 12)] {
            let Attempt { route, sent, took, status } = attempt;
            let mark = if right(attempt) { ' ' } else { '!' };
            writeln!(fault, "  {mark} sent {sent:>10.1?}, answered after {took:>8.1?}: {status} {route:?}")
                .unwrap();
        }
        self.faults.add(&fault);
    }

    /// Reports a fault unless `holds`.
    pub(crate) fn check(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        self.faults.check(holds, fault);
    }

    fn time(&mut self, took: Duration, what: impl FnOnce() -> String) {
        self.slowest = self.slowest.max(took);
        self.check(took < ANSWER_TIME, || format!("an answer took {took:?}: {}", what()));
    }

    /// Prints the measurements, and fails the test if there were faults.
    pub(crate) fn conclude(self, part: &str, cluster: &ThreeInstances) {
        let Self { revocations, retried, again, late, last_acceptances, statuses, slowest, faults } = self;
        println!(
            "{part}: {revocations} revocations ({retried} repeated, {again} by another login), {late} late, \
             last acceptance {}, slowest answer {slowest:.1?}, answers {statuses:?}",
            distribution(last_acceptances),
        );
        faults.assert_none(part, || cluster.log());
    }
}

fn what(revocation: &Revocation) -> String {
    let Revocation { kind, by, at, tries, again, .. } = revocation;
    format!("{kind:?} acknowledged by {by} at {at} (tries {tries:?}, by another login: {again})")
}

/// The percentiles of the durations.
pub(crate) fn distribution(mut all: Vec<Duration>) -> String {
    all.sort_unstable();
    let Some(last) = all.len().checked_sub(1) else { return "none".to_owned() };
    let [p50, p90, p99, max] = [50, 90, 99, 100].map(|percent| all[last * percent / 100].as_millis());
    format!("p50 {p50} p90 {p90} p99 {p99} max {max} ms")
}
