//! Response headers that restrict what browsers do with responses.
//!
//! **Invariant:** the service does not rely on these headers, because other clients ignore them.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
// Responses of the API are not pages: nothing may run in them or frame them.
const API_POLICY: HeaderValue = HeaderValue::from_static(
    // `default-src` does not apply to these three (CSP Level 3, §6.3 and §6.4).
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// In the extensions of a request: how the client reached the outermost proxy, or this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Plain,
    Tls,
}

impl Transport {
    pub fn of(headers: &HeaderMap, hops: usize) -> Self {
        // Without a trusted proxy, the client may have written `X-Forwarded-Proto`.
        if hops > 0 && is_forwarded_tls(headers) { Self::Tls } else { Self::Plain }
    }

    pub fn scheme(self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls => "https",
        }
    }
}

pub fn insert(headers: &mut HeaderMap, transport: Transport) {
    // Pages and their files set `Cache-Control`, `Referrer-Policy` and `Content-Security-Policy` themselves.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(API_POLICY);
    if transport == Transport::Tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

fn is_forwarded_tls(headers: &HeaderMap) -> bool {
    // Each proxy appends, so the last value is from the proxy in front of this service.
    let last = headers.get_all(FORWARDED_PROTO).iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
    last.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_proxy_decides_whether_tls_was_used() {
        let secure = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_PROTO, value.parse().unwrap());
            }
            is_forwarded_tls(&headers)
        };
        assert!(secure(&["https"]) && secure(&["http, HTTPS"]) && secure(&["http", "https"]));
        assert!(!secure(&[]) && !secure(&["http"]) && !secure(&["https, http"]) && !secure(&["httpsx"]));
    }
}
