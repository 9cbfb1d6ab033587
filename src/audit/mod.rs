//! A record of what happened to accounts, for later investigation.

pub mod store;
