//! What the API document says of lists. Must not promise what the routes do not keep: real answers are held against it.

use serde_json::{Value, json};

use super::wire::{CountedList, ListBody, READ_ONLY};
use crate::error::{Error, Resource};
use crate::openapi::operation::{Needs, Operation};
use crate::openapi::schema::{named, or_null, read, sent};
use crate::owned::text::{COLOR, DESCRIPTION, NAME};
use crate::workspace::LISTS_MAX;

/// The schemas of lists, by name.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Value)> {
    let rules = json!({
        "name": NAME.schema(), "description": or_null(DESCRIPTION.schema()), "color": or_null(COLOR.schema()),
    });
    let list = sent::<ListBody>();
    vec![
        ("WholeList", read(&list, &READ_ONLY, &["name"], &rules)),
        ("ListPatch", read(&list, &READ_ONLY, &[], &rules)),
        ("List", list),
        ("CountedList", sent::<CountedList>()),
    ]
}

fn example() -> Value {
    json!({
        "id": "6b01676ced65d6cc747c3410", "name": "Home", "description": "", "color": "#1e90ff",
        "position": "a0V1e4Q0T000xyz", "open_count": 3, "version": 1, "created_at": "2026-11-21T09:42:04.101Z",
        "updated_at": "2026-11-21T09:42:04.101Z", "deleted_at": null,
    })
}

/// The operations on lists.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let new =
        |method, path, id, summary| Operation::new(method, path, "Lists", id, summary).needs(Needs::Access);
    let list = |operation: Operation, status, about| {
        operation.answers_json(status, about, &named("CountedList"), &example()).with(status, "ETag")
    };
    let one = |operation: Operation| operation.may_lack(Resource::List);
    let home = json!({ "name": "Home", "color": "#1e90ff" });
    let path = "/v1/lists/{id}";
    let put =
        new("put", path, "put_list", "Replace a list, or make it under an id of your own").conditional();
    let deleted = json!({ "type": "string", "enum": ["false", "true", "any"] });
    vec![
        new("get", "/v1/lists", "list_lists", "Lists, page by page")
            .query("deleted", deleted, "Outside the trash, in it, or both.")
            .paged()
            .answers_page("Lists.", &named("CountedList"), &example()),
        list(new("post", "/v1/lists", "create_list", "Make a list"), 201, "The list.")
            .body(&named("WholeList"), &home)
            .repeatable()
            .with(201, "Location")
            .with(201, "Idempotent-Replayed")
            .refuses(&[Error::LimitReached(LISTS_MAX)]),
        one(list(new("get", path, "get_list", "A list"), 200, "The list.")).cached(),
        one(list(list(put, 200, "The list, replaced."), 201, "The list, made."))
            .with(201, "Location")
            .header("If-None-Match", json!({ "type": "string", "enum": ["*"] }), "`*`: only make it.")
            .body(&named("WholeList"), &home)
            .refuses(&[Error::IdTaken, Error::InTrash, Error::LimitReached(LISTS_MAX)]),
        one(list(
            new("patch", path, "patch_list", "Change what the body says of a list (RFC 7396)"),
            200,
            "The list.",
        ))
        .body(&named("ListPatch"), &json!({ "color": null }))
        .conditional()
        .refuses(&[Error::InTrash]),
        one(new("delete", path, "delete_list", "Put a list into the trash, with its todos"))
            .conditional()
            .query("permanent", json!({ "type": "boolean" }), "`true` removes it for good.")
            .answers(204, "It is in the trash, or gone."),
        one(list(
            new("post", "/v1/lists/{id}/restore", "restore_list", "Take a list out of the trash"),
            200,
            "The list.",
        ))
        .conditional()
        .refuses(&[Error::LimitReached(LISTS_MAX)]),
        one(list(new("post", "/v1/lists/{id}/move", "move_list", "Move a list"), 200, "The list."))
            .about("Before or after another; else behind all.")
            .body(&named("Beside"), &json!({}))
            .conditional()
            .refuses(&[Error::InTrash]),
    ]
}
