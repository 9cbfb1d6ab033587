//! The parameters of operations: in the path, the query and headers.

use std::time::Duration;

use serde_json::{Value, json};

use super::error_responses;
use super::operation::Operation;
use super::schema::{SEALED, named};
use crate::error::Error;
use crate::http::idempotency_key::KEY_MAX_CHARS;
use crate::http::pagination::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::owned::text::TAG_MAX;

impl Operation {
    pub(super) fn path_parameters(mut self) -> Self {
        let names = self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        for name in names.collect::<Vec<_>>() {
            let schema = match name {
                "id" if self.path.starts_with("/v1/sessions/") => named("SessionId"),
                "sid" => named("SessionId"),
                "id" | "tid" | "todo_id" => named("Id"),
                // `DELETE` also accepts texts that are not valid tags, because removing them is a no-op.
                "tag" if self.method != "delete" => {
                    json!({ "type": "string", "minLength": 1, "maxLength": TAG_MAX, "pattern": r"^[^/\\]*\S[^/\\]*$" })
                }
                _ => json!({ "type": "string", "minLength": 1, "pattern": r"^[^/\\]+$" }),
            };
            let about = match name {
                "sid" => "The id of a session.",
                "tid" => "The id of a personal access token.",
                "tag" => "The tag, percent-encoded.",
                "code" => "The `code` of a problem.",
                "username" => "The username, percent-encoded.",
                _ => "The id of the object.",
            };
            self.parameters.push(
                json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema }),
            );
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

    /// `schema` is the one of the object that changes, and `current` an example of it.
    pub fn if_match(mut self, schema: &'static str, current: Value) -> Self {
        let about = "Make the change only if this is the current version, such as `\"3\"`, or if the object exists (`*`) \
            (RFC 9110 §13.1.1).";
        self.current = Some(schema);
        self.schemas
            .push((error_responses::mismatch_name(schema), error_responses::mismatch(&named(schema))));
        self.header("If-Match", entity_tags("\"3\""), about)
            .errors(&[Error::VersionMismatch { current: Box::new(current) }])
    }

    /// `If-None-Match` of a `PUT`.
    pub fn create_only(self) -> Self {
        let about = "`*`: create the object, and do not replace one. A version, such as `\"3\"`: make the change only if this is \
            not the current version (RFC 9110 §13.1.2).";
        self.header("If-None-Match", entity_tags("*"), about)
    }

    pub fn if_none_match(mut self) -> Self {
        let about =
            "Respond with 304 if this is still the current version, such as `\"3\"` (RFC 9110 §13.1.2).";
        self.responses.insert(
            304,
            json!({ "description": "The client already has the current version.", "headers": {} }),
        );
        self.header("If-None-Match", entity_tags("\"3\""), about).response_header(304, "ETag")
    }

    /// `If-None-Match` of a page, for clients that ask again.
    pub fn unless_same_page(mut self) -> Self {
        let about = "Respond with 304 if the page is still the one with this `ETag` (RFC 9110 §13.1.2). Without changes in the last \
            minute, this costs far less than the page.";
        let tag = json!({ "$ref": "#/components/headers/PageTag" });
        self.responses
            .insert(304, json!({ "description": "The client already has this page.", "headers": {} }));
        for status in [200, 304] {
            let tag = tag.clone();
            self.responses.entry(status).and_modify(|response| response["headers"]["ETag"] = tag);
        }
        self.header("If-None-Match", entity_tags("W/\"6bb5c1e4f1a4c9a7d1f0e7c83ad1b0f2\""), about)
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
}

/// `*` or a list of entity tags (RFC 9110 §8.8.3), which are versions or tags of pages in this service. One string for both, because
/// generated clients cannot send a union in a header.
fn entity_tags(example: &str) -> Value {
    let list = r#"^[ ,]*(\*|(W/)?"[ !#-~]*"( *,[ ,]*(W/)?"[ !#-~]*")*)[ ,]*$"#;
    json!({ "type": "string", "pattern": list, "examples": [example] })
}
