//! Ids in paths, and the parameter `permanent` of `DELETE`.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bson::oid::ObjectId;
use serde::Deserialize;

use super::query::{FromParams, Params};
use crate::error::{Error, Resource, Violation};
use crate::mongo::object_id;

/// The id in a path, not yet parsed.
#[derive(Deserialize)]
pub struct Id(String);

pub type IdPath = Result<Path<Id>, PathRejection>;

/// Parses the id of an existing object. A malformed id belongs to no object, so the error is [`Error::NotFound`].
pub fn known(id: IdPath, resource: Resource) -> Result<ObjectId, Error> {
    id.ok().and_then(|Path(Id(text))| object_id::parse(&text)).ok_or(Error::NotFound(resource))
}

/// Parses an id that the client chose for a new object. Here a malformed id is invalid input.
pub fn chosen(id: IdPath) -> Result<ObjectId, Error> {
    let violation = || Violation::of("id", "not_an_id", "An id must have 24 lower-case hex digits.");
    id.ok()
        .and_then(|Path(Id(text))| object_id::parse(&text))
        .ok_or_else(|| Error::Invalid(vec![violation()]))
}

/// Whether `DELETE` bypasses the trash.
pub struct Permanent(pub bool);

impl FromParams for Permanent {
    fn take(params: &mut Params) -> Option<Self> {
        let violation = || Violation::of("permanent", "unknown_value", "Must be `true` or `false`.");
        let is_permanent = params.parse("permanent", |word| word.parse().ok(), violation);
        Some(Self(is_permanent.unwrap_or_default()))
    }
}
