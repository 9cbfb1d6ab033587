//! Sync and events as JSON. Must not read or change anything itself.

use axum::response::sse::Event;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::changes::PAGE_MAX;
use super::commands::{Command, Done};
use super::model::{Changes, Kind, Removed};
use crate::error::{Error, Violation};
use crate::http::fields::{Fields, FromFields};
use crate::http::problem::Problem;
use crate::lists::wire::ListBody;
use crate::openapi::schema::Id;
use crate::todos::wire::TodoBody;

/// How many commands a request has at most.
const COMMANDS_MAX: usize = 100;

/// What a client asks for.
pub struct SyncRequest {
    /// How far it has come; `None` when it has nothing.
    pub token: Option<String>,
    /// How many changes it wants at most.
    pub limit: usize,
    /// What it did meanwhile, in its order.
    pub commands: Vec<Command>,
}

impl FromFields for SyncRequest {
    fn take(input: &mut Fields) -> Option<Self> {
        let token = input.optional_text("token").flatten();
        let wrong_limit = format!("A limit is a whole number from 1 to {PAGE_MAX}.");
        let limit = input.optional::<usize>("limit", "out_of_range", &wrong_limit).flatten();
        let limit = limit.unwrap_or(PAGE_MAX);
        let limit = input.check((1..=PAGE_MAX).contains(&limit).then_some(limit), || {
            Violation::of("limit", "out_of_range", wrong_limit)
        });
        let commands = input.each("commands", COMMANDS_MAX);
        Some(Self { token, limit: limit?, commands: commands? })
    }
}

/// The fault of a token that is not the caller's, or was not made here.
#[must_use]
pub fn invalid_token(pointer: &str) -> Error {
    let detail = "A sync token is one that this user was given, unaltered.".to_owned();
    Error::Invalid(vec![Violation { pointer: pointer.to_owned(), code: "invalid_sync_token", detail }])
}

/// The answer to a sync.
#[derive(Serialize)]
pub struct SyncBody {
    /// How far the client has come with this answer.
    pub token: String,
    /// Whether another page follows at once.
    pub has_more: bool,
    /// Whether this is a page of everything there is.
    pub full: bool,
    /// What has changed.
    #[serde(flatten)]
    pub changes: ChangesBody,
    /// What became of the commands, in their order.
    pub results: Vec<Box<RawValue>>,
}

/// What has changed, each object as it is afterwards.
#[derive(Serialize, ToSchema)]
#[schema(as = Changes)]
pub struct ChangesBody {
    todos: Vec<TodoBody>,
    lists: Vec<ListBody>,
    removed: Vec<RemovedBody>,
}

/// An object that has been removed for good.
#[derive(Serialize, ToSchema)]
#[schema(as = Removed)]
pub(super) struct RemovedBody {
    r#type: Kind,
    id: Id,
}

impl From<Changes> for ChangesBody {
    fn from(changes: Changes) -> Self {
        let removed = |Removed { kind, id, .. }: Removed| RemovedBody { r#type: kind, id: Id(id) };
        Self {
            todos: changes.todos.into_iter().map(TodoBody::from).collect(),
            lists: changes.lists.into_iter().map(ListBody::from).collect(),
            removed: changes.removed.into_iter().map(removed).collect(),
        }
    }
}

/// What became of a command.
#[derive(Serialize)]
pub struct ResultBody<'a> {
    id: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem<'a>>,
}

impl<'a> ResultBody<'a> {
    /// The result of the command `id`.
    #[must_use]
    pub fn of(id: &'a str, done: &'a Result<Done, Error>) -> Self {
        match done {
            Ok(Done { status, version }) => Self { id, status: *status, version: *version, problem: None },
            Err(error) => {
                let problem = Problem::of(error, None);
                Self { id, status: problem.status, version: None, problem: Some(problem) }
            }
        }
    }
}

/// Why a stream of events ends.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ByeReason {
    /// The session has ended.
    SessionEnded,
    /// The access token has expired.
    TokenExpired,
}

/// The event of one change; `id` is the token of a client that has it.
///
/// # Errors
/// [`Error::Internal`].
pub fn change_event(change: Changes, id: String) -> Result<Event, Error> {
    Event::default().event("change").id(id).json_data(ChangesBody::from(change)).map_err(Error::internal)
}

/// The last event.
///
/// # Errors
/// [`Error::Internal`].
pub fn bye_event(reason: ByeReason) -> Result<Event, Error> {
    #[derive(Serialize)]
    struct Bye {
        reason: ByeReason,
    }
    Event::default().event("bye").json_data(Bye { reason }).map_err(Error::internal)
}
