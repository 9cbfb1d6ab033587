//! The base of the suites that run server processes over a replica set of their own: the processes, the set, clients of
//! an instance, and the bounds that hold in every suite.

pub(crate) mod account;
pub(crate) mod faults;
pub(crate) mod instance;
#[path = "../api/support/process.rs"]
pub(crate) mod process;
pub(crate) mod raw_http;
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

/// The first password of every user.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Logs everything except requests.
pub(crate) const LOG_WITHOUT_REQUESTS: (&str, &str) = ("LOG_LEVEL", "info,todo_api::http::access_log=warn");

/// How long any response may take.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long the service may take to recover without help.
pub(crate) const RECOVERY: Duration = Duration::from_secs(15);

/// How many characters of a log line are shown.
const LOG_WIDTH: usize = 400;

/// Waits until no other test uses the replica set.
pub(crate) async fn exclusive_use() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// A random number below `end`. It has no seed, because the runs depend on timing anyway.
pub(crate) fn random(end: usize) -> usize {
    let number = RandomState::new().build_hasher().finish();
    usize::try_from(number % u64::try_from(end).unwrap()).unwrap()
}

/// True in `percent` of 100 calls on average.
pub(crate) fn chance(percent: usize) -> bool {
    random(100) < percent
}

/// A random time below `end` milliseconds.
pub(crate) fn random_millis(end: usize) -> Duration {
    Duration::from_millis(u64::try_from(random(end)).unwrap())
}

/// Tells all tasks of a run to stop. Clones share the flag.
#[derive(Clone, Default)]
pub(crate) struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Sleeps for `duration`, or until shortly after the flag is set.
    pub(crate) async fn sleep(&self, duration: Duration) {
        let until = tokio::time::Instant::now() + duration;
        while !self.is_set() && tokio::time::Instant::now() < until {
            let left = until - tokio::time::Instant::now();
            tokio::time::sleep(left.min(Duration::from_millis(200))).await;
        }
    }
}

/// The last log lines of each instance.
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
