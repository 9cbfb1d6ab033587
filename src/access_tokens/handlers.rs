//! The routes under `/v1/tokens`. They require a session, and ask the database whether it is alive.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::model::NewToken;
use super::operations::AccessTokens;
use super::wire::{AccessTokenBody, NewTokenBody};
use crate::auth::extract::{CurrentUser, FreshUser};
use crate::error::{Error, Resource};
use crate::http::json::Json;
use crate::idempotency::extract::Creation;
use crate::idempotency::scope::Scope;
use crate::idempotency::store::Idempotency;
use crate::idempotency::wire::replayed;
use crate::mongo::object_id;
use crate::users::operations::{Accounts, ClientInfo};

pub(crate) async fn list(
    State(accounts): State<Arc<Accounts>>,
    State(tokens): State<Arc<AccessTokens>>,
    CurrentUser(caller): CurrentUser,
) -> Result<Json<Value>, Error> {
    let user = accounts.require_live_caller(&caller).await?;
    let found = tokens.list(user.id).await?;
    let items: Vec<_> = found.into_iter().map(AccessTokenBody::from).collect();
    Ok(Json(json!({ "items": items, "next_cursor": null })))
}

pub(crate) async fn create(
    State(accounts): State<Arc<Accounts>>,
    State(tokens): State<Arc<AccessTokens>>,
    State(idempotency): State<Arc<Idempotency>>,
    client: ClientInfo,
    FreshUser(caller): FreshUser,
    Creation { input: new, attempt }: Creation<NewToken>,
) -> Result<impl IntoResponse, Error> {
    let user = accounts.require_live_caller(&caller).await?;
    let texts = tokens.texts(attempt.as_ref().map(|attempt| &*attempt.key));
    // The stored response does not have the text of the token.
    let create = async |id| {
        let token = tokens.create(&user, id, new.clone(), &texts.of(id), client.origin()).await?;
        Ok(AccessTokenBody::from(token))
    };
    let outcome = idempotency.create(Scope::User(user.id), attempt.as_ref(), create).await?;
    let body = NewTokenBody::of(&outcome.response, &texts.of(outcome.target))?;
    Ok((StatusCode::CREATED, replayed(&outcome), Json(body)))
}

pub(crate) async fn end(
    State(accounts): State<Arc<Accounts>>,
    State(tokens): State<Arc<AccessTokens>>,
    client: ClientInfo,
    FreshUser(caller): FreshUser,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Error> {
    let user = accounts.require_live_caller(&caller).await?;
    // A malformed id belongs to no token.
    let id = id.ok().and_then(|Path(id)| object_id::parse(&id));
    tokens.end(&user, id.ok_or(Error::NotFound(Resource::AccessToken))?, client.origin()).await?;
    Ok(StatusCode::NO_CONTENT)
}
