//! What paths and queries of objects that belong to users have in common. Must not know what is behind an id.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bson::oid::ObjectId;
use serde::Deserialize;

use super::query::{FromParams, Params};
use crate::error::{Error, Resource, Violation};
use crate::mongo::object_id;

/// The id in a path; what is none names nothing.
#[derive(Deserialize)]
pub struct Id(String);

/// A path with an id, as axum reads it.
pub type IdPath = Result<Path<Id>, PathRejection>;

/// The id of a path to one of the kind `resource`.
///
/// # Errors
/// [`Error::NotFound`].
pub fn known(id: IdPath, resource: Resource) -> Result<ObjectId, Error> {
    id.ok().and_then(|Path(Id(text))| object_id::parse(&text)).ok_or(Error::NotFound(resource))
}

/// The id of a path under which something may be made.
///
/// # Errors
/// [`Error::Invalid`].
pub fn chosen(id: IdPath) -> Result<ObjectId, Error> {
    let fault = || Violation::of("id", "not_an_id", "An id has 24 lower-case hex digits.");
    id.ok().and_then(|Path(Id(text))| object_id::parse(&text)).ok_or_else(|| Error::Invalid(vec![fault()]))
}

/// Whether `DELETE` goes past the trash.
pub struct Permanent(pub bool);

impl FromParams for Permanent {
    fn take(params: &mut Params) -> Option<Self> {
        let fault = || Violation::of("permanent", "unknown_value", "This is true or false.");
        let is_permanent = params.parse("permanent", |word| word.parse().ok(), fault);
        Some(Self(is_permanent.unwrap_or_default()))
    }
}
