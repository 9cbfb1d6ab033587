//! The part of the API document about accounts and sessions.

use serde_json::{Value, json};

use super::model::{DEVICE_MAX_CHARS, EMAIL_MAX_BYTES, LIMITS};
use super::wire::UserBody;
use crate::auth::token::Role;
use crate::auth::wire::{SessionBody, TokensBody};
use crate::error::{Error, Resource};
use crate::http::body::CREDENTIALS_LIMIT;
use crate::openapi::needs::Needs;
use crate::openapi::operation::Operation;
use crate::openapi::schema::{input, named, or_null, sent};

// The part of the rule for usernames that a pattern can express: no control characters, and spaces only between other
// characters.
pub(crate) const VISIBLE_PATTERN: &str =
    r"^[^\u0000-\u0020\u007f-\u00a0]+( +[^\u0000-\u0020\u007f-\u00a0]+)*$";

pub fn schemas() -> Vec<(&'static str, Value)> {
    let username = json!({
        "type": "string", "minLength": LIMITS.username.min, "maxLength": LIMITS.username.max, "pattern": VISIBLE_PATTERN,
        "examples": ["ann"],
        "description": "Must not contain control characters or invisible characters, and must not start or end with a space.",
    });
    let password = json!({
        "type": "string", "minLength": LIMITS.password.min, "maxLength": LIMITS.password.max, "format": "password",
        "description": "Must not be the username or one of the 3,000 most common passwords.", "examples": ["correct horse battery"],
    });
    let email = json!({
        "type": ["string", "null"], "format": "email", "maxLength": EMAIL_MAX_BYTES,
        "description": "The e-mail address. Null means none.", "examples": ["ann@example.org"],
    });
    let text = |about: &str| json!({ "type": "string", "description": about });
    let device = json!({ "type": ["string", "null"], "maxLength": DEVICE_MAX_CHARS, "description": "A name for the device, which the list of sessions shows." });
    let zone = json!({ "type": "string", "description": "An IANA time zone name, or `UTC`.", "examples": ["Europe/Berlin"] });
    let mut new_password = or_null(password.clone());
    new_password["description"] = json!(
        "Replaces a password that an admin has set for one use. Only for a user who gets `password_change_required` without it."
    );
    let login = json!({
        "username": text("The username."), "password": text("The password."), "new_password": new_password, "device": device,
    });
    let end_tokens =
        json!({ "type": ["boolean", "null"], "description": "`true` ends all personal access tokens too." });
    let change = json!({
        "current_password": text("The password as it is now."), "new_password": password, "end_tokens": end_tokens,
    });
    let refresh_token =
        json!({ "type": ["string", "null"], "description": "The newest refresh token of the session." });
    let registration = json!({ "username": username, "password": password, "email": email });
    let patch = json!({ "email": email, "time_zone": zone });
    let required = ["username", "password"];
    vec![
        ("Registration", input("A user to register.", &required, &registration)),
        ("LoginInput", input("A username and a password, as they were registered.", &required, &login)),
        ("UserPatch", input("Absent fields stay.", &[], &patch)),
        (
            "RefreshInput",
            input(
                "The refresh token, if it is not in the header.",
                &[],
                &json!({ "refresh_token": refresh_token }),
            ),
        ),
        (
            "PasswordChange",
            input(
                "The password as it is now, and the new one.",
                &["current_password", "new_password"],
                &change,
            ),
        ),
        ("User", sent::<UserBody>()),
        ("Role", sent::<Role>()),
        ("Tokens", sent::<TokensBody>()),
        ("Session", sent::<SessionBody>()),
    ]
}

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
    operation.json_response(200, "The new tokens.", &named("Tokens"), &tokens)
}

fn user_example() -> Value {
    json!({
        "id": "6b01676ced65d6cc747c3400", "username": "ann", "email": null, "roles": ["user"], "time_zone": "UTC",
        "created_at": "2026-11-21T09:42:04.101Z", "version": 1,
    })
}

fn answers_user(operation: Operation, status: u16) -> Operation {
    operation
        .json_response(status, "The user.", &named("User"), &user_example())
        .response_header(status, "ETag")
}

fn sessions() -> Vec<Operation> {
    let credentials = json!({ "username": "ann", "password": "correct horse battery" });
    let session = json!({
        "id": "0123456789abcdef0123456789abcdef", "device": "phone", "ip": "192.0.2.1",
        "created_at": "2026-11-21T09:42:04.101Z", "last_used_at": "2026-11-21T09:42:04.101Z", "current": true,
    });
    vec![
        answers_user(new("post", "/v1/register", "register", "Register a user"), 201)
            .description("Creates an account. It does not log in. Usernames that differ only in case are the same.")
            .needs(Needs::Nothing)
            .body(&named("Registration"), &credentials)
            .body_limit(CREDENTIALS_LIMIT)
            .idempotency_key()
            .response_header(201, "Location")
            .response_header(201, "Idempotent-Replayed")
            .errors(&[Error::UsernameTaken, Error::RegistrationClosed]),
        answers_tokens(new("post", "/v1/login", "login", "Log in"))
            .description("Opens a session and returns its tokens. The access token is fresh. An unknown user and a wrong password get the same response after the same time. A password that an admin has set for one use needs a `new_password` beside it, which replaces it; otherwise the response is 403 `password_change_required`.")
            .needs(Needs::Nothing)
            .body(&named("LoginInput"), &credentials)
            .body_limit(CREDENTIALS_LIMIT)
            .errors(&[Error::InvalidCredentials, Error::PasswordChangeRequired]),
        answers_tokens(new("post", "/v1/refresh", "refresh", "Exchange a refresh token for new tokens"))
            .description("The refresh token is in the header, or in the body if the client sends another token in the header. A refresh token can be used once.")
            .needs(Needs::SentRefresh)
            .optional_body(&named("RefreshInput"), &json!({ "refresh_token": "eyJ0..." }))
            .body_limit(CREDENTIALS_LIMIT),
        new("post", "/v1/logout", "logout", "Log out")
            .description("Ends the session and revokes its tokens. Accepts either token, even if it has expired or was revoked.")
            .needs(Needs::Either)
            .response(204, "The session has ended."),
        new("get", "/v1/sessions", "list_sessions", "List the caller's sessions")
            .needs(Needs::Access)
            .page_response("All sessions, on one page.", "SessionPage", "Session", &session),
        answers_tokens(new("delete", "/v1/sessions", "end_sessions", "End all sessions"))
            .description("With `except=current`, the caller's session continues with the new tokens of the response, which are not fresh. Its earlier tokens are revoked, and all other sessions end. Otherwise all sessions end.")
            .needs(Needs::Access)
            .query("except", json!({ "type": "string", "enum": ["current"] }), "`current` keeps the caller's own session.")
            .response(204, "All sessions have ended."),
        new("delete", "/v1/sessions/{id}", "end_session", "End a session")
            .needs(Needs::Access)
            .response(204, "The session has ended.")
            .not_found(Resource::Session),
    ]
}

fn user() -> Vec<Operation> {
    let change =
        json!({ "current_password": "correct horse battery", "new_password": "battery staple horse" });
    vec![
        answers_user(
            new("get", "/v1/user", "get_user", "Get the caller's account").needs(Needs::Access),
            200,
        )
        .if_none_match(),
        answers_user(new("patch", "/v1/user", "patch_user", "Change the caller's account (RFC 7396)"), 200)
            .needs(Needs::Access)
            .description("Dates are compared in the time zone of the user, for example by `due_before` and `overdue`.")
            .merge_patch(&named("UserPatch"), &json!({ "time_zone": "UTC" }))
            .request_example("remove_email", "Remove the e-mail address", &json!({ "email": null }))
            .if_match("User", user_example()),
        new(
            "delete",
            "/v1/user",
            "delete_user",
            "Delete the caller's account with all todos, lists and sessions",
        )
        .needs(Needs::Fresh)
        .response(204, "The user was deleted.")
        .errors(&[Error::LastAdmin]),
        answers_tokens(new("put", "/v1/user/password", "put_password", "Change the password"))
            .description("Ends all sessions, revokes every token that was issued before, and opens a new session. The access token is fresh. Personal access tokens stay, unless `end_tokens` is true.")
            .needs(Needs::Access)
            .body(&named("PasswordChange"), &change)
            .errors(&[Error::InvalidCredentials]),
    ]
}
