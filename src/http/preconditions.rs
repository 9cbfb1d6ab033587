//! Versions on the wire: `ETag` in answers, `If-Match` and `If-None-Match` in requests (RFC 9110 §8.8.3 and §13.1).
//! Must not compare anything itself: the filter of the one write does.

use axum::extract::FromRequestParts;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::json::Json;
use crate::error::{Error, Violation};
use crate::owned::Precondition;

/// The versions that a change is meant for: `None` for any.
pub struct IfMatch(pub Option<Vec<i64>>);

/// For which version a change is meant, by `If-Match` or `If-None-Match: *`.
pub struct Preconditions(pub Precondition);

/// What the caller already has.
pub struct IfNoneMatch(Tags);

/// What a header of conditions names.
enum Tags {
    /// The header is not there.
    Absent,
    /// `*`: whatever there is.
    Any,
    /// These versions; a tag that was never ours names none.
    Versions(Vec<i64>),
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self(match Tags::read(&parts.headers, &IF_MATCH)? {
            Tags::Absent | Tags::Any => None,
            Tags::Versions(versions) => Some(versions),
        }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Preconditions {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let IfMatch(versions) = IfMatch::from_request_parts(parts, state).await?;
        let absent = matches!(Tags::read(&parts.headers, &IF_NONE_MATCH)?, Tags::Any);
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
        Tags::read(&parts.headers, &IF_NONE_MATCH).map(Self)
    }
}

impl Tags {
    /// Reads `*` or a list of entity tags such as `"3", "4"`.
    fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Self, Error> {
        let mut found: Option<Vec<i64>> = None;
        for value in headers.get_all(name) {
            let text = value.to_str().map_err(|_| malformed(name))?;
            if text.trim() == "*" {
                return Ok(Self::Any);
            }
            for tag in text.split(',').map(str::trim) {
                let tag = tag.strip_prefix("W/").unwrap_or(tag);
                let opaque = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
                let opaque = opaque.ok_or_else(|| malformed(name))?;
                let version = opaque.parse::<i64>().ok().filter(|version| version.to_string() == opaque);
                found.get_or_insert_default().extend(version);
            }
        }
        Ok(found.map_or(Self::Absent, Self::Versions))
    }
}

fn malformed(name: &HeaderName) -> Error {
    let detail = format!("The header {name} is `*` or a list of entity tags such as \"3\".");
    Error::Invalid(vec![Violation { pointer: String::new(), code: "malformed_header", detail }])
}

/// An answer that carries its version; one that the caller already has is not sent again.
pub struct WithEtag<T> {
    /// The version.
    pub version: i64,
    /// The thing.
    pub body: T,
}

impl<T> WithEtag<T> {
    /// 304 if `known` has the version, else the thing.
    #[must_use]
    pub fn unless(self, known: &IfNoneMatch) -> Unless<T> {
        let is_known = match &known.0 {
            Tags::Absent => false,
            Tags::Any => true,
            Tags::Versions(versions) => versions.contains(&self.version),
        };
        Unless { is_known, versioned: self }
    }
}

impl<T: Serialize> WithEtag<T> {
    /// The error that tells the caller what the thing is now.
    #[must_use]
    pub fn mismatch(self) -> Error {
        match serde_json::to_value(self.body) {
            Ok(current) => Error::VersionMismatch { current: Box::new(current) },
            Err(error) => Error::internal(error),
        }
    }
}

/// See [`WithEtag::unless`].
pub struct Unless<T> {
    is_known: bool,
    versioned: WithEtag<T>,
}

impl<T: Serialize> IntoResponse for WithEtag<T> {
    fn into_response(self) -> Response {
        (headers(self.version), Json(self.body)).into_response()
    }
}

impl<T: Serialize> IntoResponse for Unless<T> {
    fn into_response(self) -> Response {
        if self.is_known {
            return (StatusCode::NOT_MODIFIED, headers(self.versioned.version)).into_response();
        }
        self.versioned.into_response()
    }
}

fn headers(version: i64) -> [(HeaderName, String); 2] {
    [(ETAG, format!("\"{version}\"")), (CACHE_CONTROL, "private, no-cache".to_owned())]
}
