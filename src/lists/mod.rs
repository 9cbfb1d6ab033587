//! Lists of todos.

pub mod docs;
pub mod handlers;
pub mod model;
pub mod operations;
pub mod store;
pub mod wire;
