//! The API document (OpenAPI 3.1.0): what every feature says of its routes, put together. Must not say anything of a
//! route that its feature can say.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use super::operation::Operation;
use super::schema::{Id, Secret, Time, named, nullable, sent};
use super::{error_responses, service_routes};
use crate::http::problem::{Pointed, Problem};
use crate::{lists, original, sync, tags, todos, users};

const ABOUT: &str = "A self-hosted todo backend. The routes under `/v1` are its own API; those tagged *Original* answer \
    as the service did that it replaces, on the same users and todos.\n\nSend `Authorization: Bearer TOKEN` with an access \
    token from a login. Errors are problem details (RFC 9457) with a `code` for programs, which `/problems/{code}` explains.";

/// The tags of operations, in the order in which pages show them.
const TAGS: [(&str, &str); 7] = [
    ("Accounts", "Registering, logging in and out, sessions, the caller."),
    ("Todos", "Todos, with due dates, recurrence, subtasks, an order of their own, and a trash."),
    ("Lists", "Lists of todos."),
    ("Tags", "Tags of todos."),
    ("Sync", "Working offline, and changes as they happen."),
    ("Service", "For operators and their tools."),
    ("Original", "The routes of the original service."),
];

/// The document as it is served.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// Every operation of every feature.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let features = [
        users::docs::operations(),
        todos::docs::operations(),
        lists::docs::operations(),
        tags::docs::operations(),
        sync::docs::operations(),
        service_routes::operations(),
        original::docs::operations(),
    ];
    features.into_iter().flatten().collect()
}

fn document() -> Value {
    let (mut paths, mut refusals) = (Map::new(), Map::new());
    for operation in operations() {
        let path = paths.entry(operation.path()).or_insert_with(|| json!({}));
        path[operation.method()] = operation.document(&mut refusals);
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
        "components": { "schemas": schemas(), "responses": refusals, "headers": error_responses::headers(), "securitySchemes": security() },
    })
}

fn security() -> Value {
    let bearer = |about: &str| json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": about });
    json!({
        "access": bearer("An access token, from a login or a refresh."),
        "refresh": bearer("A refresh token, from a login or a refresh."),
    })
}

fn schemas() -> Map<String, Value> {
    let mut schemas = Map::new();
    for (name, schema) in [("Id", sent::<Id>()), ("Secret", sent::<Secret>()), ("Time", sent::<Time>())] {
        schemas.insert(name.to_owned(), schema);
    }
    schemas.insert("Problem".to_owned(), schema_of_problem());
    schemas.insert("Fault".to_owned(), sent::<Pointed<'static>>());
    let features = [
        users::docs::schemas(),
        todos::docs::schemas(),
        lists::docs::schemas(),
        tags::docs::schemas(),
        sync::docs::schemas(),
        original::docs::schemas(),
    ];
    schemas.extend(features.into_iter().flatten().map(|(name, schema)| (name.to_owned(), schema)));
    schemas
}

/// Only what is always there is required.
fn schema_of_problem() -> Value {
    let mut problem = json!(<Problem<'static> as PartialSchema>::schema());
    problem["required"] = json!(["type", "title", "status", "detail", "code"]);
    let kinds = ["Todo", "List", "User"].map(named);
    let current = nullable(&json!({ "oneOf": kinds }));
    problem["properties"]["current"] = current;
    problem["properties"]["current"]["description"] = json!("The object as it is now.");
    problem
}
