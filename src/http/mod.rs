//! What every request passes, and what every handler speaks. Must not know a feature.

pub mod access_log;
pub mod admission;
pub mod body;
pub mod detached;
pub mod error_code;
pub mod fields;
pub mod json;
pub mod pagination;
pub mod path;
pub mod preconditions;
pub mod problem;
pub mod query;
pub mod readiness;
pub mod security_headers;
pub mod server;
