//! Todos as JSON: bodies out, bodies in. Must not hold a rule that goes beyond one member.

use serde::Serialize;
use utoipa::ToSchema;

use super::due::{self, Due, DuePatch, Written};
use super::hierarchy::{Beside, Move};
use super::input::TodoInput;
use super::model::{Priority, Todo};
use super::recurrence::{Basis, RecurrencePatch};
use crate::error::{Error, Violation};
use crate::http::fields::{Fields, FromFields};
use crate::http::preconditions::WithEtag;
use crate::openapi::schema::{Id, Time};
use crate::owned::{Conflict, text};

/// A todo.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Todo)]
pub struct TodoBody {
    id: Id,
    list_id: Option<Id>,
    parent_id: Option<Id>,
    name: String,
    description: String,
    completed: bool,
    completed_at: Option<Time>,
    #[schema(value_type = Option<Written>)]
    due: Option<Due>,
    recurrence: Option<RecurrenceBody>,
    #[schema(value_type = Priority)]
    priority: &'static str,
    tags: Vec<String>,
    position: String,
    occurrence_of: Option<Id>,
    version: i64,
    created_at: Time,
    updated_at: Time,
    deleted_at: Option<Time>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recurrence)]
pub(super) struct RecurrenceBody {
    rule: String,
    basis: Basis,
}

impl From<Todo> for TodoBody {
    fn from(todo: Todo) -> Self {
        Self {
            id: Id(todo.id),
            list_id: todo.list_id.map(Id),
            parent_id: todo.parent_id.map(Id),
            name: todo.name,
            description: todo.description,
            completed: todo.completed,
            completed_at: todo.completed_at.map(Time),
            due: todo.due,
            recurrence: todo.recurrence.map(|recurrence| RecurrenceBody {
                rule: recurrence.rule().to_owned(),
                basis: recurrence.basis(),
            }),
            priority: todo.priority.word(),
            tags: todo.tags,
            position: todo.position,
            occurrence_of: todo.occurrence_of.map(Id),
            version: todo.version,
            created_at: Time(todo.created_at),
            updated_at: Time(todo.updated_at),
            deleted_at: todo.deleted_at.map(Time),
        }
    }
}

impl From<Todo> for WithEtag<TodoBody> {
    fn from(todo: Todo) -> Self {
        Self { version: todo.version, body: todo.into() }
    }
}

impl From<Conflict<Todo>> for Error {
    fn from(conflict: Conflict<Todo>) -> Self {
        match conflict {
            Conflict::Stale(Some(current)) => WithEtag::<TodoBody>::from(*current).mismatch(),
            Conflict::Stale(None) => Self::VersionMismatch { current: Box::default() },
            Conflict::Error(error) => error,
        }
    }
}

/// A body that says all of a todo: what it leaves out is as in a new todo.
pub struct WholeTodo(pub TodoInput);

/// A body that is a merge patch of a todo (RFC 7396).
pub struct TodoPatch(pub TodoInput);

/// What the service alone decides.
pub(super) const READ_ONLY: [&str; 8] =
    ["id", "completed_at", "position", "occurrence_of", "version", "created_at", "updated_at", "deleted_at"];

impl FromFields for WholeTodo {
    fn take(input: &mut Fields) -> Option<Self> {
        let name = input.text("name").and_then(|name| input.checked(text::name(&name)));
        let members = members(input);
        Some(Self(TodoInput { whole: true, name: Some(name?), ..members }))
    }
}

impl FromFields for TodoPatch {
    fn take(input: &mut Fields) -> Option<Self> {
        let name = input.given_text("name").and_then(|name| input.checked(text::name(&name)));
        Some(Self(TodoInput { name, ..members(input) }))
    }
}

/// All members but the name. Null is the same as in a new todo.
fn members(input: &mut Fields) -> TodoInput {
    input.read_only(&READ_ONLY);
    let description = input.optional_text("description").map(Option::unwrap_or_default);
    let priority = input.optional_text("priority").and_then(|word| match word {
        None => Some(Priority::None),
        Some(word) => input.check(Priority::of(&word), || {
            Violation::of("priority", "unknown_value", "A priority is none, low, medium or high.")
        }),
    });
    let tags = input.optional::<Vec<String>>("tags", "not_texts", "Tags are an array of texts.");
    TodoInput {
        whole: false,
        name: None,
        description: description.and_then(|description| input.checked(text::description(&description))),
        completed: input.flag("completed").map(Option::unwrap_or_default),
        due: input.object("due"),
        recurrence: input.object("recurrence"),
        priority,
        tags: tags.and_then(|tags| match text::tags(&tags.unwrap_or_default()) {
            Ok(tags) => Some(tags),
            Err(faults) => input.refuse(faults),
        }),
        list_id: input.id("list_id"),
        parent_id: input.id("parent_id"),
    }
}

impl FromFields for DuePatch {
    fn take(input: &mut Fields) -> Option<Self> {
        let date = || Violation::of("date", "not_a_date", "A date is YYYY-MM-DD.");
        let at =
            || Violation::of("at", "not_a_local_time", "A local time is YYYY-MM-DDTHH:MM, without a zone.");
        let zone =
            || Violation::of("time_zone", "unknown_zone", "A zone is an IANA name, such as Europe/Berlin.");
        Some(Self {
            date: input.parsed("date", due::parse_date, date),
            at: input.parsed("at", due::parse_local, at),
            time_zone: input.parsed("time_zone", due::parse_zone, zone),
        })
    }
}

impl FromFields for RecurrencePatch {
    fn take(input: &mut Fields) -> Option<Self> {
        let basis = || Violation::of("basis", "unknown_value", "A basis is due or completion.");
        let parse = |word: &str| match word {
            "due" => Some(Basis::Due),
            "completion" => Some(Basis::Completion),
            _ => None,
        };
        Some(Self { rule: input.optional_text("rule"), basis: input.parsed("basis", parse, basis) })
    }
}

impl FromFields for Move {
    fn take(input: &mut Fields) -> Option<Self> {
        Some(Self {
            list_id: input.id("list_id"),
            parent_id: input.id("parent_id"),
            beside: <Option<Beside> as FromFields>::take(input)?,
        })
    }
}

/// `before` or `after`, not both; null is as good as nothing.
impl FromFields for Option<Beside> {
    fn take(input: &mut Fields) -> Option<Self> {
        match (input.id("before").flatten(), input.id("after").flatten()) {
            (Some(_), Some(_)) => input.fault(Violation::of(
                "after",
                "too_many",
                "A move is before a sibling or after one, not both.",
            )),
            (Some(sibling), None) => Some(Some(Beside::Before(sibling))),
            (None, Some(sibling)) => Some(Some(Beside::After(sibling))),
            (None, None) => Some(None),
        }
    }
}
