//! Users: who they are, their passwords, what registering, logging in and deleting do. Must not build tokens itself.

pub mod guessable;
pub mod model;
pub mod operations;
pub mod password;
pub mod store;
