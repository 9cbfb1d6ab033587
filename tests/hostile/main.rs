//! One user, or one address, that does the worst that the API allows, next to a calm user whose requests must not notice.
//! A server process runs on a private MongoDB. Run the suite with `scripts/hostile`, which builds the optimized binary and
//! starts the database; `cargo test` leaves it out. Each test prints one line of measurements per attack.
//!
//! Every client has its own loopback address, because the service limits addresses too. The suite needs Linux, which
//! accepts all of 127.0.0.0/8 and reports the memory and CPU time of processes in `/proc`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "an unexpected value fails the test, and the printed measurements are for people"
)]

mod arena;
mod assault;
mod attacker;
mod bulk;
mod experience;
#[path = "../fleet/mod.rs"]
#[expect(dead_code, reason = "shared by several suites, each of which uses a part")]
mod fleet;
mod meter;
mod slow_reader;
mod table;
mod texts;
mod victim;

mod anonymous;
mod connections;
mod costs;
mod dav;
mod ids;
mod imports;
mod large_lists;
mod large_responses;
mod mixed;
mod passwords;
mod search;
mod stolen_tokens;
mod storage;
mod sync;
mod tags;
mod upkeep;

use std::time::Duration;

/// Whether the suite runs at its long size.
pub(crate) fn is_long() -> bool {
    std::env::var_os("HOSTILE_LONG").is_some()
}

/// How long an attack lasts at least.
pub(crate) fn attack_time() -> Duration {
    Duration::from_secs(if is_long() { 60 } else { 6 })
}
