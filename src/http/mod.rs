//! The path of every request, and the types of requests and responses that all handlers share.

pub mod access_log;
pub mod admission;
pub mod answer_bytes;
pub mod body;
pub mod byte_budget;
pub mod client;
pub mod client_address;
pub mod connections;
pub mod cors;
pub mod detached;
pub mod error_code;
pub mod fair_queue;
pub mod fields;
pub mod guarded_body;
pub mod idempotency_key;
pub mod json;
pub mod json_object;
pub mod observed_stream;
pub mod pagination;
pub mod path;
pub mod preconditions;
pub mod problem;
pub mod query;
pub mod readiness;
pub mod security_headers;
pub mod server;
