//! The cookie that holds the refresh token of the web client.
//!
//! **Invariant:** a failed refresh does not clear the cookie. Of two tabs that refresh at the same time, the response to the
//! one that fails would remove the cookie of the other.

use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::cookies::CookieKind;
use crate::auth::token::REFRESH_TTL_SECONDS;
use crate::error::Error;
use crate::http::security_headers::Transport;

const REFRESH_COOKIE: CookieKind = CookieKind::new("todo_refresh", "/web", None);

/// Returns `None` also for an empty cookie.
pub(crate) fn refresh_token(headers: &HeaderMap, transport: Transport) -> Option<&str> {
    REFRESH_COOKIE.read(headers, transport).filter(|token| !token.is_empty())
}

/// Adds the cookie to a response. `expires_in` is in seconds.
pub(crate) fn keeping(
    response: impl IntoResponse,
    token: &str,
    expires_in: i64,
    transport: Transport,
) -> Result<Response, Error> {
    let seconds = u32::try_from(expires_in.clamp(0, REFRESH_TTL_SECONDS)).unwrap_or_default();
    let cookie = REFRESH_COOKIE.set_for(seconds, token, transport);
    let cookie = cookie.ok_or_else(|| Error::internal("a token is no value of a cookie"))?;
    Ok(with_cookie(response, cookie))
}

pub(crate) fn clearing(response: impl IntoResponse, transport: Transport) -> Response {
    let response = response.into_response();
    match REFRESH_COOKIE.clear(transport) {
        Some(cookie) => with_cookie(response, cookie),
        None => response,
    }
}

fn with_cookie(response: impl IntoResponse, cookie: HeaderValue) -> Response {
    let mut response = response.into_response();
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}
