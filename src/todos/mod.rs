//! Todos. Must not be reached without their owner: [`operations::Planner::of`] is the only door.

pub mod cascade;
pub mod docs;
pub mod due;
mod filters;
pub mod handlers;
pub mod input;
pub mod model;
pub mod moment;
mod occurrences;
pub mod operations;
pub mod place;
pub mod query;
pub mod recurrence;
mod rule;
pub mod store;
mod stored;
pub mod tags;
pub mod wire;
pub mod words;
