//! Users: who they are, their passwords, what registering, logging in and deleting do. Must not build tokens itself.

pub mod changes;
pub mod docs;
pub mod extract;
pub mod guessable;
pub(crate) mod handlers;
pub mod model;
pub mod operations;
pub mod password;
pub mod store;
