//! Reading what a client sent, strictly. Must not know what the members mean.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::admission::Slot;
use super::fields::{Fields, FromFields, JsonObject};
use crate::error::Error;

/// The largest body, in bytes: 1 MiB.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// How long a client may take to send a body.
pub const BODY_TIME: Duration = Duration::from_secs(8);

/// The bytes of a body. While they come, other requests have their turn.
///
/// # Errors
/// [`Error::BodyTooLarge`]; [`Error::RequestTimeout`]; [`Error::MalformedJson`] when the client broke off;
/// [`Error::Unavailable`] when too many wait for their turn.
pub async fn body(request: Request) -> Result<Bytes, Error> {
    let turn = request.extensions().get::<Slot>().cloned();
    if let Some(turn) = &turn {
        turn.pause();
    }
    let read = timeout(BODY_TIME, Limited::new(request.into_body(), BODY_LIMIT).collect()).await;
    let body = read.map_err(|_| Error::RequestTimeout)?.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Error::BodyTooLarge
        } else {
            Error::MalformedJson("the body breaks off".to_owned())
        }
    })?;
    if let Some(turn) = turn {
        turn.resume().await?;
    }
    Ok(body.to_bytes())
}

/// Whether a body says that it is JSON: `application/json` or `application/*+json` (RFC 6839 §3.1).
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = media_type.strip_prefix("application/");
    subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

/// How deep objects and arrays may lie in each other.
const DEPTH_MAX: usize = 32;

/// A body that has been read and found right before the handler runs.
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: FromFields> FromRequest<S> for JsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        json(request).await.map(|(body, _)| Self(body))
    }
}

/// The JSON body of a request, read into `T`, and as it was sent.
///
/// # Errors
/// [`Error::UnsupportedMediaType`]; [`Error::BodyTooLarge`]; [`Error::MalformedJson`]; [`Error::Invalid`].
pub async fn json<T: FromFields>(request: Request) -> Result<(T, Bytes), Error> {
    if !is_json(request.headers()) {
        return Err(Error::UnsupportedMediaType);
    }
    let body = body(request).await?;
    if depth(&body) > DEPTH_MAX {
        return Err(Error::MalformedJson(format!("it is nested more than {DEPTH_MAX} deep")));
    }
    Ok((Fields::read(JsonObject::parse(&body)?).map_err(Error::Invalid)?, body))
}

/// How deep a JSON text is nested, without reading what it says.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
