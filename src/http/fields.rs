//! JSON objects read member by member, strictly: all faults are told at once. Must not know what the members mean.

use std::fmt;

use bson::oid::ObjectId;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Error, Violation};
use crate::mongo::object_id;

/// A JSON object: its members in order, each name once, the values still as they were written.
pub struct JsonObject(Vec<(String, Box<RawValue>)>);

impl JsonObject {
    /// Reads an object, and nothing but one.
    ///
    /// # Errors
    /// [`Error::MalformedJson`], also for a member that comes twice (RFC 8259 §4 leaves open which would count).
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(body).map_err(|error| Error::MalformedJson(error.to_string()))
    }

    /// The value of a member, as written.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The same text for the same members and values as they were written, in whatever order they came.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut members: Vec<_> = self.0.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        members.sort_unstable();
        let parts =
            members.iter().flat_map(|(name, value)| [name.as_bytes(), b"\0", value.as_bytes(), b"\0"]);
        parts.collect::<Vec<_>>().concat()
    }

    fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let position = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(position).1)
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;

        impl<'de> Visitor<'de> for Unique {
            type Value = JsonObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonObject, A::Error> {
                let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
                let mut names = std::collections::HashSet::new();
                while let Some((name, value)) = map.next_entry::<String, _>()? {
                    if !names.insert(name.clone()) {
                        return Err(de::Error::custom(format_args!("the member `{name}` comes twice")));
                    }
                    members.push((name, value));
                }
                Ok(JsonObject(members))
            }
        }

        deserializer.deserialize_map(Unique)
    }
}

/// What a body is read into, member by member.
pub trait FromFields: Sized {
    /// Takes the members that this knows from `input`. `None` only after a fault was noted.
    fn take(input: &mut Fields) -> Option<Self>;
}

/// For what has no members.
impl FromFields for () {
    fn take(_: &mut Fields) -> Option<Self> {
        Some(())
    }
}

/// The members of a body that have not been taken yet, and the faults so far: all are told at once.
pub struct Fields {
    members: JsonObject,
    faults: Vec<Violation>,
}

impl Fields {
    /// A member that must be there and be text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.optional_text(name) {
            Some(Some(text)) => Some(text),
            Some(None) => self.fault(Violation::of(name, "required", "This member cannot be null.")),
            None if self.faults.iter().any(|fault| fault.pointer[1..] == *name) => None,
            None => self.fault(Violation::of(name, "required", "This member is required.")),
        }
    }

    /// A member that may be absent (`None`) or null (`Some(None)`), and else is text.
    pub fn optional_text(&mut self, name: &str) -> Option<Option<String>> {
        let value = self.members.take(name)?;
        match serde_json::from_str(value.get()) {
            Ok(text) => Some(text),
            Err(_) => self.fault(Violation::of(name, "not_text", "This member must be text.")),
        }
    }

    /// As [`Fields::optional_text`], for any form; `code` and `detail` are told of another.
    pub fn optional<T: DeserializeOwned>(
        &mut self,
        name: &str,
        code: &'static str,
        detail: &str,
    ) -> Option<Option<T>> {
        let value = self.members.take(name)?;
        match serde_json::from_str(value.get()) {
            Ok(value) => Some(value),
            Err(_) => self.fault(Violation::of(name, code, detail)),
        }
    }

    /// A member that may be absent, and else is text.
    pub fn given_text(&mut self, name: &str) -> Option<String> {
        match self.optional_text(name)? {
            Some(text) => Some(text),
            None => self.fault(Violation::of(name, "required", "This member cannot be null.")),
        }
    }

    /// A member that may be absent or null, and else is true or false.
    pub fn flag(&mut self, name: &str) -> Option<Option<bool>> {
        self.optional(name, "not_a_boolean", "This member must be true or false.")
    }

    /// A member that must be there and be an id.
    pub fn required_id(&mut self, name: &str) -> Option<ObjectId> {
        let text = self.text(name)?;
        self.check(object_id::parse(&text), || not_an_id(name))
    }

    /// A member that may be absent or null, and else is an id.
    pub fn id(&mut self, name: &str) -> Option<Option<ObjectId>> {
        self.parsed(name, object_id::parse, || not_an_id(name))
    }

    /// A member that may be absent or null, and else is text of which `parse` makes something.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        fault: impl FnOnce() -> Violation,
    ) -> Option<Option<T>> {
        match self.optional_text(name)? {
            None => Some(None),
            Some(text) => self.check(parse(&text), fault).map(Some),
        }
    }

    /// A member that may be absent or null, and else is an object with members of its own.
    pub fn object<T: FromFields>(&mut self, name: &str) -> Option<Option<T>> {
        let value = self.members.take(name)?;
        if value.get() == "null" {
            return Some(None);
        }
        let Ok(members) = JsonObject::parse(value.get().as_bytes()) else {
            let detail = "This member must be an object that has each of its members once.";
            return self.fault(Violation::of(name, "not_an_object", detail));
        };
        self.inside(name, Self::read(members)).map(Some)
    }

    /// As [`Fields::object`], for a member that must be there.
    pub fn required_object<T: FromFields>(&mut self, name: &str) -> Option<T> {
        let faults = self.faults.len();
        match self.object(name) {
            Some(Some(object)) => Some(object),
            _ if self.faults.len() > faults => None,
            _ => self.fault(Violation::of(name, "required", "This member is required, and is an object.")),
        }
    }

    /// As [`Fields::object`], for a member that may be left out.
    pub fn object_or_default<T: FromFields + Default>(&mut self, name: &str) -> Option<T> {
        let faults = self.faults.len();
        let object = self.object(name).flatten();
        if self.faults.len() > faults { None } else { Some(object.unwrap_or_default()) }
    }

    /// A member that may be absent or null, as good as empty, and else is an array of at most `max` objects.
    pub fn each<T: FromFields>(&mut self, name: &str, max: usize) -> Option<Vec<T>> {
        let faults = self.faults.len();
        let not_objects = "This member must be an array of objects that have each of their members once.";
        let items: Option<Vec<JsonObject>> = self.optional(name, "not_objects", not_objects).flatten();
        let items = items.unwrap_or_default();
        if items.len() > max {
            return self.fault(Violation::of(name, "too_many", format!("These are at most {max}.")));
        }
        let mut objects = Vec::with_capacity(items.len());
        for (number, item) in items.into_iter().enumerate() {
            objects.extend(self.inside(&format!("{name}/{number}"), Self::read(item)));
        }
        if self.faults.len() > faults { None } else { Some(objects) }
    }

    /// What was made of a part at `place`, or its faults with that in front of their pointers.
    fn inside<T>(&mut self, place: &str, read: Result<T, Vec<Violation>>) -> Option<T> {
        let inside = |fault: Violation| Violation { pointer: format!("/{place}{}", fault.pointer), ..fault };
        read.map_or_else(|faults| self.refuse(faults.into_iter().map(inside).collect()), Some)
    }

    /// All members that have not been taken yet.
    pub fn rest(&mut self) -> JsonObject {
        JsonObject(std::mem::take(&mut self.members.0))
    }

    /// Refuses members that only the service sets.
    pub fn read_only(&mut self, names: &[&str]) {
        for name in names.iter().filter(|name| self.members.take(name).is_some()).collect::<Vec<_>>() {
            self.fault::<()>(Violation::of(name, "read_only", "The service alone sets this member."));
        }
    }

    /// What a check made, or its fault.
    pub fn checked<T>(&mut self, checked: Result<T, Violation>) -> Option<T> {
        checked.map_or_else(|fault| self.fault(fault), Some)
    }

    /// What is there, or the fault of its missing.
    pub fn check<T>(&mut self, found: Option<T>, fault: impl FnOnce() -> Violation) -> Option<T> {
        self.checked(found.ok_or_else(fault))
    }

    /// Notes a fault.
    pub fn fault<T>(&mut self, fault: Violation) -> Option<T> {
        self.refuse(vec![fault])
    }

    /// Notes faults.
    pub fn refuse<T>(&mut self, faults: Vec<Violation>) -> Option<T> {
        self.faults.extend(faults);
        None
    }

    /// Makes a `T` of members, which must know them all.
    ///
    /// # Errors
    /// All faults that were found.
    pub fn read<T: FromFields>(members: JsonObject) -> Result<T, Vec<Violation>> {
        let mut input = Self { members, faults: Vec::new() };
        let body = T::take(&mut input);
        let unknown = input.members.0.into_iter();
        input.faults.extend(unknown.map(|(name, _)| {
            Violation::of(&pointer_token(&name), "unknown_member", "This member is not known here.")
        }));
        match body {
            Some(body) if input.faults.is_empty() => Ok(body),
            _ => Err(input.faults),
        }
    }
}

fn not_an_id(name: &str) -> Violation {
    Violation::of(name, "not_an_id", "An id has 24 lower-case hex digits.")
}

/// A name as a part of a JSON pointer (RFC 6901 §3).
#[must_use]
pub fn pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_and_nothing_else() {
        let members = JsonObject::parse(br#" {"a": 1.50, "b": "x"} "#).unwrap();
        assert_eq!(members.get("a").unwrap().get(), "1.50");
        assert!(members.get("c").is_none());
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
