//! Segments of paths that name objects, and the parameter `permanent` of `DELETE`.

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use bson::oid::ObjectId;

use super::query::{FromParams, Params};
use crate::crypto::random_id::RandomId;
use crate::error::{Error, Resource, Violation};
use crate::mongo::object_id;
use crate::owned::Owned;

pub struct PathId<T>(pub ObjectId, pub PhantomData<fn() -> T>);

/// The id of a new object, chosen by the client.
pub struct ChosenId(pub ObjectId);

/// The user that an admin means.
pub struct UserId(pub ObjectId);

pub struct ImportId(pub ObjectId);

/// A session of the user that an admin means.
pub struct SessionOfUser {
    pub user_id: ObjectId,
    pub sid: RandomId,
}

/// A personal access token of the user that an admin means.
pub struct TokenOfUser {
    pub user_id: ObjectId,
    pub token_id: ObjectId,
}

/// The tag of a path as the client wrote it.
pub struct TagText(pub String);

impl<S: Send + Sync, T: Owned> FromRequestParts<S> for PathId<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        // A malformed id belongs to no object, so the response is 404 and not 422.
        let id = id(parts).await.ok_or(Error::NotFound(T::RESOURCE))?;
        Ok(Self(id, PhantomData))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ChosenId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        // The client chose the id, so a malformed id is invalid input and not a 404.
        let violation = || Violation::of("id", "not_an_id", "An id must have 24 lower-case hex digits.");
        id(parts).await.map(Self).ok_or_else(|| Error::Invalid(vec![violation()]))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UserId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        id(parts).await.map(Self).ok_or(Error::NotFound(Resource::User))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ImportId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        id(parts).await.map(Self).ok_or(Error::NotFound(Resource::Import))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionOfUser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let UserId(user_id) = UserId::from_request_parts(parts, state).await?;
        let sid = segment(parts, "sid").await.and_then(|sid| sid.parse().ok());
        Ok(Self { user_id, sid: sid.ok_or(Error::NotFound(Resource::Session))? })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TokenOfUser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let UserId(user_id) = UserId::from_request_parts(parts, state).await?;
        let token_id = segment(parts, "tid").await.and_then(|tid| object_id::parse(&tid));
        Ok(Self { user_id, token_id: token_id.ok_or(Error::NotFound(Resource::AccessToken))? })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TagText {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        segment(parts, "tag").await.map(Self).ok_or(Error::NotFound(Resource::Tag))
    }
}

async fn id(parts: &mut Parts) -> Option<ObjectId> {
    object_id::parse(&segment(parts, "id").await?)
}

async fn segment(parts: &mut Parts, name: &str) -> Option<String> {
    // Fails if the path is not valid UTF-8.
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
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
