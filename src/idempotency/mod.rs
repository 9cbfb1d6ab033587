//! Requests that may be repeated with their `Idempotency-Key`, and then answer as at first. Must not know what they do.

pub mod extract;
pub mod store;
pub mod wire;
