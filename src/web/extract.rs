//! Who asks, by the cookie of the web client.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;

use super::same_origin::require_same_origin;
use super::session_cookie::refresh_token;
use crate::auth::extract::log_caller;
use crate::auth::operations::Auth;
use crate::auth::token::{Claims, TokenKind};
use crate::error::{Error, TokenRejection};
use crate::http::security_headers::Transport;

/// The layer of the routes that use the cookie. Runs before anything of the request is read.
pub(crate) async fn same_origin(request: Request, next: Next) -> Result<Response, Error> {
    require_same_origin(request.method(), request.headers(), transport_of(request.extensions()))?;
    Ok(next.run(request).await)
}

fn transport_of(extensions: &axum::http::Extensions) -> Transport {
    extensions.get().copied().unwrap_or(Transport::Plain)
}

/// The refresh token of the cookie, checked like one in `Authorization`. `None` if there is no cookie.
pub(crate) struct CookieSession(pub Option<Claims>);

/// Like [`CookieSession`], and also accepts a token after a logout that was answered 503. `None` if it is not valid.
pub(crate) struct EndingSession(pub Option<Claims>);

impl<S: Send + Sync> FromRequestParts<S> for CookieSession
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let auth = Arc::<Auth>::from_ref(state);
        let claims = match verified(parts, &auth) {
            Err(Error::Token(TokenRejection::Missing)) => return Ok(Self(None)),
            claims => auth.authenticate(claims?, TokenKind::Refresh).await?,
        };
        Ok(Self(Some(log_caller(parts, claims))))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for EndingSession
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let auth = Arc::<Auth>::from_ref(state);
        let claims = verified(parts, &auth);
        Ok(Self(claims.and_then(|claims| auth.authenticate_logout(claims, &[TokenKind::Refresh])).ok()))
    }
}

fn verified(parts: &Parts, auth: &Auth) -> Result<Claims, Error> {
    let token = refresh_token(&parts.headers, transport_of(&parts.extensions));
    auth.verify(token.ok_or(Error::Token(TokenRejection::Missing))?).map_err(Error::Token)
}
