//! Todos as JSON: bodies out, bodies and queries in. Must not hold a rule that goes beyond one member.

use bson::oid::ObjectId;
use chrono::DateTime as ChronoDateTime;
use serde::Serialize;

use super::due::{self, Due, DuePatch};
use super::input::TodoInput;
use super::model::{Priority, Todo};
use super::moment::Moment;
use super::place::{Beside, Move};
use super::query::{Deleted, Sort, TodoQuery};
use super::recurrence::{Basis, RecurrencePatch};
use super::words;
use crate::clock::rfc3339;
use crate::error::{Error, Fault};
use crate::id;
use crate::members::{FromMembers, Input};
use crate::owned::{Conflict, text};
use crate::query::{FromParams, Params};
use crate::version::Versioned;

/// A todo on the wire.
#[derive(Debug, Serialize)]
pub struct TodoBody {
    id: String,
    list_id: Option<String>,
    parent_id: Option<String>,
    name: String,
    description: String,
    completed: bool,
    completed_at: Option<String>,
    due: Option<Due>,
    recurrence: Option<RecurrenceBody>,
    priority: &'static str,
    tags: Vec<String>,
    position: String,
    occurrence_of: Option<String>,
    version: i64,
    created_at: String,
    updated_at: String,
    deleted_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct RecurrenceBody {
    rule: String,
    basis: Basis,
}

impl From<Todo> for TodoBody {
    fn from(todo: Todo) -> Self {
        Self {
            id: todo.id.to_hex(),
            list_id: todo.list_id.map(ObjectId::to_hex),
            parent_id: todo.parent_id.map(ObjectId::to_hex),
            name: todo.name,
            description: todo.description,
            completed: todo.completed,
            completed_at: todo.completed_at.map(rfc3339),
            due: todo.due,
            recurrence: todo.recurrence.map(|recurrence| RecurrenceBody {
                rule: recurrence.rule().to_owned(),
                basis: recurrence.basis(),
            }),
            priority: todo.priority.word(),
            tags: todo.tags,
            position: todo.position,
            occurrence_of: todo.occurrence_of.map(ObjectId::to_hex),
            version: todo.version,
            created_at: rfc3339(todo.created_at),
            updated_at: rfc3339(todo.updated_at),
            deleted_at: todo.deleted_at.map(rfc3339),
        }
    }
}

impl From<Todo> for Versioned<TodoBody> {
    fn from(todo: Todo) -> Self {
        Self { version: todo.version, body: todo.into() }
    }
}

impl From<Conflict<Todo>> for Error {
    fn from(conflict: Conflict<Todo>) -> Self {
        match conflict {
            Conflict::Stale(Some(current)) => Versioned::<TodoBody>::from(*current).mismatch(),
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
const READ_ONLY: [&str; 8] =
    ["id", "completed_at", "position", "occurrence_of", "version", "created_at", "updated_at", "deleted_at"];

impl FromMembers for WholeTodo {
    fn take(input: &mut Input) -> Option<Self> {
        let name = input.text("name").and_then(|name| input.checked(text::name(&name)));
        let members = members(input);
        Some(Self(TodoInput { whole: true, name: Some(name?), ..members }))
    }
}

impl FromMembers for TodoPatch {
    fn take(input: &mut Input) -> Option<Self> {
        let name = input.given_text("name").and_then(|name| input.checked(text::name(&name)));
        Some(Self(TodoInput { name, ..members(input) }))
    }
}

/// All members but the name. Null is the same as in a new todo.
fn members(input: &mut Input) -> TodoInput {
    input.read_only(&READ_ONLY);
    let description = input.optional_text("description").map(Option::unwrap_or_default);
    let priority = input.optional_text("priority").and_then(|word| match word {
        None => Some(Priority::None),
        Some(word) => input.check(Priority::of(&word), || {
            Fault::of("priority", "unknown_value", "A priority is none, low, medium or high.")
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

impl FromMembers for DuePatch {
    fn take(input: &mut Input) -> Option<Self> {
        let date = || Fault::of("date", "not_a_date", "A date is YYYY-MM-DD.");
        let at = || Fault::of("at", "not_a_local_time", "A local time is YYYY-MM-DDTHH:MM, without a zone.");
        let zone =
            || Fault::of("time_zone", "unknown_zone", "A zone is an IANA name, such as Europe/Berlin.");
        Some(Self {
            date: input.parsed("date", due::parse_date, date),
            at: input.parsed("at", due::parse_local, at),
            time_zone: input.parsed("time_zone", due::parse_zone, zone),
        })
    }
}

impl FromMembers for RecurrencePatch {
    fn take(input: &mut Input) -> Option<Self> {
        let basis = || Fault::of("basis", "unknown_value", "A basis is due or completion.");
        let parse = |word: &str| match word {
            "due" => Some(Basis::Due),
            "completion" => Some(Basis::Completion),
            _ => None,
        };
        Some(Self { rule: input.optional_text("rule"), basis: input.parsed("basis", parse, basis) })
    }
}

impl FromMembers for Move {
    fn take(input: &mut Input) -> Option<Self> {
        Some(Self {
            list_id: input.id("list_id"),
            parent_id: input.id("parent_id"),
            beside: <Option<Beside> as FromMembers>::take(input)?,
        })
    }
}

/// `before` or `after`, not both; null is as good as nothing.
impl FromMembers for Option<Beside> {
    fn take(input: &mut Input) -> Option<Self> {
        match (input.id("before").flatten(), input.id("after").flatten()) {
            (Some(_), Some(_)) => input.fault(Fault::of(
                "after",
                "too_many",
                "A move is before a sibling or after one, not both.",
            )),
            (Some(sibling), None) => Some(Some(Beside::Before(sibling))),
            (None, Some(sibling)) => Some(Some(Beside::Behind(sibling))),
            (None, None) => Some(None),
        }
    }
}

impl FromParams for TodoQuery {
    fn take(params: &mut Params) -> Option<Self> {
        let none_or_id = |text: &str| match text {
            "none" => Some(None),
            text => id::object_id(text).map(Some),
        };
        let not_id = |field: &'static str| {
            move || Fault::of(field, "not_an_id", "This is `none`, or an id of 24 lower-case hex digits.")
        };
        let moment = |field: &'static str| {
            move || {
                let detail = "This is a date, a local time, or a time with its offset (RFC 3339).";
                Fault::of(field, "not_a_time", detail)
            }
        };
        let unknown = |field: &'static str, known: &'static str| {
            move || Fault::of(field, "unknown_value", format!("This is one of: {known}."))
        };
        let list_id = params.parse("list_id", none_or_id, not_id("list_id"));
        let parent_id = params.parse("parent_id", none_or_id, not_id("parent_id"));
        let completed = params.parse("completed", parse_flag, unknown("completed", "true, false"));
        let tags: Vec<_> = params.take_all("tag").iter().map(|tag| text::tag(tag)).collect();
        let tags = if tags.contains(&None) {
            params.fault(text::not_a_tag("tag"))
        } else {
            Some(tags.into_iter().flatten().collect())
        };
        let priorities = unknown("priority", "none, low, medium, high");
        let priority = params.parse("priority", Priority::of, priorities);
        let due_before = params.parse("due_before", parse_moment, moment("due_before"));
        let due_after = params.parse("due_after", parse_moment, moment("due_after"));
        let updated_after = params.parse("updated_after", parse_instant, || {
            Fault::of("updated_after", "not_a_time", "This is a time with its offset (RFC 3339).")
        });
        let prefixes = params.parse("q", parse_search, || {
            Fault::of("q", "too_long", format!("A search has at most {SEARCH_MAX} characters."))
        });
        let deleted = params.parse("deleted", parse_deleted, unknown("deleted", "false, true, any"));
        let orders = "position, due, priority, name, created_at, updated_at, each also with - in front";
        let sort = params.parse("sort", parse_sort, unknown("sort", orders));
        let (sort, reverse) = sort.unwrap_or_default();
        Some(Self {
            list_id,
            parent_id,
            completed,
            tags: tags?,
            priority,
            due_before,
            due_after,
            updated_after,
            prefixes,
            deleted: deleted.unwrap_or_default(),
            sort,
            reverse,
        })
    }
}

/// The most code points of a search.
const SEARCH_MAX: usize = 500;

fn parse_search(text: &str) -> Option<Vec<String>> {
    (text.chars().count() <= SEARCH_MAX).then(|| words::prefixes_of(text))
}

fn parse_flag(word: &str) -> Option<bool> {
    match word {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The word of the filter `deleted`.
pub(crate) fn parse_deleted(word: &str) -> Option<Deleted> {
    match word {
        "false" => Some(Deleted::No),
        "true" => Some(Deleted::Only),
        "any" => Some(Deleted::Any),
        _ => None,
    }
}

fn parse_sort(word: &str) -> Option<(Sort, bool)> {
    let (name, reverse) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
    Sort::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, sort)| (sort, reverse))
}

fn parse_moment(text: &str) -> Option<Moment> {
    let date = || due::parse_date(text).map(Moment::Date);
    let local = || due::parse_local(text).map(Moment::Local);
    date().or_else(local).or_else(|| parse_instant(text).map(Moment::Instant))
}

fn parse_instant(text: &str) -> Option<bson::DateTime> {
    let instant = ChronoDateTime::parse_from_rfc3339(text).ok()?;
    (1..=9999).contains(&chrono::Datelike::year(&instant)).then(|| instant.to_utc().into())
}
