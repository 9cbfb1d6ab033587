//! Where a request comes from, for the acts that throttle and note it. Must not trust a header by itself.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::operations::ClientInfo;
use crate::http::access_log::ClientAddress;

impl<S: Send + Sync> FromRequestParts<S> for ClientInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let ip = parts.extensions.get::<ClientAddress>().map(|client| client.0);
        Ok(Self { ip, device: None })
    }
}
