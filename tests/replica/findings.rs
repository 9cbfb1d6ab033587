//! The results that all tasks of a test share: counts, which are printed, and faults, which fail the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::fleet::faults::Faults;
use crate::fleet::instance::Answer;
use crate::replica::Key;
use crate::two_instances::TwoInstances;

/// How long requests may be unavailable after a failure of the database: an election, and the return of the node.
const DISTURBED: Duration = Duration::from_secs(30);

/// The results of one test. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Findings(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    counts: BTreeMap<String, usize>,
    /// The numbers of acknowledged and refused writes of each kind.
    writes: BTreeMap<&'static str, (usize, usize)>,
    /// The highest version of each object in the acknowledgements of writes.
    acknowledged: BTreeMap<Key, i64>,
    failures: Vec<Instant>,
    unavailable: Vec<(Answer, String)>,
    faults: Faults,
}

impl Findings {
    pub(crate) fn count(&self, what: &str, times: usize) {
        *self.lock().counts.entry(what.to_owned()).or_default() += times;
    }

    pub(crate) fn counted(&self, what: &str) -> usize {
        self.lock().counts.get(what).copied().unwrap_or_default()
    }

    /// Reports a fault unless `holds`.
    pub(crate) fn check(&self, holds: bool, fault: impl FnOnce() -> String) {
        let faults = self.lock().faults.clone();
        faults.check(holds, fault);
    }

    pub(crate) fn last_fault(&self) -> Option<String> {
        self.lock().faults.last()
    }

    /// Notes a deliberate failure of the database.
    pub(crate) fn failure(&self) {
        self.lock().failures.push(Instant::now());
    }

    /// Checks any response: never a 5xx except 503, and 503 only while the database is unavailable.
    pub(crate) fn judge(&self, answer: &Answer, request: impl Fn() -> String) {
        let status = answer.status;
        self.check(status < 500 || status == 503, || format!("{}: {status} {}", request(), answer.body));
        if answer.is_unavailable() {
            self.count("unavailable", 1);
            self.lock().unavailable.push((answer.clone(), request()));
        }
    }

    /// Notes whether a write was acknowledged, and the resulting version.
    pub(crate) fn write(&self, kind: &'static str, acknowledged: bool, made: Option<(Key, i64)>) {
        let mut inner = self.lock();
        let (successes, refusals) = inner.writes.entry(kind).or_default();
        *if acknowledged { successes } else { refusals } += 1;
        if let (true, Some((key, version))) = (acknowledged, made) {
            let highest = inner.acknowledged.entry(key).or_default();
            *highest = version.max(*highest);
        }
    }

    /// Reports every acknowledged write that is missing in the stored versions.
    pub(crate) fn look_for_lost_writes(&self, stored: &BTreeMap<Key, i64>) {
        let acknowledged = self.lock().acknowledged.clone();
        self.count("objects with acknowledged writes", acknowledged.len());
        for (key, version) in acknowledged {
            let found = stored.get(&key).copied();
            self.check(found >= Some(version), || {
                format!("an acknowledged write is lost: {key:?} had version {version}, has {found:?}")
            });
        }
    }

    /// Prints the numbers of writes by kind.
    pub(crate) fn print_writes(&self, part: &str) {
        let inner = self.lock();
        let sum = inner.writes.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        println!("{part}: writes acknowledged/refused {}/{}", sum.0, sum.1);
        let kinds: Vec<_> =
            inner.writes.iter().map(|(kind, (yes, no))| format!("{kind} {yes}/{no}")).collect();
        kinds.chunks(6).for_each(|kinds| println!("  {}", kinds.join(", ")));
    }

    /// Prints the measurements, and fails the test if there were faults.
    pub(crate) fn conclude(&self, part: &str, figures: &str, cluster: &TwoInstances) {
        let unavailable = std::mem::take(&mut self.lock().unavailable);
        let failures = self.lock().failures.clone();
        for (answer, request) in unavailable {
            let disturbed =
                failures.iter().any(|failure| answer.came >= *failure && answer.sent < *failure + DISTURBED);
            self.check(disturbed, || {
                let after: Vec<_> = failures
                    .iter()
                    .filter(|failure| answer.came >= **failure)
                    .map(|failure| answer.came - *failure)
                    .collect();
                let took = answer.came - answer.sent;
                format!(
                    "{request}: {} after {took:?}, {after:?} after a failure: {}",
                    answer.status, answer.body
                )
            });
        }
        println!("{part}: {figures}");
        println!("{part}: {}", self.counts().join(", "));
        let faults = self.lock().faults.clone();
        faults.assert_none(part, || cluster.log());
    }

    fn counts(&self) -> Vec<String> {
        self.lock().counts.iter().map(|(what, times)| format!("{what} {times}")).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

/// The percentiles of times in milliseconds.
pub(crate) fn distribution(mut all: Vec<f64>) -> String {
    all.sort_unstable_by(f64::total_cmp);
    let Some(last) = all.len().checked_sub(1) else { return "none".to_owned() };
    let [p50, p99, max] = [50, 99, 100].map(|percent| all[last * percent / 100]);
    format!("p50 {p50:.1} p99 {p99:.1} max {max:.1} ms")
}
