//! The routes under `/admin`.

pub(crate) mod audit;
pub(crate) mod changes;
pub(crate) mod overview;
pub(crate) mod sign_in;
pub(crate) mod users;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use bson::oid::ObjectId;

use crate::crypto::random_id::RandomId;
use crate::error::{Error, Resource};

/// The user in the path.
pub(crate) struct UserId(pub(crate) ObjectId);

/// The session in the path.
pub(crate) struct SessionId(pub(crate) RandomId);

impl<S: Send + Sync> FromRequestParts<S> for UserId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let id = parameter(parts, "id").await.and_then(|id| id.parse().ok());
        id.map(Self).ok_or(Error::NotFound(Resource::User))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let id = parameter(parts, "sid").await.and_then(|id| id.parse().ok());
        id.map(Self).ok_or(Error::NotFound(Resource::Session))
    }
}

async fn parameter(parts: &mut Parts, name: &str) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// `/admin/{*rest}`
pub(crate) async fn unknown() -> Error {
    Error::NotFound(Resource::Path)
}
