//! Users: who they are, their passwords, what registering, logging in and deleting do. Must not build tokens itself.

pub mod account_changes;
pub mod client_info;
pub mod common_passwords;
pub mod docs;
pub(crate) mod handlers;
pub mod model;
pub mod operations;
pub mod password;
pub mod store;
pub(crate) mod wire;
