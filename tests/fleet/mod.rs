//! What the suites stand on that run server processes over a replica set of three nodes: the processes, the set, the way
//! to an instance, and what all hold the service to. Must not know what one suite alone promises.

pub(crate) mod instance;
#[path = "../api/support/process.rs"]
pub(crate) mod process;
pub(crate) mod replica_set;

use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use process::Server;

/// The signing secret of the instances.
pub(crate) const SECRET: &str = "only-for-tests-only-for-tests-0123456789";

/// The password of every user at first.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// How long any answer may take.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long the service may take to recover by itself.
pub(crate) const RECOVERY: Duration = Duration::from_secs(15);

/// How much of a line of a log is shown.
const LOG_WIDTH: usize = 400;

/// Waits until no other part uses the replica set.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// A number below `end`, of no seed: what happens depends on the moment anyway.
pub(crate) fn random(end: usize) -> usize {
    let number = RandomState::new().build_hasher().finish();
    usize::try_from(number % u64::try_from(end).unwrap()).unwrap()
}

/// Whether something happens that happens so often in a hundred times.
pub(crate) fn chance(percent: usize) -> bool {
    random(100) < percent
}

/// A time below `end` milliseconds.
pub(crate) fn random_millis(end: usize) -> Duration {
    Duration::from_millis(u64::try_from(random(end)).unwrap())
}

/// Whether the run is over; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Over(Arc<AtomicBool>);

impl Over {
    pub(crate) fn end(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn has_come(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Sleeps, but not much longer than until the end.
    pub(crate) async fn sleep(&self, duration: Duration) {
        let until = tokio::time::Instant::now() + duration;
        while !self.has_come() && tokio::time::Instant::now() < until {
            let left = until - tokio::time::Instant::now();
            tokio::time::sleep(left.min(Duration::from_millis(200))).await;
        }
    }
}

/// The last lines that each of the instances has logged.
pub(crate) fn log_tails(servers: &[Server]) -> String {
    let mut text = String::new();
    for (number, server) in servers.iter().enumerate() {
        let lines = server.log();
        for line in lines.iter().skip(lines.len().saturating_sub(60)) {
            let line: String = line.to_string().chars().take(LOG_WIDTH).collect();
            writeln!(text, "  instance {number}: {line}").unwrap();
        }
    }
    text
}
