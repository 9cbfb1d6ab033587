//! What the API documents say about the API as a whole: quick start, errors, limits and throttles.

use serde_json::{Value, json};

use crate::access_tokens::model::TOKENS_MAX;
use crate::http::body::{BODY_LIMIT, CREDENTIALS_LIMIT};
use crate::http::pagination::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::lists::operations::LISTS_MAX;
use crate::owned::text::{DESCRIPTION_MAX, NAME_MAX, TAG_MAX, TAGS_MAX};
use crate::sync::hub::USER_STREAMS_MAX;
use crate::sync::wire::COMMANDS_MAX;
use crate::workspace::TODOS_MAX;

// Of the API, not of the program. It grows when the API grows; a change that breaks clients would get another path.
const API_VERSION: &str = "1.0.0";

const SUMMARY: &str = "A self-hosted todo service: todos with due dates, recurrence, subtasks and lists, offline sync and live events.";

const QUICK_START: &str = r#"## Quick start

1. **Register.** `POST /v1/register` with `{"username":"ann","password":"correct horse battery"}`.
2. **Log in.** `POST /v1/login` with the same body. Keep `access_token` and `refresh_token`.
3. **Create.** Send `Authorization: Bearer ACCESS_TOKEN` with each request. `POST /v1/todos` with `{"name":"Run","due":{"date":"2026-12-01"}}` returns the todo and its version, as `ETag: "1"`.
4. **Change.** `PATCH /v1/todos/{id}` with `If-Match: "1"` and `{"completed":true}`. After a 412, apply the change to `current` and repeat it with that version.
5. **Go on.** When a request gets 401 `token_expired`, exchange the refresh token at `POST /v1/refresh`. A client that keeps all todos uses `POST /v1/sync` and `GET /v1/events`.

## Errors

Errors are problem details (RFC 9457) with a `code` for programs. `/problems/{code}` says what to do next. A 422 lists every invalid field in `errors`. After a 503 the outcome of a change is unknown: repeat it with the same `Idempotency-Key`, or with `If-Match`.

Unknown fields and unknown parameters are rejected. In a patch, an absent field stays and null is allowed only where it has a meaning of its own. A client that cannot tell null from absent sends the whole object with PUT and `If-Match`."#;

pub(super) fn of_v1() -> Value {
    info("todo-api", SUMMARY, &format!("{QUICK_START}\n\n{}", limits()))
}

pub(super) fn of_original() -> Value {
    let about = "New clients use the routes under \
        `/v1` (`/v1/openapi.json`). Send `Authorization: Bearer TOKEN` with an access token from `/login`.";
    let summary = "The routes of the service that todo-api replaces, with the same users and todos.";
    info("todo-api: the original's routes", summary, about)
}

fn info(title: &str, summary: &str, description: &str) -> Value {
    json!({
        "title": title,
        "version": API_VERSION,
        "x-service-version": env!("CARGO_PKG_VERSION"),
        "summary": summary,
        "description": description,
        "contact": { "name": "The operator of this service" },
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    })
}

fn limits() -> String {
    format!(
        "## Limits\n\n\
        | What | At most |\n|---|---|\n\
        | body | {BODY_LIMIT} bytes; of register, login and refresh {CREDENTIALS_LIMIT} |\n\
        | page | {LIMIT_MAX} items, {LIMIT_DEFAULT} by default |\n\
        | name | {NAME_MAX} characters |\n\
        | description | {DESCRIPTION_MAX} characters |\n\
        | tags | {TAGS_MAX} of a todo, each of {TAG_MAX} characters |\n\
        | todos | {TODOS_MAX} of a user outside the trash, and as many in it |\n\
        | lists | {LISTS_MAX} of a user outside the trash, and as many in it |\n\
        | personal access tokens | {TOKENS_MAX} of a user |\n\
        | commands | {COMMANDS_MAX} in a request of sync |\n\
        | event streams | {USER_STREAMS_MAX} of a user |\n\n\
        ## Throttles\n\n\
        A response with status 429 has `Retry-After` in seconds: wait so long, and then repeat the request. It is sent to an address \
        that has tried many logins or registrations, for a username with many wrong passwords, and to a user who sends many \
        requests at once. Other users are not affected. A 503 has `Retry-After` too."
    )
}
