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

/// The precondition of a change, from `If-Match` and `If-None-Match`.
pub struct Preconditions(pub Precondition);

pub struct IfNoneMatch(EntityTags);

/// Entity tags with what each of them stands for.
pub(super) enum EntityTags<T = i64> {
    Absent,
    /// `*`
    Any,
    These(Vec<T>),
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self(match EntityTags::read(&parts.headers, &IF_MATCH, version)? {
            EntityTags::Absent | EntityTags::Any => None,
            EntityTags::These(versions) => Some(versions),
        }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Preconditions {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Self::of(&parts.headers)
    }
}

impl Preconditions {
    pub fn of(headers: &HeaderMap) -> Result<Self, Error> {
        use EntityTags::{Absent, Any, These};
        let if_match = EntityTags::read(headers, &IF_MATCH, version)?;
        let if_none_match = EntityTags::read(headers, &IF_NONE_MATCH, version)?;
        Ok(Self(match (if_match, if_none_match) {
            (Absent, Absent) => Precondition::Any,
            (Absent, Any) => Precondition::Absent,
            (Absent, These(versions)) => Precondition::Except(versions),
            (Any, Absent) => Precondition::Exists,
            (These(versions), Absent) => Precondition::Versions(versions),
            (_, Any) => Precondition::Versions(Vec::new()),
            (Any, These(_)) => return Err(contradictory()),
            (These(mut versions), These(except)) => {
                versions.retain(|version| !except.contains(version));
                Precondition::Versions(versions)
            }
        }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        EntityTags::read(&parts.headers, &IF_NONE_MATCH, version).map(Self)
    }
}

impl<T> EntityTags<T> {
    /// Parses `*` or a list of entity tags such as `"3", W/"4"`. A list may have empty elements (RFC 9110 §5.6.1.2).
    /// `meaning` returns `None` for a tag that this service never issued.
    pub(super) fn read(
        headers: &HeaderMap,
        name: &HeaderName,
        meaning: impl Fn(&str) -> Option<T>,
    ) -> Result<Self, Error> {
        let mut found: Option<Vec<T>> = None;
        let mut tags = 0;
        for value in headers.get_all(name) {
            let mut rest = value.to_str().map_err(|_| malformed(name))?.trim_matches(BETWEEN_TAGS);
            if rest == "*" {
                return Ok(Self::Any);
            }
            while !rest.is_empty() {
                tags += 1;
                let (opaque, after) =
                    split_tag(rest).filter(|_| tags <= TAGS_MAX).ok_or_else(|| malformed(name))?;
                found.get_or_insert_default().extend(meaning(opaque));
                rest = after;
            }
        }
        match found {
            Some(versions) => Ok(Self::These(versions)),
            None if headers.contains_key(name) => Err(malformed(name)),
            None => Ok(Self::Absent),
        }
    }
}

const BETWEEN_TAGS: [char; 3] = [' ', '\t', ','];

/// The content of the first entity tag, and the text from the next tag on.
fn split_tag(list: &str) -> Option<(&str, &str)> {
    // Proxies that compress a response make its tag weak, but the version is still the same.
    let quoted = list.strip_prefix("W/").unwrap_or(list).strip_prefix('"')?;
    let (opaque, after) = quoted.split_once('"')?;
    let is_separated = after.is_empty() || after.trim_start().starts_with(',');
    is_separated.then(|| (opaque, after.trim_start_matches(BETWEEN_TAGS)))
}

/// `None` for a tag that this service never issued, which matches no version.
fn version(opaque: &str) -> Option<i64> {
    let end = opaque.find(|c: char| !c.is_ascii_digit()).unwrap_or(opaque.len());
    let (digits, suffix) = opaque.split_at(end);
    let is_ours = suffix.is_empty() || is_added_by_proxy(suffix);
    let version = digits.parse::<i64>().ok()?;
    (is_ours && version.to_string() == digits).then_some(version)
}

/// Apache httpd, lighttpd, Jetty and other servers add the encoding to the tags of responses that they compress.
pub(super) fn is_added_by_proxy(suffix: &str) -> bool {
    let encoding = ["--", "-", ";"].iter().find_map(|separator| suffix.strip_prefix(separator));
    encoding.is_some_and(|encoding| ["gzip", "br", "zstd", "deflate"].contains(&encoding))
}

fn malformed(name: &HeaderName) -> Error {
    let detail =
        format!("The header {name} must be `*` or a list of at most {TAGS_MAX} entity tags such as \"3\".");
    Error::Invalid(vec![Violation::of_whole("malformed_header", detail)])
}

fn contradictory() -> Error {
    let detail = "Send either `If-Match: *` or a list of entity tags in If-None-Match.";
    Error::Invalid(vec![Violation::of_whole("malformed_header", detail.to_owned())])
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
            EntityTags::These(versions) => versions.contains(&self.version),
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

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn tags(values: &[&'static str]) -> Option<EntityTags> {
        let values = values.iter().map(|value| (IF_MATCH, HeaderValue::from_static(value)));
        EntityTags::read(&values.collect(), &IF_MATCH, version).ok()
    }

    fn versions(values: &[&'static str]) -> Vec<i64> {
        match tags(values) {
            Some(EntityTags::These(versions)) => versions,
            _ => panic!("{values:?} is not a list of tags"),
        }
    }

    #[test]
    fn lists_of_tags_are_read_as_http_defines_them() {
        assert_eq!(versions(&["\"3\""]), [3]);
        assert_eq!(versions(&["\"1\", W/\"2\"", "\"3\""]), [1, 2, 3]);
        assert_eq!(versions(&[", \"1\",, ,\"2\" ,\t"]), [1, 2]);
        assert_eq!(versions(&["\"a,b\",\"4\""]), [4]);
        assert_eq!(versions(&["\"\""]), [0; 0]);
        assert!(matches!(tags(&[" * "]), Some(EntityTags::Any)));
        assert!(matches!(tags(&[]), Some(EntityTags::Absent)));
        for wrong in ["3", "\"3", "\"3\" \"4\"", "\"3\"4", "w/\"3\"", "\"1\", *", "\"3\"-gzip", "", ","] {
            assert!(tags(&[wrong]).is_none(), "{wrong}");
        }
    }

    #[test]
    fn suffixes_of_compressing_proxies_are_ignored() {
        assert_eq!(
            versions(&["\"3-gzip\", \"4--gzip\", \"5;gzip\", W/\"6-br\", \"7-zstd\", \"8;deflate\""]),
            [3, 4, 5, 6, 7, 8]
        );
        assert_eq!(versions(&["\"3-x\", \"03\", \"-3\", \"3.0\", \"99999999999999999999\""]), [0; 0]);
    }
}
