//! Error responses and response headers in the API document.
//!
//! **Invariant:** statuses, codes and titles come from [`ErrorCode`], and examples are rendered as the service renders them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use super::schema::{described, named, nullable, sent};
use crate::error::Error;
use crate::http::access_log::REQUEST_ID_MAX;
use crate::http::error_code::ErrorCode;
use crate::http::problem::{Problem, ProblemViolation};
use crate::http::violation_code;

/// By status: the name of the component, which lists the codes, and the response.
/// `current` is the schema of the object in a 412 response.
pub(super) fn problems(errors: &[Error], current: Option<&str>) -> BTreeMap<u16, (String, Value)> {
    let mut by_status: BTreeMap<u16, Vec<&Error>> = BTreeMap::new();
    for error in errors {
        by_status.entry(ErrorCode::of(error).status.as_u16()).or_default().push(error);
    }
    by_status.into_iter().map(|(status, errors)| (status, response(status, &errors, current))).collect()
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
    statuses.map(|status| (status, (format!("OriginalError{status}"), response(status)))).collect()
}

fn response(status: u16, errors: &[&Error], current: Option<&str>) -> (String, Value) {
    let described: BTreeMap<_, _> = errors.iter().map(|error| (ErrorCode::of(error).code, *error)).collect();
    let lines: Vec<String> =
        described.iter().map(|(code, error)| format!("`{code}`: {}.", ErrorCode::of(error).title)).collect();
    let example =
        |error: &Error| json!({ "value": Problem::new(error, Some("5f1e0c5a7d3b4e0f9a8b7c6d5e4f3a2b")) });
    let examples: Map<String, Value> =
        described.iter().map(|(code, error)| ((*code).to_owned(), example(error))).collect();
    let mut name = component_name(described.keys().copied().collect());
    let mut schema = named("Problem");
    if let Some(current) = current.filter(|_| described.contains_key("version_mismatch")) {
        name = format!("{current}{name}");
        schema = named(&mismatch_name(current));
    }
    let content = json!({ "application/problem+json": { "schema": schema, "examples": examples } });
    (name, json!({ "description": lines.join(" "), "headers": headers_of(status), "content": content }))
}

/// For example `Unauthorized`, or `IdTakenOrInTrash`.
fn component_name(mut codes: Vec<&str>) -> String {
    const TOKEN_REJECTIONS: [&str; 4] = ["token_missing", "token_invalid", "token_expired", "token_revoked"];
    let mut words = Vec::new();
    if TOKEN_REJECTIONS.iter().all(|code| codes.contains(code)) {
        codes.retain(|code| !TOKEN_REJECTIONS.contains(code));
        words.push("Unauthorized".to_owned());
    }
    words.extend(codes.into_iter().map(camel_case));
    words.join("Or")
}

fn camel_case(code: &str) -> String {
    let capitalized = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    code.split('_').map(capitalized).collect()
}

pub(super) fn mismatch_name(schema: &str) -> String {
    format!("{schema}Mismatch")
}

/// A problem with the object that was modified by another request.
pub(super) fn mismatch(current: &Value) -> Value {
    let mut problem = problem_schema();
    problem["description"] = json!("The object was modified by another request.");
    problem["properties"]["current"] =
        described(nullable(current), "The object as it is now. Null if it does not exist.");
    problem
}

/// Problem details without the object of a 412 response.
pub fn problem_schema() -> Value {
    let mut problem = json!(<Problem<'static> as PartialSchema>::schema());
    // Derived schemas do not say that the fields that are not optional are always sent.
    problem["required"] = json!(["type", "title", "status", "detail", "code"]);
    problem["properties"]["code"] = described(named("ProblemCode"), "What is wrong, for programs.");
    let request_id = "Identifies the request in the log of the service. Absent in a result of sync.";
    problem["properties"]["request_id"] = json!({ "type": "string", "description": request_id });
    if let Some(properties) = problem["properties"].as_object_mut() {
        properties.remove("current");
    }
    problem
}

pub(super) fn codes() -> Value {
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.code).collect();
    json!({ "type": "string", "enum": codes, "description": "What is wrong, for programs. `/problems/{code}` explains each code." })
}

/// Shared by all problems.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let mut field = sent::<ProblemViolation<'static>>();
    field["properties"]["code"] = described(named("ViolationCode"), "The violated rule, for programs.");
    vec![
        ("Problem", problem_schema()),
        ("ProblemCode", codes()),
        ("InvalidField", field),
        ("ViolationCode", violation_code::schema()),
    ]
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
        "PageTag": required("Identifies what the page contains. A weak validator (RFC 9110 §8.8.1).", text("^W/\"[0-9a-f]{32}\"$")),
        "Idempotent-Replayed": optional("`true` if this is the response to an earlier request with the same key.", json!({ "type": "string", "enum": ["true"] })),
        "Link": optional("The next page, if there is one (RFC 8288).", text("^<[^<>]+>; rel=\"next\"$")),
        "Location": required("The path of the new object.", text("^/")),
        "Retry-After": required("The number of seconds after which to try again.", json!({ "type": "integer", "minimum": 0 })),
        "WWW-Authenticate": required("`Bearer` (RFC 6750 §3).", text("^Bearer")),
        "X-Request-Id": required("Identifies the request: the client's own id, if it is well-formed.", text(&format!("^[A-Za-z0-9_.:-]{{1,{REQUEST_ID_MAX}}}$"))),
    })
}
