//! Authentication of requests: tokens, sessions, the blacklist of revoked tokens, and rate limits for logins.
//!
//! - A login opens a *session* ([`store`]) and returns two signed [`token`]s. The access token authorizes requests. The
//!   refresh token gets new access tokens.
//! - A request is authenticated by an extractor in [`extract`], which verifies the token and checks the blacklist.
//! - A session ends by a logout, by its user or by expiry. [`revocation`] explains how every instance of the service
//!   learns that the tokens are revoked, and how long this takes at most.
//! - Each user has an *epoch*, a counter. A token carries the epoch of its session. Raising the user's epoch makes all
//!   earlier tokens invalid at once, including tokens that another request is issuing at that moment.
//!
//! **Invariant:** this folder does not know users or passwords. Registration and login are in [`crate::users`].

pub mod extract;
pub mod operations;
pub mod revocation;
pub mod store;
pub mod throttling;
pub mod token;
pub(crate) mod wire;
