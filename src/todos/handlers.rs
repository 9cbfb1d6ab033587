//! The routes under `/v1/todos`. Must hold no rule: each says who may, does one act, and answers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use bson::oid::ObjectId;

use super::hierarchy::Move;
use super::query::{SortKey, TodoQuery};
use super::wire::{TodoBody, TodoPatch, WholeTodo};
use crate::auth::extract::CurrentUser;
use crate::crypto::sealed::Sealer;
use crate::error::{Error, Resource};
use crate::http::body::JsonBody;
use crate::http::pagination::{Listing, Page};
use crate::http::path::{IdPath, Permanent, chosen, known};
use crate::http::preconditions::{IfNoneMatch, Preconditions, WithEtag};
use crate::http::query::Params;
use crate::idempotency::extract::Creation;
use crate::idempotency::store::Idempotency;
use crate::workspace::Workspaces;

/// `GET /v1/todos`
pub(crate) async fn list(
    State(planner): State<Arc<Workspaces>>,
    State(seals): State<Arc<Sealer>>,
    CurrentUser(caller): CurrentUser,
    params: Params,
) -> Result<Listing<TodoBody>, Error> {
    let (query, page) = Page::read::<TodoQuery>(params, &seals, caller.sub)?;
    let last = page.position(SortKey::read)?;
    let found = planner.of(caller.sub).page(&query, last.as_ref(), page.fetch()).await?;
    Ok(page.listing(found, |todo| query.last(todo).bytes())?.map(TodoBody::from))
}

/// `POST /v1/todos`
pub(crate) async fn create(
    State(planner): State<Arc<Workspaces>>,
    State(idempotency): State<Arc<Idempotency>>,
    CurrentUser(caller): CurrentUser,
    Creation { input: WholeTodo(input), attempt }: Creation<WholeTodo>,
) -> Result<impl IntoResponse, Error> {
    let create = async |id| Ok(TodoBody::from(planner.of(caller.sub).create(id, input).await?));
    let outcome = idempotency.once(&caller.sub.to_hex(), attempt.as_ref(), create).await?;
    Ok((StatusCode::CREATED, [(LOCATION, location(outcome.target))], outcome))
}

/// `GET /v1/todos/{id}`
pub(crate) async fn get(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    if_none_match: IfNoneMatch,
) -> Result<impl IntoResponse, Error> {
    let todo = planner.of(caller.sub).todo(known(id, Resource::Todo)?).await?;
    Ok(WithEtag::<TodoBody>::from(todo).unless(&if_none_match))
}

/// `PUT /v1/todos/{id}`
pub(crate) async fn put(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    Preconditions(condition): Preconditions,
    JsonBody(WholeTodo(input)): JsonBody<WholeTodo>,
) -> Result<impl IntoResponse, Error> {
    let id = chosen(id)?;
    let (todo, is_new) = planner.of(caller.sub).put(id, input, &condition).await?;
    let todo = WithEtag::<TodoBody>::from(todo);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let made = is_new.then(|| [(LOCATION, location(id))]);
    Ok((status, made, todo))
}

/// `PATCH /v1/todos/{id}`
pub(crate) async fn patch(
    State(planner): State<Arc<Workspaces>>,
    State(idempotency): State<Arc<Idempotency>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    Preconditions(condition): Preconditions,
    Creation { input: TodoPatch(input), attempt }: Creation<TodoPatch>,
) -> Result<impl IntoResponse, Error> {
    let id = known(id, Resource::Todo)?;
    let change = async |attempt| {
        let plan = planner.of(caller.sub).on_behalf_of(attempt);
        Ok(TodoBody::from(plan.change(id, input, &condition).await?))
    };
    idempotency.once(&caller.sub.to_hex(), attempt.as_ref(), change).await
}

/// `DELETE /v1/todos/{id}`
pub(crate) async fn delete(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    Preconditions(condition): Preconditions,
    params: Params,
) -> Result<StatusCode, Error> {
    let (id, Permanent(is_permanent)) = (known(id, Resource::Todo)?, params.read()?);
    let plan = planner.of(caller.sub);
    if is_permanent {
        plan.remove(id, &condition).await?;
    } else {
        plan.trash(id, &condition).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/todos/{id}/restore`
pub(crate) async fn restore(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    Preconditions(condition): Preconditions,
) -> Result<WithEtag<TodoBody>, Error> {
    let id = known(id, Resource::Todo)?;
    Ok(planner.of(caller.sub).restore(id, &condition).await?.into())
}

/// `POST /v1/todos/{id}/move`
pub(crate) async fn move_to(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    Preconditions(condition): Preconditions,
    JsonBody(wanted): JsonBody<Move>,
) -> Result<WithEtag<TodoBody>, Error> {
    let id = known(id, Resource::Todo)?;
    Ok(planner.of(caller.sub).move_todo(id, &wanted, &condition).await?.into())
}

fn location(id: ObjectId) -> String {
    format!("/v1/todos/{id}")
}
