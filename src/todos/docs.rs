//! Todos in the API document.

use serde_json::{Value, json};

use super::due::DuePatch;
use super::model::Priority;
use super::query_params;
use super::recurrence::wire::RecurrenceBody;
use super::recurrence::{Basis, RecurrencePatch};
use super::recurring::not_recurring;
use super::wire::{TodoBody, move_schemas};
use crate::auth::credential::TokenScope;
use crate::error::{Error, Resource};
use crate::openapi::needs::Needs;
use crate::openapi::operation::Operation;
use crate::openapi::schema::{named, sent};
use crate::workspace::TODOS_MAX;

pub fn schemas() -> Vec<(&'static str, Value)> {
    let mut schemas = vec![
        ("Due", DuePatch::schema()),
        ("Recurrence", sent::<RecurrenceBody>()),
        ("RecurrenceInput", RecurrencePatch::whole_schema()),
        ("RecurrencePatch", RecurrencePatch::schema()),
        ("Priority", sent::<Priority>()),
        ("RecurrenceBasis", sent::<Basis>()),
    ];
    schemas.extend(TodoBody::schemas());
    schemas.extend(move_schemas());
    schemas
}

pub fn example() -> Value {
    json!({
        "id": "6b01676ced65d6cc747c3412", "list_id": null, "parent_id": null, "name": "Run", "description": "",
        "completed": false, "completed_at": null, "due": { "at": "2026-12-01T09:00", "time_zone": "Europe/Berlin" },
        "recurrence": { "rule": "FREQ=WEEKLY;BYDAY=TU", "basis": "due", "left": null }, "priority": "high", "tags": ["sport"],
        "position": "a0V1e4Q0T000xyz", "occurrence_of": null, "version": 1, "created_at": "2026-11-21T09:42:04.101Z",
        "updated_at": "2026-11-21T09:42:04.101Z", "deleted_at": null,
    })
}

fn shown(changes: &[(&str, Value)]) -> Value {
    let mut shown = example();
    for (field, value) in changes {
        shown[*field] = value.clone();
    }
    shown
}

pub fn operations() -> Vec<Operation> {
    let mut operations = collection();
    operations.extend(single());
    operations.extend(actions());
    operations
}

const TODO: &str = "/v1/todos/{id}";

fn collection() -> Vec<Operation> {
    let list = query_params::documented(new("get", "/v1/todos", "list_todos", "List todos"));
    vec![
        list.paginated().page_response("A page of todos.", "TodoPage", "Todo", &example()).unless_same_page(),
        whole(todo(new("post", "/v1/todos", "create_todo", "Create a todo"), 201, "The new todo."))
            .idempotency_key()
            .response_header(201, "Location")
            .response_header(201, "Idempotent-Replayed"),
    ]
}

fn single() -> Vec<Operation> {
    let put = new("put", TODO, "put_todo", "Replace a todo, or create it with an id chosen by the client");
    let patch = new("patch", TODO, "patch_todo", "Change some fields of a todo (JSON Merge Patch, RFC 7396)");
    let delete = new("delete", TODO, "delete_todo", "Move a todo and its subtasks to the trash");
    vec![
        existing(todo(new("get", TODO, "get_todo", "Get a todo"), 200, "The todo.")).if_none_match(),
        existing(todo(whole(todo(if_match(put), 200, "The replaced todo.")), 201, "The new todo."))
            .response_header(201, "Location")
            .create_only()
            .errors(&[Error::IdTaken, Error::InTrash]),
        existing(todo(if_match(patch), 200, "The changed todo."))
            .description("Completing a recurring todo moves its due date to the next occurrence. Completing a todo completes its subtasks.")
            .merge_patch(&named("TodoPatch"), &json!({ "name": "Run", "priority": "high" }))
            .request_example("complete", "Complete the todo", &json!({ "completed": true }))
            .request_example("date", "Make it due on a day; this removes a time", &json!({ "due": { "date": "2026-12-01" } }))
            .request_example("zoned", "Make it due at a time; this removes a date", &json!({ "due": { "at": "2026-12-01T09:00", "time_zone": "Europe/Berlin" } }))
            .request_example("not_due", "Remove the due date and the recurrence", &json!({ "due": null, "recurrence": null }))
            .request_example("inbox", "Move it to the inbox and the top level", &json!({ "list_id": null, "parent_id": null }))
            .response_example(200, "complete", "The todo is completed", &shown(&[("completed", json!(true)), ("completed_at", json!("2026-11-22T08:00:00.000Z")), ("due", Value::Null), ("recurrence", Value::Null), ("version", json!(2))]))
            .response_example(200, "date", "Due on a day", &shown(&[("due", json!({ "date": "2026-12-01" })), ("version", json!(2))]))
            .response_example(200, "not_due", "Without a due date", &shown(&[("due", Value::Null), ("recurrence", Value::Null), ("version", json!(2))]))
            .idempotency_key()
            .response_header(200, "Idempotent-Replayed")
            .errors(&[Error::InTrash, Error::LimitReached(TODOS_MAX)]),
        existing(if_match(delete).response(204, "The todo is in the trash or was deleted."))
            .query("permanent", json!({ "type": "boolean" }), "`true` deletes the todo permanently.")
            .errors(&[Error::TrashFull(TODOS_MAX)]),
    ]
}

fn actions() -> Vec<Operation> {
    let restore = new("post", "/v1/todos/{id}/restore", "restore_todo", "Restore a todo from the trash");
    let to = new("post", "/v1/todos/{id}/move", "move_todo", "Move a todo")
        .description("To another list or parent, and before or after a sibling, otherwise to the end. Null is the inbox or the top level.");
    let skip =
        new("post", "/v1/todos/{id}/skip", "skip_todo", "Move a recurring todo to its next occurrence")
            .description("Nothing is recorded as done. After the last occurrence, the todo is completed.");
    let undo = new(
        "post",
        "/v1/todos/{id}/undo",
        "undo_todo",
        "Undo the last completion or skip of a recurring todo",
    )
    .description(
        "Restores the due date, the count and the subtasks, and removes the record of the occurrence.",
    );
    let link = new("put", "/v1/todos/{id}/tags/{tag}", "link_tag", "Add a tag to a todo");
    let unlink = new("delete", "/v1/todos/{id}/tags/{tag}", "unlink_tag", "Remove a tag from a todo");
    let changed = |operation| if_match(existing(todo(operation, 200, "The todo.")));
    let repeatable =
        |operation: Operation| operation.idempotency_key().response_header(200, "Idempotent-Replayed");
    vec![
        changed(restore).errors(&[Error::LimitReached(TODOS_MAX)]),
        repeatable(changed(skip)).errors(&[Error::InTrash, Error::Invalid(vec![not_recurring()])]),
        repeatable(changed(undo)).errors(&[Error::InTrash, Error::NothingToUndo]),
        changed(to)
            .body(&named("TodoMove"), &json!({ "list_id": null }))
            .request_example(
                "between",
                "Move it directly before a sibling, after the one that precedes it",
                &json!({ "before": "6b01676ced65d6cc747c3415" }),
            )
            .request_example(
                "subtask",
                "Make it a subtask",
                &json!({ "parent_id": "6b01676ced65d6cc747c3416" }),
            )
            .errors(&[Error::InTrash]),
        changed(link).errors(&[Error::InTrash]),
        changed(unlink).errors(&[Error::InTrash]),
    ]
}

fn new(method: &'static str, path: &'static str, id: &str, summary: &str) -> Operation {
    Operation::new(method, path, "Todos", id, summary)
        .needs(Needs::Scope(TokenScope::of_method(method).name()))
}

fn if_match(operation: Operation) -> Operation {
    operation.if_match("Todo", example())
}

fn todo(operation: Operation, status: u16, about: &str) -> Operation {
    operation.json_response(status, about, &named("Todo"), &example()).response_header(status, "ETag")
}

fn existing(operation: Operation) -> Operation {
    operation.not_found(Resource::Todo)
}

fn whole(operation: Operation) -> Operation {
    let zoned = json!({
        "name": "Run", "due": { "at": "2026-12-01T09:00", "time_zone": "Europe/Berlin" },
        "recurrence": { "rule": "FREQ=WEEKLY;BYDAY=TU" }, "priority": "high", "tags": ["sport"],
    });
    let date = json!({ "name": "Pay the rent", "due": { "date": "2026-12-01" } });
    let none = json!({ "name": "Read more", "due": null });
    let plain = |name: &str, due: Value| {
        shown(&[
            ("name", json!(name)),
            ("due", due),
            ("recurrence", Value::Null),
            ("priority", json!("none")),
            ("tags", json!([])),
        ])
    };
    operation
        .body(&named("TodoInput"), &zoned)
        .request_example("date", "Due on a day", &date)
        .request_example("not_due", "Without a due date", &none)
        .response_example(
            201,
            "date",
            "Due on a day",
            &plain("Pay the rent", json!({ "date": "2026-12-01" })),
        )
        .response_example(201, "not_due", "Without a due date", &plain("Read more", Value::Null))
        .errors(&[Error::LimitReached(TODOS_MAX)])
}
