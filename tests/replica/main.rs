//! The promise of sync and events, over two real server processes on a real replica set of three nodes: whoever applies
//! every answer, or every event, ends with exactly the server's state. Must be run with `scripts/replica`, which starts
//! the set; `cargo test` leaves it out. Each file but the tools is a part, and prints what it measured.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "what is not as expected fails the test, and the figures are for people"
)]

mod acts;
mod caller;
mod events;
mod findings;
mod follower;
mod instance;
mod pair;
#[path = "../api/support/process.rs"]
#[expect(dead_code, reason = "shared with the tests of the API, which use more of it")]
mod process;
mod replica;
#[path = "../revocation/replica_set.rs"]
#[expect(dead_code, reason = "shared with the suite of revocation, which uses more of it")]
mod replica_set;
mod resources;
mod writer;

mod catch_up;
mod idle;
mod latency;
mod writing;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

/// The signing secret of the processes.
pub(crate) const SECRET: &str = "only-for-tests-only-for-tests-0123456789";

/// The password of every user.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Whether the suite runs at its long size.
pub(crate) fn is_long() -> bool {
    std::env::var_os("REPLICA_LONG").is_some()
}

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
