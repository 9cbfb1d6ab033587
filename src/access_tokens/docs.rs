//! The part of the API document about personal access tokens.

use serde_json::{Value, json};

use super::model::TOKENS_MAX;
use super::wire::{AccessTokenBody, SCOPES_SENT_MAX};
use crate::auth::credential::TokenScope;
use crate::error::{Error, Resource};
use crate::openapi::needs::Needs;
use crate::openapi::operation::Operation;
use crate::openapi::schema::{described, input, named, or_null, sent};
use crate::owned::text::{INSTANT, NAME};

const ABOUT: &str = "The response is the only one that has the token. Scripts send it like the access token of a session. A \
    scope that the service does not know is refused. `todos:write` includes `todos:read`; `caldav` is for calendar clients. \
    A change of password does not end the token unless it says `end_tokens`.";

pub fn schemas() -> Vec<(&'static str, Value)> {
    let mut token = sent::<AccessTokenBody>();
    token["properties"]["scopes"] = json!({ "type": "array", "items": named("TokenScope"), "description": "What the token may be used for." });
    let mut with_text = token.clone();
    with_text["properties"]["token"] = json!({ "type": "string", "pattern": "^tdo_[0-9A-Za-z]{38}$", "description": "The token itself, which no other response has. Keep it secret." });
    if let Some(required) = with_text["required"].as_array_mut() {
        required.push(json!("token"));
    }
    let scopes = json!({ "type": "array", "items": named("TokenScope"), "minItems": 1, "maxItems": SCOPES_SENT_MAX, "description": "What the token may be used for." });
    let expires_at = described(or_null(INSTANT.schema()), "A time in the future. Null means never.");
    let name = described(NAME.schema(), "A name by which the user recognises the token.");
    let new = input(
        "A personal access token to create.",
        &["name", "scopes"],
        &json!({ "name": name, "scopes": scopes, "expires_at": expires_at }),
    );
    vec![
        ("AccessToken", token),
        ("CreatedAccessToken", with_text),
        ("AccessTokenInput", new),
        ("TokenScope", scope()),
    ]
}

fn scope() -> Value {
    let about = "What a personal access token may be used for.";
    json!({ "type": "string", "enum": TokenScope::ALL.map(TokenScope::name), "description": about })
}

pub(crate) fn example() -> Value {
    json!({
        "id": "6b01676ced65d6cc747c3420", "name": "backup script", "scopes": ["todos:read"], "last_four": "tREV",
        "created_at": "2026-11-21T09:42:04.101Z", "expires_at": null, "last_used_at": null,
    })
}

fn new(method: &'static str, path: &'static str, id: &str, summary: &str) -> Operation {
    Operation::new(method, path, "Accounts", id, summary)
}

pub fn operations() -> Vec<Operation> {
    let mut created = example();
    created["token"] = json!("tdo_4fGz81LkQw0sVx7TnB2cYd5RmJ9uHa3P3RtREV");
    vec![
        new("get", "/v1/tokens", "list_tokens", "List the caller's personal access tokens")
            .description(
                "Includes tokens that have expired in the last 30 days, and not those that were ended.",
            )
            .needs(Needs::Access)
            .page_response(
                "All tokens, the newest first, on one page.",
                "AccessTokenPage",
                "AccessToken",
                &example(),
            ),
        new("post", "/v1/tokens", "create_token", "Create a personal access token")
            .description(ABOUT)
            .needs(Needs::Fresh)
            .body(&named("AccessTokenInput"), &json!({ "name": "backup script", "scopes": ["todos:read"] }))
            .idempotency_key()
            .json_response(201, "The token.", &named("CreatedAccessToken"), &created)
            .response_header(201, "Idempotent-Replayed")
            .errors(&[Error::LimitReached(TOKENS_MAX)]),
        new("delete", "/v1/tokens/{id}", "end_token", "End a personal access token")
            .needs(Needs::Fresh)
            .response(204, "The token has ended.")
            .not_found(Resource::AccessToken),
    ]
}
