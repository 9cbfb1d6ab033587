//! The part of the API document about exports and imports.

use std::time::Duration;

use serde_json::{Value, json};

use super::formats::FORMATS;
use super::handlers::IMPORT_LIMIT;
use super::model::{Counts, ImportState};
use super::plan::Warning;
use super::render::RENDERINGS;
use super::render::json::{
    ExportBody, ExportedAccount, SavedCalendar, SavedCollection, SavedList, SavedProperty, SavedTodo,
};
use super::wire::{ImportBody, ImportedBody, ImportsBody, MODES, Preview, PreviewedList, PreviewedTodo};
use crate::error::{Error, Resource};
use crate::openapi::needs::Needs;
use crate::openapi::operation::Operation;
use crate::openapi::schema::{described, named, nullable, sent};
use crate::todos::recurrence::SavedRecurrence;

const ABOUT_IMPORT: &str = "The body is the file, with any media type. Its content says which format it has, unless `format` does. \
    The whole file is checked before anything is written. Objects that the account has already stay as they are, so repeating an \
    import adds nothing. Large imports go on after the response (202). The limits on todos and lists hold.";

pub fn schemas() -> Vec<(&'static str, Value)> {
    let with_due = |mut schema: Value| {
        let due = described(nullable(&named("Due")), "When the todo is due. Null if it is not.");
        schema["properties"]["due"] = due;
        schema
    };
    let mut recurrence = sent::<SavedRecurrence>();
    let (start, occurrence) = (
        "The due date with which the series began.",
        "The occurrence for which a due date stands that was moved. Null if it was not.",
    );
    recurrence["properties"]["start"] = described(named("Due"), start);
    recurrence["properties"]["occurrence"] = described(nullable(&named("Due")), occurrence);
    vec![
        (
            "ImportFile",
            json!({ "type": "object", "description": "An export of this service, or a file of another one." }),
        ),
        ("Import", sent::<ImportBody>()),
        ("Imports", sent::<ImportsBody>()),
        ("ImportState", sent::<ImportState>()),
        ("Counts", sent::<Counts>()),
        ("ImportWarning", sent::<Warning>()),
        ("ImportResult", sent::<ImportedBody>()),
        ("ImportPreview", sent::<Preview>()),
        ("PreviewedList", sent::<PreviewedList>()),
        ("PreviewedTodo", with_due(sent::<PreviewedTodo>())),
        ("Export", sent::<ExportBody>()),
        ("ExportedAccount", sent::<ExportedAccount>()),
        ("ExportedList", sent::<SavedList>()),
        ("ExportedTodo", with_due(sent::<SavedTodo>())),
        ("ExportedRecurrence", recurrence),
        ("ExportedCalendar", sent::<SavedCalendar>()),
        ("ExportedCollection", sent::<SavedCollection>()),
        ("ExportedProperty", sent::<SavedProperty>()),
    ]
}

fn new(method: &'static str, path: &'static str, id: &str, summary: &str) -> Operation {
    Operation::new(method, path, "Transfer", id, summary).needs(Needs::Access)
}

fn example() -> Value {
    json!({
        "id": "6b01676ced65d6cc747c3431", "format": "todo-api", "state": "done",
        "lists": { "found": 0, "created": 0, "existing": 0, "existing_in_trash": 0 },
        "todos": { "found": 1, "created": 1, "existing": 0, "existing_in_trash": 0 },
        "written": 1, "warnings": [], "started_at": "2026-11-21T09:42:04.101Z", "updated_at": "2026-11-21T09:42:04.101Z",
    })
}

fn exported() -> Value {
    json!({
        "format": "todo-api/export", "version": 1, "exported_at": "2026-11-21T09:42:04.101Z",
        "user": { "username": "ann", "email": null, "time_zone": "UTC" }, "lists": [], "todos": [],
    })
}

fn import(path: &'static str, id: &str) -> Operation {
    let file = json!({ "format": "todo-api/export", "version": 1, "todos": [{ "id": "6b01676ced65d6cc747c3412", "name": "Buy milk" }] });
    let names: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
    let modes = MODES.map(|(name, _)| name);
    let result = json!({ "import": example(), "warning_count": 0, "preview": null });
    new("post", path, id, "Import a file of this or another service")
        .description(ABOUT_IMPORT)
        .query("format", json!({ "type": "string", "enum": names }), "The format of the file.")
        .query("mode", json!({ "type": "string", "enum": modes, "default": "missing" }), "`missing` keeps the ids and adds what the account does not have. `copy` gives every object a new id.")
        .query("dry_run", json!({ "type": "boolean", "default": false }), "`true` writes nothing and returns what would be written.")
        .body(&named("ImportFile"), &file)
        .also_file()
        .body_limit(IMPORT_LIMIT)
        .json_response(200, "The import is complete, or nothing was written because of `dry_run`.", &named("ImportResult"), &result)
        .json_response(202, "The import goes on. `Location` shows its progress.", &named("ImportResult"), &result)
        .response_header(202, "Location")
        .errors(&[Error::LimitReached(10_000), Error::TrashFull(10_000), Error::IdTaken])
}

pub fn operations() -> Vec<Operation> {
    let names: Vec<_> = RENDERINGS.iter().map(|rendering| rendering.name).collect();
    vec![
        new("get", "/v1/user/export", "export_user", "Export everything of the caller")
            .description("Lists and todos with the trash and the records of occurrences. No secrets. `todo-api` can be imported again without loss; the other formats say in docs/moving.md what they cannot hold.")
            .query("format", json!({ "type": "string", "enum": names, "default": "todo-api" }), "The format of the export.")
            .json_response(200, "The export, as a file to download.", &named("Export"), &exported())
            .also_texts(200, &["text/calendar", "text/csv", "text/plain"]),
        import("/v1/user/import", "import_user"),
        import("/v1/import", "import_file"),
        new("get", "/v1/imports", "list_imports", "List the imports of the last 30 days")
            .description("The newest first, at most 20.")
            .json_response(200, "The imports.", &named("Imports"), &json!({ "items": [example()] })),
        new("get", "/v1/imports/{id}", "get_import", "Show the progress of an import")
            .json_response(200, "The import.", &named("Import"), &example())
            .not_found(Resource::Import),
        new("post", "/v1/imports/{id}/undo", "undo_import", "Move what an import created to the trash")
            .description("Subtasks that were added since go too. A list that has other todos by now stays. An import can be undone for 30 days.")
            .json_response(200, "The import.", &named("Import"), &example())
            .not_found(Resource::Import)
            .errors(&[Error::TrashFull(10_000), Error::Throttled { retry_after: Duration::from_secs(5) }]),
    ]
}
