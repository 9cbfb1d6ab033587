//! Error responses and response headers in the API document.
//!
//! **Invariant:** statuses, codes and titles come from [`ErrorCode`], and examples are rendered as the service renders them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schema::named;
use crate::error::Error;
use crate::http::access_log::REQUEST_ID_MAX;
use crate::http::error_code::ErrorCode;
use crate::http::problem::Problem;

/// By status: the name of the component, which lists the codes, and the response.
pub(super) fn problems(errors: &[Error]) -> BTreeMap<u16, (String, Value)> {
    let mut by_status: BTreeMap<u16, Vec<&Error>> = BTreeMap::new();
    for error in errors {
        by_status.entry(ErrorCode::of(error).status.as_u16()).or_default().push(error);
    }
    by_status.into_iter().map(|(status, errors)| (status, response(status, &errors))).collect()
}

pub(super) fn originals(errors: &[Error]) -> BTreeMap<u16, (String, Value)> {
    // `original::wire` describes these two with 400.
    let statuses = errors.iter().map(|error| match error {
        Error::Invalid(_) | Error::UsernameTaken => 400,
        other => ErrorCode::of(other).status.as_u16(),
    });
    let response = |status: u16| {
        let content = json!({ "application/json": { "schema": named("OriginalError") } });
        json!({ "description": "An error in the format of the original service.", "headers": headers_of(status), "content": content })
    };
    // The original's errors have no codes, so there is one component per status.
    statuses.map(|status| (status, (format!("{status}-original"), response(status)))).collect()
}

fn response(status: u16, errors: &[&Error]) -> (String, Value) {
    let described: BTreeMap<_, _> = errors.iter().map(|error| (ErrorCode::of(error).code, *error)).collect();
    let lines: Vec<String> =
        described.iter().map(|(code, error)| format!("`{code}`: {}.", ErrorCode::of(error).title)).collect();
    let example =
        |error: &Error| json!({ "value": Problem::new(error, Some("5f1e0c5a7d3b4e0f9a8b7c6d5e4f3a2b")) });
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

/// A required header is on every response that references it.
pub(super) fn headers() -> Value {
    let optional = |about: &str, schema: Value| json!({ "description": about, "schema": schema });
    let required =
        |about: &str, schema: Value| json!({ "description": about, "schema": schema, "required": true });
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    json!({
        "ETag": required("The version of the object, in quotes.", text("^\"[1-9][0-9]*\"$")),
        "Idempotent-Replayed": optional("`true` if this is the response to an earlier request with the same key.", json!({ "const": "true" })),
        "Link": optional("The next page, if there is one (RFC 8288).", text("^<[^<>]+>; rel=\"next\"$")),
        "Location": required("The path of the new object.", text("^/")),
        "Retry-After": required("The number of seconds after which to try again.", json!({ "type": "integer", "minimum": 0 })),
        "WWW-Authenticate": required("`Bearer` (RFC 6750 §3).", text("^Bearer")),
        "X-Request-Id": required("Identifies the request: the client's own id, if it is well-formed.", text(&format!("^[A-Za-z0-9_.:-]{{1,{REQUEST_ID_MAX}}}$"))),
    })
}
