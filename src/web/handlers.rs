//! The pages of the web client, and `/web/...`: its login, refresh and logout by cookie.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::assets::{self, PAGE_CACHE_POLICY};
use super::extract::{CookieSession, EndingSession};
use super::session_cookie;
use super::wire::SignedIn;
use crate::auth::operations::Tokens;
use crate::error::{Error, Resource};
use crate::http::access_log::UserName;
use crate::http::body::{IgnoredBody, JsonBody};
use crate::http::json::Json;
use crate::http::security_headers::Transport;
use crate::users::client_info::Attempt;
use crate::users::model::User;
use crate::users::operations::{Accounts, ClientInfo};
use crate::users::wire::Login;

// Scripts come from files of the service only, and text never becomes a script (Trusted Types).
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types app";

/// `GET /` for people.
pub(crate) fn index(request: &HeaderMap) -> Result<Response, Error> {
    let mut response = page("index.html", request)?;
    response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// `GET /sw.js`
pub(crate) async fn service_worker(headers: HeaderMap) -> Result<Response, Error> {
    page("sw.js", &headers)
}

/// `GET /app.webmanifest`
pub(crate) async fn manifest(headers: HeaderMap) -> Result<Response, Error> {
    page("app.webmanifest", &headers)
}

fn page(name: &str, request: &HeaderMap) -> Result<Response, Error> {
    let page = assets::page(name).ok_or(Error::NotFound(Resource::Path))?;
    let mut response = page.response(request, PAGE_CACHE_POLICY);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    // With the default of the API, browsers would send no `Origin` with requests to hosts without TLS.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    Ok(response)
}

/// `POST /web/login`
pub(crate) async fn login(
    State(accounts): State<Arc<Accounts>>,
    Extension(transport): Extension<Transport>,
    Attempt(mut client): Attempt,
    Extension(log): Extension<UserName>,
    EndingSession(earlier): EndingSession,
    JsonBody(login): JsonBody<Login>,
) -> Result<Response, Error> {
    client.device = login.device;
    let new_password = login.new_password.as_ref();
    let (user, tokens) =
        accounts.login(&login.username, &login.password, new_password, true, &client).await?;
    log.set(&user.username);
    // The response replaces the cookie, so nobody could end that session by signing out.
    if let Some(earlier) = earlier {
        accounts.log_out(&earlier, &client).await?;
    }
    signed_in(transport, user, tokens)
}

/// `POST /web/refresh`. Without a cookie it is no error, because the client asks so whether somebody is signed in.
pub(crate) async fn refresh(
    State(accounts): State<Arc<Accounts>>,
    Extension(transport): Extension<Transport>,
    client: ClientInfo,
    CookieSession(claims): CookieSession,
    _: IgnoredBody,
) -> Result<Response, Error> {
    let Some(claims) = claims else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let tokens = accounts.refresh(&claims, &client).await?;
    let user = accounts.get(claims.sub).await?;
    signed_in(transport, user, tokens)
}

fn signed_in(transport: Transport, user: User, tokens: Tokens) -> Result<Response, Error> {
    let (refresh, expires_in) = (tokens.refresh.clone(), tokens.refresh_expires_in);
    session_cookie::keeping(Json(SignedIn::of(user, tokens)), &refresh, expires_in, transport)
}

/// `POST /web/logout`
pub(crate) async fn logout(
    State(accounts): State<Arc<Accounts>>,
    Extension(transport): Extension<Transport>,
    client: ClientInfo,
    EndingSession(ending): EndingSession,
) -> Result<Response, Error> {
    if let Some(claims) = ending {
        accounts.log_out(&claims, &client).await?;
    }
    Ok(session_cookie::clearing(StatusCode::NO_CONTENT, transport))
}
