//! Requests with an `Idempotency-Key`: a repetition receives the response of the first request.

pub mod claims;
pub mod extract;
pub mod scope;
pub mod store;
mod usage;
pub mod wire;
