//! User accounts: registration, login, passwords, changes of the account and its deletion.
//!
//! **Invariant:** only [`crate::auth`] creates tokens.

pub mod access;
pub mod account_changes;
pub mod basic_passwords;
pub mod client_info;
pub mod common_passwords;
pub mod docs;
pub(crate) mod handlers;
pub mod hashing_threads;
pub mod model;
pub mod operations;
pub mod page_sessions;
pub mod password;
pub mod store;
pub(crate) mod wire;
