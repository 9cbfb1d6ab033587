//! Permission as a type: a handler that lists one of these cannot be reached without it. Must not look at bodies.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::operations::Auth;
use super::token::{Claims, Role, TokenKind};
use crate::error::{Error, TokenRejection};
use crate::http::access_log::UserName;

/// The caller, by any valid access token.
pub struct CurrentUser(pub Claims);

/// The caller, by an access token that came straight from a login.
pub struct FreshUser(pub Claims);

/// A session, by its refresh token.
pub struct RefreshToken(pub Claims);

/// A session that is about to end, by an access token; also one whose logout failed half-way.
pub struct LogoutToken(pub Claims);

/// As [`LogoutToken`], by either token of the session.
pub struct AnyLogoutToken(pub Claims);

/// The caller, by an access token that says that they may act for everyone.
pub struct Admin(pub Claims);

impl CurrentUser {
    /// Whether the caller may act for others.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.0.roles.contains(&Role::Admin)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        authenticate(parts, state, TokenKind::Access).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for FreshUser
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let CurrentUser(claims) = CurrentUser::from_request_parts(parts, state).await?;
        if claims.fresh { Ok(Self(claims)) } else { Err(Error::Token(TokenRejection::NotFresh)) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RefreshToken
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        authenticate(parts, state, TokenKind::Refresh).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for LogoutToken
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        authenticate_logout(parts, state, &[TokenKind::Access]).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AnyLogoutToken
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        authenticate_logout(parts, state, &[TokenKind::Access, TokenKind::Refresh]).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let caller = CurrentUser::from_request_parts(parts, state).await?;
        if caller.is_admin() { Ok(Self(caller.0)) } else { Err(Error::Forbidden) }
    }
}

/// The claims of the request's token, which must be of the kind that is needed.
async fn authenticate<S>(parts: &Parts, state: &S, needed: TokenKind) -> Result<Claims, Error>
where
    Arc<Auth>: FromRef<S>,
{
    let claims = Arc::<Auth>::from_ref(state).authenticate(bearer(parts)?, needed).await?;
    Ok(log_caller(parts, claims))
}

/// As [`authenticated`], for a logout by a token of one of the kinds.
fn authenticate_logout<S>(parts: &Parts, state: &S, accepted: &[TokenKind]) -> Result<Claims, Error>
where
    Arc<Auth>: FromRef<S>,
{
    let claims = Arc::<Auth>::from_ref(state).authenticate_logout(bearer(parts)?, accepted)?;
    Ok(log_caller(parts, claims))
}

/// The token of the `Authorization` header: one header, the scheme `Bearer` in any case (RFC 9110 §11.1), one token.
fn bearer(parts: &Parts) -> Result<&str, Error> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter().filter(|header| !header.is_empty());
    let first = headers.next().ok_or(Error::Token(TokenRejection::Missing))?;
    let invalid = Error::Token(TokenRejection::Invalid);
    if headers.next().is_some() {
        return Err(invalid);
    }
    match first.to_str().ok().and_then(|text| text.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => Ok(token),
        _ => Err(invalid),
    }
}

/// Lets the access log name the caller.
fn log_caller(parts: &Parts, claims: Claims) -> Claims {
    if let Some(name) = parts.extensions.get::<UserName>() {
        name.set(&claims.username);
    }
    claims
}
