//! The faults that a test has found. Any fault fails the test, but only at its end.

use std::sync::{Arc, Mutex};

use todo_api::clock::{Clock, rfc3339};

/// How many faults are printed in full.
const SHOWN: usize = 12;

/// Clones share the faults.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Vec<String>>>);

impl Faults {
    pub(crate) fn add(&self, fault: &str) {
        self.0.lock().unwrap().push(format!("{}: {fault}", rfc3339(Clock::system().now())));
    }

    /// Adds a fault unless `holds`.
    pub(crate) fn check(&self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.add(&fault());
        }
    }

    pub(crate) fn last(&self) -> Option<String> {
        self.0.lock().unwrap().last().cloned()
    }

    /// Fails the test if there are faults, and shows the first ones after the log.
    pub(crate) fn assert_none(&self, test: &str, log: impl FnOnce() -> String) {
        let faults = self.0.lock().unwrap();
        if !faults.is_empty() {
            println!("{}", log());
        }
        let shown = faults.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
        assert!(faults.is_empty(), "{test}: {} faults\n{shown}", faults.len());
    }
}
