//! The body of a request together with its `Idempotency-Key`.

use axum::extract::{FromRequest, Request};

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
        // The same key and body on another route are another request.
        let head = format!("{} {}\n", request.method(), request.uri().path());
        let (input, body) = body::json(request).await?;
        let attempt = key.map(|key| Attempt { key, request: [head.as_bytes(), &body].concat() });
        Ok(Self { input, attempt })
    }
}
