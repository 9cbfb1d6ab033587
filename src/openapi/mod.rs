//! The API document (OpenAPI 3.1.0): the builder for the features, the assembled document, and the routes that serve it.

pub mod document;
pub mod error_responses;
pub mod handlers;
mod info;
pub mod needs;
pub mod operation;
mod parameters;
pub mod problem_pages;
pub mod schema;
mod service_routes;
mod version_3_0;
