//! The service under faults: killed processes, a database that fails over, freezes or rejects commands, clients that
//! disconnect, and overload. Server processes run on a real replica set of three nodes. Run the suite with
//! `scripts/faults`, which starts the set; `cargo test` leaves it out. Each test prints one line of measurements.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "an unexpected value fails the test, and the printed measurements are for people"
)]

mod experiment;
mod findings;
#[path = "../fleet/mod.rs"]
#[expect(dead_code, reason = "shared by several suites, each of which uses a part")]
mod fleet;
mod service;
mod writer;

mod batches;
mod crashes;
mod fail_points;
mod flood;
mod frozen;
mod overload;
mod races;
mod resets;
mod slow_sockets;
mod stop;
mod unreplicated;

use std::time::Duration;

/// The number of repetitions: `gate` times `FAULTS_TIMES`, but at most `long`.
pub(crate) fn size(gate: usize, long: usize) -> usize {
    let times = std::env::var("FAULTS_TIMES")
        .map_or(1, |times| times.parse().expect("FAULTS_TIMES must be a number"));
    gate.saturating_mul(times).min(long)
}

/// As [`size`], in seconds.
pub(crate) fn seconds(gate: usize, long: usize) -> Duration {
    Duration::from_secs(u64::try_from(size(gate, long)).unwrap())
}

/// The number per second.
pub(crate) fn rate(count: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / time.as_secs_f64()
}
