//! Extractors that authenticate a request. A handler that lists one of these types runs only if the token allows it.
//!
//! [`TodoReader`] and [`TodoWriter`] also accept a personal access token with the scope. All other types require a session,
//! so that a token with scopes can never be exchanged for more.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;

use super::credential::{Credential, Grant, TokenScope};
use super::operations::Auth;
use super::token::{Claims, Role, TokenKind};
use crate::error::{Error, TokenRejection};
use crate::http::access_log::UserName;
use crate::http::body::{IgnoredBody, optional_json};
use crate::http::client::ClientKey;
use crate::http::client_address::{ClientAddress, Network};
use crate::http::fields::{Fields, FromFields};

/// In the extensions of a request: its bearer token, as far as it can be checked without the database.
#[derive(Clone)]
struct BearerToken(Result<Claims, TokenRejection>);

/// In the extensions of a request with a personal access token: what the token allows, or why it is refused.
#[derive(Clone)]
pub struct AccessTokenGrant(pub Result<Arc<Grant>, Error>);

/// Verifies the bearer token without the database, for the extractors below, and puts the [`ClientKey`] into the
/// extensions of the request. Not for a personal access token: see [`crate::access_tokens::extract`].
pub fn identify(auth: &Auth, request: &mut Request) -> ClientKey {
    let verified = bearer(request.headers()).and_then(|token| auth.verify(token));
    let client = match &verified {
        // Otherwise the thief of a revoked token could use up the share of its user.
        Ok(claims) if !auth.is_known_revoked(claims) => ClientKey::User(claims.sub),
        _ => address_key(request),
    };
    request.extensions_mut().insert(BearerToken(verified));
    request.extensions_mut().insert(client);
    client
}

pub fn address_key(request: &Request) -> ClientKey {
    let address = request.extensions().get::<ClientAddress>();
    ClientKey::Address(address.map_or(Network::Unknown, |address| address.network()))
}

/// The caller of a route that reads todos, lists or tags.
pub struct TodoReader(pub Credential);

/// The caller of a route that changes todos, lists or tags.
pub struct TodoWriter(pub Credential);

pub struct CurrentUser(pub Claims);

/// Requires a token that a login or a change of password issued. A refresh never issues one.
pub struct FreshUser(pub Claims);

pub struct RefreshToken(pub Claims);

/// Also accepts a token after a logout that was answered 503, so that the client can repeat the logout.
pub struct LogoutToken(pub Claims);

/// Like [`LogoutToken`], and also accepts the refresh token, expired tokens and revoked tokens. `None` if the session is
/// over already.
pub struct SessionToEnd(pub Option<Claims>);

/// The refresh token in the body, or in the header if there is none in the body.
pub struct SentRefreshToken(pub Claims);

struct RefreshBody(Option<String>);

impl FromFields for RefreshBody {
    fn take(input: &mut Fields) -> Option<Self> {
        Some(Self(input.optional_text("refresh_token").flatten()))
    }
}

impl CurrentUser {
    pub fn is_admin(&self) -> bool {
        self.0.roles.contains(&Role::Admin)
    }

    pub fn require_fresh(&self) -> Result<(), Error> {
        if self.0.fresh { Ok(()) } else { Err(Error::Token(TokenRejection::NotFresh)) }
    }
}

impl TodoReader {
    pub fn require(&self, scope: TokenScope) -> Result<(), Error> {
        if self.0.allows(scope) { Ok(()) } else { Err(Error::InsufficientScope(scope.name())) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TodoReader
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        authenticate_scoped(parts, state, TokenScope::TodosRead).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TodoWriter
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        authenticate_scoped(parts, state, TokenScope::TodosWrite).await.map(Self)
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
        let caller = CurrentUser::from_request_parts(parts, state).await?;
        caller.require_fresh()?;
        Ok(Self(caller.0))
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

impl<S: Send + Sync> FromRequestParts<S> for SessionToEnd
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let auth = Arc::<Auth>::from_ref(state);
        let claims = match verified(parts, &auth) {
            Err(Error::Token(TokenRejection::Expired)) => {
                let token = bearer(&parts.headers).map_err(Error::Token)?;
                auth.session_to_end_of_expired(token).await?
            }
            verified => auth.session_to_end(verified?)?,
        };
        Ok(Self(claims.map(|claims| log_caller(parts, claims))))
    }
}

impl<S: Send + Sync> FromRequest<S> for SentRefreshToken
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        // A body without a type has no meaning.
        if !parts.headers.contains_key(CONTENT_TYPE) {
            let claims = authenticate(&mut parts, state, TokenKind::Refresh).await?;
            return IgnoredBody::from_request(request, state).await.map(|_| Self(claims));
        }
        let sent = optional_json(request).await?;
        let Some(RefreshBody(Some(token))) = sent else {
            return authenticate(&mut parts, state, TokenKind::Refresh).await.map(Self);
        };
        // Many clients attach the access token to every request, so the header does not count here.
        let auth = Arc::<Auth>::from_ref(state);
        let claims = auth.verify(&token).map_err(Error::Token)?;
        Ok(Self(log_caller(&parts, auth.authenticate(claims, TokenKind::Refresh).await?)))
    }
}

pub(crate) async fn authenticate_scoped<S>(
    parts: &mut Parts,
    state: &S,
    needed: TokenScope,
) -> Result<Credential, Error>
where
    Arc<Auth>: FromRef<S>,
{
    let Some(grant) = access_token(parts) else {
        let claims = authenticate(parts, state, TokenKind::Access).await?;
        return Ok(Credential::Session(Box::new(claims)));
    };
    let grant = grant?;
    if !grant.allows(needed) {
        return Err(Error::InsufficientScope(needed.name()));
    }
    Ok(Credential::AccessToken(grant))
}

async fn authenticate<S>(parts: &mut Parts, state: &S, needed: TokenKind) -> Result<Claims, Error>
where
    Arc<Auth>: FromRef<S>,
{
    let auth = Arc::<Auth>::from_ref(state);
    let claims = auth.authenticate(verified(parts, &auth)?, needed).await?;
    Ok(log_caller(parts, claims))
}

fn authenticate_logout<S>(parts: &mut Parts, state: &S, accepted: &[TokenKind]) -> Result<Claims, Error>
where
    Arc<Auth>: FromRef<S>,
{
    let auth = Arc::<Auth>::from_ref(state);
    let claims = auth.authenticate_logout(verified(parts, &auth)?, accepted)?;
    Ok(log_caller(parts, claims))
}

/// `None` if the request has no personal access token.
fn access_token(parts: &Parts) -> Option<Result<Arc<Grant>, Error>> {
    let AccessTokenGrant(grant) = parts.extensions.get().cloned()?;
    if let Ok(grant) = &grant {
        log_name(parts, &grant.username);
    }
    Some(grant)
}

fn verified(parts: &mut Parts, auth: &Auth) -> Result<Claims, Error> {
    if let Some(grant) = access_token(parts) {
        return Err(grant.err().unwrap_or(Error::SessionRequired));
    }
    // Removed, because a copy would cost several allocations. A second extractor of the same request verifies again.
    let verified = match parts.extensions.remove::<BearerToken>() {
        Some(BearerToken(verified)) => verified,
        None => bearer(&parts.headers).and_then(|token| auth.verify(token)),
    };
    verified.map_err(Error::Token)
}

pub fn bearer(headers: &HeaderMap) -> Result<&str, TokenRejection> {
    // `Authorization` is not a list, so it must not occur twice (RFC 9110 §5.3).
    let mut headers = headers.get_all(AUTHORIZATION).iter().filter(|header| !header.is_empty());
    let first = headers.next().ok_or(TokenRejection::Missing)?;
    if headers.next().is_some() {
        return Err(TokenRejection::Invalid);
    }
    match first.to_str().ok().and_then(|text| text.split_once(' ')) {
        // The scheme is case-insensitive (RFC 9110 §11.1), and one or more spaces follow (§11.4).
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => Ok(token.trim_start_matches(' ')),
        _ => Err(TokenRejection::Invalid),
    }
}

pub(crate) fn log_caller(parts: &Parts, claims: Claims) -> Claims {
    log_name(parts, &claims.username);
    claims
}

pub(crate) fn log_name(parts: &Parts, username: &str) {
    if let Some(name) = parts.extensions.get::<UserName>() {
        name.set(username);
    }
}
