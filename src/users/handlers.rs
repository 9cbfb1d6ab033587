//! The routes under `/v1` for accounts and sessions.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::client_info::{Attempt, RegistrationAttempt};
use super::model::{NewUser, UserPatch};
use super::operations::{Accounts, ClientInfo};
use super::wire::{Login, PasswordChange, SessionsToEnd, UserBody};
use crate::auth::extract::{CurrentUser, FreshUser, SentRefreshToken, SessionToEnd};
use crate::auth::wire::{SessionBody, TokensBody};
use crate::crypto::random_id::RandomId;
use crate::error::{Error, Resource};
use crate::http::access_log::UserName;
use crate::http::body::JsonBody;
use crate::http::json::Json;
use crate::http::preconditions::{IfMatch, IfNoneMatch, WithEtag};
use crate::http::query::Params;
use crate::idempotency::extract::Creation;
use crate::idempotency::scope::Scope;
use crate::idempotency::store::Idempotency;

pub(crate) async fn register(
    State(accounts): State<Arc<Accounts>>,
    State(idempotency): State<Arc<Idempotency>>,
    RegistrationAttempt(client): RegistrationAttempt,
    Creation { input: new, attempt }: Creation<NewUser>,
) -> Result<impl IntoResponse, Error> {
    let create = async |id| Ok(WithEtag::from(accounts.create_with_id(id, new.clone(), &client).await?).body);
    let outcome = idempotency.create(Scope::Anonymous, attempt.as_ref(), create).await?;
    Ok((StatusCode::CREATED, [(LOCATION, "/v1/user")], outcome))
}

pub(crate) async fn login(
    State(accounts): State<Arc<Accounts>>,
    Attempt(mut client): Attempt,
    Extension(log): Extension<UserName>,
    JsonBody(Login { username, password, new_password, device }): JsonBody<Login>,
) -> Result<Json<TokensBody>, Error> {
    client.device = device;
    let (user, tokens) = accounts.login(&username, &password, new_password.as_ref(), true, &client).await?;
    log.set(&user.username);
    Ok(Json(tokens.into()))
}

pub(crate) async fn refresh(
    State(accounts): State<Arc<Accounts>>,
    client: ClientInfo,
    SentRefreshToken(claims): SentRefreshToken,
) -> Result<Json<TokensBody>, Error> {
    let tokens = accounts.refresh(&claims, &client).await?;
    Ok(Json(tokens.into()))
}

pub(crate) async fn logout(
    State(accounts): State<Arc<Accounts>>,
    client: ClientInfo,
    SessionToEnd(claims): SessionToEnd,
) -> Result<StatusCode, Error> {
    if let Some(claims) = claims {
        accounts.log_out(&claims, &client).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn sessions(
    State(accounts): State<Arc<Accounts>>,
    CurrentUser(caller): CurrentUser,
) -> Result<Json<Value>, Error> {
    let sessions = accounts.sessions(&caller).await?;
    let items: Vec<_> = sessions.into_iter().map(|session| SessionBody::of(session, caller.sid)).collect();
    Ok(Json(json!({ "items": items, "next_cursor": null })))
}

pub(crate) async fn end_session(
    State(accounts): State<Arc<Accounts>>,
    client: ClientInfo,
    CurrentUser(caller): CurrentUser,
    id: Result<Path<RandomId>, PathRejection>,
) -> Result<StatusCode, Error> {
    let Path(id) = id.map_err(|_| Error::NotFound(Resource::Session))?;
    accounts.end_session(&caller, id, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn end_sessions(
    State(accounts): State<Arc<Accounts>>,
    client: ClientInfo,
    CurrentUser(caller): CurrentUser,
    params: Params,
) -> Result<Response, Error> {
    let SessionsToEnd { except_current } =
        params.read().map_err(|_| Error::Invalid(vec![SessionsToEnd::violation()]))?;
    if except_current {
        let tokens = accounts.end_other_sessions(&caller, &client).await?;
        return Ok(Json(TokensBody::from(tokens)).into_response());
    }
    accounts.end_sessions(&caller, &client).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn get(
    State(accounts): State<Arc<Accounts>>,
    CurrentUser(caller): CurrentUser,
    known: IfNoneMatch,
) -> Result<impl IntoResponse, Error> {
    let user = accounts.get(caller.sub).await?;
    Ok(WithEtag::from(user).unless(&known))
}

pub(crate) async fn patch(
    State(accounts): State<Arc<Accounts>>,
    CurrentUser(caller): CurrentUser,
    IfMatch(versions): IfMatch,
    JsonBody(patch): JsonBody<UserPatch>,
) -> Result<WithEtag<UserBody>, Error> {
    Ok(accounts.patch(caller.sub, patch, versions).await?.into())
}

pub(crate) async fn change_password(
    State(accounts): State<Arc<Accounts>>,
    CurrentUser(caller): CurrentUser,
    Attempt(client): Attempt,
    JsonBody(PasswordChange { current, new, end_tokens }): JsonBody<PasswordChange>,
) -> Result<Json<TokensBody>, Error> {
    let tokens = accounts.change_password(&caller, &current, &new, end_tokens, &client).await?;
    Ok(Json(tokens.into()))
}

pub(crate) async fn delete(
    State(accounts): State<Arc<Accounts>>,
    client: ClientInfo,
    FreshUser(caller): FreshUser,
) -> Result<StatusCode, Error> {
    let user = accounts.require_live_caller(&caller).await?;
    accounts.delete(&user, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}
