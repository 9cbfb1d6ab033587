//! Extracts the address of the client, for rate limits and the audit.
//!
//! **Invariant:** no header is read here. [`ClientAddress`] decides which proxies are trusted.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::operations::ClientInfo;
use crate::http::client_address::ClientAddress;

impl<S: Send + Sync> FromRequestParts<S> for ClientInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let ip = parts.extensions.get::<ClientAddress>().and_then(|client| client.ip());
        Ok(Self { ip, device: None })
    }
}
