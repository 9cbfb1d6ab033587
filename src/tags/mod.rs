//! Tags as clients see them. Must not store anything: tags are a part of todos, see [`crate::todos::tags`].

pub mod docs;
pub mod handlers;
