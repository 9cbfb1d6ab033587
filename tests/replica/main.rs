//! The promise of sync and events, over two server processes on a real replica set of three nodes: a client that
//! applies every response, or every event, has exactly the state of the server. Run the suite with `scripts/replica`,
//! which starts the set; `cargo test` leaves it out. Each test prints its measurements.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "an unexpected value fails the test, and the printed measurements are for people"
)]

mod api_client;
mod calendar_client;
mod events;
mod findings;
#[path = "../fleet/mod.rs"]
#[expect(dead_code, reason = "shared by several suites, each of which uses a part")]
mod fleet;
mod follower;
mod poller;
mod random_requests;
mod replica;
mod resources;
mod two_instances;
mod writer;

mod catch_up;
mod idle;
mod latency;
mod writing;

/// Whether the suite runs at its long size.
pub(crate) fn is_long() -> bool {
    std::env::var_os("REPLICA_LONG").is_some()
}
