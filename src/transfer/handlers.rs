//! The routes of exports and imports. They take the tokens of sessions only, because they read and write everything.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};

use super::export::HELD_MAX;
use super::model::ImportState;
use super::operations::{Transfers, Wanted};
use super::wire::{Asked, ImportBody, ImportedBody, ImportsBody};
use crate::auth::extract::CurrentUser;
use crate::clock::rfc3339;
use crate::error::Error;
use crate::http::answer_bytes::StreamBytes;
use crate::http::body::{BodyLimit, RawBody};
use crate::http::json::Json;
use crate::http::path::ImportId;
use crate::http::query::Params;
use crate::http::streamed::streamed;

/// The size of a file to import, in bytes. Larger files can be sent in a zip archive.
pub const IMPORT_LIMIT: usize = 16 * 1024 * 1024;
/// Files to import that are in memory, in bytes. A user who holds nothing gets half of what the others leave free, so two
/// large files and several small ones fit.
pub const UPLOADS_MAX: usize = 48 * 1024 * 1024;
pub const UPLOAD: BodyLimit = BodyLimit { size: IMPORT_LIMIT, time: Duration::from_mins(1) };
/// For an import with its upload.
pub const IMPORT_DEADLINE: Duration = Duration::from_secs(75);

pub(crate) async fn export(
    State(transfers): State<Arc<Transfers>>,
    CurrentUser(caller): CurrentUser,
    params: Params,
) -> Result<impl IntoResponse, Error> {
    let Asked(rendering) = params.read()?;
    let (account, append, parts) = transfers.export(caller.sub, rendering).await?;
    let day: String = rfc3339(account.exported_at).to_string().chars().take(10).collect();
    let name = format!("attachment; filename=\"todo-api-{day}.{}\"", rendering.extension);
    let body = streamed((rendering.head)(account)?, parts, append, rendering.tail);
    Ok((
        Extension(StreamBytes(HELD_MAX)),
        [(CONTENT_TYPE, rendering.media_type.to_owned()), (CONTENT_DISPOSITION, name)],
        body,
    ))
}

pub(crate) async fn import(
    State(transfers): State<Arc<Transfers>>,
    CurrentUser(caller): CurrentUser,
    params: Params,
    RawBody(file): RawBody,
) -> Result<Response, Error> {
    let wanted: Wanted = params.read()?;
    let imported = transfers.import(caller.sub, file, wanted).await?;
    let location = format!("/v1/imports/{}", imported.import.id);
    let is_running = imported.import.state == ImportState::Running;
    let body = Json(ImportedBody::from(imported));
    if is_running {
        return Ok((StatusCode::ACCEPTED, [(LOCATION, location)], body).into_response());
    }
    Ok(body.into_response())
}

pub(crate) async fn all(
    State(transfers): State<Arc<Transfers>>,
    CurrentUser(caller): CurrentUser,
) -> Result<Json<ImportsBody>, Error> {
    Ok(Json(transfers.all(caller.sub).await?.into()))
}

pub(crate) async fn progress(
    State(transfers): State<Arc<Transfers>>,
    CurrentUser(caller): CurrentUser,
    ImportId(id): ImportId,
) -> Result<Json<ImportBody>, Error> {
    Ok(Json(transfers.progress(caller.sub, id).await?.into()))
}

pub(crate) async fn undo(
    State(transfers): State<Arc<Transfers>>,
    CurrentUser(caller): CurrentUser,
    ImportId(id): ImportId,
) -> Result<Json<ImportBody>, Error> {
    Ok(Json(transfers.undo(caller.sub, id).await?.into()))
}
