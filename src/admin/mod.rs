//! What admins do with the users of the service: list, create, change and delete users, set passwords, end and block
//! sessions, read the audit.
//!
//! The [`operations`] know no HTTP. The API and the pages of admins call them with an [`model::Administrator`], which
//! only [`operations::Administration::administrator`] makes.
//!
//! **Invariant:** admins never see todos or lists, only the number of todos.

pub mod docs;
pub(crate) mod extract;
pub(crate) mod handlers;
pub mod model;
pub mod operations;
pub mod query_params;
pub mod store;
pub(crate) mod wire;
