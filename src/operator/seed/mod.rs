//! Demo data: what `todo-api seed` puts into a database for a tour or a load test. Must not be used by the service.

pub mod command;
pub mod model;
pub mod operations;
pub mod phrases;
