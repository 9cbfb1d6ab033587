//! Reads bodies within limits of size, time and nesting, and the extractor for JSON.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::admission::Slot;
use super::byte_budget::{ByteBudget, HeldBytes};
use super::client::ClientKey;
use super::fields::{Fields, FromFields};
use super::json_object::JsonObject;
use crate::error::Error;

pub const BODY_LIMIT: usize = 1024 * 1024;

/// For routes that anyone can call: registration, login and refresh.
pub const CREDENTIALS_LIMIT: usize = 16 * 1024;

/// In the extensions of a request to a route whose limits are not [`BODY_LIMIT`] and [`BODY_TIMEOUT`].
#[derive(Clone, Copy)]
pub struct BodyLimit {
    /// In bytes.
    pub size: usize,
    pub time: Duration,
}

// Shorter than the deadline of `detached`, so that a client that sends too slowly gets a 408 and not a 503.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(8);

/// In the extensions of a request with a body: what it holds of the [`ByteBudget`].
#[derive(Clone)]
pub struct BodyBytes(Arc<Mutex<HeldBytes>>);

impl BodyBytes {
    /// Counts the body of the request from its first byte until this is dropped.
    pub fn count(budget: &ByteBudget, client: ClientKey, request: &mut Request) -> Option<Self> {
        let has_body = !request.body().is_end_stream();
        let bytes = has_body.then(|| Self(Arc::new(Mutex::new(budget.empty(client)))));
        if let Some(bytes) = &bytes {
            request.extensions_mut().insert(bytes.clone());
        }
        bytes
    }

    fn grow_to(&self, bytes: usize) -> Result<(), Error> {
        self.held().grow_to(bytes)
    }

    fn held(&self) -> MutexGuard<'_, HeldBytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub async fn body(request: Request) -> Result<Bytes, Error> {
    let usual = BodyLimit { size: BODY_LIMIT, time: BODY_TIMEOUT };
    let BodyLimit { size: limit, time } = request.extensions().get().copied().unwrap_or(usual);
    let slot = request.extensions().get::<Slot>().cloned();
    // Otherwise clients that send slowly could hold all slots without using the database.
    if let Some(slot) = &slot {
        slot.pause();
    }
    let counted = request.extensions().get::<BodyBytes>().cloned();
    let read = timeout(time, read(request.into_body(), limit, counted.as_ref())).await;
    let body = read.map_err(|_| Error::RequestTimeout)??;
    if let Some(slot) = slot {
        slot.resume().await?;
    }
    Ok(body)
}

async fn read(mut body: Body, limit: usize, counted: Option<&BodyBytes>) -> Result<Bytes, Error> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::malformed_json("the body is incomplete"))?;
        let Ok(data) = frame.into_data() else { continue };
        let size = whole.len() + data.len();
        if size > limit {
            return Err(Error::BodyTooLarge { limit });
        }
        if let Some(counted) = counted {
            let announced = body.size_hint().upper().and_then(|upper| usize::try_from(upper).ok());
            // A client that holds nothing else gets room for a large body at once, more than its part. A body whose size is
            // not known could be the largest.
            if whole.is_empty() && limit > BODY_LIMIT {
                counted.grow_to(size + announced.unwrap_or(limit).min(limit))?;
            }
            counted.grow_to(size)?;
        }
        if whole.is_empty() {
            if body.is_end_stream() {
                return Ok(data);
            }
            // The memory of bytes that have not arrived is not in use yet.
            let announced = body.size_hint().upper().and_then(|upper| usize::try_from(upper).ok());
            whole.reserve_exact(size + announced.unwrap_or_default().min(limit));
        }
        whole.extend_from_slice(&data);
    }
    if let Some(counted) = counted {
        counted.held().shrink_to(whole.len());
    }
    Ok(whole.into())
}

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json, application/json";

/// Whether the body is of a JSON format (RFC 6839 §3.1), as the original accepts it.
pub fn is_any_json(headers: &HeaderMap) -> bool {
    let media_type = media_type(headers);
    let subtype = media_type.strip_prefix("application/");
    subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

/// In lower case and without parameters. Empty if there is none.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn require_readable<T: FromFields>(request: &Request) -> Result<(), Error> {
    let media_type = media_type(request.headers());
    let is_patch = request.method() == Method::PATCH;
    let accepted = if is_patch && T::IS_MERGE_PATCH { MERGE_PATCH } else { JSON };
    if !accepted.split(", ").any(|accepted| accepted == media_type) {
        return Err(Error::UnsupportedMediaType { accept_patch: is_patch.then_some(accepted) });
    }
    require_identity(request.headers())
}

fn require_identity(headers: &HeaderMap) -> Result<(), Error> {
    let encodings = headers.get_all(CONTENT_ENCODING);
    let is_encoded = encodings.iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if is_encoded { Err(Error::UnsupportedEncoding) } else { Ok(()) }
}

const DEPTH_MAX: usize = 32;

pub struct JsonBody<T>(pub T);

/// A body whose content has no meaning. Extracted so that the limits of size and time apply to it.
pub struct IgnoredBody;

/// A file in any format. It counts in the [`ByteBudget`] until its last clone is dropped, which can be before the response.
pub struct RawBody(pub Bytes);

struct CountedFile {
    file: Bytes,
    counted: Option<BodyBytes>,
}

impl AsRef<[u8]> for CountedFile {
    fn as_ref(&self) -> &[u8] {
        &self.file
    }
}

impl Drop for CountedFile {
    fn drop(&mut self) {
        self.file = Bytes::new();
        if let Some(counted) = &self.counted {
            counted.held().shrink_to(0);
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        require_identity(request.headers())?;
        let counted = request.extensions().get::<BodyBytes>().cloned();
        let file = body(request).await?;
        Ok(Self(Bytes::from_owner(CountedFile { file, counted })))
    }
}

impl<S: Send + Sync> FromRequest<S> for IgnoredBody {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        body(request).await.map(|_| Self)
    }
}

impl<S: Send + Sync, T: FromFields> FromRequest<S> for JsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        json(request).await.map(|(body, _)| Self(body))
    }
}

pub async fn json<T: FromFields>(request: Request) -> Result<(T, Bytes), Error> {
    require_readable::<T>(&request)?;
    let body = body(request).await?;
    Ok((parse(&body)?, body))
}

/// `None` if the body is empty or null.
pub async fn optional_json<T: FromFields>(request: Request) -> Result<Option<T>, Error> {
    let readable = require_readable::<T>(&request);
    let body = body(request).await?;
    if body.is_empty() {
        return Ok(None);
    }
    readable?;
    if body.trim_ascii() == b"null" {
        return Ok(None);
    }
    parse(&body).map(Some)
}

fn parse<T: FromFields>(body: &[u8]) -> Result<T, Error> {
    // serde_json skips over raw values, so it does not limit the nesting inside them.
    if depth(body) > DEPTH_MAX {
        return Err(Error::malformed_json(format_args!("it has more than {DEPTH_MAX} levels of nesting")));
    }
    Fields::read(JsonObject::parse(body)?).map_err(Error::Invalid)
}

/// Counts brackets outside of strings, so it also works for malformed JSON.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
