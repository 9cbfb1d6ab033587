//! Basic authentication (RFC 7617), usually with a personal access token in place of the password.
//!
//! The token becomes the bearer token of the request, so everything that holds for personal access tokens elsewhere holds
//! here: throttling, the share of the user, revocation, the time of the last use, and the audit. The password of an account
//! is checked later, by [`super::extract`].

use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine};
use secrecy::SecretString;

use super::refusal::{Condition, Refusal};
use crate::http::client_address::ClientAddress;
use crate::http::security_headers::Transport;

/// In the extensions of a request.
#[derive(Clone)]
pub(crate) struct BasicCredentials {
    pub(crate) name: String,
    pub(crate) password: SecretString,
}

/// The layer of the routes. Must run before the layers that look at bearer tokens.
pub(crate) async fn accept(mut request: Request, next: Next) -> Response {
    let credentials = credentials(request.headers());
    if let Some((name, password)) = credentials {
        if !is_private(&request) {
            return Refusal::from(Condition::TlsRequired).into_response();
        }
        // Characters that no header can contain are in no token either.
        let bearer = HeaderValue::try_from(format!("Bearer {password}"));
        let mut bearer = bearer.unwrap_or(HeaderValue::from_static("Bearer -"));
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        request.extensions_mut().insert(BasicCredentials { name, password: password.into() });
    }
    next.run(request).await
}

/// Whether nobody between the client and the service can read the password.
fn is_private(request: &Request) -> bool {
    let extensions = request.extensions();
    let is_loopback = |address: &ClientAddress| address.ip().is_some_and(|ip| ip.is_loopback());
    extensions.get() == Some(&Transport::Tls) || extensions.get().is_some_and(is_loopback)
}

fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (scheme, encoded) = all.next()?.to_str().ok()?.split_once(' ')?;
    // `Authorization` is not a list. Two of them are left to the check of bearer tokens, which refuses them.
    if !scheme.eq_ignore_ascii_case("Basic") || all.next().is_some() {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_ends_at_the_first_colon() {
        let read = |value: &str| {
            credentials(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::try_from(value).unwrap())]))
        };
        let encode = |text: &str| BASE64_STANDARD.encode(text);
        let of = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(read(&format!("Basic {}", encode("änn:a:b"))), of("änn", "a:b"));
        assert_eq!(read(&format!("basic  {} ", encode(":"))), of("", ""));
        for wrong in ["Basic", "Basic ", "Basic !", "Bearer YTpi", &format!("Basic {}", encode("no colon"))] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
