//! The API document of lists. Tests compare every response with it.

use serde_json::{Value, json};

use super::operations::LISTS_MAX;
use super::wire::{CountedList, ListBody};
use crate::auth::credential::TokenScope;
use crate::error::{Error, Resource};
use crate::openapi::needs::Needs;
use crate::openapi::operation::Operation;
use crate::openapi::schema::{described, input, named, or_null, sent};
use crate::owned::text::{COLOR, DESCRIPTION, NAME};

pub fn schemas() -> Vec<(&'static str, Value)> {
    let synced = sent::<ListBody>();
    let field = |schema: Value, name: &str| {
        described(schema, synced["properties"][name]["description"].as_str().unwrap_or_default())
    };
    let fields = |about: Value| {
        json!({
            "name": field(NAME.schema(), "name"), "description": field(about, "description"),
            "color": field(or_null(COLOR.schema()), "color"),
        })
    };
    vec![
        ("ListInput", input(ABOUT_WHOLE, &["name"], &fields(or_null(DESCRIPTION.schema())))),
        ("ListPatch", input(ABOUT_PATCH, &[], &fields(DESCRIPTION.schema()))),
        ("SyncedList", synced),
        ("TodoList", sent::<CountedList>()),
    ]
}

const ABOUT_WHOLE: &str = "A whole list. Absent fields and null mean the default. The other fields of `TodoList` may be sent back as they were received.";

const ABOUT_PATCH: &str = "Absent fields stay. Null is allowed only for the color, and removes it. The other fields of `TodoList` may be sent back as \
    they were received.";

fn example() -> Value {
    json!({
        "id": "6b01676ced65d6cc747c3410", "name": "Home", "description": "", "color": "#1e90ff",
        "position": "a0V1e4Q0T000xyz", "open_count": 3, "version": 1, "created_at": "2026-11-21T09:42:04.101Z",
        "updated_at": "2026-11-21T09:42:04.101Z", "deleted_at": null,
    })
}

pub fn operations() -> Vec<Operation> {
    let new = |method, path, id, summary| {
        Operation::new(method, path, "Lists", id, summary)
            .needs(Needs::Scope(TokenScope::of_method(method).name()))
    };
    let list = |operation: Operation, status, about| {
        operation.json_response(status, about, &named("TodoList"), &example()).response_header(status, "ETag")
    };
    let one = |operation: Operation| operation.not_found(Resource::List);
    let home = json!({ "name": "Home", "color": "#1e90ff" });
    let path = "/v1/lists/{id}";
    let put = new("put", path, "put_list", "Replace a list, or create it under an id of your choice")
        .if_match("TodoList", example());
    let deleted = json!({ "type": "string", "enum": ["false", "true", "any"] });
    vec![
        new("get", "/v1/lists", "list_lists", "List lists, page by page")
            .query("deleted", deleted, "Whether to return live lists (`false`), lists in the trash (`true`), or both (`any`).")
            .paginated()
            .page_response("A page of lists.", "ListPage", "TodoList", &example())
            .unless_same_page(),
        list(new("post", "/v1/lists", "create_list", "Create a list"), 201, "The list.")
            .body(&named("ListInput"), &home)
            .idempotency_key()
            .response_header(201, "Location")
            .response_header(201, "Idempotent-Replayed")
            .errors(&[Error::LimitReached(LISTS_MAX)]),
        one(list(new("get", path, "get_list", "Get a list"), 200, "The list.")).if_none_match(),
        one(list(list(put, 200, "The replaced list."), 201, "The new list."))
            .response_header(201, "Location")
            .create_only()
            .body(&named("ListInput"), &home)
            .errors(&[Error::IdTaken, Error::InTrash, Error::LimitReached(LISTS_MAX)]),
        one(list(
            new("patch", path, "patch_list", "Change fields of a list (JSON Merge Patch, RFC 7396)"),
            200,
            "The list.",
        ))
        .merge_patch(&named("ListPatch"), &json!({ "name": "Home" }))
        .request_example("no_color", "Remove the color", &json!({ "color": null }))
        .if_match("TodoList", example())
        .errors(&[Error::InTrash]),
        one(new("delete", path, "delete_list", "Move a list with its todos to the trash"))
            .if_match("TodoList", example())
            .query("permanent", json!({ "type": "boolean" }), "`true`: remove the list and its todos for good.")
            .response(204, "The list is in the trash or was removed.")
            .errors(&[Error::TrashFull(LISTS_MAX)]),
        one(list(
            new("post", "/v1/lists/{id}/restore", "restore_list", "Restore a list from the trash"),
            200,
            "The list.",
        ))
        .if_match("TodoList", example())
        .errors(&[Error::LimitReached(LISTS_MAX)]),
        one(list(new("post", "/v1/lists/{id}/move", "move_list", "Move a list"), 200, "The list."))
            .description("Moves the list directly before or after another list, or after all lists if the body names none.")
            .body(&named("ListMove"), &json!({}))
            .request_example("before", "Move it directly before another list", &json!({ "before": "6b01676ced65d6cc747c3419" }))
            .if_match("TodoList", example())
            .errors(&[Error::InTrash]),
    ]
}
