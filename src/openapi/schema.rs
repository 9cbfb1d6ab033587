//! The values that many bodies have, as they are sent, and their schemas (JSON Schema 2020-12, as OpenAPI 3.1 takes it).
//! Must not know any body.

use bson::DateTime;
use bson::oid::ObjectId;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::clock;
use crate::mongo::object_id;

/// An id of an object: 24 lower-case hex digits.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Id(#[serde(with = "object_id::hex")] pub ObjectId);

/// An id that cannot be guessed: 32 lower-case hex digits.
pub struct Secret;

/// A time: RFC 3339 in UTC with milliseconds.
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
        let form = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$";
        let time = text("RFC 3339 in UTC with milliseconds.", form, "2026-11-21T09:42:04.101Z");
        time.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
    }
}

impl ToSchema for Id {}
impl ToSchema for Secret {}
impl ToSchema for Time {}

fn text(about: &str, form: &str, example: &str) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).description(Some(about));
    text.pattern(Some(form)).examples([example])
}

/// The schema of what is sent: every member is always there.
#[must_use]
pub fn sent<T: PartialSchema>() -> Value {
    let mut schema = json!(T::schema());
    require_all(&mut schema);
    schema
}

fn require_all(schema: &mut Value) {
    if let Some(parts) = schema.get_mut("allOf").and_then(Value::as_array_mut) {
        parts.iter_mut().for_each(require_all);
    }
    if let Some(members) = schema.get("properties").and_then(Value::as_object) {
        schema["required"] = members.keys().cloned().collect();
    }
}

/// The schema of what is read of an object whose `sent` schema has all its members: without those that are
/// `read_only`, with what `rules` say beyond that, and no others.
#[must_use]
pub fn read(sent: &Value, read_only: &[&str], required: &[&str], rules: &Value) -> Value {
    let mut members = sent["properties"].as_object().cloned().unwrap_or_default();
    members.retain(|name, _| !read_only.contains(&name.as_str()));
    for (name, rule) in rules.as_object().into_iter().flatten() {
        members.insert(name.clone(), rule.clone());
    }
    let mut read = json!({ "type": "object", "properties": members, "additionalProperties": false });
    if !required.is_empty() {
        read["required"] = json!(required);
    }
    read
}

/// The schema that names a component.
#[must_use]
pub fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// As `schema`, or null.
#[must_use]
pub fn nullable(schema: &Value) -> Value {
    json!({ "oneOf": [{ "type": "null" }, schema] })
}
