//! JSON objects and arrays of bounded size.
//!
//! **Invariant:** fields and items past a bound are checked and not kept.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use crate::error::{Error, Violation};

pub const MEMBERS_MAX: usize = 1_000;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A JSON object: its fields in order, each name once, the values still as JSON text.
pub struct JsonObject {
    pub(super) fields: Vec<(String, Box<RawValue>)>,
    /// Whether it has more than [`MEMBERS_MAX`] fields. The others are not kept.
    is_too_large: bool,
}

impl JsonObject {
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        // The mark has no meaning in JSON (RFC 8259 §8.1).
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        serde_json::from_slice(body).map_err(Error::malformed_json)
    }

    pub fn require_few_members(&self) -> Result<(), Vec<Violation>> {
        let violation = || {
            let detail = format!("An object must have at most {MEMBERS_MAX} fields.");
            Violation::of_whole("too_many_members", detail)
        };
        if self.is_too_large { Err(vec![violation()]) } else { Ok(()) }
    }

    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Two objects with the same names and the same JSON texts have the same canonical form.
    pub fn canonical(&self) -> Vec<u8> {
        let mut fields: Vec<_> =
            self.fields.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        // The order of fields has no meaning (RFC 8259 §1).
        fields.sort_unstable();
        let parts = fields.iter().flat_map(|(name, value)| [name.as_bytes(), b"\0", value.as_bytes(), b"\0"]);
        parts.collect::<Vec<_>>().concat()
    }

    pub(super) fn take_rest(&mut self) -> Self {
        Self { fields: std::mem::take(&mut self.fields), is_too_large: false }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let position = self.fields.iter().position(|(known, _)| known == name)?;
        Some(self.fields.remove(position).1)
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
                while names.len() < MEMBERS_MAX {
                    let Some((name, value)) = map.next_entry::<String, _>()? else {
                        return Ok(JsonObject { fields, is_too_large: false });
                    };
                    // RFC 8259 §4 leaves open which of two fields with the same name counts.
                    if !names.insert(name.clone()) {
                        return Err(de::Error::custom(format_args!("the field `{name}` occurs twice")));
                    }
                    fields.push((name, value));
                }
                let mut is_too_large = false;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    is_too_large = true;
                }
                Ok(JsonObject { fields, is_too_large })
            }
        }

        deserializer.deserialize_map(UniqueNames)
    }
}

/// Reads an array. Returns `None` if it has more than `max` items.
pub(super) struct AtMost<T> {
    pub(super) max: usize,
    pub(super) item: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for AtMost<T> {
    type Value = Option<Vec<T>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtMost<T> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.max {
            let Some(item) = seq.next_element()? else { return Ok(Some(items)) };
            items.push(item);
        }
        let mut is_too_long = false;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            is_too_long = true;
        }
        Ok((!is_too_long).then_some(items))
    }
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
