//! One request of a connection and its response: what the connection adds to both, and which requests do not reach the
//! routes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Version};
use axum::response::Response;
use hyper::body::Incoming;
use tokio::sync::Notify;
use tower::ServiceExt;

use super::access_log::PeerAddress;
use super::activity::Activity;
use super::unread_body::{self, UnreadBody};
use crate::error::Error;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// The bytes of a head, and the headers in it.
pub const HEAD_MAX: usize = 32 * 1024;
pub const HEADERS_MAX: usize = 64;
// What HTTP/2 counts for each header beside its bytes (RFC 9113 §6.5.2).
const HEADER_OVERHEAD: usize = 32;

/// In the extensions of a request that violates HTTP: the error with which `app` responds.
#[derive(Clone)]
pub struct ProtocolError(pub Error);

/// The requests of one connection.
pub struct Exchanges {
    pub router: Router,
    pub peer: PeerAddress,
    pub activity: Arc<Activity>,
    pub first_request: Arc<Notify>,
    /// The value of the header `Keep-Alive`.
    pub announced: Option<HeaderValue>,
}

impl Exchanges {
    pub fn serve(
        &self,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + use<> {
        self.first_request.notify_one();
        let in_progress = self.activity.begin_request();
        request.extensions_mut().insert(self.peer);
        if let Some(error) = protocol_error(request.version(), request.headers()) {
            request.extensions_mut().insert(ProtocolError(error));
        }
        name_host(&mut request);
        // HTTP/2 cancels the rest of a body without closing the connection.
        let is_http1 = request.version() < Version::HTTP_2;
        let waits_for_100 = request.headers().contains_key(EXPECT);
        let (request, unread) = unread_body::watch(request);
        let (router, activity) = (self.router.clone(), self.activity.clone());
        let announced = self.announced.clone().filter(|_| is_http1);
        async move {
            let mut response = router.oneshot(request).await?;
            if is_http1 && !is_reusable(unread, waits_for_100).await {
                // Announced, because otherwise clients send their next request into a connection that closes.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                activity.linger();
            } else if let Some(timeout) = announced {
                response.headers_mut().insert(KEEP_ALIVE, timeout);
            }
            Ok(in_progress.until_sent(response))
        }
    }
}

async fn is_reusable(unread: Option<UnreadBody>, waits_for_100: bool) -> bool {
    match unread {
        Some(unread) => unread.read_rest(waits_for_100).await,
        None => true,
    }
}

fn protocol_error(version: Version, headers: &HeaderMap) -> Option<Error> {
    if headers.len() > HEADERS_MAX || size(headers) > HEAD_MAX {
        return Some(Error::HeadTooLarge);
    }
    // RFC 9112 §3.2. In HTTP/2, `:authority` replaces the header.
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_11 => {
            Some(Error::MalformedRequest("the header `Host` is missing"))
        }
        (Some(_), Some(_)) => Some(Error::MalformedRequest("the header `Host` occurs twice")),
        (Some(host), None) if !is_host(host) => {
            Some(Error::MalformedRequest("the header `Host` must be a name or an address, and a port"))
        }
        _ => None,
    }
}

/// Routes compare origins with `Host`, which HTTP/2 replaces by `:authority` (RFC 9113 §8.3.1).
fn name_host<B>(request: &mut Request<B>) {
    let authority = request.uri().authority().and_then(|host| HeaderValue::try_from(host.as_str()).ok());
    if let Some(host) = authority.filter(|_| request.version() == Version::HTTP_2) {
        request.headers_mut().entry(HOST).or_insert(host);
    }
}

// hyper limits the bytes of an HTTP/1.1 head, and this the headers of HTTP/2.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD).sum()
}

fn is_host(host: &HeaderValue) -> bool {
    // Empty if the target of the request has no authority.
    host.is_empty()
        || Authority::try_from(host.as_bytes()).is_ok_and(|authority| !authority.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(version: Version, hosts: &[&str]) -> Option<&'static str> {
        let headers = hosts.iter().map(|host| (HOST, HeaderValue::from_str(host).unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        protocol_error(version, &map).map(|error| match error {
            Error::MalformedRequest(_) => "400",
            _ => "431",
        })
    }

    #[test]
    fn a_request_needs_one_host() {
        for host in ["example.org", "localhost:8000", "[::1]:8000", "127.0.0.1", "todo_api:8000", ""] {
            assert_eq!(status(Version::HTTP_11, &[host]), None, "{host}");
        }
        for hosts in [&[][..], &["a", "a"], &["a b"], &["ann@a"], &["a/b"], &["a:b:c"]] {
            assert_eq!(status(Version::HTTP_11, hosts), Some("400"), "{hosts:?}");
        }
        assert_eq!(status(Version::HTTP_10, &[]), None);
        assert_eq!(status(Version::HTTP_2, &[]), None);
        assert_eq!(status(Version::HTTP_2, &["a", "b"]), Some("400"));
    }

    #[test]
    fn a_head_has_limits() {
        let of = |count: usize, length: usize| {
            let header = |n| {
                (
                    HeaderName::try_from(format!("x-{n}")).unwrap(),
                    HeaderValue::try_from("y".repeat(length)).unwrap(),
                )
            };
            let headers: HeaderMap = (0..count).map(header).collect();
            protocol_error(Version::HTTP_2, &headers).is_none()
        };
        assert!(of(HEADERS_MAX, 100) && of(1, 30_000));
        assert!(!of(HEADERS_MAX + 1, 1) && !of(2, 17_000));
    }
}
