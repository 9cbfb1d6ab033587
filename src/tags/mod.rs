//! Tags: words on todos, see [`operations`].

pub mod counts;
pub mod docs;
pub mod handlers;
pub mod model;
pub mod operations;
pub mod spellings;
