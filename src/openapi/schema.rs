//! Values that many bodies contain, and functions that build schemas (JSON Schema 2020-12, which OpenAPI 3.1 uses).

use bson::DateTime;
use bson::oid::ObjectId;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::clock;
use crate::mongo::object_id;

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Id(#[serde(with = "object_id::hex")] pub ObjectId);

/// The schema of ids of sessions, which nobody can guess.
pub struct SessionId;

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

impl PartialSchema for SessionId {
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
impl ToSchema for SessionId {}
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
    let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    // The derived schema describes the reference, and not the field that can also be null.
    for union in fields.values_mut().filter(|field| field.get("oneOf").is_some()) {
        let mut parts = union["oneOf"].as_array_mut().into_iter().flatten();
        let about = parts.find_map(|part| part.as_object_mut()?.remove("description"));
        union["description"] = about.unwrap_or_default();
    }
    let required: Value = fields.keys().cloned().collect();
    schema["required"] = required;
}

/// The schema of a request body, which rejects unknown fields.
pub fn input(description: &str, required: &[&str], properties: &Value) -> Value {
    let mut input = json!({
        "type": "object", "description": description, "properties": properties, "additionalProperties": false,
    });
    if !required.is_empty() {
        input["required"] = json!(required);
    }
    input
}

/// Replaces an `allOf` of objects with one object that has all their fields, because many generators of clients lose
/// fields of an `allOf`.
pub(super) fn flatten(schema: &mut Value, schemas: &Map<String, Value>) {
    let Some(parts) = schema.as_object_mut().and_then(|object| object.remove("allOf")) else { return };
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for part in parts.as_array().into_iter().flatten() {
        let name = part["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let mut whole = name.and_then(|name| schemas.get(name)).unwrap_or(part).clone();
        flatten(&mut whole, schemas);
        properties.extend(whole["properties"].as_object().cloned().unwrap_or_default());
        required.extend(whole["required"].as_array().cloned().unwrap_or_default());
    }
    schema["type"] = json!("object");
    schema["properties"] = Value::Object(properties);
    schema["required"] = Value::Array(required);
}

/// Removes the schemas and headers that neither the paths nor other components reference.
pub(super) fn remove_unused(components: &mut Value, paths: &Value) {
    let paths = paths.to_string();
    loop {
        let text = format!("{paths}{components}");
        let mut removed = 0;
        for kind in ["schemas", "headers"] {
            let Some(all) = components[kind].as_object_mut() else { continue };
            let before = all.len();
            all.retain(|name, _| text.contains(&format!("\"#/components/{kind}/{name}\"")));
            removed += before - all.len();
        }
        if removed == 0 {
            return;
        }
    }
}

/// The pattern of cursors and sync tokens (base64url, RFC 4648 §5).
pub const SEALED: &str = "^[A-Za-z0-9_-]+$";

pub fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A reference with a description of its own (OpenAPI 3.1).
pub fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = json!(description);
    schema
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
    json!({ "oneOf": [schema, { "type": "null" }] })
}
