//! The body of a request together with its `Idempotency-Key`.

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;

use super::store::Attempt;
use crate::error::{Error, Violation};
use crate::http::body;
use crate::http::fields::FromFields;

const HEADER: &str = "idempotency-key";
/// The most characters of a key.
pub const KEY_MAX_CHARS: usize = 128;

/// Like [`crate::http::body::JsonBody`], for a request that may be repeated.
pub struct Creation<T> {
    pub input: T,
    /// `None` if the client sent no key.
    pub attempt: Option<Attempt>,
}

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Creation<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let key = key(request.headers())?;
        let head = format!("{} {}\n", request.method(), request.uri().path());
        let (input, body) = body::json(request).await?;
        let attempt = key.map(|key| Attempt { key, request: [head.as_bytes(), &body].concat() });
        Ok(Self { input, attempt })
    }
}

/// Whether a text is 1 to [`KEY_MAX_CHARS`] printable ASCII characters.
pub fn is_key(text: &str) -> bool {
    (1..=KEY_MAX_CHARS).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(first) = values.next() else { return Ok(None) };
    match first.to_str() {
        Ok(key) if is_key(key) && values.next().is_none() => Ok(Some(key.to_owned())),
        _ => {
            let detail = format!(
                "The header `Idempotency-Key` must occur once and have 1 to {KEY_MAX_CHARS} printable ASCII characters."
            );
            Err(Error::Invalid(vec![Violation { pointer: String::new(), code: "malformed_header", detail }]))
        }
    }
}
