//! The handlers of the original's eleven routes.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bson::oid::ObjectId;
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::wire::{self, Body, Credentials, Registration, TodoFields};
use crate::auth::extract::{CurrentUser, FreshUser, LogoutToken, RefreshToken};
use crate::error::{Error, Resource};
use crate::http::access_log::UserName;
use crate::http::body::IgnoredBody;
use crate::http::json::Json;
use crate::owned::{Conflict, Precondition};
use crate::todos::input::TodoInput;
use crate::todos::model::Todo;
use crate::todos::query::Deleted;
use crate::users::client_info::{Attempt, RegistrationAttempt};
use crate::users::model::User;
use crate::users::operations::{Accounts, ClientInfo};
use crate::workspace::Workspaces;

/// The variable part of a path. A segment that cannot be decoded counts as an unknown name, not as a bad request.
type Segment = Result<Path<String>, PathRejection>;

/// A todo of the original API. The id is in MongoDB's extended JSON, `{"$oid": "..."}`.
#[derive(Serialize, ToSchema)]
#[schema(as = OriginalTodo)]
pub(crate) struct TodoBody {
    _id: Oid,
    name: String,
    description: String,
    owner_id: String,
}

// The doc comments of the `ToSchema` types are descriptions in the API document.
/// A user of the original API.
#[derive(Serialize, ToSchema)]
#[schema(as = OriginalUser)]
pub(crate) struct UserBody {
    _id: Oid,
    username: String,
}

#[derive(Serialize, ToSchema)]
struct Oid {
    #[serde(rename = "$oid")]
    hex: String,
}

impl From<ObjectId> for Oid {
    fn from(id: ObjectId) -> Self {
        Self { hex: id.to_hex() }
    }
}

impl From<Todo> for TodoBody {
    fn from(todo: Todo) -> Self {
        let Todo { id, owner_id, name, description, .. } = todo;
        Self { _id: id.into(), name, description, owner_id: owner_id.to_hex() }
    }
}

impl From<TodoFields> for TodoInput {
    fn from(TodoFields { name, description }: TodoFields) -> Self {
        Self { name: Some(name), description: Some(description), ..Self::default() }
    }
}

/// `POST /register`
pub(crate) async fn register(
    State(accounts): State<Arc<Accounts>>,
    RegistrationAttempt(origin): RegistrationAttempt,
    Body(Registration(new)): Body<Registration>,
) -> Result<(StatusCode, Json<Value>), Error> {
    accounts.create(new, &origin).await?;
    Ok((StatusCode::CREATED, wire::message("User created successfully.")))
}

/// `POST /login`
pub(crate) async fn login(
    State(accounts): State<Arc<Accounts>>,
    Attempt(origin): Attempt,
    Extension(log): Extension<UserName>,
    Body(Credentials { username, password }): Body<Credentials>,
) -> Result<Json<Value>, Error> {
    let login = accounts.login(&username, &password, None, false, &origin).await;
    // A client of the original cannot send a new password.
    let (user, tokens) = login.map_err(|error| match error {
        Error::PasswordChangeRequired => Error::InvalidCredentials,
        error => error,
    })?;
    log.set(&user.username);
    Ok(Json(json!({ "access_token": tokens.access, "refresh_token": tokens.refresh })))
}

/// `POST /refresh`
pub(crate) async fn refresh(
    State(accounts): State<Arc<Accounts>>,
    RefreshToken(claims): RefreshToken,
    _: IgnoredBody,
) -> Result<Json<Value>, Error> {
    let tokens = accounts.refresh_unless_rotating(&claims).await?;
    Ok(Json(json!({ "access_token": tokens.access })))
}

/// `POST /logout`
pub(crate) async fn logout(
    State(accounts): State<Arc<Accounts>>,
    origin: ClientInfo,
    LogoutToken(claims): LogoutToken,
) -> Result<Json<Value>, Error> {
    accounts.log_out(&claims, &origin).await?;
    Ok(wire::message("Successfully logged out"))
}

/// `GET /user/{username}`
pub(crate) async fn get_user(
    State(accounts): State<Arc<Accounts>>,
    caller: CurrentUser,
    username: Segment,
) -> Result<Json<UserBody>, Error> {
    let user = accessible(&accounts, &caller, username).await?;
    Ok(Json(UserBody { _id: user.id.into(), username: user.username }))
}

/// `DELETE /user/{username}`
pub(crate) async fn delete_user(
    State(accounts): State<Arc<Accounts>>,
    origin: ClientInfo,
    caller: CurrentUser,
    username: Segment,
) -> Result<Json<Value>, Error> {
    accounts.require_live_caller(&caller.0).await?;
    let user = accessible(&accounts, &caller, username).await?;
    if user.id == caller.0.sub {
        caller.require_fresh()?;
        accounts.delete(&user, &origin).await?;
    } else {
        accounts.delete(&user, &origin.acting_as(&caller.0)).await?;
    }
    Ok(wire::message("User was deleted"))
}

async fn accessible(accounts: &Accounts, caller: &CurrentUser, username: Segment) -> Result<User, Error> {
    let (name, unknown) = (username.ok().map(|Path(name)| name), Error::NotFound(Resource::User));
    if caller.is_admin() {
        return accounts.find_by_name(&name.ok_or(unknown.clone())?).await?.ok_or(unknown);
    }
    // No look-up by name, so that the response to a name that is not the caller's does not reveal whether it exists.
    let own = accounts.get(caller.0.sub).await?;
    if name.is_some_and(|name| own.has_name(&name)) { Ok(own) } else { Err(Error::Forbidden) }
}

/// `POST /createtodo`
pub(crate) async fn create_todo(
    State(workspaces): State<Arc<Workspaces>>,
    FreshUser(caller): FreshUser,
    Body(fields): Body<TodoFields>,
) -> Result<(StatusCode, Json<TodoBody>), Error> {
    let todo = workspaces.of(caller.sub).create_todo_with_new_id(fields.into()).await?;
    Ok((StatusCode::CREATED, Json(todo.into())))
}

/// `GET /todo/{todo_id}`
pub(crate) async fn get_todo(
    State(workspaces): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
    id: Segment,
) -> Result<Json<TodoBody>, Error> {
    let todo = workspaces.of(caller.sub).live_todo(todo_id(id)?).await?;
    Ok(Json(todo.into()))
}

/// `PUT /todo/{todo_id}`
pub(crate) async fn replace_todo(
    State(workspaces): State<Arc<Workspaces>>,
    FreshUser(caller): FreshUser,
    id: Segment,
    Body(fields): Body<TodoFields>,
) -> Result<Json<TodoBody>, Error> {
    let todo = workspaces.of(caller.sub).change_todo(todo_id(id)?, fields.into(), &Precondition::Any).await?;
    Ok(Json(todo.into()))
}

/// `DELETE /todo/{todo_id}`
pub(crate) async fn delete_todo(
    State(workspaces): State<Arc<Workspaces>>,
    FreshUser(caller): FreshUser,
    id: Segment,
) -> Result<Json<Value>, Error> {
    let (id, workspace) = (todo_id(id)?, workspaces.of(caller.sub));
    // For clients of the original, a todo in the trash does not exist.
    workspace.live_todo(id).await?;
    match workspace.trash_todo(id, &Precondition::Any).await {
        // The original has no trash, so its clients cannot make room there.
        Err(Conflict::Error(Error::TrashFull(_))) => workspace.remove_todo(id, &Precondition::Any).await?,
        trashed => drop(trashed?),
    }
    Ok(wire::message("The todo was deleted"))
}

/// `GET /todolist`
pub(crate) async fn list_todos(
    State(workspaces): State<Arc<Workspaces>>,
    CurrentUser(caller): CurrentUser,
) -> Result<impl IntoResponse, Error> {
    let mut batches = Box::pin(workspaces.of(caller.sub).todos_oldest_first(Deleted::No));
    // The original responds with 404 to a user without todos.
    let first = batches.next().await.ok_or(Error::NotFound(Resource::Todos))??;
    let all = futures_util::stream::once(async { Ok(first) }).chain(batches);
    let all = all.map_ok(|todos| todos.into_iter().map(TodoBody::from));
    Ok(([(CONTENT_TYPE, "application/json")], wire::array(all)))
}

fn todo_id(id: Segment) -> Result<ObjectId, Error> {
    // A malformed id belongs to no todo.
    let unknown = Error::NotFound(Resource::Todo);
    id.ok().and_then(|Path(hex)| ObjectId::parse_str(hex).ok()).ok_or(unknown)
}
