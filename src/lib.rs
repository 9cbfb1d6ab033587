//! A todo service over MongoDB.

pub mod auth;
pub mod clock;
pub mod config;
pub mod db;
pub mod detach;
pub mod error;
pub mod extract;
pub mod id;
pub mod migrations;
pub mod problem;
pub mod telemetry;
pub mod todos;
pub mod users;
