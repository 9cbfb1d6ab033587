//! Reads JSON objects field by field and reports all violations at once.
//!
//! **Invariant:** a field that a body does not know is a violation, and so is a field that occurs twice.

use std::fmt;

use bson::oid::ObjectId;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Error, Violation};
use crate::mongo::object_id;
use crate::owned::text::TextFormat;

/// A JSON object: its fields in order, each name once, the values still as JSON text.
pub struct JsonObject(Vec<(String, Box<RawValue>)>);

impl JsonObject {
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(body).map_err(|error| Error::MalformedJson(error.to_string()))
    }

    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Two objects with the same names and the same JSON texts have the same canonical form.
    pub fn canonical(&self) -> Vec<u8> {
        let mut fields: Vec<_> = self.0.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        // The order of fields has no meaning (RFC 8259 §1).
        fields.sort_unstable();
        let parts = fields.iter().flat_map(|(name, value)| [name.as_bytes(), b"\0", value.as_bytes(), b"\0"]);
        parts.collect::<Vec<_>>().concat()
    }

    fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let position = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(position).1)
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UniqueNames;

        impl<'de> Visitor<'de> for UniqueNames {
            type Value = JsonObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject, A::Error> {
                let mut fields: Vec<(String, Box<RawValue>)> = Vec::new();
                // A set, because a scan of `fields` would be quadratic in the size of the body.
                let mut names = std::collections::HashSet::new();
                while let Some((name, value)) = map.next_entry::<String, _>()? {
                    // RFC 8259 §4 leaves open which of two fields with the same name counts.
                    if !names.insert(name.clone()) {
                        return Err(de::Error::custom(format_args!("the field `{name}` occurs twice")));
                    }
                    fields.push((name, value));
                }
                Ok(JsonObject(fields))
            }
        }

        deserializer.deserialize_map(UniqueNames)
    }
}

pub trait FromFields: Sized {
    /// Takes the known fields out of `input`. Returns `None` only after it has noted a violation.
    fn take(input: &mut Fields) -> Option<Self>;
}

impl FromFields for () {
    fn take(_: &mut Fields) -> Option<Self> {
        Some(())
    }
}

/// Methods return the outer `None` if the field is absent or violates a rule, and `Some(None)` if it is null.
pub struct Fields {
    fields: JsonObject,
    violations: Vec<Violation>,
}

impl Fields {
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.optional_text(name) {
            Some(Some(text)) => Some(text),
            Some(None) => self.reject(Violation::of(name, "required", NOT_NULL)),
            // `optional_text` has reported another JSON type already.
            None if self.violations.iter().any(|violation| violation.pointer[1..] == *name) => None,
            None => self.reject(Violation::of(name, "required", "This field is required.")),
        }
    }

    pub fn optional_text(&mut self, name: &str) -> Option<Option<String>> {
        self.optional(name, "not_text", "This field must be a string.")
    }

    pub fn optional<T: DeserializeOwned>(
        &mut self,
        name: &str,
        code: &'static str,
        detail: &str,
    ) -> Option<Option<T>> {
        let value = self.fields.take(name)?;
        match serde_json::from_str(value.get()) {
            Ok(value) => Some(value),
            Err(_) => self.reject(Violation::of(name, code, detail)),
        }
    }

    pub fn required<T>(&mut self, name: &str, format: &TextFormat<T>) -> Option<T> {
        let text = self.text(name)?;
        self.check(format.read(&text), || format.violation(name))
    }

    /// The field may be absent; null is a violation.
    pub fn non_null<T>(&mut self, name: &str, format: &TextFormat<T>) -> Option<T> {
        match self.nullable(name, format)? {
            Some(value) => Some(value),
            None => self.reject(Violation::of(name, "required", NOT_NULL)),
        }
    }

    pub fn nullable<T>(&mut self, name: &str, format: &TextFormat<T>) -> Option<Option<T>> {
        match self.optional_text(name)? {
            None => Some(None),
            Some(text) => self.check(format.read(&text), || format.violation(name)).map(Some),
        }
    }

    pub fn flag(&mut self, name: &str) -> Option<Option<bool>> {
        self.optional(name, "not_a_boolean", "This field must be true or false.")
    }

    pub fn required_id(&mut self, name: &str) -> Option<ObjectId> {
        let text = self.text(name)?;
        self.check(object_id::parse(&text), || not_an_id(name))
    }

    pub fn id(&mut self, name: &str) -> Option<Option<ObjectId>> {
        match self.optional_text(name)? {
            None => Some(None),
            Some(text) => self.check(object_id::parse(&text), || not_an_id(name)).map(Some),
        }
    }

    pub fn object<T: FromFields>(&mut self, name: &str) -> Option<Option<T>> {
        let value = self.fields.take(name)?;
        if value.get() == "null" {
            return Some(None);
        }
        let Ok(fields) = JsonObject::parse(value.get().as_bytes()) else {
            let detail = "This field must be an object, and no field of it may occur twice.";
            return self.reject(Violation::of(name, "not_an_object", detail));
        };
        self.inside(name, Self::read(fields)).map(Some)
    }

    pub fn required_object<T: FromFields>(&mut self, name: &str) -> Option<T> {
        let violations = self.violations.len();
        match self.object(name) {
            Some(Some(object)) => Some(object),
            _ if self.violations.len() > violations => None,
            _ => {
                self.reject(Violation::of(name, "required", "This field is required and must be an object."))
            }
        }
    }

    /// Absence and null mean the default.
    pub fn object_or_default<T: FromFields + Default>(&mut self, name: &str) -> Option<T> {
        let violations = self.violations.len();
        let object = self.object(name).flatten();
        if self.violations.len() > violations { None } else { Some(object.unwrap_or_default()) }
    }

    /// An array of at most `max` objects; absence and null mean an empty array.
    pub fn each<T: FromFields>(&mut self, name: &str, max: usize) -> Option<Vec<T>> {
        let violations = self.violations.len();
        let not_objects =
            "This field must be an array of objects, and no field of an object may occur twice.";
        let items: Option<Vec<JsonObject>> = self.optional(name, "not_objects", not_objects).flatten();
        let items = items.unwrap_or_default();
        if items.len() > max {
            return self.reject(Violation::of(name, "too_many", format!("At most {max} are allowed.")));
        }
        let mut objects = Vec::with_capacity(items.len());
        for (number, item) in items.into_iter().enumerate() {
            objects.extend(self.inside(&format!("{name}/{number}"), Self::read(item)));
        }
        if self.violations.len() > violations { None } else { Some(objects) }
    }

    fn inside<T>(&mut self, path: &str, read: Result<T, Vec<Violation>>) -> Option<T> {
        let inside = |violation: Violation| Violation {
            pointer: format!("/{path}{}", violation.pointer),
            ..violation
        };
        read.map_or_else(|violations| self.reject_all(violations.into_iter().map(inside).collect()), Some)
    }

    pub fn rest(&mut self) -> JsonObject {
        JsonObject(std::mem::take(&mut self.fields.0))
    }

    pub fn read_only(&mut self, names: &[&str]) {
        for name in names {
            if self.fields.take(name).is_some() {
                self.reject::<()>(Violation::of(name, "read_only", "Only the service sets this field."));
            }
        }
    }

    pub fn check<T>(&mut self, found: Option<T>, violation: impl FnOnce() -> Violation) -> Option<T> {
        found.or_else(|| self.reject(violation()))
    }

    pub fn reject<T>(&mut self, violation: Violation) -> Option<T> {
        self.violations.push(violation);
        None
    }

    pub fn reject_all<T>(&mut self, violations: Vec<Violation>) -> Option<T> {
        self.violations.extend(violations);
        None
    }

    pub fn read<T: FromFields>(fields: JsonObject) -> Result<T, Vec<Violation>> {
        let mut input = Self { fields, violations: Vec::new() };
        let body = T::take(&mut input);
        // A misspelled field would otherwise be ignored, and the client would believe that it was stored.
        let unknown = input.fields.0.into_iter();
        input.violations.extend(unknown.map(|(name, _)| {
            Violation::of(&pointer_token(&name), "unknown_member", "This field is unknown.")
        }));
        match body {
            Some(body) if input.violations.is_empty() => Ok(body),
            _ => Err(input.violations),
        }
    }
}

const NOT_NULL: &str = "This field must not be null.";

fn not_an_id(name: &str) -> Violation {
    Violation::of(name, "not_an_id", "An id must have 24 lower-case hex digits.")
}

pub fn pointer_token(name: &str) -> String {
    // In this order; otherwise the `~` of `~1` would be escaped again (RFC 6901 §3).
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_objects_without_duplicate_names_are_read() {
        let object = JsonObject::parse(br#" {"a": 1.50, "b": "x"} "#).unwrap();
        assert_eq!(object.get("a").unwrap().get(), "1.50");
        assert!(object.get("c").is_none());
        let odd: [&[u8]; 9] = [
            b"",
            b"[]",
            b"1",
            b"{",
            b"{}{}",
            b"{\"a\":NaN}",
            b"{\"a\":1,\"a\":1}",
            b"\xff\xfe{\0}\0",
            b"{\"\xff\":1}",
        ];
        for odd in odd {
            assert!(JsonObject::parse(odd).is_err(), "{}", String::from_utf8_lossy(odd));
        }
    }
}
