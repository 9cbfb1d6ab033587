//! Who is calling: tokens, sessions, and the blacklist that revokes them. Must not know users; a login checks a
//! password, so it lives with them.

pub mod extract;
pub mod operations;
pub mod revocation;
pub mod store;
pub mod throttling;
pub mod token;
pub(crate) mod wire;
