//! The API of the original Flask service, unchanged, over the same stores and operations as everything else.
//! Must not hold a rule of its own: only how its clients are spoken to.

pub mod docs;
pub(crate) mod handlers;
pub(crate) mod wire;
