//! Todos as JSON: sent, and read from request bodies. Each body stands next to its schema.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::due::{Due, DueFields, DuePatch};
use super::hierarchy::{Beside, Move};
use super::input::TodoInput;
use super::model::{Priority, Todo};
use super::recurrence::RecurrencePatch;
use super::recurrence::wire::RecurrenceBody;
use crate::error::{Error, Violation};
use crate::http::fields::{Fields, FromFields};
use crate::http::preconditions::WithEtag;
use crate::openapi::schema::{Id, Time, named, nullable, or_null, read, sent};
use crate::owned::text::{DESCRIPTION, NAME, TAG, TAGS_MAX, TAGS_SENT_MAX};
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
    #[schema(value_type = Option<DueFields>)]
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

const READ_ONLY: [&str; 8] =
    ["id", "completed_at", "position", "occurrence_of", "version", "created_at", "updated_at", "deleted_at"];

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
            recurrence: todo.recurrence.map(|recurrence| RecurrenceBody::of(recurrence, todo.completed)),
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

pub struct WholeTodo(pub TodoInput);

pub struct TodoPatch(pub TodoInput);

impl FromFields for WholeTodo {
    fn take(input: &mut Fields) -> Option<Self> {
        let name = input.required("name", &NAME);
        let others = all_but_name(input);
        Some(Self(TodoInput { whole: true, name: Some(name?), ..others }))
    }
}

impl FromFields for TodoPatch {
    const IS_MERGE_PATCH: bool = true;

    fn take(input: &mut Fields) -> Option<Self> {
        let name = input.non_null("name", &NAME);
        Some(Self(TodoInput { name, ..all_but_name(input) }))
    }
}

fn all_but_name(input: &mut Fields) -> TodoInput {
    // Null removes a field (RFC 7396 §2), and a removed field has its default.
    // Violations are reported in the order in which the fields are read, so clients may see this order.
    TodoInput {
        whole: false,
        name: None,
        description: input.nullable("description", &DESCRIPTION).map(Option::unwrap_or_default),
        priority: input.nullable("priority", &Priority::FORMAT).map(Option::unwrap_or_default),
        tags: tags(input),
        completed: input.flag("completed").map(Option::unwrap_or_default),
        due: input.object("due"),
        recurrence: input.object("recurrence"),
        list_id: input.id("list_id"),
        parent_id: input.id("parent_id"),
        sent_back: input.read_only(&READ_ONLY),
    }
}

fn tags(input: &mut Fields) -> Option<Vec<String>> {
    let tags =
        input.array::<String>("tags", TAGS_SENT_MAX, "not_texts", "Tags must be an array of strings.")?;
    text::tags(&tags.unwrap_or_default()).map_or_else(|violations| input.reject_all(violations), Some)
}

impl TodoBody {
    pub(super) fn schemas() -> Vec<(&'static str, Value)> {
        let todo = sent::<Self>();
        let rules = |due: Value, recurrence: Value| {
            json!({
                "name": NAME.schema(),
                "description": or_null(DESCRIPTION.schema()),
                "completed": { "type": ["boolean", "null"] },
                "due": due,
                "recurrence": recurrence,
                "priority": or_null(Priority::FORMAT.schema()),
                "tags": { "type": ["array", "null"], "maxItems": TAGS_MAX, "items": TAG.schema() },
            })
        };
        let whole = rules(DuePatch::whole_schema(), RecurrencePatch::whole_schema());
        let patch = rules(DuePatch::schema(), RecurrencePatch::schema());
        vec![
            ("WholeTodo", read(&todo, &READ_ONLY, &["name"], &whole)),
            ("TodoPatch", read(&todo, &READ_ONLY, &[], &patch)),
            ("Todo", todo),
        ]
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

impl FromFields for Option<Beside> {
    fn take(input: &mut Fields) -> Option<Self> {
        // Null is the same as an absent field.
        match (input.id("before").flatten(), input.id("after").flatten()) {
            (Some(_), Some(_)) => {
                let detail = "A move must not have both `before` and `after`.";
                input.reject(Violation::of("after", "too_many", detail))
            }
            (Some(sibling), None) => Some(Some(Beside::Before(sibling))),
            (None, Some(sibling)) => Some(Some(Beside::After(sibling))),
            (None, None) => Some(None),
        }
    }
}

pub(super) fn move_schemas() -> [(&'static str, Value); 2] {
    let id = || nullable(&named("Id"));
    let text = json!({ "type": "string" });
    let both = json!({ "required": ["before", "after"], "properties": { "before": text, "after": text } });
    let object = |properties: Value| json!({ "type": "object", "properties": properties, "additionalProperties": false, "not": both });
    let to = json!({ "list_id": id(), "parent_id": id(), "before": id(), "after": id() });
    [("Move", object(to)), ("Beside", object(json!({ "before": id(), "after": id() })))]
}
