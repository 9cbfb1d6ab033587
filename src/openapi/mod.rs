//! The API document (OpenAPI 3.1.0). Must not say anything of a route that its feature can say.

pub mod document;
mod error_responses;
pub mod handlers;
pub mod operation;
pub mod schema;
mod service_routes;
