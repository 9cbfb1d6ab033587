//! `todo-api seed`: writes demo data for a tour or a load test. The service itself never uses this folder.

pub mod command;
pub mod model;
pub mod operations;
pub mod phrases;
