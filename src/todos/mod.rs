//! Todos. Must not be reached without their owner: [`store::Todos::of`] is the only door.

pub mod model;
pub mod store;
