//! The routes under `/v1/lists`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use bson::oid::ObjectId;

use super::model::List;
use super::wire::{CountedList, ListPatch, Shown, WholeList};
use crate::crypto::sealed::Sealer;
use crate::error::Error;
use crate::http::body::JsonBody;
use crate::http::pagination::{Listing, Page};
use crate::http::path::{ChosenId, PathId, Permanent};
use crate::http::polling::Polling;
use crate::http::preconditions::{IfNoneMatch, Preconditions, WithEtag};
use crate::http::query::Params;
use crate::idempotency::extract::Creation;
use crate::idempotency::scope::Scope;
use crate::idempotency::store::Idempotency;
use crate::owned::{self, Conflict};
use crate::todos::hierarchy::Beside;
use crate::workspace::Workspace;
use crate::workspace::extract::{ToRead, ToWrite};

pub(crate) async fn list(
    ToRead(workspace): ToRead,
    State(sealer): State<Arc<Sealer>>,
    polling: Polling,
    params: Params,
) -> Result<Response, Error> {
    let (Shown(states), page) = Page::read(params, &sealer, workspace.owner_id)?;
    let last = page.position(|bytes| serde_json::from_slice::<(String, ObjectId)>(bytes).ok())?;
    let page = read_page(&workspace, states, page, last.as_ref());
    polling.respond(workspace.owner_id, workspace.now, || workspace.list_page_state(), page).await
}

async fn read_page(
    workspace: &Workspace,
    states: &[owned::State],
    page: Page<'_>,
    last: Option<&(String, ObjectId)>,
) -> Result<Listing, Error> {
    let found = workspace.list_page(states, last, page.fetch()).await?;
    let counts = workspace.open_counts(&found).await?;
    let sort_key = |list: &List| serde_json::to_vec(&(&list.position, list.id)).map_err(Error::internal);
    let keys = found.iter().map(sort_key).collect::<Result<Vec<_>, _>>()?;
    let bodies = found.into_iter().map(|list| CountedList::of(list, &counts));
    page.listing_of(keys.into_iter().zip(bodies), false)
}

pub(crate) async fn create(
    ToWrite(workspace): ToWrite,
    State(idempotency): State<Arc<Idempotency>>,
    Creation { input: WholeList(input), attempt }: Creation<WholeList>,
) -> Result<impl IntoResponse, Error> {
    let create =
        async |id| Ok(counted(&workspace, workspace.create_list(id, input.clone()).await?).await?.body);
    let outcome = idempotency.create(Scope::User(workspace.owner_id), attempt.as_ref(), create).await?;
    Ok((StatusCode::CREATED, [(LOCATION, location(outcome.target))], outcome))
}

pub(crate) async fn get(
    ToRead(workspace): ToRead,
    PathId(id, ..): PathId<List>,
    if_none_match: IfNoneMatch,
) -> Result<impl IntoResponse, Error> {
    let list = workspace.list(id).await?;
    Ok(counted(&workspace, list).await?.unless(&if_none_match))
}

pub(crate) async fn put(
    ToWrite(workspace): ToWrite,
    ChosenId(id): ChosenId,
    Preconditions(precondition): Preconditions,
    JsonBody(WholeList(input)): JsonBody<WholeList>,
) -> Result<impl IntoResponse, Error> {
    let put = workspace.put_list(id, input, &precondition).await;
    let is_new = put.as_ref().is_ok_and(|(_, is_new)| *is_new);
    let list = respond(&workspace, put.map(|(list, _)| list)).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, is_new.then(|| [(LOCATION, location(id))]), list))
}

pub(crate) async fn patch(
    ToWrite(workspace): ToWrite,
    PathId(id, ..): PathId<List>,
    Preconditions(precondition): Preconditions,
    JsonBody(ListPatch(input)): JsonBody<ListPatch>,
) -> Result<WithEtag<CountedList>, Error> {
    respond(&workspace, workspace.change_list(id, input, &precondition).await).await
}

pub(crate) async fn delete(
    ToWrite(workspace): ToWrite,
    PathId(id, ..): PathId<List>,
    Preconditions(precondition): Preconditions,
    params: Params,
) -> Result<StatusCode, Error> {
    let Permanent(is_permanent) = params.read()?;
    let deleted = if is_permanent {
        workspace.remove_list(id, &precondition).await
    } else {
        workspace.trash_list(id, &precondition).await.map(|_| ())
    };
    if let Err(conflict) = deleted {
        return Err(mismatch(&workspace, conflict).await);
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn restore(
    ToWrite(workspace): ToWrite,
    PathId(id, ..): PathId<List>,
    Preconditions(precondition): Preconditions,
) -> Result<WithEtag<CountedList>, Error> {
    respond(&workspace, workspace.restore_list(id, &precondition).await).await
}

pub(crate) async fn move_to(
    ToWrite(workspace): ToWrite,
    PathId(id, ..): PathId<List>,
    Preconditions(precondition): Preconditions,
    JsonBody(beside): JsonBody<Option<Beside>>,
) -> Result<WithEtag<CountedList>, Error> {
    respond(&workspace, workspace.move_list(id, beside, &precondition).await).await
}

async fn respond(
    workspace: &Workspace,
    changed: Result<List, Conflict<List>>,
) -> Result<WithEtag<CountedList>, Error> {
    match changed {
        Ok(list) => counted(workspace, list).await,
        Err(conflict) => Err(mismatch(workspace, conflict).await),
    }
}

/// The error for a conflict, with the current list as a response would show it.
async fn mismatch(workspace: &Workspace, conflict: Conflict<List>) -> Error {
    let Conflict::Stale(Some(current)) = conflict else { return conflict.into() };
    counted(workspace, *current).await.map_or_else(|error| error, WithEtag::mismatch)
}

async fn counted(workspace: &Workspace, list: List) -> Result<WithEtag<CountedList>, Error> {
    let counts = workspace.open_counts(std::slice::from_ref(&list)).await?;
    Ok(CountedList::of(list, &counts).versioned())
}

fn location(id: ObjectId) -> String {
    format!("/v1/lists/{id}")
}
