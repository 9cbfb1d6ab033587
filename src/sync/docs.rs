//! Sync and events in the API document.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::changes::PAGE_MAX;
use super::edit::Op;
use super::handlers::LAST_EVENT_ID;
use super::kind::Kind;
use super::kinds::KINDS;
use super::wire::COMMANDS_MAX;
use crate::auth::credential::TokenScope;
use crate::error::Error;
use crate::http::idempotency_key::KEY_MAX_CHARS;
use crate::http::problem::Problem;
use crate::openapi::error_responses::problem_schema;
use crate::openapi::needs::Needs;
use crate::openapi::operation::Operation;
use crate::openapi::schema::{SEALED, described, named, nullable};
use crate::{lists, todos};

pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("Changes", object_with_all(&changes(), "Changed objects, as they are after the change.")),
        ("RemovedObject", removed()),
        ("ObjectType", kind()),
        ("SyncInput", request()),
        ("SyncResult", response()),
        ("SyncCommand", command()),
        ("SyncOp", op()),
        ("SyncCommandResult", result()),
        ("SyncProblem", problem()),
        ("SyncedObject", any_object()),
    ]
}

fn changes() -> Map<String, Value> {
    let array = |kind: &Kind| {
        (
            kind.field.to_owned(),
            json!({ "type": "array", "items": kind.body_schema(), "description": format!("The new and changed {}.", kind.field) }),
        )
    };
    let mut properties: Map<_, _> = KINDS.iter().map(array).collect();
    properties.insert("removed".to_owned(), json!({ "type": "array", "items": named("RemovedObject"), "description": "The objects that were removed for good." }));
    properties
}

fn object_with_all(properties: &Map<String, Value>, description: &str) -> Value {
    let required: Vec<_> = properties.keys().cloned().collect();
    json!({ "type": "object", "description": description, "required": required, "properties": properties })
}

fn removed() -> Value {
    json!({ "type": "object", "required": ["id", "type"], "description": "An object that was removed for good.",
        "properties": {
            "type": described(named("ObjectType"), "What the object was."), "id": described(named("Id"), "The id of the object."),
        } })
}

fn kind() -> Value {
    let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    json!({ "type": "string", "enum": names, "description": "A kind of object that clients can sync." })
}

fn response() -> Value {
    let mut properties = changes();
    let more = json!({
        "token": { "type": "string", "pattern": SEALED, "description": "How far the client has come after this response." },
        "has_more": { "type": "boolean", "description": "Whether to request the next page at once." },
        "full": { "type": "boolean", "description": "Whether the pages list all objects. They replace everything the client has." },
        "results": { "type": "array", "items": named("SyncCommandResult"), "description": "One result per command, in the order of the commands." },
    });
    properties.extend(more.as_object().cloned().unwrap_or_default());
    object_with_all(&properties, "The changes since the token, and the results of the commands.")
}

fn request() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {
        "token": { "type": ["string", "null"], "pattern": SEALED, "description": "The token of the last response; null if the client has no data." },
        "limit": { "type": ["integer", "null"], "minimum": 1, "maximum": PAGE_MAX, "description": "The maximum number of changes in the response." },
        "commands": { "type": ["array", "null"], "maxItems": COMMANDS_MAX, "items": named("SyncCommand"), "description": "What the user did offline, in that order." },
    }, "description": "What the client has, and what it wants to change." })
}

fn command() -> Value {
    let key = format!("^[ -~]{{1,{KEY_MAX_CHARS}}}$");
    json!({ "type": "object", "required": ["id", "op", "type", "target"], "additionalProperties": false,
        "description": "If the command is invalid, its result has the problem. Only an invalid `id` makes the whole request fail.",
        "properties": {
            "id": { "type": "string", "pattern": key, "description": "A command with the same `id` is not applied again and has the same result." },
            "op": described(named("SyncOp"), "What to do."),
            "type": described(named("ObjectType"), "What the object is."),
            "target": described(named("Id"), "The id of the object. A `put` may create one under an id that the client has chosen."),
            "if_version": { "type": ["integer", "null"], "format": "int64", "description": "Apply the command only if the object still has this version." },
            "body": { "type": ["object", "null"], "additionalProperties": true, "description": "The body of the route that does the same: see the table of the operation." },
        },
    })
}

fn result() -> Value {
    json!({ "type": "object", "required": ["id", "status"], "description": "What a command has done.", "properties": {
        "id": { "type": "string", "description": "The id of the command." },
        "status": { "type": "integer", "format": "int32", "description": "The status that the route that does the same responds with." },
        "version": { "type": "integer", "format": "int64", "description": "The object's version after the command." },
        "problem": described(named("SyncProblem"), "Why the command failed."),
    } })
}

fn op() -> Value {
    json!({ "type": "string", "enum": Op::ALL.map(Op::name), "description": "What a command does with its object." })
}

fn problem() -> Value {
    let about = "The object as it is now, for the code `version_mismatch`. Null if it does not exist. Absent for a repeated command.";
    let mut problem = problem_schema();
    problem["description"] = json!("Why a command failed.");
    problem["properties"]["current"] = described(nullable(&named("SyncedObject")), about);
    problem
}

/// An object of any kind. No union, because generated clients of some languages cannot decode a union without a
/// discriminator and then lose the whole response.
fn any_object() -> Value {
    let features = todos::docs::schemas().into_iter().chain(lists::docs::schemas());
    let schemas: Map<_, _> = features.map(|(name, schema)| (name.to_owned(), schema)).collect();
    let bodies = KINDS.iter().filter_map(|kind| {
        let reference = kind.body_schema();
        schemas.get(reference["$ref"].as_str()?.rsplit('/').next()?)
    });
    let (mut properties, mut required) = (Map::new(), None);
    for body in bodies {
        let of_body = body["properties"].as_object().cloned().unwrap_or_default();
        let common: BTreeSet<_> = of_body.keys().cloned().collect();
        required = Some(required.map_or(common.clone(), |known: BTreeSet<_>| &known & &common));
        properties.extend(of_body);
    }
    json!({
        "type": "object", "properties": properties, "required": required.unwrap_or_default(),
        "description": "An object of the type that the command names, with the fields that an object of this type has.",
    })
}

const ABOUT_SYNC: &str = "Applies the commands in their order, each on its own. Then returns the changes since the token, in \
    pages. A client that applies the responses in order has exactly what the server has. Changes of the last minute \
    may be sent twice. A personal access token needs the scope `todos:write` if there are commands.\n\n\
    | `op` | `body` for a todo | `body` for a list | does the same as |\n|---|---|---|---|\n\
    | `put` | `TodoInput` | `ListInput` | `PUT /v1/todos/{id}` |\n\
    | `patch` | `TodoPatch` | `ListPatch` | `PATCH /v1/todos/{id}` |\n\
    | `move` | `TodoMove` | `ListMove` | `POST /v1/todos/{id}/move` |\n\
    | `delete` | `{\"permanent\":true}`, or none for the trash | the same | `DELETE /v1/todos/{id}` |\n\
    | `restore` | none | none | `POST /v1/todos/{id}/restore` |\n\
    | `skip`, `undo` | none | not for lists | `POST /v1/todos/{id}/skip`, `.../undo` |";

const ABOUT_EVENTS: &str = "Server-sent events: the first event is `hello` with the data `{}`. `change` has the `Changes` of one object, and a sync token as its `id`. `bye` \
    is sent when the session or the token ends, or the token expires. `: ping` is sent every 15 s. This page waits for the \
    end of a response and cannot show a stream: try `curl -N -H 'Authorization: Bearer TOKEN' URL/v1/events`.";

pub fn operations() -> Vec<Operation> {
    let reads = Needs::Scope(TokenScope::TodosRead.name());
    vec![sync().needs(reads), events().needs(reads)]
}

fn sync() -> Operation {
    let put = json!({ "id": "c1", "op": "put", "type": "todo", "target": "6b01676ced65d6cc747c3412", "body": { "name": "Run" } });
    let mut response = json!({
        "token": "kq3D", "has_more": false, "full": true,
        "removed": [{ "type": "todo", "id": "6b01676ced65d6cc747c3499" }], "results": [{ "id": "c1", "status": 201, "version": 1 }],
    });
    for kind in &KINDS {
        response[kind.field] = json!([]);
    }
    response["todos"] = json!([todos::docs::example()]);
    let stale = json!({ "id": "c2", "op": "patch", "type": "todo", "target": "6b01676ced65d6cc747c3412", "if_version": 1, "body": { "completed": true } });
    let conflict = Error::VersionMismatch { current: Box::new(todos::docs::example()) };
    let result = json!({ "id": "c2", "status": 412, "problem": Problem::of_command(&conflict) });
    let mut failed = response.clone();
    failed["removed"] = json!([]);
    failed["results"] = json!([result]);
    Operation::new("post", "/v1/sync", "Sync", "sync", "Apply offline changes and get all changes")
        .description(ABOUT_SYNC)
        .body(&named("SyncInput"), &json!({ "token": null, "commands": [put] }))
        .request_example(
            "conflict",
            "A command for an earlier version",
            &json!({ "token": null, "commands": [stale] }),
        )
        .request_example("read", "Only read", &json!({ "token": null, "limit": 50 }))
        .json_response(200, "Changes since the token.", &named("SyncResult"), &response)
        .response_example(200, "conflict", "The command has failed; the others were applied", &failed)
        .errors(&[Error::SyncTokenExpired, Error::Throttled { retry_after: Duration::from_hours(1) }])
}

fn events() -> Operation {
    let token = json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]*$" });
    Operation::new("get", "/v1/events", "Sync", "stream_events", "Stream changes as they happen")
        .description(ABOUT_EVENTS)
        .header("Last-Event-ID", token.clone(), "A sync token. The stream begins with the changes since this token.")
        .query(LAST_EVENT_ID, token, "The same as the header `Last-Event-ID`, for clients that cannot send it. If both are sent, the header counts.")
        .text_response(
            200,
            "A stream that stays open until the session or the token ends.",
            "text/event-stream",
        )
        .errors(&[Error::SyncTokenExpired, Error::TooManyConnections])
}
