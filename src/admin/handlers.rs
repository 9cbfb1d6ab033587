//! The routes under `/v1/admin`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use bson::DateTime;
use bson::oid::ObjectId;
use serde_json::{Value, json};

use super::extract::{Admin, FreshAdmin};
use super::model::{GivenPassword, UserPosition, UserQuery};
use super::operations::Administration;
use super::wire::{AdminSessionBody, AdminUserBody, AuditEntryBody, Blocked, NewAccount};
use crate::access_tokens::wire::AccessTokenBody;
use crate::audit::store::AuditQuery;
use crate::crypto::sealed::Sealer;
use crate::error::Error;
use crate::http::body::JsonBody;
use crate::http::json::Json;
use crate::http::pagination::{Listing, Page};
use crate::http::path::{SessionOfUser, TokenOfUser, UserId};
use crate::http::preconditions::{IfMatch, IfNoneMatch, WithEtag};
use crate::http::query::Params;
use crate::idempotency::extract::Creation;
use crate::idempotency::scope::Scope;
use crate::idempotency::store::Idempotency;
use crate::owned::Conflict;
use crate::users::access::{AccessPatch, LastAdmin};
use crate::users::model::User;
use crate::users::operations::ClientInfo;

type Service = State<Arc<Administration>>;

pub(crate) async fn users(
    Admin(admin): Admin,
    State(service): Service,
    State(sealer): State<Arc<Sealer>>,
    params: Params,
) -> Result<Listing, Error> {
    let (query, page) = Page::read::<UserQuery>(params, &sealer, admin.user.id)?;
    let last = page.position(position)?;
    let found = service.users(&query, last.as_ref(), page.fetch()).await?;
    let keys = found.iter().map(|found| key(&found.user)).collect::<Result<Vec<_>, _>>()?;
    let bodies = found.into_iter().map(|found| WithEtag::<AdminUserBody>::from(found).body);
    page.listing_of(keys.into_iter().zip(bodies), false)
}

pub(crate) async fn create(
    FreshAdmin(admin): FreshAdmin,
    State(service): Service,
    State(idempotency): State<Arc<Idempotency>>,
    client: ClientInfo,
    Creation { input: NewAccount(new), attempt }: Creation<NewAccount>,
) -> Result<impl IntoResponse, Error> {
    let (scope, client) = (Scope::User(admin.user.id), admin.acting_from(client));
    let create = async |id| {
        let user = service.create(id, new.clone(), &client).await?;
        Ok(WithEtag::<AdminUserBody>::from(service.managed_one(user).await?).body)
    };
    let outcome = idempotency.create(scope, attempt.as_ref(), create).await?;
    Ok((StatusCode::CREATED, [(LOCATION, location(outcome.target))], outcome))
}

pub(crate) async fn get(
    _: Admin,
    State(service): Service,
    UserId(id): UserId,
    known: IfNoneMatch,
) -> Result<impl IntoResponse, Error> {
    Ok(WithEtag::<AdminUserBody>::from(service.user(id).await?).unless(&known))
}

pub(crate) async fn patch(
    FreshAdmin(admin): FreshAdmin,
    State(service): Service,
    UserId(id): UserId,
    IfMatch(versions): IfMatch,
    client: ClientInfo,
    JsonBody(patch): JsonBody<AccessPatch>,
) -> Result<WithEtag<AdminUserBody>, Error> {
    let client = admin.acting_from(client);
    let changed = service.set_access(id, &patch, versions.as_deref(), LastAdmin::Stays, &client).await;
    respond(&service, changed).await
}

pub(crate) async fn set_password(
    FreshAdmin(admin): FreshAdmin,
    State(service): Service,
    UserId(id): UserId,
    IfMatch(versions): IfMatch,
    client: ClientInfo,
    JsonBody(given): JsonBody<GivenPassword>,
) -> Result<WithEtag<AdminUserBody>, Error> {
    let client = admin.acting_from(client);
    let changed = service.set_password(id, &given, versions.as_deref(), &client).await;
    respond(&service, changed).await
}

pub(crate) async fn delete(
    FreshAdmin(admin): FreshAdmin,
    State(service): Service,
    UserId(id): UserId,
    IfMatch(versions): IfMatch,
    client: ClientInfo,
) -> Result<StatusCode, Error> {
    match service.delete(id, versions.as_deref(), &admin.acting_from(client)).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(conflict) => Err(mismatch(&service, conflict).await),
    }
}

pub(crate) async fn sessions(
    Admin(admin): Admin,
    State(service): Service,
    UserId(id): UserId,
) -> Result<Json<Value>, Error> {
    let sessions = service.sessions(id).await?.into_iter();
    let items: Vec<_> = sessions.map(|session| AdminSessionBody::of(session, admin.session_id)).collect();
    Ok(Json(json!({ "items": items, "next_cursor": null })))
}

pub(crate) async fn end_sessions(
    FreshAdmin(admin): FreshAdmin,
    State(service): Service,
    UserId(id): UserId,
    client: ClientInfo,
) -> Result<StatusCode, Error> {
    service.end_sessions(id, &admin.acting_from(client)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn end_session(
    FreshAdmin(admin): FreshAdmin,
    State(service): Service,
    SessionOfUser { user_id, sid }: SessionOfUser,
    client: ClientInfo,
) -> Result<StatusCode, Error> {
    service.end_session(user_id, sid, &admin.acting_from(client)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn block_session(
    FreshAdmin(admin): FreshAdmin,
    State(service): Service,
    SessionOfUser { user_id, sid }: SessionOfUser,
    client: ClientInfo,
    JsonBody(Blocked(blocked)): JsonBody<Blocked>,
) -> Result<Json<AdminSessionBody>, Error> {
    let session = service.set_blocked(user_id, sid, blocked, &admin.acting_from(client)).await?;
    Ok(Json(AdminSessionBody::of(session, admin.session_id)))
}

pub(crate) async fn tokens(
    _: Admin,
    State(service): Service,
    UserId(id): UserId,
) -> Result<Json<Value>, Error> {
    let items: Vec<_> = service.tokens(id).await?.into_iter().map(AccessTokenBody::from).collect();
    Ok(Json(json!({ "items": items, "next_cursor": null })))
}

pub(crate) async fn end_tokens(
    FreshAdmin(admin): FreshAdmin,
    State(service): Service,
    UserId(id): UserId,
    client: ClientInfo,
) -> Result<StatusCode, Error> {
    service.end_tokens(id, &admin.acting_from(client)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn end_token(
    FreshAdmin(admin): FreshAdmin,
    State(service): Service,
    TokenOfUser { user_id, token_id }: TokenOfUser,
    client: ClientInfo,
) -> Result<StatusCode, Error> {
    service.end_token(user_id, token_id, &admin.acting_from(client)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn audit(
    Admin(admin): Admin,
    State(service): Service,
    State(sealer): State<Arc<Sealer>>,
    params: Params,
) -> Result<Listing, Error> {
    let (query, page) = Page::read::<AuditQuery>(params, &sealer, admin.user.id)?;
    let last = page.position(|bytes| serde_json::from_slice::<(i64, ObjectId)>(bytes).ok())?;
    let last = last.map(|(millis, id)| (DateTime::from_millis(millis), id));
    let found = service.audit(&query, last, page.fetch()).await?;
    let key = |(millis, id): (i64, ObjectId)| serde_json::to_vec(&(millis, id)).map_err(Error::internal);
    let keys = found.iter().map(|entry| key((entry.at.timestamp_millis(), entry.id)));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    page.listing_of(keys.into_iter().zip(found.into_iter().map(AuditEntryBody::from)), false)
}

async fn respond(
    service: &Administration,
    changed: Result<User, Conflict<User>>,
) -> Result<WithEtag<AdminUserBody>, Error> {
    match changed {
        Ok(user) => Ok(service.managed_one(user).await?.into()),
        Err(conflict) => Err(mismatch(service, conflict).await),
    }
}

/// The error for a conflict, with the current user as a response would show it.
async fn mismatch(service: &Administration, conflict: Conflict<User>) -> Error {
    let Conflict::Stale(Some(current)) = conflict else { return conflict.into() };
    let current = service.managed_one(*current).await;
    current.map_or_else(|error| error, |current| WithEtag::<AdminUserBody>::from(current).mismatch())
}

fn location(id: ObjectId) -> String {
    format!("/v1/admin/users/{id}")
}

fn key(user: &User) -> Result<Vec<u8>, Error> {
    let key = (&user.username_key, user.created_at.timestamp_millis(), user.id);
    serde_json::to_vec(&key).map_err(Error::internal)
}

fn position(bytes: &[u8]) -> Option<UserPosition> {
    let (username_key, millis, id) = serde_json::from_slice(bytes).ok()?;
    Some(UserPosition { username_key, created_at: DateTime::from_millis(millis), id })
}
