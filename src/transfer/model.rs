//! An import as it is stored: what it does, how far it is, and what it has created.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, DateTime};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plan::Warning;

/// Without news for this time, an import was interrupted: a restart of the instance ends it.
pub const INTERRUPTED_MILLIS: i64 = 60_000;
/// How long an import can be looked up and undone: as long as its todos stay in the trash.
pub const KEPT_MILLIS: i64 = crate::owned::TRASH_MILLIS;
const ID_BYTES: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ImportState)]
/// How far an import is.
pub enum ImportState {
    /// Nothing was written, because the request was a dry run.
    Planned,
    Running,
    Done,
    /// The import ended early. Repeat the request: it adds what is missing.
    Interrupted,
    Undone,
}

/// What an import does with an object of the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// In the file.
    pub found: u64,
    /// Created by this request, or to be created.
    pub created: u64,
    /// Left alone, because the account has them.
    pub existing: u64,
    /// Of these, in the trash.
    pub existing_in_trash: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Import {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub owner_id: ObjectId,
    pub format: String,
    pub state: ImportState,
    pub lists: Counts,
    pub todos: Counts,
    /// How many of the objects to be created are written.
    pub written: i64,
    #[serde(default)]
    pub warnings: Vec<Warning>,
    pub started_at: DateTime,
    pub updated_at: DateTime,
    /// The ids of everything that this import has created or was about to create.
    #[serde(default)]
    pub created_lists: Option<Binary>,
    #[serde(default)]
    pub created_todos: Option<Binary>,
    pub expires_at: DateTime,
}

impl Import {
    /// The state as clients see it at `now`.
    pub fn state_at(&self, now: DateTime) -> ImportState {
        let age = now.timestamp_millis() - self.updated_at.timestamp_millis();
        match self.state {
            ImportState::Running if age > INTERRUPTED_MILLIS => ImportState::Interrupted,
            state => state,
        }
    }
}

pub fn packed(ids: impl IntoIterator<Item = ObjectId>) -> Binary {
    let bytes = ids.into_iter().flat_map(|id| id.bytes()).collect();
    Binary { subtype: BinarySubtype::Generic, bytes }
}

pub fn unpacked(ids: Option<&Binary>) -> Vec<ObjectId> {
    let (chunks, _) = ids.map_or(&[][..], |ids| &ids.bytes).as_chunks::<ID_BYTES>();
    chunks.iter().map(|bytes| ObjectId::from_bytes(*bytes)).collect()
}
