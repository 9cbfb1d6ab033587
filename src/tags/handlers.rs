//! The routes under `/v1/tags`, and those that link tags to todos. Must hold no rule: each says who may, does one act,
//! and answers.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use bson::oid::ObjectId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::operations::Tag;
use crate::auth::extract::CurrentUser;
use crate::crypto::sealed::Sealer;
use crate::error::{Error, Resource};
use crate::http::body::JsonBody;
use crate::http::fields::{Fields, FromFields};
use crate::http::json::Json;
use crate::http::pagination::{Listing, Page};
use crate::http::preconditions::{Preconditions, WithEtag};
use crate::http::query::Params;
use crate::mongo::object_id;
use crate::owned::text;
use crate::todos::wire::TodoBody;
use crate::workspace::Workspaces;

/// A tag.
#[derive(Serialize, ToSchema)]
#[schema(as = Tag)]
pub(crate) struct TagBody {
    name: String,
    open_count: i64,
    total_count: i64,
}

impl From<Tag> for TagBody {
    fn from(tag: Tag) -> Self {
        Self { name: tag.name, open_count: tag.open, total_count: tag.total }
    }
}

/// The new name of a tag.
pub(crate) struct Renaming(String);

impl FromFields for Renaming {
    fn take(input: &mut Fields) -> Option<Self> {
        let name = input.text("name")?;
        input.check(text::tag(&name), || text::not_a_tag("name")).map(Self)
    }
}

/// A todo and a tag in a path.
#[derive(Deserialize)]
pub(crate) struct Link {
    id: String,
    tag: String,
}

type TagPath = Result<Path<String>, PathRejection>;
type LinkPath = Result<Path<Link>, PathRejection>;

/// `GET /v1/tags`
pub(crate) async fn list(
    State(planner): State<Arc<Workspaces>>,
    State(seals): State<Arc<Sealer>>,
    CurrentUser(caller): CurrentUser,
    params: Params,
) -> Result<Listing<TagBody>, Error> {
    let ((), page) = Page::read(params, &seals, caller.sub)?;
    let last = page.position(|bytes| String::from_utf8(bytes.to_vec()).ok())?;
    let found = planner.of(caller.sub).tags(last.as_deref(), page.fetch()).await?;
    Ok(page.listing(found, |tag| Ok(tag.name.clone().into_bytes()))?.map(TagBody::from))
}

/// `PATCH /v1/tags/{tag}`
pub(crate) async fn rename(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    tag: TagPath,
    JsonBody(Renaming(name)): JsonBody<Renaming>,
) -> Result<Json<TagBody>, Error> {
    let renamed = planner.of(caller.sub).rename_tag(&known(tag)?, &name).await?;
    Ok(Json(renamed.into()))
}

/// `DELETE /v1/tags/{tag}`
pub(crate) async fn delete(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    tag: TagPath,
) -> Result<StatusCode, Error> {
    planner.of(caller.sub).remove_tag(&known(tag)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /v1/todos/{id}/tags/{tag}`
pub(crate) async fn link(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    path: LinkPath,
    Preconditions(condition): Preconditions,
) -> Result<WithEtag<TodoBody>, Error> {
    let (id, tag) = linked(path)?;
    let tag = text::tag(&tag).ok_or_else(|| Error::Invalid(vec![text::not_a_tag("tag")]))?;
    Ok(planner.of(caller.sub).tag(id, &tag, true, &condition).await?.into())
}

/// `DELETE /v1/todos/{id}/tags/{tag}`
pub(crate) async fn unlink(
    State(planner): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    path: LinkPath,
    Preconditions(condition): Preconditions,
) -> Result<WithEtag<TodoBody>, Error> {
    let (id, tag) = linked(path)?;
    let tag = text::tag(&tag).unwrap_or(tag);
    Ok(planner.of(caller.sub).tag(id, &tag, false, &condition).await?.into())
}

/// The todo of a path, and the tag as it was written.
fn linked(path: LinkPath) -> Result<(ObjectId, String), Error> {
    let Path(Link { id, tag }) = path.map_err(|_| Error::NotFound(Resource::Todo))?;
    let id = object_id::parse(&id).ok_or(Error::NotFound(Resource::Todo))?;
    Ok((id, tag))
}

/// The tag of a path; what can be none is on no todo.
fn known(tag: TagPath) -> Result<String, Error> {
    tag.ok().and_then(|Path(tag)| text::tag(&tag)).ok_or(Error::NotFound(Resource::Tag))
}
