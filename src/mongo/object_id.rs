//! Ids of stored objects as text: 24 lower-case hex digits. Must not accept any other spelling.

use bson::oid::ObjectId;

/// An id as clients write it: 24 lower-case hex digits.
#[must_use]
pub fn parse(text: &str) -> Option<ObjectId> {
    ObjectId::parse_str(text).ok().filter(|id| id.to_hex() == text)
}

/// For `#[serde(with)]`: an `ObjectId` as its 24 hex digits, in JSON.
pub mod hex {
    use bson::oid::ObjectId;
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Writes the digits.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(id: &ObjectId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    /// Reads the digits.
    ///
    /// # Errors
    /// The text is not 24 hex digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectId, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        ObjectId::parse_str(text).map_err(de::Error::custom)
    }
}
