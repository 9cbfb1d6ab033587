//! The routes under `/v1/tags`, and the routes that link tags to todos.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::counts::Tag;
use crate::crypto::sealed::Sealer;
use crate::error::Error;
use crate::http::body::JsonBody;
use crate::http::fields::{Fields, FromFields};
use crate::http::json::Json;
use crate::http::pagination::{Listing, Page};
use crate::http::path::{PathId, TagText};
use crate::http::preconditions::{Preconditions, WithEtag};
use crate::http::query::Params;
use crate::owned::text::TAG;
use crate::todos::model::Todo;
use crate::todos::wire::TodoBody;
use crate::workspace::extract::{ToRead, ToWrite};

/// A tag with the number of todos that have it, not counting the trash.
#[derive(Serialize, ToSchema)]
#[schema(as = Tag)]
pub(crate) struct TagBody {
    /// The tag, as most todos spell it.
    name: String,
    /// How many open todos have the tag.
    open_count: i64,
    /// How many todos have the tag.
    total_count: i64,
}

impl From<Tag> for TagBody {
    fn from(tag: Tag) -> Self {
        Self { name: tag.name, open_count: tag.open, total_count: tag.total }
    }
}

pub(crate) struct Renaming(String);

impl FromFields for Renaming {
    fn take(input: &mut Fields) -> Option<Self> {
        input.required("name", &TAG).map(Self)
    }
}

pub(crate) async fn list(
    ToRead(workspace): ToRead,
    State(sealer): State<Arc<Sealer>>,
    params: Params,
) -> Result<Listing, Error> {
    let ((), page) = Page::read(params, &sealer, workspace.owner_id)?;
    let last = page.position(|bytes| String::from_utf8(bytes.to_vec()).ok())?;
    let (found, has_more) = workspace.tag_page(last.as_deref(), page.limit()).await?;
    let found = found.into_iter().map(|tag| (tag.key.clone().into_bytes(), TagBody::from(tag)));
    page.listing_of(found, has_more)
}

pub(crate) async fn rename(
    ToWrite(workspace): ToWrite,
    TagText(tag): TagText,
    JsonBody(Renaming(name)): JsonBody<Renaming>,
) -> Result<Json<TagBody>, Error> {
    Ok(Json(workspace.rename_tag(&tag, &name).await?.into()))
}

pub(crate) async fn delete(ToWrite(workspace): ToWrite, TagText(tag): TagText) -> Result<StatusCode, Error> {
    workspace.remove_tag(&tag).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn link(
    ToWrite(workspace): ToWrite,
    PathId(id, ..): PathId<Todo>,
    TagText(tag): TagText,
    Preconditions(precondition): Preconditions,
) -> Result<WithEtag<TodoBody>, Error> {
    let tag = TAG.read(&tag).ok_or_else(|| Error::Invalid(vec![TAG.violation("tag")]))?;
    Ok(workspace.set_tag(id, &tag, true, &precondition).await?.into())
}

pub(crate) async fn unlink(
    ToWrite(workspace): ToWrite,
    PathId(id, ..): PathId<Todo>,
    TagText(tag): TagText,
    Preconditions(precondition): Preconditions,
) -> Result<WithEtag<TodoBody>, Error> {
    // Any text, because stored tags may be older than the rules. Removing what is on no todo is a no-op.
    Ok(workspace.set_tag(id, &tag, false, &precondition).await?.into())
}
