//! Personal access tokens: credentials for scripts, automations and calendar clients, with scopes in place of a password.
//!
//! [`verification`] turns the token of a request into what it allows. The database holds only a digest of each token.
//!
//! **Invariant:** a token allows less than a session: nothing here, and no route for accounts, accepts one.

pub mod docs;
pub mod extract;
pub mod handlers;
pub mod memory;
pub mod model;
pub mod operations;
pub mod store;
pub mod text;
pub mod verification;
pub(crate) mod wire;
