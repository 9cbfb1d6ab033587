//! The API of the original Flask service, unchanged for its clients, over the same operations as `/v1`.
//!
//! **Invariant:** this folder has no rules of its own, only the original's requests and responses.

pub mod docs;
pub(crate) mod handlers;
pub(crate) mod wire;
