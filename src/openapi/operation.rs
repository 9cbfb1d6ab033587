//! One route with its method, as the API document tells of it. Must add by rule what holds for every route of a kind.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::error_responses;
use super::schema::{named, nullable};
use crate::error::{Error, Resource, TokenRejection, Violation};

/// Which token a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// None.
    Nothing,
    /// An access token.
    Access,
    /// An access token that came straight from a login.
    Fresh,
    /// A refresh token.
    Refresh,
    /// Either token.
    Either,
}

/// The form of what the service seals for clients to keep: cursors and sync tokens (base64url, RFC 4648 §5).
pub const SEALED: &str = "^[A-Za-z0-9_-]+$";

/// How a face of the service words its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    Problems,
    Original,
}

/// One route with its method.
pub struct Operation {
    method: &'static str,
    path: &'static str,
    document: Map<String, Value>,
    parameters: Vec<Value>,
    answers: BTreeMap<u16, Value>,
    errors: Vec<Error>,
    words: Words,
}

impl Operation {
    /// A route under the tag `tag`, known to programs as `id` and to people by `summary`.
    pub fn new(method: &'static str, path: &'static str, tag: &str, id: &str, summary: &str) -> Self {
        let document = json!({ "operationId": id, "tags": [tag], "summary": summary });
        let document = document.as_object().cloned().unwrap_or_default();
        let words = if tag == "Original" { Words::Original } else { Words::Problems };
        let (parameters, answers, errors) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { method, path, document, parameters, answers, errors, words }.in_path()
    }

    /// The method, in lower case.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The path, with its parameters in braces.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// More about it.
    pub fn about(mut self, text: &str) -> Self {
        self.document.insert("description".to_owned(), json!(text));
        self
    }

    /// The token that it needs; with the errors of all routes that ask the database.
    pub fn needs(mut self, needs: Needs) -> Self {
        let security = match needs {
            Needs::Nothing => json!([]),
            Needs::Access | Needs::Fresh => json!([{ "access": [] }]),
            Needs::Refresh => json!([{ "refresh": [] }]),
            Needs::Either => json!([{ "access": [] }, { "refresh": [] }]),
        };
        self.document.insert("security".to_owned(), security);
        self.errors.push(Error::unavailable(""));
        if needs == Needs::Nothing {
            return self;
        }
        let faults = [
            TokenRejection::Missing,
            TokenRejection::Invalid,
            TokenRejection::Expired,
            TokenRejection::Revoked,
        ];
        self.errors.extend(faults.map(Error::Token));
        if needs == Needs::Fresh {
            self.errors.push(Error::Token(TokenRejection::NotFresh));
        }
        self
    }

    /// It needs no token and asks no database.
    pub fn open(mut self) -> Self {
        self.document.insert("security".to_owned(), json!([]));
        self
    }

    /// Schemas for the names in the path.
    fn in_path(mut self) -> Self {
        let names = self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        for name in names.collect::<Vec<_>>() {
            let schema = match name {
                "id" if self.path.contains("/sessions/") => named("Secret"),
                "id" | "todo_id" => named("Id"),
                // What can be no tag is linked to nothing, and may be unlinked all the same.
                "tag" if self.method != "delete" => {
                    json!({ "type": "string", "minLength": 1, "maxLength": 64, "pattern": r"^[^/\\]*\S[^/\\]*$" })
                }
                _ => json!({ "type": "string", "minLength": 1, "pattern": r"^[^/\\]+$" }),
            };
            self.parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        }
        self
    }

    /// A parameter of the query that may be left out.
    pub fn query(mut self, name: &str, schema: impl Into<Value>, about: &str) -> Self {
        let schema = schema.into();
        self.parameters.push(json!({ "name": name, "in": "query", "description": about, "schema": schema }));
        self.breaks_rules()
    }

    /// Pages: `limit` and `cursor`.
    pub fn paged(self) -> Self {
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 });
        self.query("limit", limit, "How many a page has at most.").query(
            "cursor",
            json!({ "type": "string", "pattern": SEALED }),
            "The `next_cursor` of the page before, with all other parameters as they were.",
        )
    }

    /// A header that may be left out.
    pub fn header(mut self, name: &str, schema: impl Into<Value>, about: &str) -> Self {
        let schema = schema.into();
        self.parameters.push(json!({ "name": name, "in": "header", "description": about, "schema": schema }));
        self.breaks_rules()
    }

    /// `If-Match`.
    pub fn conditional(self) -> Self {
        let about = "`\"3\"`: only if the version is still this one (RFC 9110 §13.1.1).";
        self.header("If-Match", entity_tags(), about)
            .refuses(&[Error::VersionMismatch { current: Box::default() }])
    }

    /// `If-None-Match` on reading.
    pub fn cached(mut self) -> Self {
        let about = "`\"3\"`: only if the version is another one (RFC 9110 §13.1.2).";
        self.answers.insert(304, json!({ "description": "It is as it was.", "headers": {} }));
        self.header("If-None-Match", entity_tags(), about).with(304, "ETag")
    }

    /// `Idempotency-Key`.
    pub fn repeatable(self) -> Self {
        let key = json!({ "type": "string", "pattern": "^[!-~]([ -~]{0,126}[!-~])?$" });
        let about = "A name for this request: repeated, it answers as at first, for at least 24 hours.";
        self.header("Idempotency-Key", key, about).refuses(&[Error::IdempotencyKeyReused])
    }

    /// A JSON body.
    pub fn body(mut self, schema: &Value, example: &Value) -> Self {
        let media = json!({ "schema": schema, "examples": { "usual": { "value": example } } });
        let mut content = json!({ "application/json": media });
        if self.method == "patch" && self.words == Words::Problems {
            content["application/merge-patch+json"] = media;
        }
        self.document.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
        let errors = [
            Error::MalformedJson("a comma is missing".to_owned()),
            Error::BodyTooLarge,
            Error::RequestTimeout,
        ];
        let media_type = (self.words == Words::Problems).then_some(Error::UnsupportedMediaType);
        self.errors.extend(errors.into_iter().chain(media_type));
        self.breaks_rules()
    }

    /// An answer of success without a body.
    pub fn answers(mut self, status: u16, about: &str) -> Self {
        self.answers.insert(status, json!({ "description": about, "headers": {} }));
        self
    }

    /// An answer of success with a JSON body.
    pub fn answers_json(self, status: u16, about: &str, schema: &Value, example: &Value) -> Self {
        let mut answered = self.answers(status, about);
        let media = json!({ "schema": schema, "examples": { "usual": { "value": example } } });
        answered
            .answers
            .entry(status)
            .and_modify(|answer| answer["content"] = json!({ "application/json": media }));
        answered
    }

    /// An answer of success in another type than JSON.
    pub fn answers_as(self, status: u16, about: &str, media_type: &str) -> Self {
        let mut answered = self.answers(status, about);
        let content = json!({ media_type: { "schema": { "type": "string" } } });
        answered.answers.entry(status).and_modify(|answer| answer["content"] = content);
        answered
    }

    /// One page of things.
    pub fn answers_page(self, about: &str, item: &Value, example: &Value) -> Self {
        let next = nullable(&json!({ "type": "string", "pattern": SEALED }));
        let page = json!({
            "type": "object", "required": ["items", "next_cursor"],
            "properties": { "items": { "type": "array", "items": item }, "next_cursor": next },
        });
        self.answers_json(200, about, &page, &json!({ "items": [example], "next_cursor": null }))
            .with(200, "Link")
    }

    /// A header of an answer that was described.
    pub fn with(mut self, status: u16, header: &str) -> Self {
        let reference = json!({ "$ref": format!("#/components/headers/{header}") });
        self.answers.entry(status).and_modify(|answer| answer["headers"][header] = reference);
        self
    }

    /// Errors beyond those that hold for all routes of its kind.
    pub fn refuses(mut self, errors: &[Error]) -> Self {
        self.errors.extend_from_slice(errors);
        self
    }

    /// What was looked for is not there.
    pub fn may_lack(self, resource: Resource) -> Self {
        self.refuses(&[Error::NotFound(resource)])
    }

    /// Input may break a rule.
    fn breaks_rules(self) -> Self {
        if self.errors.iter().any(|error| matches!(error, Error::Invalid(_))) {
            return self;
        }
        self.refuses(&[Error::Invalid(vec![Violation::of("name", "required", "This member is required.")])])
    }

    /// The operation as the document has it. Answers of failure, which many operations have in common, go into `shared`
    /// and are referred to.
    pub fn document(&self, shared: &mut Map<String, Value>) -> Value {
        let mut answers = Map::new();
        for (status, answer) in &self.answers {
            answers.insert(status.to_string(), named_request(answer.clone()));
        }
        let refusals = match self.words {
            Words::Problems => error_responses::problems(&self.errors),
            Words::Original => error_responses::originals(&self.errors),
        };
        for (status, (name, answer)) in refusals {
            answers.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
            shared.insert(name, named_request(answer));
        }
        let mut document = self.document.clone();
        if !self.parameters.is_empty() {
            document.insert("parameters".to_owned(), json!(self.parameters));
        }
        document.insert("responses".to_owned(), json!(answers));
        json!(document)
    }
}

/// `*`, or tags with commas between them (RFC 9110 §8.8.3); those of the service are numbers.
fn entity_tags() -> Value {
    let list = r#"^(W/)?"[!#-+.-~-]*"( *, *(W/)?"[!#-+.-~-]*")*$"#;
    json!({ "anyOf": [{ "const": "*" }, { "type": "string", "pattern": list }], "examples": ["\"3\""] })
}

/// Every answer names its request.
fn named_request(mut answer: Value) -> Value {
    answer["headers"]["X-Request-Id"] = json!({ "$ref": "#/components/headers/X-Request-Id" });
    answer
}
