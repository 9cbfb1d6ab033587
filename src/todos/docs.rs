//! What the API document says of todos. Must not promise what the routes do not keep: real answers are held against it.

use serde_json::{Value, json};

use super::due::Written;
use super::model::Priority;
use super::recurrence::Basis;
use super::wire::{READ_ONLY, RecurrenceBody, TodoBody};
use crate::error::{Error, Resource};
use crate::openapi::operation::{Needs, Operation};
use crate::openapi::schema::{named, nullable, read, sent};
use crate::owned::text::{DESCRIPTION_MAX, NAME_MAX, TAG_MAX, TAGS_MAX};

const ID: &str = "6b01676ced65d6cc747c3412";

/// The schemas of todos, by name.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Value)> {
    let todo = sent::<TodoBody>();
    let whole = read(&todo, &READ_ONLY, &["name"], &rules(&whole_due(), true));
    let patch = read(&todo, &READ_ONLY, &[], &rules(&due_patch(), false));
    let place = json!({ "list_id": nullable(&named("Id")), "parent_id": nullable(&named("Id")) });
    let beside = json!({ "before": nullable(&named("Id")), "after": nullable(&named("Id")) });
    let id = json!({ "type": "string" });
    let both = json!({ "required": ["before", "after"], "properties": { "before": id, "after": id } });
    let mut to = place.as_object().cloned().unwrap_or_default();
    to.extend(beside.as_object().cloned().unwrap_or_default());
    vec![
        ("Todo", todo),
        ("Due", sent::<Written>()),
        ("Recurrence", sent::<RecurrenceBody>()),
        ("Priority", sent::<Priority>()),
        ("Basis", sent::<Basis>()),
        ("WholeTodo", whole),
        ("TodoPatch", patch),
        ("Move", json!({ "type": "object", "properties": to, "additionalProperties": false, "not": both })),
        (
            "Beside",
            json!({ "type": "object", "properties": beside, "additionalProperties": false, "not": both }),
        ),
    ]
}

/// A day of the years 1900 to 9999; that only leap years have a 29th of February goes without saying.
const DAY: &str = "(19|[2-9][0-9])[0-9]{2}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-9])|(0[13-9]|1[0-2])-30|(0[13578]|1[02])-31)";
const TIME: &str = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?";

fn day() -> Value {
    json!({ "type": "string", "pattern": format!("^{DAY}$"), "examples": ["2026-12-01"] })
}

fn local() -> Value {
    json!({ "type": "string", "pattern": format!("^{DAY}T{TIME}$"), "examples": ["2026-12-01T09:00"] })
}

fn zone() -> Value {
    json!({ "type": ["string", "null"], "description": "An IANA name.", "examples": ["Europe/Berlin"] })
}

/// A due date where there was none.
fn whole_due() -> Value {
    let nothing = json!({ "type": "null" });
    let form = |required: &str, properties: Value| json!({ "type": "object", "required": [required], "properties": properties, "additionalProperties": false });
    let date = json!({ "date": day(), "at": nothing, "time_zone": nothing });
    let at = json!({ "at": local(), "time_zone": zone(), "date": nothing });
    json!({ "anyOf": [nothing, form("date", date), form("at", at)] })
}

/// A change of a due date.
fn due_patch() -> Value {
    json!({
        "type": ["object", "null"], "additionalProperties": false,
        "description": "Merged with the due date that there is: to go from one form to the other, clear the members of the old one with null.",
        "properties": { "date": nullable(&day()), "at": nullable(&local()), "time_zone": zone() },
    })
}

/// What is asked of the members that a client sends.
fn rules(due: &Value, is_whole: bool) -> Value {
    let (required, kinds) =
        if is_whole { (json!(["rule"]), json!("string")) } else { (json!([]), json!(["string", "null"])) };
    let recurrence = json!({
        "type": ["object", "null"], "additionalProperties": false, "required": required,
        "description": "How the todo comes again; it needs a due date.",
        "properties": {
            "rule": { "type": kinds, "maxLength": 500, "description": "RFC 5545 §3.3.10.", "examples": ["FREQ=WEEKLY;BYDAY=MO"] },
            "basis": { "type": ["string", "null"], "enum": ["due", "completion", null] },
        },
    });
    json!({
        "name": { "type": "string", "minLength": 1, "maxLength": NAME_MAX, "pattern": r"\S" },
        "description": { "type": ["string", "null"], "maxLength": DESCRIPTION_MAX },
        "completed": { "type": ["boolean", "null"] },
        "priority": { "type": ["string", "null"], "enum": ["none", "low", "medium", "high", null] },
        "tags": { "type": ["array", "null"], "maxItems": TAGS_MAX, "items": tag_name() },
        "due": due,
        "recurrence": recurrence,
    })
}

fn tag_name() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": TAG_MAX, "pattern": r"\S" })
}

/// A todo as an example.
#[must_use]
pub fn example() -> Value {
    json!({
        "id": ID, "list_id": null, "parent_id": null, "name": "Run", "description": "", "completed": false,
        "completed_at": null, "due": { "at": "2026-12-01T09:00", "time_zone": "Europe/Berlin" },
        "recurrence": { "rule": "FREQ=WEEKLY;BYDAY=TU", "basis": "due" }, "priority": "high", "tags": ["sport"],
        "position": "a0V1e4Q0T000xyz", "occurrence_of": null, "version": 1, "created_at": "2026-11-21T09:42:04.101Z",
        "updated_at": "2026-11-21T09:42:04.101Z", "deleted_at": null,
    })
}

/// The operations on todos.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let new =
        |method, path, id, summary| Operation::new(method, path, "Todos", id, summary).needs(Needs::Access);
    let todo = |operation: Operation, status, about| {
        operation.answers_json(status, about, &named("Todo"), &example()).with(status, "ETag")
    };
    let one = |operation: Operation| operation.may_lack(Resource::Todo);
    let run = json!({ "name": "Run", "due": { "date": "2026-12-01" }, "tags": ["sport"] });
    let whole = |operation: Operation| {
        operation.body(&named("WholeTodo"), &run).refuses(&[Error::LimitReached(10_000)])
    };
    let path = "/v1/todos/{id}";
    let put =
        new("put", path, "put_todo", "Replace a todo, or make it under an id of your own").conditional();
    let delete =
        new("delete", path, "delete_todo", "Put a todo into the trash, with its subtasks").conditional();
    vec![
        listing(new("get", "/v1/todos", "list_todos", "Todos, page by page")),
        whole(todo(new("post", "/v1/todos", "create_todo", "Make a todo"), 201, "The todo."))
            .repeatable()
            .with(201, "Location")
            .with(201, "Idempotent-Replayed"),
        one(todo(new("get", path, "get_todo", "A todo"), 200, "The todo.")).cached(),
        todo(whole(todo(put, 200, "The todo, replaced.")), 201, "The todo, made.")
            .with(201, "Location")
            .header("If-None-Match", json!({ "type": "string", "enum": ["*"] }), "`*`: only make it.")
            .refuses(&[Error::IdTaken, Error::InTrash])
            .may_lack(Resource::Todo),
        one(todo(new("patch", path, "patch_todo", "Change what the body says of a todo (RFC 7396)"), 200, "The todo."))
            .body(&named("TodoPatch"), &json!({ "completed": true }))
            .conditional()
            .repeatable()
            .with(200, "Idempotent-Replayed")
            .refuses(&[Error::InTrash]),
        one(delete.answers(204, "It is in the trash, or gone."))
            .query("permanent", json!({ "type": "boolean" }), "`true` removes it for good."),
        one(todo(new("post", "/v1/todos/{id}/restore", "restore_todo", "Take a todo out of the trash"), 200, "The todo."))
            .conditional()
            .refuses(&[Error::LimitReached(10_000)]),
        one(todo(new("post", "/v1/todos/{id}/move", "move_todo", "Move a todo"), 200, "The todo."))
            .about("Into a list, under a parent, before or after a sibling; else behind all. Null is the inbox, or the top level.")
            .body(&named("Move"), &json!({ "list_id": null }))
            .conditional()
            .refuses(&[Error::InTrash]),
        one(todo(new("put", "/v1/todos/{id}/tags/{tag}", "link_tag", "Link a tag to a todo"), 200, "The todo."))
            .conditional()
            .refuses(&[Error::InTrash]),
        one(todo(new("delete", "/v1/todos/{id}/tags/{tag}", "unlink_tag", "Unlink a tag from a todo"), 200, "The todo."))
            .conditional()
            .refuses(&[Error::InTrash]),
    ]
}

/// The filters and orders of todos.
fn listing(operation: Operation) -> Operation {
    let id_or_none = || json!({ "type": "string", "pattern": "^(none|[0-9a-f]{24})$" });
    let moment = || json!({ "anyOf": [day(), local(), { "type": "string", "format": "date-time", "examples": ["2026-12-01T09:00:00Z"] }] });
    let orders = ["position", "due", "priority", "name", "created_at", "updated_at"];
    let orders: Vec<String> =
        orders.iter().flat_map(|order| [(*order).to_owned(), format!("-{order}")]).collect();
    operation
        .about("Filters combine. What is never due comes last.")
        .query("list_id", id_or_none(), "In this list; `none` is the inbox.")
        .query("parent_id", id_or_none(), "Right under this todo; `none` is the top level.")
        .query("completed", json!({ "type": "boolean" }), "Whether it is done.")
        .query("tag", json!({ "type": "array", "items": tag_name() }), "With all of these tags.")
        .query(
            "priority",
            json!({ "type": "string", "enum": Priority::ALL.map(Priority::word) }),
            "Of this priority.",
        )
        .query("due_before", moment(), "Due before this: a date (`2026-12-01`), a local time in the user's zone (`2026-12-01T09:00`), or a time with its offset (RFC 3339).")
        .query("due_after", moment(), "Due after this.")
        .query(
            "updated_after",
            json!({ "type": "string", "format": "date-time" }),
            "Changed after this time.",
        )
        .query(
            "q",
            json!({ "type": "string", "maxLength": 500 }),
            "Every word begins a word of the name or description.",
        )
        .query(
            "deleted",
            json!({ "type": "string", "enum": ["false", "true", "any"] }),
            "Outside the trash, in it, or both.",
        )
        .query("sort", json!({ "type": "string", "enum": orders }), "The order; reversed with `-` in front.")
        .paged()
        .answers_page("Todos.", &named("Todo"), &example())
}
