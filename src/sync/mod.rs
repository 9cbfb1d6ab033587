//! Offline sync and live events: everything that changed since a token, and what changes from then on. Must not hold a
//! rule of todos or lists: commands call what the routes call.

pub mod commands;
pub mod connection;
pub mod docs;
pub mod handlers;
pub mod hub;
pub mod model;
pub mod operations;
pub mod store;
pub mod token;
pub mod wire;
