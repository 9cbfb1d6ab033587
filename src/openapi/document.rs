//! Assembles the API document (OpenAPI 3.1.0) from the descriptions of all features.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::operation::Operation;
use super::schema::{Id, SessionId, Time, flatten, sent};
use super::{error_responses, service_routes};
use crate::http::problem::ProblemViolation;
use crate::{access_tokens, admin, lists, original, sync, tags, todos, users};

const ABOUT: &str = "A self-hosted todo service. The routes under `/v1` are its own API. The routes tagged *Original* are \
    compatible with the service that it replaces, and use the same users and todos.\n\nSend `Authorization: Bearer TOKEN` with \
    an access token from a login, or with a personal access token from `/v1/tokens`. Errors are problem details (RFC 9457) with a `code` for programs, which `/problems/{code}` \
    explains.";

// In the order in which the pages show them.
const TAGS: [(&str, &str); 8] = [
    (
        "Accounts",
        "Registration, login and logout, sessions, personal access tokens, and the caller's account.",
    ),
    ("Todos", "Todos with due dates, recurrence, subtasks, a manual order, and a trash."),
    ("Lists", "Lists of todos."),
    ("Tags", "Tags of todos."),
    ("Sync", "Offline work, and events for changes."),
    ("Admin", "Routes for users with the role `admin`. Changes need a fresh access token."),
    ("Service", "Routes for operators and their tools."),
    ("Original", "The routes of the original service."),
];

type Feature = (fn() -> Vec<Operation>, fn() -> Vec<(&'static str, Value)>);

const FEATURES: [Feature; 9] = [
    (users::docs::operations, users::docs::schemas),
    (access_tokens::docs::operations, access_tokens::docs::schemas),
    (todos::docs::operations, todos::docs::schemas),
    (lists::docs::operations, lists::docs::schemas),
    (tags::docs::operations, tags::docs::schemas),
    (sync::docs::operations, sync::docs::schemas),
    (admin::docs::operations, admin::docs::schemas),
    (service_routes::operations, service_routes::schemas),
    (original::docs::operations, original::docs::schemas),
];

pub static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

pub fn operations() -> Vec<Operation> {
    FEATURES.iter().flat_map(|(operations, _)| operations()).collect()
}

fn document() -> Value {
    let (mut paths, mut responses, mut schemas) = (Map::new(), Map::new(), schemas());
    for operation in operations() {
        let path = paths.entry(operation.path()).or_insert_with(|| json!({}));
        path[operation.method()] = operation.document(&mut responses);
        schemas.extend(operation.schemas().iter().cloned());
    }
    let flat = schemas.clone();
    schemas.values_mut().for_each(|schema| flatten(schema, &flat));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "todo-api",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
        },
        "servers": [{ "url": "/" }],
        "tags": TAGS.map(|(name, description)| json!({ "name": name, "description": description })),
        "paths": paths,
        "components": { "schemas": schemas, "responses": responses, "headers": error_responses::headers(), "securitySchemes": security() },
    })
}

fn security() -> Value {
    // One scheme for all kinds of tokens: a page to authorise then has one field, and a generated client one setting.
    json!({ "bearer": {
        "type": "http", "scheme": "bearer",
        "description": "The `access_token` of a login or a refresh, or a personal access token (`tdo_...`). Each operation says which tokens it accepts, and `x-token` and `x-scope` say it to programs.",
    } })
}

fn schemas() -> Map<String, Value> {
    let mut schemas = Map::new();
    for (name, schema) in [("Id", sent::<Id>()), ("SessionId", sent::<SessionId>()), ("Time", sent::<Time>())]
    {
        schemas.insert(name.to_owned(), schema);
    }
    schemas.insert("Problem".to_owned(), error_responses::problem_schema());
    schemas.insert("ProblemCode".to_owned(), error_responses::codes());
    schemas.insert("InvalidField".to_owned(), sent::<ProblemViolation<'static>>());
    let of_features = FEATURES.iter().flat_map(|(_, schemas)| schemas());
    schemas.extend(of_features.map(|(name, schema)| (name.to_owned(), schema)));
    schemas
}
