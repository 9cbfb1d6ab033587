//! Describes one operation (a route with its method) in the API document, and adds the parts that all operations of a
//! kind have in common, such as the errors of every operation with a body.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::error_responses;
use super::needs::Needs;
use super::schema::{SEALED, named};
use crate::error::{Error, Resource, Violation};
use crate::http::body::BODY_LIMIT;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorFormat {
    Problems,
    Original,
}

pub struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    document: Map<String, Value>,
    pub(super) parameters: Vec<Value>,
    pub(super) responses: BTreeMap<u16, Value>,
    errors: Vec<Error>,
    error_format: ErrorFormat,
    /// The schema of the object in the 412 response.
    pub(super) current: Option<&'static str>,
    pub(super) schemas: Vec<(String, Value)>,
    needs: Option<String>,
}

impl Operation {
    /// `method` is in lower case, and `path` has its parameters in braces.
    pub fn new(method: &'static str, path: &'static str, tag: &str, id: &str, summary: &str) -> Self {
        let document = json!({ "operationId": id, "tags": [tag], "summary": summary });
        let document = document.as_object().cloned().unwrap_or_default();
        let error_format = if tag == "Original" { ErrorFormat::Original } else { ErrorFormat::Problems };
        let (parameters, responses, errors) = (Vec::new(), BTreeMap::new(), Vec::new());
        let (current, schemas, needs) = (None, Vec::new(), None);
        Self { method, path, document, parameters, responses, errors, error_format, current, schemas, needs }
            .path_parameters()
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
        let security = needs.security();
        self.document.insert("security".to_owned(), security);
        if let Some(token) = needs.token() {
            self.document.insert("x-token".to_owned(), json!(token));
        }
        if let Needs::Scope(scope) = needs {
            self.document.insert("x-scope".to_owned(), json!(scope));
        }
        self.needs = needs.sentence();
        self.errors.extend(needs.errors());
        self
    }

    /// Needs no token and no database.
    pub fn public(mut self) -> Self {
        self.document.insert("security".to_owned(), json!([]));
        self
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

    /// The body can also be a file of any other format.
    pub fn also_file(mut self) -> Self {
        let about = "The content of a file.";
        let file = json!({ "schema": { "type": "string", "format": "binary", "description": about } });
        self.document["requestBody"]["content"]["application/octet-stream"] = file;
        self
    }

    /// Declares that the body may be at most `limit` bytes, if this differs from most operations.
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

    /// The response is a page if the client prefers HTML.
    pub fn also_html(mut self, status: u16) -> Self {
        let page = json!({ "schema": { "type": "string" } });
        self.responses.entry(status).and_modify(|response| response["content"]["text/html"] = page);
        self
    }

    /// The response is a text of one of these media types if the client asks for it.
    pub fn also_texts(mut self, status: u16, media_types: &[&str]) -> Self {
        let text = json!({});
        self.responses.entry(status).and_modify(|response| {
            for media_type in media_types {
                response["content"][media_type] = text.clone();
            }
        });
        self
    }

    /// Another case of the request body, or of a response, in addition to `usual`.
    pub fn request_example(mut self, name: &str, summary: &str, value: &Value) -> Self {
        let content = self.document.get_mut("requestBody").and_then(|body| body["content"].as_object_mut());
        for (_, media) in content.into_iter().flatten() {
            media["examples"][name] = json!({ "summary": summary, "value": value });
        }
        self
    }

    pub fn response_example(mut self, status: u16, name: &str, summary: &str, value: &Value) -> Self {
        let example = json!({ "summary": summary, "value": value });
        self.responses
            .entry(status)
            .and_modify(|response| response["content"]["application/json"]["examples"][name] = example);
        self
    }

    pub fn text_response(self, status: u16, about: &str, media_type: &str) -> Self {
        let mut operation = self.response(status, about);
        let content = json!({ media_type: { "schema": { "type": "string" } } });
        operation.responses.entry(status).and_modify(|response| response["content"] = content);
        operation
    }

    /// `page` and `item` are names of schemas.
    pub fn page_response(mut self, about: &str, page: &str, item: &str, example: &Value) -> Self {
        let next = json!({ "type": ["string", "null"], "pattern": SEALED, "description": "The `cursor` of the next page. Null on the last page." });
        let items =
            json!({ "type": "array", "items": named(item), "description": "The objects on this page." });
        let schema = json!({
            "type": "object", "description": about, "required": ["items", "next_cursor"],
            "properties": { "items": items, "next_cursor": next },
        });
        self.schemas.push((page.to_owned(), schema));
        self.json_response(200, about, &named(page), &json!({ "items": [example], "next_cursor": null }))
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

    pub(super) fn invalid_input(self) -> Self {
        if self.errors.iter().any(|error| matches!(error, Error::Invalid(_))) {
            return self;
        }
        self.errors(&[Error::Invalid(vec![Violation::of("name", "required", "This field is required.")])])
    }

    /// The schemas of its pages and of its 412 response.
    pub fn schemas(&self) -> &[(String, Value)] {
        &self.schemas
    }

    /// Puts error responses into `shared` and references them, because many operations have the same ones.
    pub fn document(&self, shared: &mut Map<String, Value>) -> Value {
        let mut responses = Map::new();
        for (status, response) in &self.responses {
            responses.insert(status.to_string(), with_request_id(response.clone()));
        }
        let error_responses = match self.error_format {
            ErrorFormat::Problems => error_responses::problems(&self.errors, self.current),
            ErrorFormat::Original => error_responses::originals(&self.errors),
        };
        for (status, (name, response)) in error_responses {
            responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
            shared.insert(name, with_request_id(response));
        }
        let mut document = self.document.clone();
        if let Some(needs) = &self.needs {
            let about = document.get("description").and_then(Value::as_str);
            let about = about.map_or_else(|| needs.clone(), |about| format!("{about}\n\n{needs}"));
            document.insert("description".to_owned(), json!(about));
        }
        if !self.parameters.is_empty() {
            document.insert("parameters".to_owned(), json!(self.parameters));
        }
        document.insert("responses".to_owned(), json!(responses));
        json!(document)
    }
}

fn with_request_id(mut response: Value) -> Value {
    response["headers"]["X-Request-Id"] = json!({ "$ref": "#/components/headers/X-Request-Id" });
    response
}
