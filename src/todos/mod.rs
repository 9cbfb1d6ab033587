//! Todos. Must not be reached without their owner: [`crate::workspace::Workspaces::of`] is the only door.

mod decode;
pub mod docs;
pub mod due;
pub mod handlers;
pub mod hierarchy;
pub mod index;
pub mod input;
pub mod model;
pub mod operations;
pub mod query;
mod query_params;
pub mod recurrence;
pub mod search_terms;
pub mod side_effects;
pub mod store;
pub mod wire;
