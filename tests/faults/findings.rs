//! The results that all tasks of a test share: the slowest response, and faults, which fail the test.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::fleet::ANSWER_TIME;
use crate::fleet::faults::Faults;
use crate::fleet::instance::Answer;
use crate::service::Service;

/// The results of one test. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Findings(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    slowest: Duration,
    faults: Faults,
}

impl Findings {
    /// Reports a fault unless `holds`.
    pub(crate) fn check(&self, holds: bool, fault: impl FnOnce() -> String) {
        let faults = self.lock().faults.clone();
        faults.check(holds, fault);
    }

    /// Checks a response of a running instance: it arrives in time, and it is no 5xx except a 503 with `Retry-After`.
    pub(crate) fn judge(&self, answer: &Answer, request: impl FnOnce() -> String) {
        let (status, took) = (answer.status, answer.took());
        self.time(took);
        let is_declared = status != 503 || answer.headers.contains_key("retry-after");
        let is_right = (200..500).contains(&status) || (status == 503 && is_declared);
        self.check(is_right && took <= ANSWER_TIME, || {
            format!("{} at {}: {status} after {took:.1?}: {}", request(), answer.number, answer.body)
        });
    }

    /// As [`Findings::judge`], for an instance that may have been killed.
    pub(crate) fn judge_if_any(&self, answer: &Answer, request: impl FnOnce() -> String) {
        if answer.status != 0 {
            self.judge(answer, request);
        }
    }

    /// Notes the duration of a response.
    pub(crate) fn time(&self, took: Duration) {
        let mut inner = self.lock();
        inner.slowest = inner.slowest.max(took);
    }

    pub(crate) fn slowest(&self) -> Duration {
        self.lock().slowest
    }

    /// Prints the measurements, and fails the test if there were faults or logged errors.
    pub(crate) fn conclude(&self, part: &str, figures: &str, service: &Service) {
        for error in service.errors() {
            self.check(false, || format!("the log says {error}"));
        }
        println!("{part}: {figures}");
        let faults = self.lock().faults.clone();
        faults.assert_none(part, || service.log());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

/// The 99th percentile.
pub(crate) fn p99(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    let last = all.len().checked_sub(1).expect("nothing was measured");
    all[last * 99 / 100]
}
