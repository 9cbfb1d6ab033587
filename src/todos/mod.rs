//! Todos. Must not be reached without their owner: [`store::Todos::of`] is the only door.

pub mod due;
pub mod model;
mod occurrences;
pub mod recurrence;
mod rule;
pub mod store;
pub mod words;
