//! The text form of object ids: 24 lower-case hex digits.

use bson::oid::ObjectId;

pub fn parse(text: &str) -> Option<ObjectId> {
    // `parse_str` also accepts upper case. Every id has exactly one spelling in URLs and cursors.
    ObjectId::parse_str(text).ok().filter(|id| id.to_hex() == text)
}

/// For `#[serde(with)]`: an `ObjectId` as its 24 hex digits, in JSON.
pub mod hex {
    use bson::oid::ObjectId;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(id: &ObjectId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectId, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        ObjectId::parse_str(text).map_err(de::Error::custom)
    }
}
