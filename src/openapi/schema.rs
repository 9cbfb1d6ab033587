//! Values that many bodies contain, and functions that build schemas (JSON Schema 2020-12, which OpenAPI 3.1 uses).

use bson::DateTime;
use bson::oid::ObjectId;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::clock;
use crate::mongo::object_id;

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Id(#[serde(with = "object_id::hex")] pub ObjectId);

/// The schema of ids that nobody can guess.
pub struct Secret;

#[derive(Debug, Clone, Copy)]
pub struct Time(pub DateTime);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&clock::rfc3339(self.0))
    }
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        text("24 lower-case hex digits.", "^[0-9a-f]{24}$", "6b01676ced65d6cc747c3412").into()
    }
}

impl PartialSchema for Secret {
    fn schema() -> RefOr<Schema> {
        text("32 lower-case hex digits.", "^[0-9a-f]{32}$", "0123456789abcdef0123456789abcdef").into()
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        let pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$";
        let time = text("RFC 3339 in UTC with milliseconds.", pattern, "2026-11-21T09:42:04.101Z");
        time.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
    }
}

impl ToSchema for Id {}
impl ToSchema for Secret {}
impl ToSchema for Time {}

fn text(description: &str, pattern: &str, example: &str) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    text.pattern(Some(pattern)).examples([example])
}

/// The schema of a response type, which always has all its fields.
pub fn sent<T: PartialSchema>() -> Value {
    let mut schema = json!(T::schema());
    require_all(&mut schema);
    schema
}

fn require_all(schema: &mut Value) {
    if let Some(parts) = schema.get_mut("allOf").and_then(Value::as_array_mut) {
        parts.iter_mut().for_each(require_all);
    }
    if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
        schema["required"] = fields.keys().cloned().collect();
    }
}

/// The schema of a request body, from the schema of the response: with the stricter `rules`, and with the fields `read_only`
/// marked, which a client may send back unchanged.
pub fn read(sent: &Value, read_only: &[&str], required: &[&str], rules: &Value) -> Value {
    let mut fields = sent["properties"].as_object().cloned().unwrap_or_default();
    for name in read_only {
        fields.entry(*name).and_modify(|schema| {
            *schema = json!({ "allOf": [schema], "readOnly": true, "description": "May be sent back unchanged." });
        });
    }
    for (name, rule) in rules.as_object().into_iter().flatten() {
        fields.insert(name.clone(), rule.clone());
    }
    let mut read = json!({ "type": "object", "properties": fields, "additionalProperties": false });
    if !required.is_empty() {
        read["required"] = json!(required);
    }
    read
}

pub fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Simpler to read than [`nullable`], except that `schema` must not be a reference, because a reference has no type.
pub fn or_null(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    schema
}

pub fn nullable(schema: &Value) -> Value {
    json!({ "oneOf": [{ "type": "null" }, schema] })
}
