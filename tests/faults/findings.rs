//! What all who take part in a run have seen: the slowest answer, and faults, which fail the part.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use todo_api::clock::{Clock, rfc3339};

use crate::fleet::ANSWER_TIME;
use crate::fleet::instance::Answer;
use crate::service::Service;

/// How many faults are told at length.
const TOLD: usize = 12;

/// The findings of one part; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Findings(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    slowest: Duration,
    faults: Vec<String>,
}

impl Findings {
    /// Finds a fault unless `holds`.
    pub(crate) fn check(&self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            let fault = format!("{}: {}", rfc3339(Clock::system().now()), fault());
            self.lock().faults.push(fault);
        }
    }

    /// Judges an answer of an instance that lives: it comes, it comes in time, and it is no failure but a declared one.
    pub(crate) fn judge(&self, answer: &Answer, request: impl FnOnce() -> String) {
        let (status, took) = (answer.status, answer.took());
        self.time(took);
        let is_declared = status != 503 || answer.headers.contains_key("retry-after");
        let is_right = (200..500).contains(&status) || (status == 503 && is_declared);
        self.check(is_right && took <= ANSWER_TIME, || {
            format!("{} at {}: {status} after {took:.1?}: {}", request(), answer.number, answer.body)
        });
    }

    /// As [`Findings::judge`], of an instance that may have been killed.
    pub(crate) fn judge_if_any(&self, answer: &Answer, request: impl FnOnce() -> String) {
        if answer.status != 0 {
            self.judge(answer, request);
        }
    }

    /// Notes how long an answer took.
    pub(crate) fn time(&self, took: Duration) {
        let mut inner = self.lock();
        inner.slowest = inner.slowest.max(took);
    }

    pub(crate) fn slowest(&self) -> Duration {
        self.lock().slowest
    }

    /// Prints the figures, and fails the part if there were faults, or the log has errors.
    pub(crate) fn conclude(&self, part: &str, figures: &str, service: &Service) {
        for error in service.errors() {
            self.check(false, || format!("the log says {error}"));
        }
        let faults = std::mem::take(&mut self.lock().faults);
        println!("{part}: {figures}");
        if !faults.is_empty() {
            println!("{}", service.log());
        }
        let told = faults.iter().take(TOLD).cloned().collect::<Vec<_>>().join("\n");
        assert!(faults.is_empty(), "{part}: {} faults\n{told}", faults.len());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

/// The 99th percentile.
pub(crate) fn p99(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    let last = all.len().checked_sub(1).expect("something was measured");
    all[last * 99 / 100]
}
