//! CalDAV (RFC 4791): the todos and lists as tasks for calendar and reminder apps.
//!
//! This is an API surface over the same operations as `/v1`. Each list is a collection, and each todo a resource in it with
//! one VTODO. [`crate::icalendar`] translates between a todo and the text of a client.
//!
//! **Invariant:** no rule about todos or lists is here. A request reaches only what belongs to its caller.

pub mod address;
mod basic;
pub mod changes;
pub mod collections;
pub mod content_tag;
pub mod content_tags;
mod extract;
pub mod filter;
pub(crate) mod handlers;
pub mod list_token;
pub mod markup;
pub mod objects;
pub mod operations;
pub mod properties;
pub mod records;
pub mod refusal;
pub mod requests;
pub mod resources;
pub mod texts;
pub mod turns;
pub mod validators;
pub(crate) mod wire;
pub mod xml;

pub(crate) use self::basic::accept as accept_basic;
