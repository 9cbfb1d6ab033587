//! Which pages of other origins may use the API from a browser (Fetch standard, §3.2).

use std::time::Duration;

use axum::http::header::{
    ALLOW, AUTHORIZATION, CONTENT_TYPE, DATE, ETAG, IF_MATCH, IF_NONE_MATCH, LINK, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::CorsLayer;

use super::access_log::REQUEST_ID;
use super::idempotency_key;

const PREFLIGHT_MAX_AGE: Duration = Duration::from_mins(10);

pub struct Cors {
    pub origins: Vec<HeaderValue>,
    /// Request headers that pages may send beside those of the API.
    pub headers: Vec<HeaderName>,
}

impl Cors {
    /// `None` if no other origin may use the API.
    pub fn layer(&self) -> Option<CorsLayer> {
        let key = HeaderName::from_static(idempotency_key::HEADER);
        let last_id = HeaderName::from_static("last-event-id");
        let replayed = HeaderName::from_static("idempotent-replayed");
        let own = [AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, REQUEST_ID, key, last_id];
        let headers: Vec<_> = own.iter().chain(&self.headers).cloned().collect();
        let exposed =
            [ALLOW, DATE, ETAG, LINK, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE, REQUEST_ID, replayed];
        (!self.origins.is_empty()).then(|| {
            CorsLayer::new()
                .allow_origin(self.origins.clone())
                .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
                .allow_headers(headers)
                .expose_headers(exposed)
                .max_age(PREFLIGHT_MAX_AGE)
        })
    }
}
