//! The routes under `/v1/todos`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use bson::oid::ObjectId;

use super::hierarchy::Move;
use super::model::Todo;
use super::query::TodoQuery;
use super::sort_order::SortKey;
use super::wire::{TodoBody, TodoPatch, WholeTodo};
use crate::crypto::sealed::Sealer;
use crate::error::Error;
use crate::http::body::JsonBody;
use crate::http::pagination::{Listing, Page};
use crate::http::path::{ChosenId, PathId, Permanent};
use crate::http::polling::Polling;
use crate::http::preconditions::{IfNoneMatch, Preconditions, WithEtag};
use crate::http::query::Params;
use crate::idempotency::extract::{Creation, Repeatable};
use crate::idempotency::scope::Scope;
use crate::idempotency::store::Idempotency;
use crate::workspace::Workspace;
use crate::workspace::extract::{ToRead, ToWrite};

pub(crate) async fn list(
    ToRead(workspace): ToRead,
    State(sealer): State<Arc<Sealer>>,
    polling: Polling,
    params: Params,
) -> Result<Response, Error> {
    let (query, page) = Page::read::<TodoQuery>(params, &sealer, workspace.owner_id)?;
    let last = page.position(|bytes| query.sort.read_key(bytes))?;
    let state = || workspace.todo_page_state(&query);
    let page = read_page(&workspace, &query, page, last.as_ref());
    polling.respond(workspace.owner_id, workspace.now, state, page).await
}

async fn read_page(
    workspace: &Workspace,
    query: &TodoQuery,
    page: Page<'_>,
    last: Option<&SortKey>,
) -> Result<Listing, Error> {
    let mut items = page.items();
    let take = |todo| items.push(&TodoBody::from(todo));
    let last = workspace.todo_page(query, last, page.fetch(), take).await?;
    page.listing(items, last.map(|last| last.bytes()).transpose()?)
}

pub(crate) async fn create(
    ToWrite(workspace): ToWrite,
    State(idempotency): State<Arc<Idempotency>>,
    Creation { input: WholeTodo(input), attempt }: Creation<WholeTodo>,
) -> Result<impl IntoResponse, Error> {
    let create = async |id| Ok(TodoBody::from(workspace.create_todo(id, input.clone()).await?));
    let outcome = idempotency.create(Scope::User(workspace.owner_id), attempt.as_ref(), create).await?;
    Ok((StatusCode::CREATED, [(LOCATION, location(outcome.target))], outcome))
}

pub(crate) async fn get(
    ToRead(workspace): ToRead,
    PathId(id, ..): PathId<Todo>,
    if_none_match: IfNoneMatch,
) -> Result<impl IntoResponse, Error> {
    Ok(WithEtag::<TodoBody>::from(workspace.todo(id).await?).unless(&if_none_match))
}

pub(crate) async fn put(
    ToWrite(workspace): ToWrite,
    ChosenId(id): ChosenId,
    Preconditions(precondition): Preconditions,
    JsonBody(WholeTodo(input)): JsonBody<WholeTodo>,
) -> Result<impl IntoResponse, Error> {
    let (todo, is_new) = workspace.put_todo(id, input, &precondition).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, is_new.then(|| [(LOCATION, location(id))]), WithEtag::<TodoBody>::from(todo)))
}

pub(crate) async fn patch(
    ToWrite(workspace): ToWrite,
    State(idempotency): State<Arc<Idempotency>>,
    PathId(id, ..): PathId<Todo>,
    Preconditions(precondition): Preconditions,
    Creation { input: TodoPatch(input), attempt }: Creation<TodoPatch>,
) -> Result<impl IntoResponse, Error> {
    let scope = Scope::User(workspace.owner_id);
    let change = async |attempt| {
        // Completing a recurring todo advances it, so a repetition must be recognized by its id.
        let workspace = workspace.on_behalf_of(attempt);
        Ok(TodoBody::from(workspace.change_todo(id, input, &precondition).await?))
    };
    idempotency.once(scope, attempt.as_ref(), change).await
}

pub(crate) async fn delete(
    ToWrite(workspace): ToWrite,
    PathId(id, ..): PathId<Todo>,
    Preconditions(precondition): Preconditions,
    params: Params,
) -> Result<StatusCode, Error> {
    let Permanent(is_permanent) = params.read()?;
    if is_permanent {
        workspace.remove_todo(id, &precondition).await?;
    } else {
        workspace.trash_todo(id, &precondition).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn restore(
    ToWrite(workspace): ToWrite,
    PathId(id, ..): PathId<Todo>,
    Preconditions(precondition): Preconditions,
) -> Result<WithEtag<TodoBody>, Error> {
    Ok(workspace.restore_todo(id, &precondition).await?.into())
}

pub(crate) async fn skip(
    ToWrite(workspace): ToWrite,
    State(idempotency): State<Arc<Idempotency>>,
    PathId(id, ..): PathId<Todo>,
    Preconditions(precondition): Preconditions,
    Repeatable(attempt): Repeatable,
) -> Result<impl IntoResponse, Error> {
    let scope = Scope::User(workspace.owner_id);
    let skip = async |attempt| {
        let workspace = workspace.on_behalf_of(attempt);
        Ok(TodoBody::from(workspace.skip_todo(id, &precondition).await?))
    };
    idempotency.once(scope, attempt.as_ref(), skip).await
}

pub(crate) async fn undo(
    ToWrite(workspace): ToWrite,
    State(idempotency): State<Arc<Idempotency>>,
    PathId(id, ..): PathId<Todo>,
    Preconditions(precondition): Preconditions,
    Repeatable(attempt): Repeatable,
) -> Result<impl IntoResponse, Error> {
    let scope = Scope::User(workspace.owner_id);
    let undo = async |attempt| {
        let workspace = workspace.on_behalf_of(attempt);
        Ok(TodoBody::from(workspace.undo_todo(id, &precondition).await?))
    };
    idempotency.once(scope, attempt.as_ref(), undo).await
}

pub(crate) async fn move_to(
    ToWrite(workspace): ToWrite,
    PathId(id, ..): PathId<Todo>,
    Preconditions(precondition): Preconditions,
    JsonBody(wanted): JsonBody<Move>,
) -> Result<WithEtag<TodoBody>, Error> {
    Ok(workspace.move_todo(id, &wanted, &precondition).await?.into())
}

fn location(id: ObjectId) -> String {
    format!("/v1/todos/{id}")
}
