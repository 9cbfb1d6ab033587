//! A request together with its `Idempotency-Key`.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Method, Uri};

use super::store::Attempt;
use crate::error::Error;
use crate::http::fields::FromFields;
use crate::http::{body, idempotency_key};

/// Like [`crate::http::body::JsonBody`], for a request that the client may repeat.
pub struct Creation<T> {
    pub input: T,
    pub attempt: Option<Attempt>,
}

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Creation<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let key = idempotency_key::read(request.headers())?;
        let head = head(request.method(), request.uri());
        let (input, body) = body::json(request).await?;
        let attempt = key.map(|key| Attempt { key, request: [head.as_bytes(), &body].concat() });
        Ok(Self { input, attempt })
    }
}

/// The key of a request whose body has no meaning.
pub struct Repeatable(pub Option<Attempt>);

impl<S: Send + Sync> FromRequestParts<S> for Repeatable {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let key = idempotency_key::read(&parts.headers)?;
        Ok(Self(key.map(|key| Attempt { key, request: head(&parts.method, &parts.uri).into_bytes() })))
    }
}

/// The same key and body on another route are another request.
fn head(method: &Method, uri: &Uri) -> String {
    format!("{method} {}\n", uri.path())
}
