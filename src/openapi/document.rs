//! Assembles the API document (OpenAPI 3.1.0) from the descriptions of all features.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use super::operation::Operation;
use super::schema::{Id, Secret, Time, named, nullable, sent};
use super::{error_responses, service_routes};
use crate::http::problem::{Problem, ProblemViolation};
use crate::sync::kind::Kind;
use crate::sync::kinds::KINDS;
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
    (service_routes::operations, Vec::new),
    (original::docs::operations, original::docs::schemas),
];

pub static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

pub fn operations() -> Vec<Operation> {
    FEATURES.iter().flat_map(|(operations, _)| operations()).collect()
}

fn document() -> Value {
    let (mut paths, mut responses) = (Map::new(), Map::new());
    for operation in operations() {
        let path = paths.entry(operation.path()).or_insert_with(|| json!({}));
        path[operation.method()] = operation.document(&mut responses);
    }
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
        "components": { "schemas": schemas(), "responses": responses, "headers": error_responses::headers(), "securitySchemes": security() },
    })
}

fn security() -> Value {
    let bearer = |description: &str| json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description });
    json!({
        "access": bearer("An access token, from a login or a refresh."),
        "refresh": bearer("A refresh token, from a login or a refresh."),
        "personal": {
            "type": "http", "scheme": "bearer", "bearerFormat": "tdo_",
            "description": "A personal access token with one of the scopes that the operation names. `todos:write` includes `todos:read`.",
        },
    })
}

fn schemas() -> Map<String, Value> {
    let mut schemas = Map::new();
    for (name, schema) in [("Id", sent::<Id>()), ("Secret", sent::<Secret>()), ("Time", sent::<Time>())] {
        schemas.insert(name.to_owned(), schema);
    }
    schemas.insert("Problem".to_owned(), problem_schema());
    schemas.insert("Fault".to_owned(), sent::<ProblemViolation<'static>>());
    let of_features = FEATURES.iter().flat_map(|(_, schemas)| schemas());
    schemas.extend(of_features.map(|(name, schema)| (name.to_owned(), schema)));
    schemas
}

fn problem_schema() -> Value {
    let mut problem = json!(<Problem<'static> as PartialSchema>::schema());
    // Derived schemas do not say that the fields that are not optional are always sent.
    problem["required"] = json!(["type", "title", "status", "detail", "code"]);
    let kinds = KINDS.iter().map(Kind::body_schema).chain([named("User"), named("AdminUser")]);
    let current = nullable(&json!({ "anyOf": kinds.collect::<Vec<_>>() }));
    problem["properties"]["current"] = current;
    problem["properties"]["current"]["description"] =
        json!("The current object, or null if it does not exist.");
    problem
}
