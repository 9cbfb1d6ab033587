//! Reads JSON objects field by field and reports all violations at once.
//!
//! **Invariant:** a field that a body does not know is a violation, and so is a field that occurs twice.

use std::marker::PhantomData;

use bson::oid::ObjectId;
use serde::de::{DeserializeOwned, DeserializeSeed};

use super::json_object::{AtMost, JsonObject};
use crate::error::{POINTER_MAX_CHARS, Violation, Violations};
use crate::mongo::object_id;
use crate::owned::sent_back::SentBack;
use crate::owned::text::TextFormat;

pub trait FromFields: Sized {
    /// Whether an absent field is kept and a null field is cleared, as a JSON merge patch does (RFC 7396).
    const IS_MERGE_PATCH: bool = false;

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
    violations: Violations,
}

impl Fields {
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.optional_text(name) {
            Some(Some(text)) => Some(text),
            Some(None) => self.reject(Violation::of(name, "required", NOT_NULL)),
            // `optional_text` has reported another JSON type already.
            None if self.has_violation(name) => None,
            None => self.reject(Violation::of(name, "required", "This field is required.")),
        }
    }

    pub fn has_violation(&self, name: &str) -> bool {
        self.violations.all().iter().any(|violation| violation.pointer.strip_prefix('/') == Some(name))
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
        let value = self.nullable(name, format);
        self.not_null(name, value)
    }

    /// Rejects null, which `value` has read as `Some(None)`.
    pub fn not_null<T>(&mut self, name: &str, value: Option<Option<T>>) -> Option<T> {
        match value? {
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
        let violations = self.violations.all().len();
        match self.object(name) {
            Some(Some(object)) => Some(object),
            _ if self.violations.all().len() > violations => None,
            _ => {
                self.reject(Violation::of(name, "required", "This field is required and must be an object."))
            }
        }
    }

    /// Absence and null mean the default.
    pub fn object_or_default<T: FromFields + Default>(&mut self, name: &str) -> Option<T> {
        let violations = self.violations.all().len();
        let object = self.object(name).flatten();
        if self.violations.all().len() > violations { None } else { Some(object.unwrap_or_default()) }
    }

    /// Rejects an absent or empty field, unless a violation of it was noted already.
    pub fn require<T>(&mut self, name: &str, detail: &str) -> Option<T> {
        if self.has_violation(name) { None } else { self.reject(Violation::of(name, "required", detail)) }
    }

    /// An array of at most `max` objects; absence and null mean an empty array.
    pub fn each<T: FromFields>(&mut self, name: &str, max: usize) -> Option<Vec<T>> {
        let violations = self.violations.all().len();
        let not_objects =
            "This field must be an array of objects, and no field of an object may occur twice.";
        let items: Vec<JsonObject> =
            self.array(name, max, "not_objects", not_objects).flatten().unwrap_or_default();
        let mut objects = Vec::with_capacity(items.len());
        for (number, item) in items.into_iter().enumerate() {
            if self.violations.is_full() {
                break;
            }
            objects.extend(self.inside(&format!("{name}/{number}"), Self::read(item)));
        }
        if self.violations.all().len() > violations { None } else { Some(objects) }
    }

    /// An array of at most `max` items. Items past `max` are not kept.
    pub fn array<T: DeserializeOwned>(
        &mut self,
        name: &str,
        max: usize,
        code: &'static str,
        detail: &str,
    ) -> Option<Option<Vec<T>>> {
        let value = self.fields.take(name)?;
        if value.get() == "null" {
            return Some(None);
        }
        let mut json = serde_json::Deserializer::from_str(value.get());
        match (AtMost { max, item: PhantomData }).deserialize(&mut json) {
            Ok(Some(items)) => Some(Some(items)),
            Ok(None) => self.reject(Violation::of(name, "too_many", format!("At most {max} are allowed."))),
            Err(_) => self.reject(Violation::of(name, code, detail)),
        }
    }

    fn inside<T>(&mut self, path: &str, read: Result<T, Vec<Violation>>) -> Option<T> {
        let inside = |violation: Violation| violation.inside(path);
        read.map_or_else(|violations| self.reject_all(violations.into_iter().map(inside)), Some)
    }

    pub fn rest(&mut self) -> JsonObject {
        self.fields.take_rest()
    }

    /// Fields that the caller compares with the stored object.
    pub fn read_only(&mut self, names: &[&'static str]) -> SentBack {
        let fields = &mut self.fields;
        let mut sent =
            |name: &&'static str| Some((*name, serde_json::from_str(fields.take(name)?.get()).ok()?));
        SentBack::new(names.iter().filter_map(&mut sent).collect())
    }

    pub fn check<T>(&mut self, found: Option<T>, violation: impl FnOnce() -> Violation) -> Option<T> {
        found.or_else(|| self.reject(violation()))
    }

    pub fn reject<T>(&mut self, violation: Violation) -> Option<T> {
        self.violations.push(violation);
        None
    }

    pub fn reject_all<T>(&mut self, violations: impl IntoIterator<Item = Violation>) -> Option<T> {
        self.violations.extend(violations);
        None
    }

    pub fn read<T: FromFields>(fields: JsonObject) -> Result<T, Vec<Violation>> {
        fields.require_few_members()?;
        let mut input = Self { fields, violations: Violations::default() };
        let body = T::take(&mut input);
        // A misspelled field would otherwise be ignored, and the client would believe that it was stored.
        let unknown = input.fields.fields.iter();
        input.violations.extend(unknown.map(|(name, _)| {
            Violation::of(&pointer_token(name), "unknown_member", "This field is unknown.")
        }));
        match body {
            Some(body) if input.violations.all().is_empty() => Ok(body),
            _ => Err(input.violations.into_vec()),
        }
    }
}

pub const NOT_NULL: &str = "This field must not be null.";

fn not_an_id(name: &str) -> Violation {
    Violation::of(name, "not_an_id", "An id must have 24 lower-case hex digits.")
}

pub fn pointer_token(name: &str) -> String {
    // A pointer has no room for more characters.
    let end = name.char_indices().nth(POINTER_MAX_CHARS).map_or(name.len(), |(end, _)| end);
    // In this order; otherwise the `~` of `~1` would be escaped again (RFC 6901 §3).
    name[..end].replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::super::json_object::MEMBERS_MAX;
    use super::*;

    struct Words(Vec<String>);

    impl FromFields for Words {
        fn take(input: &mut Fields) -> Option<Self> {
            input.array("words", 3, "not_texts", "").map(|words| Self(words.unwrap_or_default()))
        }
    }

    fn read(json: &str) -> Result<Words, Vec<(String, &'static str)>> {
        let read = Fields::read::<Words>(JsonObject::parse(json.as_bytes()).unwrap());
        read.map_err(|violations| violations.into_iter().map(|one| (one.pointer, one.code)).collect())
    }

    #[test]
    fn an_array_has_at_most_as_many_items_as_are_allowed() {
        for (json, words) in [("null", 0), ("[]", 0), (r#"["a","b","c"]"#, 3)] {
            assert_eq!(read(&format!("{{\"words\":{json}}}")).ok().unwrap().0.len(), words, "{json}");
        }
        for (json, code) in [
            ("[1]", "not_texts"),
            ("{}", "not_texts"),
            (r#""a""#, "not_texts"),
            (r#"["a","b","c",1]"#, "too_many"),
        ] {
            let violations = read(&format!("{{\"words\":{json}}}")).err().unwrap();
            assert_eq!(violations, [("/words".to_owned(), code)], "{json}");
        }
    }

    #[test]
    fn an_object_has_at_most_1000_fields() {
        let object = |fields: usize| {
            let fields: Vec<_> = (0..fields).map(|n| format!("\"{n}\":0")).collect();
            read(&format!("{{{}}}", fields.join(","))).err().unwrap()
        };
        assert_eq!(object(MEMBERS_MAX).len(), 100);
        assert_eq!(object(MEMBERS_MAX + 1), [(String::new(), "too_many_members")]);
    }
}
