//! Describes one operation (a route with its method) in the API document, and adds the parts that all operations of a
//! kind have in common, such as the errors of every operation with a body.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::error_responses;
use super::schema::{named, nullable};
use crate::error::{Error, Resource, TokenRejection, Violation};
use crate::http::body::BODY_LIMIT;
use crate::http::idempotency_key::KEY_MAX_CHARS;
use crate::http::pagination::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::owned::text::TAG_MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    Access,
    /// From a login.
    Fresh,
    Refresh,
    SentRefresh,
    Either,
    /// An access token of a session, or a personal access token with this scope.
    Scope(&'static str),
}

/// The pattern of cursors and sync tokens (base64url, RFC 4648 §5).
pub const SEALED: &str = "^[A-Za-z0-9_-]+$";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorFormat {
    Problems,
    Original,
}

pub struct Operation {
    method: &'static str,
    path: &'static str,
    document: Map<String, Value>,
    parameters: Vec<Value>,
    responses: BTreeMap<u16, Value>,
    errors: Vec<Error>,
    error_format: ErrorFormat,
}

impl Operation {
    /// `method` is in lower case, and `path` has its parameters in braces.
    pub fn new(method: &'static str, path: &'static str, tag: &str, id: &str, summary: &str) -> Self {
        let document = json!({ "operationId": id, "tags": [tag], "summary": summary });
        let document = document.as_object().cloned().unwrap_or_default();
        let error_format = if tag == "Original" { ErrorFormat::Original } else { ErrorFormat::Problems };
        let (parameters, responses, errors) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { method, path, document, parameters, responses, errors, error_format }.path_parameters()
    }

    pub fn method(&self) -> &'static str {
        self.method
    }

    pub fn path(&self) -> &'static str {
        self.path
    }

    pub fn description(mut self, text: &str) -> Self {
        self.document.insert("description".to_owned(), json!(text));
        self
    }

    pub fn needs(mut self, needs: Needs) -> Self {
        let security = match needs {
            Needs::Nothing => json!([]),
            Needs::Access | Needs::Fresh => json!([{ "access": [] }]),
            Needs::Refresh => json!([{ "refresh": [] }]),
            Needs::SentRefresh => json!([{ "refresh": [] }, {}]),
            Needs::Either => json!([{ "access": [] }, { "refresh": [] }]),
            Needs::Scope(scope) => json!([{ "access": [] }, { "personal": [scope] }]),
        };
        self.document.insert("security".to_owned(), security);
        // Every operation that uses the database fails while the database is unreachable, while too many clients wait, or
        // while the client has too many requests.
        self.errors.push(Error::unavailable(""));
        self.errors.push(Error::Throttled { retry_after: Duration::from_secs(1) });
        if needs == Needs::Nothing {
            return self;
        }
        let rejections = [
            TokenRejection::Missing,
            TokenRejection::Invalid,
            TokenRejection::Expired,
            TokenRejection::Revoked,
        ];
        self.errors.extend(rejections.map(Error::Token));
        self.errors.push(match needs {
            Needs::Scope(scope) => Error::InsufficientScope(scope),
            _ => Error::SessionRequired,
        });
        if needs == Needs::Fresh {
            self.errors.push(Error::Token(TokenRejection::NotFresh));
        }
        self
    }

    /// Needs no token and no database.
    pub fn public(mut self) -> Self {
        self.document.insert("security".to_owned(), json!([]));
        self
    }

    fn path_parameters(mut self) -> Self {
        let names = self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        for name in names.collect::<Vec<_>>() {
            let schema = match name {
                "id" if self.path.starts_with("/v1/sessions/") => named("Secret"),
                "sid" => named("Secret"),
                "id" | "todo_id" => named("Id"),
                // `DELETE` also accepts texts that are not valid tags, because removing them is a no-op.
                "tag" if self.method != "delete" => {
                    json!({ "type": "string", "minLength": 1, "maxLength": TAG_MAX, "pattern": r"^[^/\\]*\S[^/\\]*$" })
                }
                _ => json!({ "type": "string", "minLength": 1, "pattern": r"^[^/\\]+$" }),
            };
            self.parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        }
        self
    }

    pub fn query(mut self, name: &str, schema: impl Into<Value>, about: &str) -> Self {
        let schema = schema.into();
        self.parameters.push(json!({ "name": name, "in": "query", "description": about, "schema": schema }));
        self.invalid_input()
    }

    pub fn paginated(self) -> Self {
        let limit =
            json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT });
        self.query("limit", limit, "The maximum number of items on the page.").query(
            "cursor",
            json!({ "type": "string", "pattern": SEALED }),
            "The `next_cursor` of the previous page. All other parameters must be the same as for that page.",
        )
    }

    pub fn header(mut self, name: &str, schema: impl Into<Value>, about: &str) -> Self {
        self.parameters
            .push(json!({ "name": name, "in": "header", "description": about, "schema": schema.into() }));
        self.invalid_input()
    }

    pub fn if_match(self) -> Self {
        let about =
            "Make the change only if this is the current version, such as `\"3\"` (RFC 9110 §13.1.1).";
        self.header("If-Match", entity_tags(), about)
            .errors(&[Error::VersionMismatch { current: Box::default() }])
    }

    pub fn if_none_match(mut self) -> Self {
        let about =
            "Respond with 304 if this is still the current version, such as `\"3\"` (RFC 9110 §13.1.2).";
        self.responses.insert(
            304,
            json!({ "description": "The client already has the current version.", "headers": {} }),
        );
        self.header("If-None-Match", entity_tags(), about).response_header(304, "ETag")
    }

    pub fn idempotency_key(self) -> Self {
        // Servers strip spaces around the value of a header, so they cannot be part of a key.
        let pattern = format!("^[!-~]([ -~]{{0,{}}}[!-~])?$", KEY_MAX_CHARS - 2);
        let key = json!({ "type": "string", "pattern": pattern });
        let about = "Identifies this request. If it is repeated with the same key, the response is the first one again, for \
            at least 24 hours.";
        let too_much_stored = Error::Throttled { retry_after: Duration::from_hours(1) };
        self.header("Idempotency-Key", key, about).errors(&[Error::IdempotencyKeyReused, too_much_stored])
    }

    pub fn body(mut self, schema: &Value, example: &Value) -> Self {
        let media = json!({ "schema": schema, "examples": { "usual": { "value": example } } });
        let content = json!({ "application/json": media });
        self.document.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
        let errors = [
            Error::malformed_json("expected `,` or `}` at line 1 column 15"),
            Error::BodyTooLarge { limit: BODY_LIMIT },
            Error::RequestTimeout,
        ];
        let media_type = Error::UnsupportedMediaType { accept_patch: None };
        let media_type = (self.error_format == ErrorFormat::Problems).then_some(media_type);
        self.errors.extend(errors.into_iter().chain(media_type));
        self.invalid_input()
    }

    pub fn optional_body(mut self, schema: &Value, example: &Value) -> Self {
        self = self.body(schema, example);
        self.document["requestBody"]["required"] = json!(false);
        self
    }

    /// A body in which null removes a value (RFC 7396).
    pub fn merge_patch(self, schema: &Value, example: &Value) -> Self {
        let mut operation = self.body(schema, example);
        let content = &mut operation.document["requestBody"]["content"];
        content["application/merge-patch+json"] = content["application/json"].clone();
        operation
    }

    /// Declares that the body may be at most `limit` bytes, if this is less than for most operations.
    pub fn body_limit(mut self, limit: usize) -> Self {
        self.errors.retain(|error| !matches!(error, Error::BodyTooLarge { .. }));
        self.errors(&[Error::BodyTooLarge { limit }, Error::RequestTimeout])
    }

    pub fn response(mut self, status: u16, about: &str) -> Self {
        self.responses.insert(status, json!({ "description": about, "headers": {} }));
        self
    }

    pub fn json_response(self, status: u16, about: &str, schema: &Value, example: &Value) -> Self {
        let mut operation = self.response(status, about);
        let media = json!({ "schema": schema, "examples": { "usual": { "value": example } } });
        operation
            .responses
            .entry(status)
            .and_modify(|response| response["content"] = json!({ "application/json": media }));
        operation
    }

    pub fn text_response(self, status: u16, about: &str, media_type: &str) -> Self {
        let mut operation = self.response(status, about);
        let content = json!({ media_type: { "schema": { "type": "string" } } });
        operation.responses.entry(status).and_modify(|response| response["content"] = content);
        operation
    }

    pub fn page_response(self, about: &str, item: &Value, example: &Value) -> Self {
        let next = nullable(&json!({ "type": "string", "pattern": SEALED }));
        let page = json!({
            "type": "object", "required": ["items", "next_cursor"],
            "properties": { "items": { "type": "array", "items": item }, "next_cursor": next },
        });
        self.json_response(200, about, &page, &json!({ "items": [example], "next_cursor": null }))
            .response_header(200, "Link")
    }

    pub fn response_header(mut self, status: u16, header: &str) -> Self {
        let reference = json!({ "$ref": format!("#/components/headers/{header}") });
        self.responses.entry(status).and_modify(|response| response["headers"][header] = reference);
        self
    }

    pub fn errors(mut self, errors: &[Error]) -> Self {
        self.errors.extend_from_slice(errors);
        self
    }

    pub fn not_found(self, resource: Resource) -> Self {
        self.errors(&[Error::NotFound(resource)])
    }

    fn invalid_input(self) -> Self {
        if self.errors.iter().any(|error| matches!(error, Error::Invalid(_))) {
            return self;
        }
        self.errors(&[Error::Invalid(vec![Violation::of("name", "required", "This field is required.")])])
    }

    /// Puts error responses into `shared` and references them, because many operations have the same ones.
    pub fn document(&self, shared: &mut Map<String, Value>) -> Value {
        let mut responses = Map::new();
        for (status, response) in &self.responses {
            responses.insert(status.to_string(), with_request_id(response.clone()));
        }
        let error_responses = match self.error_format {
            ErrorFormat::Problems => error_responses::problems(&self.errors),
            ErrorFormat::Original => error_responses::originals(&self.errors),
        };
        for (status, (name, response)) in error_responses {
            responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
            shared.insert(name, with_request_id(response));
        }
        let mut document = self.document.clone();
        if !self.parameters.is_empty() {
            document.insert("parameters".to_owned(), json!(self.parameters));
        }
        document.insert("responses".to_owned(), json!(responses));
        json!(document)
    }
}

/// `*` or a list of entity tags (RFC 9110 §8.8.3), whose characters are here without the comma.
fn entity_tags() -> Value {
    let list = r#"^(W/)?"[!#-+.-~-]*"( *, *(W/)?"[!#-+.-~-]*")*$"#;
    json!({ "anyOf": [{ "const": "*" }, { "type": "string", "pattern": list }], "examples": ["\"3\""] })
}

fn with_request_id(mut response: Value) -> Value {
    response["headers"]["X-Request-Id"] = json!({ "$ref": "#/components/headers/X-Request-Id" });
    response
}
