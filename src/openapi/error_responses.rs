//! Answers of failure, as the API document tells of them. Must not have a table of its own: statuses, codes and examples are
//! those of the service.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schema::named;
use crate::error::Error;
use crate::http::error_code::ErrorCode;
use crate::http::problem::Problem;

/// By status: a name, which says the codes, and the answer.
pub(super) fn problems(errors: &[Error]) -> BTreeMap<u16, (String, Value)> {
    let mut by_status: BTreeMap<u16, Vec<&Error>> = BTreeMap::new();
    for error in errors {
        by_status.entry(ErrorCode::of(error).status.as_u16()).or_default().push(error);
    }
    by_status.into_iter().map(|(status, errors)| (status, refusal(status, &errors))).collect()
}

/// As the original words them, by status only.
pub(super) fn originals(errors: &[Error]) -> BTreeMap<u16, (String, Value)> {
    let statuses = errors.iter().map(|error| match error {
        Error::Invalid(_) | Error::UsernameTaken => 400,
        other => ErrorCode::of(other).status.as_u16(),
    });
    let answer = |status: u16| {
        let content = json!({ "application/json": { "schema": named("OriginalError") } });
        json!({ "description": "In the words of the original.", "headers": headers_of(status), "content": content })
    };
    statuses.map(|status| (status, (format!("{status}-original"), answer(status)))).collect()
}

/// The answer to these errors, which have the same status.
fn refusal(status: u16, errors: &[&Error]) -> (String, Value) {
    let described: BTreeMap<_, _> = errors.iter().map(|error| (ErrorCode::of(error).code, *error)).collect();
    let lines: Vec<String> =
        described.iter().map(|(code, error)| format!("`{code}`: {}.", ErrorCode::of(error).title)).collect();
    let example =
        |error: &Error| json!({ "value": Problem::of(error, Some("5f1e0c5a7d3b4e0f9a8b7c6d5e4f3a2b")) });
    let examples: Map<String, Value> =
        described.iter().map(|(code, error)| ((*code).to_owned(), example(error))).collect();
    let name = described.keys().fold(status.to_string(), |name, code| format!("{name}-{code}"));
    let content = json!({ "application/problem+json": { "schema": named("Problem"), "examples": examples } });
    (name, json!({ "description": lines.join(" "), "headers": headers_of(status), "content": content }))
}

fn headers_of(status: u16) -> Value {
    match status {
        401 => json!({ "WWW-Authenticate": { "$ref": "#/components/headers/WWW-Authenticate" } }),
        429 | 503 => json!({ "Retry-After": { "$ref": "#/components/headers/Retry-After" } }),
        _ => json!({}),
    }
}

/// The headers of answers. Those that are required are on every answer that is told to have them.
pub(super) fn headers() -> Value {
    let some = |about: &str, schema: Value| json!({ "description": about, "schema": schema });
    let always =
        |about: &str, schema: Value| json!({ "description": about, "schema": schema, "required": true });
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    json!({
        "ETag": always("The version, in quotes.", text("^\"[1-9][0-9]*\"$")),
        "Idempotent-Replayed": some("`true` when this is an earlier answer.", json!({ "const": "true" })),
        "Link": some("The next page, if there is one (RFC 8288).", text("^<[^<>]+>; rel=\"next\"$")),
        "Location": always("Where the new object is.", text("^/")),
        "Retry-After": always("When to try again, in seconds.", json!({ "type": "integer", "minimum": 0 })),
        "WWW-Authenticate": always("`Bearer` (RFC 6750 §3).", text("^Bearer")),
        "X-Request-Id": always("Names the request: the client's own, if it sent a sane one.", text("^[A-Za-z0-9_.:-]{1,64}$")),
    })
}
