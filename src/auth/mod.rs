//! Authentication of requests: tokens, sessions, the blacklist of revoked tokens, and rate limits for logins.
//!
//! A login opens a session ([`store`]) and returns two signed [`token`]s. [`extract`] authenticates each request, by a token of
//! a session or by a personal access token ([`credential`]), which [`crate::access_tokens`] verifies.
//! Raising a user's epoch revokes all earlier tokens, including tokens that another request is issuing at that moment.
//! [`revocation`] explains how every instance learns of a revocation, and how long this takes at most.
//!
//! **Invariant:** this folder does not know users or passwords. Registration and login are in [`crate::users`].

pub mod credential;
pub mod extract;
pub mod operations;
pub mod page_sessions;
pub mod refresh;
pub mod revocation;
pub mod store;
pub mod throttling;
pub mod token;
pub mod usage;
pub(crate) mod wire;
