//! Offline sync and live events: everything that changed since a token, and what changes from then on. Must not hold a
//! rule of todos or lists: commands call what the routes call.

pub mod changes;
pub mod commands;
pub mod docs;
pub mod event_stream;
pub mod feed;
pub mod handlers;
pub mod hub;
pub mod lineage;
pub mod model;
pub mod token;
pub mod wire;
