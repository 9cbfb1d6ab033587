//! Todos as JSON: sent, and read from request bodies. Each body stands next to its schema.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::due::Due;
use super::hierarchy::{Beside, Move};
use super::input::TodoInput;
use super::model::{Priority, Todo};
use super::recurrence::wire::RecurrenceBody;
use crate::error::{Error, Violation};
use crate::http::fields::{Fields, FromFields};
use crate::http::preconditions::WithEtag;
use crate::openapi::schema::{Id, Time, described, input, named, nullable, or_null, sent};
use crate::owned::text::{DESCRIPTION, NAME, TAG, TAGS_MAX, TAGS_SENT_MAX};
use crate::owned::{Conflict, text};

// The API document uses the comments of the fields.
/// A todo.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Todo)]
pub struct TodoBody {
    /// The id of the todo.
    id: Id,
    /// The list of the todo. Null is the inbox.
    list_id: Option<Id>,
    /// The todo of which this one is a subtask. Null is the top level.
    parent_id: Option<Id>,
    /// What is to be done.
    name: String,
    /// Notes. Empty if there are none.
    description: String,
    /// Whether the todo is done.
    completed: bool,
    /// When it was completed. Null for an open todo.
    completed_at: Option<Time>,
    #[schema(value_type = Object)]
    due: Option<Due>,
    /// How the todo repeats. Null if it does not.
    recurrence: Option<RecurrenceBody>,
    /// How important the todo is.
    #[schema(value_type = Priority)]
    priority: &'static str,
    /// The tags of the todo, each once.
    tags: Vec<String>,
    /// Sorts the todo among its siblings: compare positions as bytes. The service sets it when the todo is moved.
    position: String,
    /// For a completed occurrence: the recurring todo to which it belongs.
    occurrence_of: Option<Id>,
    /// Grows with every change. It is the `ETag`, and the value for `If-Match` and `if_version`.
    version: i64,
    /// When the todo was created.
    created_at: Time,
    /// When the todo was last changed.
    updated_at: Time,
    /// When the todo was moved to the trash. Null outside the trash.
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
        let description = input.nullable("description", &DESCRIPTION).map(Option::unwrap_or_default);
        let priority = input.nullable("priority", &Priority::FORMAT).map(Option::unwrap_or_default);
        let tags = tags(input).map(Option::unwrap_or_default);
        let completed = input.flag("completed").map(Option::unwrap_or_default);
        let others = references(input);
        Some(Self(TodoInput {
            whole: true,
            name: Some(name?),
            description,
            priority,
            tags,
            completed,
            ..others
        }))
    }
}

impl FromFields for TodoPatch {
    const IS_MERGE_PATCH: bool = true;

    fn take(input: &mut Fields) -> Option<Self> {
        let name = input.non_null("name", &NAME);
        let description = input.non_null("description", &DESCRIPTION);
        let priority = input.non_null("priority", &Priority::FORMAT);
        let tags = tags(input);
        let tags = input.not_null("tags", tags);
        let completed = input.flag("completed");
        let completed = input.not_null("completed", completed);
        let others = references(input);
        if let Some(Some(recurrence)) = &others.recurrence {
            recurrence.require_no_null(input);
        }
        Some(Self(TodoInput { name, description, completed, priority, tags, ..others }))
    }
}

/// The fields for which null has a meaning of its own. A patch accepts null for no other field, because many clients send
/// null for each field that they do not want to change.
fn references(input: &mut Fields) -> TodoInput {
    TodoInput {
        due: input.object("due"),
        recurrence: input.object("recurrence"),
        list_id: input.id("list_id"),
        parent_id: input.id("parent_id"),
        sent_back: input.read_only(&READ_ONLY),
        ..TodoInput::default()
    }
}

fn tags(input: &mut Fields) -> Option<Option<Vec<String>>> {
    let tags =
        input.array::<String>("tags", TAGS_SENT_MAX, "not_texts", "Tags must be an array of strings.")?;
    let Some(tags) = tags else { return Some(None) };
    text::tags(&tags).map_or_else(|violations| input.reject_all(violations), |tags| Some(Some(tags)))
}

impl TodoBody {
    pub(super) fn schemas() -> Vec<(&'static str, Value)> {
        let mut todo = sent::<Self>();
        todo["properties"]["due"] =
            described(nullable(&named("Due")), "When the todo is due. Null if it is not.");
        let field = |schema: Value, name: &str| {
            let about = todo["properties"][name]["description"].as_str().unwrap_or_default();
            described(schema, about)
        };
        let tags = json!({ "type": "array", "maxItems": TAGS_MAX, "items": TAG.schema() });
        let same = json!({
            "name": field(NAME.schema(), "name"),
            "due": field(nullable(&named("Due")), "due"),
            "list_id": field(nullable(&named("Id")), "list_id"),
            "parent_id": field(nullable(&named("Id")), "parent_id"),
        });
        let with = |others: Value| {
            let mut fields = same.clone();
            fields
                .as_object_mut()
                .into_iter()
                .zip(others.as_object().cloned())
                .for_each(|(all, some)| all.extend(some));
            fields
        };
        let whole = with(json!({
            "description": field(or_null(DESCRIPTION.schema()), "description"),
            "completed": field(or_null(json!({ "type": "boolean" })), "completed"),
            "recurrence": field(nullable(&named("RecurrenceInput")), "recurrence"),
            "priority": field(nullable(&named("Priority")), "priority"),
            "tags": field(or_null(tags.clone()), "tags"),
        }));
        let patch = with(json!({
            "description": field(DESCRIPTION.schema(), "description"),
            "completed": field(json!({ "type": "boolean" }), "completed"),
            "recurrence": field(nullable(&named("RecurrencePatch")), "recurrence"),
            "priority": field(named("Priority"), "priority"),
            "tags": field(tags, "tags"),
        }));
        vec![
            ("TodoInput", input(ABOUT_WHOLE, &["name"], &whole)),
            ("TodoPatch", input(ABOUT_PATCH, &[], &patch)),
            ("Todo", todo),
        ]
    }
}

const ABOUT_WHOLE: &str = "A whole todo. Absent fields and null mean the default. The other fields of `Todo` may be sent back as they were received.";

const ABOUT_PATCH: &str = "Absent fields stay. Null is allowed only where it has a meaning of its own. A client that cannot tell null from absent \
    sends the whole todo with PUT and `If-Match` instead. The other fields of `Todo` may be sent back as they were received.";

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
    let id = |about: &str| described(nullable(&named("Id")), about);
    let (before, after) = ("Move directly before this sibling.", "Move directly after this sibling.");
    let to = json!({
        "list_id": id("The list to move to. Null is the inbox. If absent, the list stays."),
        "parent_id": id("The todo to move under. Null is the top level. If absent, the parent stays."),
        "before": id(before), "after": id(after),
    });
    let (of_todo, of_list) = ("Where to move a todo.", "Where to move a list.");
    let about =
        |object: &str| format!("{object} Give `before` or `after` or neither, which means to the end.");
    [
        ("TodoMove", input(&about(of_todo), &[], &to)),
        ("ListMove", input(&about(of_list), &[], &json!({ "before": id(before), "after": id(after) }))),
    ]
}
