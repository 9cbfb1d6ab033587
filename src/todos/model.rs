//! The stored todo. Must not touch a database or a clock.

use bson::DateTime;
use bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

/// A todo as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Todo {
    /// The todo's id.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The user whose it is.
    pub owner_id: ObjectId,
    /// What is to be done.
    pub name: String,
    /// More about it.
    pub description: String,
    /// Counts the changes, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime,
    /// When it last changed.
    pub updated_at: DateTime,
}

/// What a client says of a todo that it makes or replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTodo {
    /// What is to be done.
    pub name: String,
    /// More about it.
    pub description: String,
}

impl NewTodo {
    /// The todo that is stored, for `owner_id`.
    #[must_use]
    pub fn into_todo(self, owner_id: ObjectId, now: DateTime) -> Todo {
        Todo {
            id: ObjectId::new(),
            owner_id,
            name: self.name,
            description: self.description,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}
