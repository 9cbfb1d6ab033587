//! The stored list, and what a client may say of one. Must not touch a database or a clock.

use bson::oid::ObjectId;
use bson::{DateTime, Document};
use serde::{Deserialize, Serialize};

use crate::error::Resource;
use crate::owned::{Owned, State};

/// A list as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct List {
    /// The list's id.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The user whose it is.
    pub owner_id: ObjectId,
    /// What it is called.
    pub name: String,
    /// More about it.
    pub description: String,
    /// `#` and six lower-case hex digits.
    pub color: Option<String>,
    /// Its place among the lists of the user: see [`crate::owned::order_key`].
    pub position: String,
    /// Counts the changes, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime,
    /// When it last changed.
    pub updated_at: DateTime,
    /// Where it is in its life.
    pub state: State,
    /// When it went into the trash.
    #[serde(default)]
    pub deleted_at: Option<DateTime>,
    /// What its todos have still to go through because of the last change.
    #[serde(default)]
    pub unfinished: Option<PendingEffects>,
}

/// See [`crate::todos::model::PendingEffects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingEffects {
    /// Since when.
    pub since: DateTime,
}

/// What a client says of a list, checked member by member: a merge patch (RFC 7396), or the whole.
#[derive(Debug, Clone, Default)]
pub struct ListInput {
    /// Whether what is not said is cleared rather than kept.
    pub whole: bool,
    /// See [`List::name`].
    pub name: Option<String>,
    /// See [`List::description`].
    pub description: Option<String>,
    /// See [`List::color`].
    pub color: Option<Option<String>>,
}

impl List {
    /// A list with nothing but its place.
    #[must_use]
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
            unfinished: None,
        }
    }

    pub fn apply(&mut self, input: ListInput) {
        let ListInput { whole, name, description, color } = input;
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

    fn id(&self) -> ObjectId {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn position(&self) -> &str {
        &self.position
    }

    fn moved(self, position: String, now: DateTime) -> Self {
        Self { position, version: self.version + 1, updated_at: now, ..self }
    }

    fn derived(&self) -> Document {
        Document::new()
    }
}
