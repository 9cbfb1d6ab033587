//! The routes `/v1/sync` and `/v1/events`.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bson::oid::ObjectId;

use super::batch::Batch;
use super::event_stream::{EventSources, EventStream, PING};
use super::token::SyncToken;
use super::wire::{ChangesBody, SyncBody, SyncRequest, invalid_token};
use crate::auth::credential::TokenScope;
use crate::auth::extract::TodoReader;
use crate::crypto::random_id::RandomId;
use crate::error::Error;
use crate::http::admission::Slot;
use crate::http::body::JsonBody;
use crate::http::json::Json;
use crate::http::pagination::PAGE_BYTES_MAX;
use crate::http::query::Params;
use crate::idempotency::store::Idempotency;

pub const LAST_EVENT_ID: &str = "lastEventId";

// Makes proxies, for example nginx, pass on each event at once.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

pub(crate) async fn sync(
    State(sources): State<EventSources>,
    State(idempotency): State<Arc<Idempotency>>,
    caller: TodoReader,
    slot: Option<Extension<Slot>>,
    JsonBody(SyncRequest { token, limit, commands }): JsonBody<SyncRequest>,
) -> Result<Response, Error> {
    if !commands.is_empty() {
        caller.require(TokenScope::TodosWrite)?;
    }
    let caller = caller.0.user_id();
    let lineage = sources.hub.lineage().await?;
    let since = open(&sources, caller, lineage, token.as_deref(), "/token")?;
    let slot = slot.map(|Extension(slot)| slot);
    let batch = Batch { workspaces: &sources.workspaces, idempotency: &idempotency, caller, slot };
    let results = batch.results_of(commands).await?;
    // The page and the results share the size of a page.
    let room = PAGE_BYTES_MAX.saturating_sub(results.iter().map(|result| result.get().len()).sum());
    let page = sources.workspaces.of(caller).changes(since, limit, room).await?;
    let token = page.token.seal(&sources.seals, caller, lineage)?;
    let changes = ChangesBody(&page.changes);
    Ok(Json(SyncBody { token, has_more: page.has_more, full: page.full, changes, results }).into_response())
}

pub(crate) async fn events(
    State(sources): State<EventSources>,
    TodoReader(caller): TodoReader,
    headers: HeaderMap,
    params: Params,
) -> Result<impl IntoResponse, Error> {
    let lineage = sources.hub.lineage().await?;
    let LastEventId { id, pointer } = LastEventId::read(&headers, params)?;
    let token = open(&sources, caller.user_id(), lineage, id.as_deref(), pointer)?;
    let events = EventStream::open(sources, caller, lineage, token).await?.into_stream();
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(PING).text("ping"));
    Ok(([(CACHE_CONTROL, "no-store, no-transform"), UNBUFFERED], events))
}

/// Where a stream resumes, and where the client has sent it.
struct LastEventId {
    id: Option<String>,
    pointer: &'static str,
}

impl LastEventId {
    fn read(headers: &HeaderMap, mut params: Params) -> Result<Self, Error> {
        let header = headers.get("last-event-id").filter(|id| !id.is_empty());
        let header = header.map(|id| id.to_str().map_err(|_| invalid_token("")));
        // Named as `event-source-polyfill` sends it. It is always optional, so a repetition is the only violation.
        let parameter = params.take(LAST_EVENT_ID).filter(|id| !id.is_empty());
        params.finish(Some(()))?;
        // A browser repeats the parameter of the first request in every further one, so the header is newer.
        Ok(match header.transpose()? {
            Some(header) => Self { id: Some(header.to_owned()), pointer: "" },
            None => Self { id: parameter, pointer: "/lastEventId" },
        })
    }
}

/// `pointer` says where the client sent the token.
fn open(
    sources: &EventSources,
    caller: ObjectId,
    lineage: Option<RandomId>,
    token: Option<&str>,
    pointer: &str,
) -> Result<Option<SyncToken>, Error> {
    let Some(token) = token else { return Ok(None) };
    let opened = SyncToken::open(&sources.seals, caller, lineage, token, sources.workspaces.now())?;
    opened.ok_or_else(|| invalid_token(pointer)).map(Some)
}
