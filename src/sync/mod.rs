//! Offline sync (`/v1/sync`) and live events (`/v1/events`): what changed since a token, and changes as they happen.
//!
//! **Invariant:** no rule of todos or lists is here. Commands call the operations that the routes call.

pub mod batch;
pub mod changes;
pub mod commands;
pub mod docs;
pub mod edit;
pub mod event_stream;
pub mod feed;
pub mod handlers;
pub mod hub;
pub mod kind;
pub mod kinds;
pub mod lineage;
pub mod sent_versions;
pub mod synced_kind;
pub mod token;
pub mod wire;
