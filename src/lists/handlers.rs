//! The routes under `/v1/lists`. Must hold no rule: each says who may, does one act, and answers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use bson::oid::ObjectId;

use super::model::List;
use super::wire::{CountedList, ListPatch, Shown, WholeList};
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
use crate::owned::Conflict;
use crate::todos::hierarchy::Beside;
use crate::workspace::{Workspace, Workspaces};

/// `GET /v1/lists`
pub(crate) async fn list(
    State(planner): State<Arc<Workspaces>>,
    State(seals): State<Arc<Sealer>>,
    CurrentUser(caller): CurrentUser,
    params: Params,
) -> Result<Listing<CountedList>, Error> {
    let (Shown(states), page) = Page::read(params, &seals, caller.sub)?;
    let last = page.position(|bytes| serde_json::from_slice::<(String, ObjectId)>(bytes).ok())?;
    let plan = planner.of(caller.sub);
    let found = plan.lists(states, last.as_ref(), page.fetch()).await?;
    let open = plan.open_counts(&found).await?;
    let end = |list: &List| serde_json::to_vec(&(&list.position, list.id)).map_err(Error::internal);
    Ok(page.listing(found, end)?.map(|list| {
        let open = open.get(&list.id).copied().unwrap_or_default();
        CountedList::of(list, open)
    }))
}

/// `POST /v1/lists`
pub(crate) async fn create(
    State(planner): State<Arc<Workspaces>>,
    State(idempotency): State<Arc<Idempotency>>,
    CurrentUser(caller): CurrentUser,
    Creation { input: WholeList(input), attempt }: Creation<WholeList>,
) -> Result<impl IntoResponse, Error> {
    let plan = planner.of(caller.sub);
    let create = async |id| Ok(counted(&plan, plan.create_list(id, input).await?).await?.body);
    let outcome = idempotency.once(&caller.sub.to_hex(), attempt.as_ref(), create).await?;
    Ok((StatusCode::CREATED, [(LOCATION, location(outcome.target))], outcome))
}

/// `GET /v1/lists/{id}`
pub(crate) async fn get(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    if_none_match: IfNoneMatch,
) -> Result<impl IntoResponse, Error> {
    let plan = planner.of(caller.sub);
    let list = plan.list(known(id, Resource::List)?).await?;
    Ok(counted(&plan, list).await?.unless(&if_none_match))
}

/// `PUT /v1/lists/{id}`
pub(crate) async fn put(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    Preconditions(condition): Preconditions,
    JsonBody(WholeList(input)): JsonBody<WholeList>,
) -> Result<impl IntoResponse, Error> {
    let (id, plan) = (chosen(id)?, planner.of(caller.sub));
    let put = plan.put_list(id, input, &condition).await;
    let (is_new, put) = match put {
        Ok((list, is_new)) => (is_new, Ok(list)),
        Err(conflict) => (false, Err(conflict)),
    };
    let list = answer(&plan, put).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let made = is_new.then(|| [(LOCATION, location(id))]);
    Ok((status, made, list))
}

/// `PATCH /v1/lists/{id}`
pub(crate) async fn patch(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    Preconditions(condition): Preconditions,
    JsonBody(ListPatch(input)): JsonBody<ListPatch>,
) -> Result<WithEtag<CountedList>, Error> {
    let plan = planner.of(caller.sub);
    let changed = plan.change_list(known(id, Resource::List)?, input, &condition).await;
    answer(&plan, changed).await
}

/// `DELETE /v1/lists/{id}`
pub(crate) async fn delete(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    Preconditions(condition): Preconditions,
    params: Params,
) -> Result<StatusCode, Error> {
    let (id, Permanent(is_permanent)) = (known(id, Resource::List)?, params.read()?);
    let plan = planner.of(caller.sub);
    let gone = if is_permanent {
        plan.remove_list(id, &condition).await.map(|()| None)
    } else {
        plan.trash_list(id, &condition).await.map(Some)
    };
    if let Err(conflict) = gone {
        answer(&plan, Err(conflict)).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/lists/{id}/restore`
pub(crate) async fn restore(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    Preconditions(condition): Preconditions,
) -> Result<WithEtag<CountedList>, Error> {
    let plan = planner.of(caller.sub);
    let restored = plan.restore_list(known(id, Resource::List)?, &condition).await;
    answer(&plan, restored).await
}

/// `POST /v1/lists/{id}/move`
pub(crate) async fn move_to(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: IdPath,
    Preconditions(condition): Preconditions,
    JsonBody(beside): JsonBody<Option<Beside>>,
) -> Result<WithEtag<CountedList>, Error> {
    let plan = planner.of(caller.sub);
    let moved = plan.move_list(known(id, Resource::List)?, beside, &condition).await;
    answer(&plan, moved).await
}

/// What became of a list, on the wire.
async fn answer(
    plan: &Workspace<'_>,
    became: Result<List, Conflict<List>>,
) -> Result<WithEtag<CountedList>, Error> {
    match became {
        Ok(list) => counted(plan, list).await,
        Err(Conflict::Stale(Some(current))) => Err(counted(plan, *current).await?.mismatch()),
        Err(conflict) => Err(conflict.into()),
    }
}

async fn counted(plan: &Workspace<'_>, list: List) -> Result<WithEtag<CountedList>, Error> {
    let open = plan.open_counts(std::slice::from_ref(&list)).await?;
    let open = open.get(&list.id).copied().unwrap_or_default();
    Ok(CountedList::of(list, open).versioned())
}

fn location(id: ObjectId) -> String {
    format!("/v1/lists/{id}")
}
