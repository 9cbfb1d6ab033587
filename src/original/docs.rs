//! The API document of the original's routes. Tests compare real responses with this document.

use serde_json::{Value, json};

use super::handlers::{TodoBody, UserBody};
use crate::error::{Error, Resource};
use crate::http::body::CREDENTIALS_LIMIT;
use crate::openapi::needs::Needs;
use crate::openapi::operation::Operation;
use crate::openapi::schema::{named, sent};
use crate::users::docs::VISIBLE_PATTERN;
use crate::users::model::{Limits, ORIGINAL_LIMITS};

pub fn schemas() -> Vec<(&'static str, Value)> {
    let object = |properties: Value| {
        let required: Vec<_> =
            properties.as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
        json!({ "type": "object", "required": required, "properties": properties })
    };
    let text = || json!({ "type": "string", "description": "As the original sends it." });
    // Numbers, true and false are accepted as the text that Python's `str` gives for them.
    let scalar = || json!(["string", "number", "boolean"]);
    let field = || json!({ "type": scalar() });
    let oid = object(json!({ "$oid": named("Id") }));
    let Limits { username, password, .. } = ORIGINAL_LIMITS;
    vec![
        ("OriginalTodo", sent::<TodoBody>()),
        ("OriginalUser", sent::<UserBody>()),
        ("Oid", oid),
        (
            "OriginalError",
            json!({ "type": "object", "properties": {
            "message": { "type": ["string", "object"] }, "description": text(), "error": text(),
        } }),
        ),
        ("Message", object(json!({ "message": text() }))),
        ("Credentials", object(json!({ "username": field(), "password": field() }))),
        (
            "NewCredentials",
            object(json!({
                "username": { "type": scalar(), "minLength": username.min, "maxLength": username.max, "pattern": VISIBLE_PATTERN },
                "password": { "anyOf": [
                    { "type": "string", "minLength": password.min, "maxLength": password.max },
                    // Eight digits, because the text of the number must have the minimum length of a password.
                    { "type": "integer", "minimum": 10_000_000 },
                ] },
            })),
        ),
        ("OriginalTodoFields", object(json!({ "name": field(), "description": field() }))),
        ("OriginalTokens", object(json!({ "access_token": text(), "refresh_token": text() }))),
        ("OriginalAccess", object(json!({ "access_token": text() }))),
    ]
}

pub fn operations() -> Vec<Operation> {
    let new = |method, path, id, summary| Operation::new(method, path, "Original", id, summary);
    let credentials = json!({ "username": "ann", "password": "correct horse battery" });
    let fields = json!({ "name": "Milk", "description": "2 litres" });
    let oid = json!({ "$oid": "6b01676ced65d6cc747c3412" });
    let example = json!({ "_id": oid, "name": "Milk", "description": "2 litres", "owner_id": "6b01676ced65d6cc747c3400" });
    let user = json!({ "_id": oid, "username": "ann" });
    let says = |operation: Operation, status, message: &str| {
        operation.json_response(status, message, &named("Message"), &json!({ "message": message }))
    };
    let todo = |operation: Operation, status| {
        operation.json_response(status, "The todo.", &named("OriginalTodo"), &example)
    };
    let all = json!({ "type": "array", "items": named("OriginalTodo") });
    let access = json!({ "access_token": "eyJ0..." });
    let both = json!({ "access_token": "eyJ0...", "refresh_token": "eyJ0..." });
    vec![
        says(
            new("post", "/register", "original_register", "Create a user").description("Does not log in."),
            201,
            "User created successfully.",
        )
        .needs(Needs::Nothing)
        .body(&named("NewCredentials"), &credentials)
        .body_limit(CREDENTIALS_LIMIT)
        .errors(&[Error::UsernameTaken, Error::RegistrationClosed]),
        new("post", "/login", "original_login", "Log in and open a session")
            .description("Opens a session and returns its tokens.")
            .needs(Needs::Nothing)
            .body(&named("Credentials"), &credentials)
            .body_limit(CREDENTIALS_LIMIT)
            .json_response(
                200,
                "The tokens of the new session. The access token is fresh.",
                &named("OriginalTokens"),
                &both,
            )
            .errors(&[Error::InvalidCredentials]),
        new("post", "/refresh", "original_refresh", "Get a new access token")
            .description("Accepts refresh tokens of the original's login only.")
            .needs(Needs::Refresh)
            .body_limit(CREDENTIALS_LIMIT)
            .json_response(200, "An access token that is not fresh.", &named("OriginalAccess"), &access),
        says(
            new("post", "/logout", "original_logout", "Log out and end the session"),
            200,
            "Successfully logged out",
        )
        .needs(Needs::Access),
        new("get", "/user/{username}", "original_get_user", "Get a user")
            .needs(Needs::Access)
            .json_response(200, "The user.", &named("OriginalUser"), &user)
            .errors(&[Error::Forbidden])
            .not_found(Resource::User),
        says(
            new("delete", "/user/{username}", "original_delete_user", "Delete a user"),
            200,
            "User was deleted",
        )
        .description("Deleting the own account needs a fresh token.")
        .needs(Needs::Fresh)
        .errors(&[Error::Forbidden, Error::LastAdmin])
        .not_found(Resource::User),
        todo(new("post", "/createtodo", "original_create_todo", "Create a todo"), 201)
            .needs(Needs::Fresh)
            .body(&named("OriginalTodoFields"), &fields)
            .errors(&[Error::Invalid(Vec::new())]),
        todo(new("get", "/todo/{todo_id}", "original_get_todo", "Get a todo"), 200)
            .needs(Needs::Access)
            .not_found(Resource::Todo),
        todo(new("put", "/todo/{todo_id}", "original_put_todo", "Change a todo"), 200)
            .needs(Needs::Fresh)
            .body(&named("OriginalTodoFields"), &fields)
            .not_found(Resource::Todo),
        says(
            new("delete", "/todo/{todo_id}", "original_delete_todo", "Delete a todo"),
            200,
            "The todo was deleted",
        )
        .needs(Needs::Fresh)
        .not_found(Resource::Todo),
        new("get", "/todolist", "original_list_todos", "List all todos, oldest first")
            .needs(Needs::Access)
            .json_response(200, "The todos.", &all, &json!([example]))
            .not_found(Resource::Todos),
    ]
}
