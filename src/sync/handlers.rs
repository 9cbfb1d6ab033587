//! The routes `/v1/sync` and `/v1/events`. Must hold no rule.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName};
use axum::response::IntoResponse;
use axum::response::sse::{KeepAlive, Sse};
use serde_json::value::RawValue;

use super::commands::Command;
use super::event_stream::{EventSources, EventStream, PING};
use super::token::SyncToken;
use super::wire::{ChangesBody, ResultBody, SyncBody, SyncRequest, invalid_token};
use crate::auth::extract::CurrentUser;
use crate::auth::token::Claims;
use crate::crypto::random_id::RandomId;
use crate::error::Error;
use crate::http::body::JsonBody;
use crate::http::json::Json;
use crate::idempotency::store::Idempotency;
use crate::workspace::Workspaces;

/// What proxies such as nginx are told, so that they pass events on as they come.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// `POST /v1/sync`
pub(crate) async fn sync(
    State(sources): State<EventSources>,
    State(idempotency): State<Arc<Idempotency>>,
    CurrentUser(caller): CurrentUser,
    JsonBody(SyncRequest { token, limit, commands }): JsonBody<SyncRequest>,
) -> Result<Json<SyncBody>, Error> {
    let (lineage, planner) = (sources.hub.lineage().await?, &sources.planner);
    let since = match token {
        Some(token) => Some(opened(&sources, &caller, lineage, &token, "/token")?),
        None => None,
    };
    let mut results = Vec::with_capacity(commands.len());
    for command in commands {
        results.push(result_of(planner, &idempotency, &caller, command).await?);
    }
    let page = planner.of(caller.sub).changes(since, limit).await?;
    Ok(Json(SyncBody {
        token: page.token.seal(&sources.seals, caller.sub, lineage)?,
        has_more: page.has_more,
        full: page.full,
        changes: ChangesBody(page.changes),
        results,
    }))
}

/// Does a command, or finds what it came to at first. What passes is no result: the whole request is to be repeated.
async fn result_of(
    planner: &Workspaces,
    idempotency: &Idempotency,
    caller: &Claims,
    Command { attempt, action }: Command,
) -> Result<Box<RawValue>, Error> {
    let run = async |target| {
        let plan = planner.of(caller.sub).on_behalf_of(target);
        let done = match action {
            Ok(action) => action.apply(&plan).await,
            Err(violations) => Err(Error::Invalid(violations)),
        };
        match done {
            Err(error @ (Error::Unavailable(_) | Error::Token(_))) => Err(error),
            done => {
                serde_json::value::to_raw_value(&ResultBody::of(&attempt.key, &done)).map_err(Error::internal)
            }
        }
    };
    let scope = format!("{}/sync", caller.sub);
    let outcome = idempotency.once(&scope, Some(&attempt), run).await;
    match outcome {
        Ok(outcome) => RawValue::from_string(outcome.answer).map_err(Error::internal),
        Err(error @ Error::IdempotencyKeyReused) => {
            let reused = Err(error);
            serde_json::value::to_raw_value(&ResultBody::of(&attempt.key, &reused)).map_err(Error::internal)
        }
        Err(error) => Err(error),
    }
}

/// `GET /v1/events`
pub(crate) async fn events(
    State(sources): State<EventSources>,
    CurrentUser(caller): CurrentUser,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Error> {
    let lineage = sources.hub.lineage().await?;
    let token = match headers.get("last-event-id").filter(|id| !id.is_empty()) {
        Some(id) => {
            let text = id.to_str().map_err(|_| invalid_token(""))?;
            Some(opened(&sources, &caller, lineage, text, "")?)
        }
        None => None,
    };
    let connection = EventStream::open(sources, caller, lineage, token).await?;
    let events = Sse::new(connection.into_stream()).keep_alive(KeepAlive::new().interval(PING).text("ping"));
    Ok(([(CACHE_CONTROL, "no-store"), UNBUFFERED], events))
}

fn opened(
    sources: &EventSources,
    caller: &Claims,
    lineage: Option<RandomId>,
    text: &str,
    pointer: &str,
) -> Result<SyncToken, Error> {
    let opened = SyncToken::open(&sources.seals, caller.sub, lineage, text, sources.planner.now())?;
    opened.ok_or_else(|| invalid_token(pointer))
}
