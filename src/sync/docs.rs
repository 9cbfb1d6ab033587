//! What the API document says of sync and events. Must not promise what the routes do not keep: real answers are held
//! against it.

use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::kinds::KINDS;
use crate::error::Error;
use crate::openapi::operation::{Needs, Operation, SEALED};
use crate::openapi::schema::named;
use crate::todos;

/// The schemas of sync, by name.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Value)> {
    let changes = changes();
    let mut answer = changes.clone();
    let more = json!({
        "token": { "type": "string", "pattern": SEALED, "description": "How far the client has come with this answer." },
        "has_more": { "type": "boolean", "description": "Whether another page follows at once." },
        "full": { "type": "boolean", "description": "Whether this is a page of everything there is." },
        "results": { "type": "array", "items": named("CommandResult"), "description": "What became of the commands." },
    });
    for (name, schema) in more.as_object().into_iter().flatten() {
        answer["properties"][name] = schema.clone();
    }
    answer["required"] =
        answer["properties"].as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
    vec![
        ("Changes", changes),
        ("Removed", removed()),
        ("Kind", kind()),
        ("SyncRequest", request()),
        ("SyncAnswer", answer),
        ("Command", command()),
        ("CommandResult", result()),
    ]
}

fn changes() -> Value {
    let array =
        |kind: &Kind| (kind.field.to_owned(), json!({ "type": "array", "items": kind.body_schema() }));
    let mut properties: Map<String, Value> = KINDS.iter().map(array).collect();
    properties.insert("removed".to_owned(), json!({ "type": "array", "items": named("Removed") }));
    let required: Vec<_> = properties.keys().cloned().collect();
    json!({ "type": "object", "required": required, "properties": properties,
        "description": "Changed objects as they are after the change. All fields are present, even if empty." })
}

fn removed() -> Value {
    json!({ "type": "object", "required": ["id", "type"], "description": "An object that was removed for good.",
        "properties": { "type": named("Kind"), "id": named("Id") } })
}

fn kind() -> Value {
    let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    json!({ "type": "string", "enum": names, "description": "A kind of object that clients keep a copy of." })
}

fn request() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {
        "token": { "type": ["string", "null"], "pattern": SEALED, "description": "How far the client has come; null when it has nothing." },
        "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": 200, "description": "How many changes at most." },
        "commands": { "type": ["array", "null"], "maxItems": 100, "items": named("Command") },
    } })
}

fn command() -> Value {
    json!({ "type": "object", "required": ["id", "op", "type", "target"], "additionalProperties": false,
        "description": "Faults of a command, save in its id, are told in its result.",
        "properties": {
            "id": { "type": "string", "pattern": "^[ -~]{1,128}$", "description": "Repeated, it answers its first result." },
            "op": { "enum": ["put", "patch", "delete", "restore", "move"] },
            "type": named("Kind"),
            "target": named("Id"),
            "if_version": { "type": ["integer", "null"], "description": "Only if the version is still this one." },
            "body": { "description": "The body of the route that does the same; of `delete`, `permanent`." },
        },
    })
}

fn result() -> Value {
    json!({ "type": "object", "required": ["id", "status"], "properties": {
        "id": { "type": "string" },
        "status": { "type": "integer", "description": "As of the route that does the same." },
        "version": { "type": "integer", "description": "The object's version now." },
        "problem": named("Problem"),
    } })
}

/// The operations of sync.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let put = json!({ "id": "c1", "op": "put", "type": "todo", "target": "6b01676ced65d6cc747c3412", "body": { "name": "Run" } });
    let answer = json!({
        "token": "kq3D", "has_more": false, "full": true, "todos": [todos::docs::example()], "lists": [],
        "removed": [{ "type": "todo", "id": "6b01676ced65d6cc747c3499" }], "results": [{ "id": "c1", "status": 201, "version": 1 }],
    });
    let about = "First the commands, in their order and each on its own; then what changed since the token, in pages. Applied in \
        order, the answers leave the client with exactly what the server has. A change of the last minute may come twice.";
    let stream = "Server-sent events: `change` with the data of `Changes` for one object, its `id` a sync token; `bye` at the end \
        of the session or the token; `: ping` every 15 s. This page waits for the end of an answer and cannot show \
        a stream: try `curl -N -H 'Authorization: Bearer TOKEN' URL/v1/events`.";
    vec![
        Operation::new(
            "post",
            "/v1/sync",
            "Sync",
            "sync",
            "Do what was done offline, and tell what has changed",
        )
        .about(about)
        .body(&named("SyncRequest"), &json!({ "token": null, "commands": [put] }))
        .answers_json(200, "What has changed.", &named("SyncAnswer"), &answer)
        .refuses(&[Error::SyncTokenExpired]),
        Operation::new("get", "/v1/events", "Sync", "stream_events", "Changes as they happen")
            .about(stream)
            .header(
                "Last-Event-ID",
                json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]*$" }),
                "A sync token: from where to go on.",
            )
            .answers_as(200, "A stream that goes on until the session ends.", "text/event-stream")
            .refuses(&[Error::SyncTokenExpired, Error::TooManyConnections]),
    ]
    .into_iter()
    .map(|operation| operation.needs(Needs::Access))
    .collect()
}
