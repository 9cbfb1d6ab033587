//! Todos.
//!
//! **Invariant:** nothing reaches a todo except through its owner, see [`crate::workspace::Workspaces::of`].

pub mod adoption;
pub mod calendar;
pub mod calendar_queries;
mod decode;
pub mod docs;
pub mod due;
pub mod folded_text;
pub mod folding;
pub mod handlers;
pub mod hierarchy;
pub mod history;
pub mod index;
pub mod input;
pub mod model;
pub mod name_order;
pub mod occurrences;
pub mod operations;
pub mod page_state;
pub mod query;
mod query_params;
pub mod recurrence;
pub mod recurring;
mod reopening;

pub mod resource;
mod room;
pub mod search;
mod search_candidates;
pub mod search_terms;
pub mod side_effects;
pub mod sort_order;
pub mod steps;
pub mod store;
pub mod wire;
