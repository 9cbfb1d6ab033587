//! The stored list, and the input of clients. No I/O and no clock.

use bson::oid::ObjectId;
use bson::{DateTime, Document};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::rfc3339;
use crate::error::Resource;
use crate::owned::sent_back::SentBack;
use crate::owned::{Owned, PendingEffects, State};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct List {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub owner_id: ObjectId,
    pub name: String,
    pub description: String,
    /// `#` and six lower-case hex digits.
    pub color: Option<String>,
    pub position: String,
    pub version: i64,
    pub created_at: DateTime,
    pub updated_at: DateTime,
    pub state: State,
    #[serde(default)]
    pub deleted_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarCollection>,
    #[serde(default, rename = "unfinished", with = "stored_effects")]
    pub pending_effects: Option<PendingEffects<TodosFollow>>,
}

/// What calendar clients have given a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CalendarCollection {
    /// The last segment of its address. Unique for each owner, also in the trash. Without it, the address has the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<DeadProperty>,
}

/// A property that the service keeps and does not understand (RFC 4918 §4.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadProperty {
    pub space: String,
    pub local: String,
    /// The content of the element.
    pub xml: String,
}

impl CalendarCollection {
    /// Of one list, that the service keeps without understanding them.
    pub const PROPERTIES_MAX: usize = 64;
    /// In bytes, of the names and values of these properties of one list.
    pub const PROPERTIES_BYTES_MAX: usize = 16 * 1024;

    pub fn fits(&self) -> bool {
        let bytes = self.properties.iter().map(|one| one.space.len() + one.local.len() + one.xml.len());
        self.properties.len() <= Self::PROPERTIES_MAX && bytes.sum::<usize>() <= Self::PROPERTIES_BYTES_MAX
    }
}

/// The only side effect of a change of a list: its todos follow it to the trash, or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TodosFollow;

// A list has one kind of side effect, so the effects are not stored. Earlier releases read the same.
mod stored_effects {
    use bson::DateTime;
    use bson::oid::ObjectId;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::TodosFollow;
    use crate::owned::PendingEffects;

    #[derive(Serialize, Deserialize)]
    struct Stored {
        since: DateTime,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<ObjectId>,
    }

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(
        pending: &Option<PendingEffects<TodosFollow>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        pending.as_ref().map(|pending| Stored { since: pending.since, id: pending.id }).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PendingEffects<TodosFollow>>, D::Error> {
        let stored = Option::<Stored>::deserialize(deserializer)?;
        Ok(stored.map(|Stored { since, id }| PendingEffects { since, id, effects: vec![TodosFollow] }))
    }
}

/// The validated fields of a request: a merge patch (RFC 7396) or a whole list.
#[derive(Debug, Clone, Default)]
pub struct ListInput {
    /// Whether missing fields are reset instead of kept.
    pub whole: bool,
    pub name: Option<String>,
    pub description: Option<String>,
    /// `Some(None)` removes the color.
    pub color: Option<Option<String>>,
    pub sent_back: SentBack,
}

impl List {
    pub fn blank(id: ObjectId, owner_id: ObjectId, position: String, now: DateTime) -> Self {
        Self {
            id,
            owner_id,
            name: String::new(),
            description: String::new(),
            color: None,
            position,
            version: 1,
            created_at: now,
            updated_at: now,
            state: State::Live,
            deleted_at: None,
            calendar: None,
            pending_effects: None,
        }
    }

    /// The value of a field that only the service sets, as a response shows it.
    pub fn shown(&self, name: &str, open_count: i64) -> Value {
        match name {
            "id" => self.id.to_hex().into(),
            "position" => self.position.as_str().into(),
            "open_count" => open_count.into(),
            "version" => self.version.into(),
            "created_at" => rfc3339(self.created_at).to_string().into(),
            "updated_at" => rfc3339(self.updated_at).to_string().into(),
            "deleted_at" => self.deleted_at.map(|at| rfc3339(at).to_string()).into(),
            _ => Value::Null,
        }
    }

    pub fn apply(&mut self, input: ListInput) {
        let ListInput { whole, name, description, color, sent_back: _ } = input;
        if let Some(name) = name {
            self.name = name;
        }
        if let Some(description) = description.or(whole.then(String::new)) {
            self.description = description;
        }
        if let Some(color) = color.or(whole.then_some(None)) {
            self.color = color;
        }
    }
}

impl Owned for List {
    const COLLECTION: &'static str = "lists";
    const RESOURCE: Resource = Resource::List;
    type Effect = TodosFollow;

    fn id(&self) -> ObjectId {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn state(&self) -> State {
        self.state
    }

    fn position(&self) -> &str {
        &self.position
    }

    fn moved(self, position: String, now: DateTime) -> Self {
        Self { position, version: self.version + 1, updated_at: now, ..self }
    }

    fn revise(&mut self, before: &Self, now: DateTime) {
        (self.version, self.updated_at) = (before.version + 1, now);
    }

    fn pending_effects(&mut self) -> &mut Option<PendingEffects<TodosFollow>> {
        &mut self.pending_effects
    }

    fn derived(&self) -> Document {
        Document::new()
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn pending_effects_are_stored_without_the_effects() {
        let (id, now) = (ObjectId::from_bytes([1; 12]), DateTime::from_millis(1_764_576_000_123));
        let idle = List::blank(id, id, "a1".to_owned(), now);
        let pending = PendingEffects { since: now, id: Some(id), effects: vec![TodosFollow] };
        let busy = List { pending_effects: Some(pending), ..idle.clone() };
        let unfinished = doc! { "since": now, "id": id };
        for (list, stored) in [(idle, bson::Bson::Null), (busy, unfinished.into())] {
            let document = bson::serialize_to_document(&list).unwrap();
            assert_eq!(document.get("unfinished"), Some(&stored));
            assert_eq!(bson::deserialize_from_document::<List>(document).unwrap(), list);
        }
    }
}
