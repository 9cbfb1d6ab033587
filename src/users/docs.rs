//! What the API document says of accounts. Must not promise what the routes do not keep: real answers are held against
//! it.

use std::time::Duration;

use serde_json::{Value, json};

use super::model::{DEVICE_MAX_CHARS, EMAIL_MAX_BYTES, LIMITS};
use super::wire::UserBody;
use crate::auth::token::Role;
use crate::auth::wire::{SessionBody, TokensBody};
use crate::error::{Error, Resource};
use crate::openapi::operation::{Needs, Operation};
use crate::openapi::schema::{named, sent};

/// What a pattern can say of visible characters: no control characters, and spaces only inside.
pub(crate) const VISIBLE_PATTERN: &str =
    r"^[^\u0000-\u0020\u007f-\u00a0]+( +[^\u0000-\u0020\u007f-\u00a0]+)*$";

/// The schemas of accounts, by name.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Value)> {
    let username = json!({
        "type": "string", "minLength": LIMITS.username.min, "maxLength": LIMITS.username.max, "pattern": VISIBLE_PATTERN,
        "examples": ["ann"],
        "description": "None of the characters control or invisible, no space at either end.",
    });
    let password = json!({
        "type": "string", "minLength": LIMITS.password.min, "maxLength": LIMITS.password.max, "format": "password",
        "description": "Not the username, and not among the most common.", "examples": ["correct horse battery"],
    });
    let email = json!({ "type": ["string", "null"], "format": "email", "maxLength": EMAIL_MAX_BYTES });
    let object = |required: &[&str], properties: Value| json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false });
    let any = json!({ "type": "string" });
    let device = json!({ "type": ["string", "null"], "maxLength": DEVICE_MAX_CHARS, "description": "What lists of sessions call it." });
    let zone = json!({ "type": ["string", "null"], "description": "An IANA name; null is UTC.", "examples": ["Europe/Berlin"] });
    let login = json!({ "username": any, "password": any, "device": device });
    let change = json!({ "current_password": any, "new_password": password });
    vec![
        (
            "NewUser",
            object(
                &["username", "password"],
                json!({ "username": username, "password": password, "email": email }),
            ),
        ),
        ("Login", object(&["username", "password"], login)),
        (
            "UserPatch",
            json!({
                "type": "object", "properties": { "email": email, "time_zone": zone }, "additionalProperties": false,
            }),
        ),
        ("PasswordChange", object(&["current_password", "new_password"], change)),
        ("User", sent::<UserBody>()),
        ("Role", sent::<Role>()),
        ("Tokens", sent::<TokensBody>()),
        ("Session", sent::<SessionBody>()),
    ]
}

/// The operations on accounts.
#[must_use]
pub fn operations() -> Vec<Operation> {
    [sessions(), user()].into_iter().flatten().collect()
}

fn new(method: &'static str, path: &'static str, id: &str, summary: &str) -> Operation {
    Operation::new(method, path, "Accounts", id, summary)
}

fn answers_tokens(operation: Operation) -> Operation {
    let tokens = json!({
        "token_type": "Bearer", "access_token": "eyJ0...", "expires_in": 900, "refresh_token": "eyJ0...",
        "refresh_expires_in": 2_592_000, "session_id": "0123456789abcdef0123456789abcdef",
    });
    operation.answers_json(200, "Tokens.", &named("Tokens"), &tokens)
}

fn answers_user(operation: Operation, status: u16) -> Operation {
    let user = json!({
        "id": "6b01676ced65d6cc747c3400", "username": "ann", "email": null, "roles": ["user"], "time_zone": "UTC",
        "created_at": "2026-11-21T09:42:04.101Z", "version": 1,
    });
    operation.answers_json(status, "The user.", &named("User"), &user).with(status, "ETag")
}

fn sessions() -> Vec<Operation> {
    let credentials = json!({ "username": "ann", "password": "correct horse battery" });
    let throttled = Error::Throttled { retry_after: Duration::from_secs(2) };
    let session = json!({
        "id": "0123456789abcdef0123456789abcdef", "device": "phone", "ip": "192.0.2.1",
        "created_at": "2026-11-21T09:42:04.101Z", "last_used_at": "2026-11-21T09:42:04.101Z", "current": true,
    });
    vec![
        answers_user(new("post", "/v1/register", "register", "Make a user"), 201)
            .needs(Needs::Nothing)
            .body(&named("NewUser"), &credentials)
            .repeatable()
            .with(201, "Location")
            .with(201, "Idempotent-Replayed")
            .refuses(&[Error::UsernameTaken, Error::RegistrationClosed, throttled.clone()]),
        answers_tokens(new("post", "/v1/login", "login", "Open a session"))
            .about("The tokens are fresh. An unknown user and a wrong password get the same answer after the same time.")
            .needs(Needs::Nothing)
            .body(&named("Login"), &credentials)
            .refuses(&[Error::InvalidCredentials, throttled.clone()]),
        answers_tokens(new("post", "/v1/refresh", "refresh", "Get new tokens for a refresh token, which is spent"))
            .needs(Needs::Refresh),
        new("post", "/v1/logout", "logout", "End the session")
            .about("By either of its tokens; none of them works any more.")
            .needs(Needs::Either)
            .answers(204, "It is over."),
        new("get", "/v1/sessions", "list_sessions", "The sessions of the caller")
            .needs(Needs::Access)
            .answers_page("Sessions, all on one page.", &named("Session"), &session),
        new("delete", "/v1/sessions", "end_sessions", "End all sessions")
            .needs(Needs::Access)
            .query("except", json!({ "type": "string", "enum": ["current"] }), "`current` spares the session that asks.")
            .answers(204, "They are over."),
        new("delete", "/v1/sessions/{id}", "end_session", "End a session")
            .needs(Needs::Access)
            .answers(204, "It is over.")
            .may_lack(Resource::Session),
    ]
}

fn user() -> Vec<Operation> {
    let change =
        json!({ "current_password": "correct horse battery", "new_password": "battery staple horse" });
    let throttled = Error::Throttled { retry_after: Duration::from_secs(2) };
    vec![
        answers_user(new("get", "/v1/user", "get_user", "The caller").needs(Needs::Access), 200).cached(),
        answers_user(
            new("patch", "/v1/user", "patch_user", "Change what the body says of the caller (RFC 7396)"),
            200,
        )
        .needs(Needs::Access)
        .body(&named("UserPatch"), &json!({ "time_zone": "Europe/Berlin" }))
        .conditional(),
        new("delete", "/v1/user", "delete_user", "Delete the caller, with all todos, lists and sessions")
            .needs(Needs::Fresh)
            .answers(204, "The user is gone."),
        answers_tokens(new("put", "/v1/user/password", "put_password", "Change the password"))
            .about("Every other session ends.")
            .needs(Needs::Access)
            .body(&named("PasswordChange"), &change)
            .refuses(&[Error::InvalidCredentials, throttled]),
    ]
}
