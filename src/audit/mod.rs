//! What happened to accounts, for whoever has to find out later. Must not hold a password or a token.

pub mod store;
