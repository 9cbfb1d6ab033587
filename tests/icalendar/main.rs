//! Tests of the texts that clients of `CalDAV` send: what they mean, and that every byte comes back.
//!
//! `objects/` holds texts in the formats of real clients, written for these tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its input fails")]
#![expect(clippy::print_stdout, reason = "a long run reports what it has measured")]

mod changes;
mod clients;
mod files;
mod mutations;
mod random;
mod series;
mod support;
