//! Who is calling: tokens, sessions, and the blacklist that revokes them. Must not know users; a login checks a
//! password, so it lives with them.

pub mod blacklist;
pub mod extract;
pub mod failed_logins;
pub mod mirror;
pub mod operations;
pub mod revocations;
pub mod revoke;
pub mod standing;
pub mod store;
pub mod target;
pub mod throttle;
pub mod token;
pub(crate) mod wire;
