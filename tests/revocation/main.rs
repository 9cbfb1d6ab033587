//! The promise of the blacklist, over three server processes on a real replica set of three nodes: within two seconds
//! after its acknowledgement, every instance refuses a revoked token, even if the database is killed, stepped down,
//! frozen or without a majority. Run the suite with `scripts/revocation`, which starts the set; `cargo test` leaves it
//! out. Each test prints its measurements.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "an unexpected value fails the test, and the printed measurements are for people"
)]

mod findings;
#[path = "../fleet/mod.rs"]
#[expect(dead_code, reason = "shared by several suites, each of which uses a part")]
mod fleet;
mod protected_route;
mod revocations;
mod revoked_user;
mod three_instances;
mod watch;

mod failover;
mod healthy;
mod no_majority;
mod restart;

use std::time::Duration;

/// The promise: how long after its acknowledgement a revocation may be unknown to another instance.
pub(crate) const BOUND: Duration = Duration::from_secs(2);

/// Whether the suite runs at its long size.
pub(crate) fn is_long() -> bool {
    std::env::var_os("REVOCATION_LONG").is_some()
}
