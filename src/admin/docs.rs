//! The part of the API document about admins.

use serde_json::{Value, json};

use super::query_params::{documented_audit, documented_users};
use super::wire::{ActorBody, AdminSessionBody, AdminUserBody, AuditEntryBody};
use crate::audit::store::Event;
use crate::error::{Error, Resource};
use crate::openapi::needs::Needs;
use crate::openapi::operation::Operation;
use crate::openapi::schema::{input, named, sent};
use crate::{access_tokens, users};

pub fn schemas() -> Vec<(&'static str, Value)> {
    let mut of_users = users::docs::schemas().into_iter();
    let registration =
        of_users.find_map(|(name, schema)| (name == "Registration").then_some(schema)).unwrap_or_default();
    let roles = json!({
        "type": "array", "items": named("Role"), "minItems": 1, "maxItems": 10,
        "description": "Every user has the role `user`, whether it is given or not.",
    });
    let must_change = json!({
        "type": ["boolean", "null"],
        "description": "Whether the password is for one login, which must replace it.",
    });
    let mut account = registration.clone();
    account["properties"]["roles"] = roles.clone();
    account["properties"]["must_change_password"] = must_change.clone();
    account["description"] = json!("A user to create.");
    let password = input(
        "A new password for a user.",
        &["password"],
        &json!({ "password": registration["properties"]["password"], "must_change_password": must_change }),
    );
    let flag = |about: &str| json!({ "type": "boolean", "description": about });
    let disabled = flag("Whether the user cannot log in.");
    let access = input("Absent fields stay.", &[], &json!({ "roles": roles, "disabled": disabled }));
    let blocked = flag("Whether the session refuses its tokens.");
    let blocked = input("Whether a session is blocked.", &["blocked"], &json!({ "blocked": blocked }));
    vec![
        ("AccountInput", account),
        ("PasswordInput", password),
        ("AdminUserPatch", access),
        ("AdminSessionPatch", blocked),
        ("AdminUser", sent::<AdminUserBody>()),
        ("AdminSession", sent::<AdminSessionBody>()),
        ("AuditEvent", sent::<Event>()),
        ("AuditEntry", sent::<AuditEntryBody>()),
        ("AuditActor", sent::<ActorBody>()),
    ]
}

pub fn operations() -> Vec<Operation> {
    users_operations().into_iter().chain(sessions()).chain(tokens()).chain([audit()]).collect()
}

fn new(method: &'static str, path: &'static str, id: &str, summary: &str) -> Operation {
    let needs = if method == "get" { Needs::Access } else { Needs::Fresh };
    Operation::new(method, path, "Admin", id, summary).needs(needs).errors(&[Error::Forbidden])
}

fn user_example() -> Value {
    json!({
        "id": "6b01676ced65d6cc747c3400", "username": "ann", "email": null, "roles": ["user"], "time_zone": "UTC",
        "created_at": "2026-11-21T09:42:04.101Z", "version": 1, "disabled_at": null,
        "last_used_at": "2026-11-21T10:02:04.101Z", "session_count": 1, "todo_count": 12,
    })
}

fn users_operations() -> Vec<Operation> {
    let user = |operation: Operation, status| {
        operation
            .json_response(status, "The user.", &named("AdminUser"), &user_example())
            .response_header(status, "ETag")
    };
    let one = |operation: Operation| operation.not_found(Resource::User);
    let account =
        json!({ "username": "ann", "password": "correct horse battery", "must_change_password": true });
    let password = json!({ "password": "correct horse battery", "must_change_password": true });
    let path = "/v1/admin/users/{id}";
    vec![
        documented_users(new("get", "/v1/admin/users", "admin_list_users", "List users, page by page"))
            .paginated()
            .page_response("A page of users.", "AdminUserPage", "AdminUser", &user_example()),
        user(new("post", "/v1/admin/users", "admin_create_user", "Create a user"), 201)
            .description("Also if registration is closed.")
            .body(&named("AccountInput"), &account)
            .idempotency_key()
            .response_header(201, "Location")
            .response_header(201, "Idempotent-Replayed")
            .errors(&[Error::UsernameTaken]),
        one(user(new("get", path, "admin_get_user", "Get a user"), 200)).if_none_match(),
        one(user(new("patch", path, "admin_patch_user", "Change the roles of a user, or disable or enable the user"), 200))
            .description("If this changes anything, it ends all sessions of the user. A user who is disabled cannot log in.")
            .merge_patch(&named("AdminUserPatch"), &json!({ "disabled": true }))
            .if_match("AdminUser", user_example())
            .errors(&[Error::LastAdmin]),
        one(new("delete", path, "admin_delete_user", "Delete a user with all todos, lists and sessions"))
            .description("The tokens of the user are revoked before the response. The data is deleted soon after it; until then the username is taken.")
            .if_match("AdminUser", user_example())
            .response(204, "The user was deleted.")
            .errors(&[Error::LastAdmin]),
        one(user(new("put", "/v1/admin/users/{id}/password", "admin_put_password", "Set the password of a user"), 200))
            .description("Ends all sessions of the user.")
            .body(&named("PasswordInput"), &password)
            .if_match("AdminUser", user_example()),
    ]
}

fn sessions() -> Vec<Operation> {
    let session = json!({
        "id": "0123456789abcdef0123456789abcdef", "device": "phone", "ip": "192.0.2.1",
        "created_at": "2026-11-21T09:42:04.101Z", "last_used_at": "2026-11-21T09:42:04.101Z", "current": false,
        "blocked": false,
    });
    let mut blocked = session.clone();
    blocked["blocked"] = json!(true);
    let (all, one) = ("/v1/admin/users/{id}/sessions", "/v1/admin/users/{id}/sessions/{sid}");
    vec![
        new("get", all, "admin_list_sessions", "List the sessions of a user")
            .page_response("All sessions, on one page.", "AdminSessionPage", "AdminSession", &session)
            .not_found(Resource::User),
        new("delete", all, "admin_end_sessions", "End all sessions of a user")
            .response(204, "All sessions have ended.")
            .not_found(Resource::User),
        new("delete", one, "admin_end_session", "End a session of a user")
            .response(204, "The session has ended.")
            .errors(&[Error::NotFound(Resource::User), Error::NotFound(Resource::Session)]),
        new("patch", one, "admin_block_session", "Block or unblock a session of a user")
            .description("A blocked session refuses all its tokens until it is unblocked. It still ends like any other session.")
            .merge_patch(&named("AdminSessionPatch"), &json!({ "blocked": true }))
            .json_response(200, "The session.", &named("AdminSession"), &blocked)
            .errors(&[Error::NotFound(Resource::User), Error::NotFound(Resource::Session)]),
    ]
}

fn tokens() -> Vec<Operation> {
    let (all, one) = ("/v1/admin/users/{id}/tokens", "/v1/admin/users/{id}/tokens/{tid}");
    vec![
        new("get", all, "admin_list_tokens", "List the personal access tokens of a user")
            .page_response(
                "All tokens, the newest first, on one page.",
                "AccessTokenPage",
                "AccessToken",
                &access_tokens::docs::example(),
            )
            .not_found(Resource::User),
        new("delete", all, "admin_end_tokens", "End all personal access tokens of a user")
            .response(204, "All tokens have ended.")
            .not_found(Resource::User),
        new("delete", one, "admin_end_token", "End a personal access token of a user")
            .response(204, "The token has ended.")
            .errors(&[Error::NotFound(Resource::User), Error::NotFound(Resource::AccessToken)]),
    ]
}

fn audit() -> Operation {
    let entry = json!({
        "id": "6b01676ced65d6cc747c3499", "at": "2026-11-21T09:42:04.101Z", "event": "disabled",
        "user_id": "6b01676ced65d6cc747c3400", "username": "ann", "session_id": null, "ip": "192.0.2.7",
        "by": { "id": "6b01676ced65d6cc747c3401", "username": "root" }, "by_operator": false, "roles": null,
    });
    documented_audit(new(
        "get",
        "/v1/admin/audit",
        "admin_list_audit",
        "List what happened to accounts, page by page",
    ))
    .paginated()
    .page_response("A page of entries.", "AuditPage", "AuditEntry", &entry)
}
