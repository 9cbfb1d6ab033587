//! Headers that keep browsers from doing what they must not with our answers. Must not be needed for the service's own
//! safety: clients that are no browsers ignore them.

use axum::extract::Request;
use axum::http::header::{
    AUTHORIZATION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LINK, LOCATION,
    REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::CorsLayer;

use crate::telemetry::REQUEST_ID;

/// A year.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// Answers are no pages: nothing may run in them or frame them.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// How long a browser may remember what it was allowed, in seconds.
const PREFLIGHT_SECONDS: u64 = 600;

/// A layer: what every answer says to browsers. Behind `hops` proxies of ours, one that speaks TLS is believed.
pub async fn headers(hops: usize, request: Request, next: Next) -> Response {
    let is_secure = hops > 0 && speaks_tls(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(NO_PAGE);
    if is_secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

fn speaks_tls(headers: &HeaderMap) -> bool {
    let last = headers.get_all(FORWARDED_PROTO).iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
    last.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

/// What pages of other origins may do (Fetch standard, §3.2): everything that the API offers, from these.
pub fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let key = HeaderName::from_static("idempotency-key");
    let last_id = HeaderName::from_static("last-event-id");
    let replayed = HeaderName::from_static("idempotent-replayed");
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, REQUEST_ID, key, last_id])
        .expose_headers([ETAG, LINK, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE, REQUEST_ID, replayed])
        .max_age(std::time::Duration::from_secs(PREFLIGHT_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_proxy_says_whether_tls_is_spoken() {
        let secure = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_PROTO, value.parse().unwrap());
            }
            speaks_tls(&headers)
        };
        assert!(secure(&["https"]) && secure(&["http, HTTPS"]) && secure(&["http", "https"]));
        assert!(!secure(&[]) && !secure(&["http"]) && !secure(&["https, http"]) && !secure(&["httpsx"]));
    }
}
