//! Tags as clients see them. Must not store anything: tags are a part of todos, see [`crate::tags::operations`].

pub mod docs;
pub mod handlers;
pub mod operations;
