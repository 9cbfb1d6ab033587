//! The body of a request that creates, with its `Idempotency-Key`. Must not ask the database whether the key is known.

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;

use super::store::Attempt;
use crate::error::{Error, Fault};
use crate::extract::{self, FromMembers};

const HEADER: &str = "idempotency-key";
const KEY_MAX_CHARS: usize = 128;

/// As [`extract::JsonBody`], for what creates something and may be repeated.
pub struct Creation<T> {
    /// What is to be created.
    pub input: T,
    /// By which a repetition is known, if the client wants that.
    pub attempt: Option<Attempt>,
}

impl<S: Send + Sync, T: FromMembers> FromRequest<S> for Creation<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let key = key(request.headers())?;
        let head = format!("{} {}\n", request.method(), request.uri().path());
        let (input, body) = extract::json(request, state).await?;
        let attempt = key.map(|key| Attempt { key, request: [head.as_bytes(), &body].concat() });
        Ok(Self { input, attempt })
    }
}

/// The key: one header of 1 to 128 printable ASCII characters.
fn key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(first) = values.next() else { return Ok(None) };
    let printable = first.as_bytes().iter().all(|byte| matches!(byte, b' '..=b'~'));
    let right = printable && (1..=KEY_MAX_CHARS).contains(&first.len()) && values.next().is_none();
    match first.to_str() {
        Ok(key) if right => Ok(Some(key.to_owned())),
        _ => {
            let detail =
                format!("The header {HEADER} comes once and has 1 to {KEY_MAX_CHARS} printable characters.");
            Err(Error::Invalid(vec![Fault { pointer: String::new(), code: "malformed_header", detail }]))
        }
    }
}
