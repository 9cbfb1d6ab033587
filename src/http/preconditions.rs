//! Versions on the wire: `ETag` in responses, `If-Match` and `If-None-Match` in requests (RFC 9110 §8.8.3 and §13.1).
//!
//! **Invariant:** does not check the precondition of a write, because only the filter of that write can do so without a
//! race.

use axum::extract::FromRequestParts;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::json::Json;
use crate::error::{Error, Violation};
use crate::owned::Precondition;

// The versions go into a filter of the database.
const TAGS_MAX: usize = 100;

/// The versions that a change accepts: `None` for any.
pub struct IfMatch(pub Option<Vec<i64>>);

/// The precondition of a change, from `If-Match` or `If-None-Match: *`.
pub struct Preconditions(pub Precondition);

pub struct IfNoneMatch(EntityTags);

enum EntityTags {
    Absent,
    /// `*`
    Any,
    Versions(Vec<i64>),
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self(match EntityTags::read(&parts.headers, &IF_MATCH)? {
            EntityTags::Absent | EntityTags::Any => None,
            EntityTags::Versions(versions) => Some(versions),
        }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Preconditions {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let IfMatch(versions) = IfMatch::from_request_parts(parts, state).await?;
        // The only use of `If-None-Match` for a write is `*`: create the object only if it does not exist (RFC 9110
        // §13.1.2).
        let absent = matches!(EntityTags::read(&parts.headers, &IF_NONE_MATCH)?, EntityTags::Any);
        Ok(Self(match versions {
            _ if absent => Precondition::Absent,
            Some(versions) => Precondition::Versions(versions),
            None => Precondition::Any,
        }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        EntityTags::read(&parts.headers, &IF_NONE_MATCH).map(Self)
    }
}

impl EntityTags {
    /// Parses `*` or a list of entity tags such as `"3", "4"`.
    fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Self, Error> {
        let mut found: Option<Vec<i64>> = None;
        let mut tags = 0;
        for value in headers.get_all(name) {
            let text = value.to_str().map_err(|_| malformed(name))?;
            if text.trim() == "*" {
                return Ok(Self::Any);
            }
            for tag in text.split(',').map(str::trim) {
                tags += 1;
                if tags > TAGS_MAX {
                    return Err(malformed(name));
                }
                // Proxies that compress a response make its tag weak, but the version is still the same.
                let tag = tag.strip_prefix("W/").unwrap_or(tag);
                let opaque = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
                let opaque = opaque.ok_or_else(|| malformed(name))?;
                // A tag that this service never issued matches no version.
                let version = opaque.parse::<i64>().ok().filter(|version| version.to_string() == opaque);
                found.get_or_insert_default().extend(version);
            }
        }
        Ok(found.map_or(Self::Absent, Self::Versions))
    }
}

fn malformed(name: &HeaderName) -> Error {
    let detail =
        format!("The header {name} must be `*` or a list of at most {TAGS_MAX} entity tags such as \"3\".");
    Error::Invalid(vec![Violation::of_whole("malformed_header", detail)])
}

pub struct WithEtag<T> {
    pub version: i64,
    pub body: T,
}

impl<T> WithEtag<T> {
    /// Responds with 304 if the client already has this version.
    pub fn unless(self, known: &IfNoneMatch) -> MaybeNotModified<T> {
        let is_not_modified = match &known.0 {
            EntityTags::Absent => false,
            EntityTags::Any => true,
            EntityTags::Versions(versions) => versions.contains(&self.version),
        };
        MaybeNotModified { is_not_modified, response: self }
    }
}

impl<T: Serialize> WithEtag<T> {
    pub fn mismatch(self) -> Error {
        match serde_json::to_value(self.body) {
            Ok(current) => Error::VersionMismatch { current: Box::new(current) },
            Err(error) => Error::internal(error),
        }
    }
}

pub struct MaybeNotModified<T> {
    is_not_modified: bool,
    response: WithEtag<T>,
}

/// For a response that belongs to no stored object: adds its tag, and replaces it with a 304 if the client has it.
pub fn unless_known(request: &HeaderMap, etag: &str, mut response: Response) -> Response {
    let known = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag;
    if known.flat_map(|tags| tags.split(',')).any(|tag| is_known(tag.trim())) {
        let headers = std::mem::take(response.headers_mut());
        response = StatusCode::NOT_MODIFIED.into_response();
        *response.headers_mut() = headers;
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

impl<T: Serialize> IntoResponse for WithEtag<T> {
    fn into_response(self) -> Response {
        (headers(self.version), Json(self.body)).into_response()
    }
}

impl<T: Serialize> IntoResponse for MaybeNotModified<T> {
    fn into_response(self) -> Response {
        if self.is_not_modified {
            return (StatusCode::NOT_MODIFIED, headers(self.response.version)).into_response();
        }
        self.response.into_response()
    }
}

fn headers(version: i64) -> [(HeaderName, String); 2] {
    // Only the client itself may store the object, and must revalidate it before each use (RFC 9111 §5.2.2).
    [(ETAG, format!("\"{version}\"")), (CACHE_CONTROL, "private, no-cache".to_owned())]
}
