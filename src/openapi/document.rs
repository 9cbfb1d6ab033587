//! Assembles the API documents (OpenAPI 3.1.0) from the descriptions of the features: one of `/v1`, and one of the original's
//! routes.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::operation::Operation;
use super::schema::{Id, SessionId, Time, flatten, remove_unused, sent};
use super::{error_responses, info, service_routes, version_3_0};
use crate::{access_tokens, admin, lists, original, sync, tags, todos, transfer, users};

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
    ("Transfer", "Export, and import from this and other services."),
    ("Admin", "Routes for users with the role `admin`. Changes need a fresh access token."),
    ("Service", "Routes for operators and their tools."),
];

type Feature = (fn() -> Vec<Operation>, fn() -> Vec<(&'static str, Value)>);

const FEATURES: [Feature; 9] = [
    (users::docs::operations, users::docs::schemas),
    (access_tokens::docs::operations, access_tokens::docs::schemas),
    (todos::docs::operations, todos::docs::schemas),
    (lists::docs::operations, lists::docs::schemas),
    (tags::docs::operations, tags::docs::schemas),
    (sync::docs::operations, sync::docs::schemas),
    (transfer::docs::operations, transfer::docs::schemas),
    (admin::docs::operations, admin::docs::schemas),
    (service_routes::operations, service_routes::schemas),
];

/// The routes under `/v1`, and those for operators.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(&FEATURES, &info::of_v1(), &TAGS));

pub static DOCUMENT_3_0: LazyLock<Value> = LazyLock::new(|| version_3_0::of(&DOCUMENT));

/// The original's routes.
pub static ORIGINAL: LazyLock<Value> = LazyLock::new(|| {
    let features: [Feature; 1] = [(original::docs::operations, original::docs::schemas)];
    document(&features, &info::of_original(), &[("Original", "The routes of the original service.")])
});

fn document(features: &[Feature], info: &Value, tags: &[(&str, &str)]) -> Value {
    let (mut paths, mut responses, mut schemas) = (Map::new(), Map::new(), schemas(features));
    for operation in features.iter().flat_map(|(operations, _)| operations()) {
        let path = paths.entry(operation.path()).or_insert_with(|| json!({}));
        path[operation.method()] = operation.document(&mut responses);
        schemas.extend(operation.schemas().iter().cloned());
    }
    let flat = schemas.clone();
    schemas.values_mut().for_each(|schema| flatten(schema, &flat));
    let tags: Vec<_> =
        tags.iter().map(|(name, description)| json!({ "name": name, "description": description })).collect();
    let mut components = json!({
        "schemas": schemas, "responses": responses, "headers": error_responses::headers(), "securitySchemes": security(),
    });
    remove_unused(&mut components, &json!(paths));
    json!({
        "openapi": "3.1.0", "info": info, "servers": [{ "url": "/" }], "tags": tags, "paths": paths, "components": components,
    })
}

fn security() -> Value {
    // One scheme for all kinds of tokens: a page to authorise then has one field, and a generated client one setting.
    json!({ "bearer": {
        "type": "http", "scheme": "bearer",
        "description": "The `access_token` of a login or a refresh, or a personal access token (`tdo_...`). Each operation says which tokens it accepts, and `x-token` and `x-scope` say it to programs.",
    } })
}

fn schemas(features: &[Feature]) -> Map<String, Value> {
    let shared = [("Id", sent::<Id>()), ("SessionId", sent::<SessionId>()), ("Time", sent::<Time>())];
    let shared = shared.into_iter().chain(error_responses::schemas());
    let of_features = features.iter().flat_map(|(_, schemas)| schemas());
    shared.chain(of_features).map(|(name, schema)| (name.to_owned(), schema)).collect()
}
