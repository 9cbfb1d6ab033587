//! The access log: one line per request, with its id, its user and the address of its client.
//!
//! **Invariant:** never logs a body, a header with credentials or a query string.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use metrics::{counter, histogram};

use super::client_address::{ClientAddress, warn_of_wrong_hops};
use crate::crypto::random_id::RandomId;
use crate::error::Error;

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub const REQUESTS: &str = "todo_api_http_requests_total";
pub const REQUEST_SECONDS: &str = "todo_api_http_request_duration_seconds";
pub const REQUEST_ID_MAX: usize = 64;
const SEGMENT_MAX: usize = 16;
const PATH_MAX: usize = 100;
const PROBES: [&str; 2] = ["/livez", "/readyz"];

pub struct RequestId(pub Box<str>);

impl RequestId {
    pub fn random() -> Self {
        Self(RandomId::new().to_string().into())
    }

    fn from_headers(headers: &HeaderMap) -> Self {
        // The id goes into log lines and a response header, so no other characters are accepted.
        let is_well_formed = |id: &&str| {
            (1..=REQUEST_ID_MAX).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
        };
        let sent = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_well_formed);
        Self(sent.map_or_else(|| Self::random().0, Box::from))
    }
}

/// The server puts it into the extensions of each request.
#[derive(Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// Carries the username from the extractor that authenticates the caller to the access log.
#[derive(Clone, Default)]
pub struct UserName(Arc<OnceLock<Box<str>>>);

impl UserName {
    pub fn set(&self, name: &str) {
        self.0.get_or_init(|| name.into());
    }
}

/// In the extensions of a response: its error, for the log.
#[derive(Clone)]
pub struct ReportedError(pub Error);

pub struct AccessLogEntry {
    started: Instant,
    pub id: RequestId,
    user: UserName,
    method: Method,
    route: Option<MatchedPath>,
    /// Only of a request without a route.
    path: Option<String>,
    client: Option<ClientAddress>,
}

impl AccessLogEntry {
    /// Also puts the [`ClientAddress`] and an empty [`UserName`] into the extensions of the request.
    pub fn begin(request: &mut Request, hops: usize) -> Self {
        let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0.ip());
        let route = request.extensions().get::<MatchedPath>().cloned();
        // The probes of a host do not come through the proxies.
        if !route.as_ref().is_some_and(|route| PROBES.contains(&route.as_str())) {
            warn_of_wrong_hops(request.headers(), hops);
        }
        let entry = Self {
            started: Instant::now(),
            id: RequestId::from_headers(request.headers()),
            user: UserName::default(),
            method: request.method().clone(),
            path: route.is_none().then(|| shortened(request.uri().path())),
            route,
            client: peer.map(|peer| ClientAddress::resolve(request.headers(), peer, hops)),
        };
        let extensions = request.extensions_mut();
        extensions.insert(entry.user.clone());
        if let Some(client) = entry.client {
            extensions.insert(client);
        }
        entry
    }

    pub fn end(self, response: &mut Response) {
        let Self { started, id, user, method, route, path, client } = self;
        if let Ok(value) = HeaderValue::from_str(&id.0) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        match response.extensions().get::<ReportedError>() {
            Some(ReportedError(error @ Error::Internal(_))) => {
                tracing::error!(request_id = &*id.0, %error, "request failed");
            }
            Some(ReportedError(error @ Error::Unavailable(_))) => {
                tracing::warn!(request_id = &*id.0, %error, "request failed");
            }
            // The client caused every other error, and the status in the line below is enough.
            _ => {}
        }
        count(&method, route.as_ref(), response, started);
        tracing::info!(
            method = method.as_str(),
            route = route.as_ref().map_or("", MatchedPath::as_str),
            path,
            status = response.status().as_u16(),
            duration_ms = millis(started),
            request_id = &*id.0,
            user = user.0.get().map(|name| &**name),
            client = client.map(|client| client.to_string()).as_deref(),
            "request"
        );
    }
}

/// A path that no route has, so that a wrong link or a wrong proxy shows in the log. Segments are cut, because one may be a
/// secret in the wrong place.
fn shortened(path: &str) -> String {
    let cut = |segment: &str| match segment.char_indices().nth(SEGMENT_MAX) {
        Some((end, _)) => format!("{}..", &segment[..end]),
        None => segment.to_owned(),
    };
    let path = path.split('/').map(cut).collect::<Vec<_>>().join("/");
    path.chars().take(PATH_MAX).collect()
}

/// For a request that the parser has refused.
pub fn log_unread_request(id: &RequestId, status: u16) {
    counter!(REQUESTS, "route" => "none", "method" => "other", "status" => status.to_string()).increment(1);
    tracing::info!(status, request_id = &*id.0, "request could not be read");
}

fn count(method: &Method, route: Option<&MatchedPath>, response: &Response, started: Instant) {
    // Unknown methods and paths share one label each, because clients could invent any number of labels.
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let method = known.iter().find(|known| *known == method).map_or("other", Method::as_str).to_owned();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let status = response.status().as_u16().to_string();
    histogram!(REQUEST_SECONDS, "route" => route.clone(), "method" => method.clone())
        .record(started.elapsed());
    counter!(REQUESTS, "route" => route, "method" => method, "status" => status).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a request are far below 2^52")]
fn millis(started: Instant) -> f64 {
    started.elapsed().as_micros() as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_path_is_shortened() {
        assert_eq!(shortened("/todo/v1/todos"), "/todo/v1/todos");
        assert_eq!(shortened("/eyJhbGciOiJIUzI1NiJ9.eyJ/x"), "/eyJhbGciOiJIUzI1../x");
        assert_eq!(shortened(&"/ab".repeat(1_000)).len(), PATH_MAX);
    }

    #[test]
    fn well_formed_request_id_of_the_client_is_kept() {
        let id = |sent: &str| {
            let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(sent).unwrap())]);
            RequestId::from_headers(&headers).0
        };
        assert_eq!(&*id("client-1_a.b:c"), "client-1_a.b:c");
        for odd in ["", "a b", "a\"b", &"x".repeat(65)] {
            assert_ne!(&*id(odd), odd);
        }
    }
}
