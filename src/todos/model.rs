//! The stored todo. Must not touch a database or a clock.

use bson::oid::ObjectId;
use bson::{DateTime, Document, RawDocument, doc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::due::Due;
use super::recurrence::{Basis, Recurrence};
use super::search_terms;
use crate::error::{Error, Resource};
use crate::owned::{Owned, PendingEffects, State};

/// How deep subtasks go, the topmost todo counted.
pub const LEVELS_MAX: usize = 5;

/// A todo as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Todo {
    /// The todo's id.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The user whose it is.
    pub owner_id: ObjectId,
    /// The list that it lies in; `None` is the inbox.
    #[serde(default)]
    pub list_id: Option<ObjectId>,
    /// The todo that it is a part of.
    #[serde(default)]
    pub parent_id: Option<ObjectId>,
    /// What is to be done.
    pub name: String,
    /// More about it.
    pub description: String,
    /// Whether it is done.
    #[serde(default)]
    pub completed: bool,
    /// Since when it is done.
    #[serde(default)]
    pub completed_at: Option<DateTime>,
    /// When it is due.
    #[serde(default)]
    pub due: Option<Due>,
    /// How it comes again.
    #[serde(default)]
    pub recurrence: Option<Recurrence>,
    /// How much it matters.
    #[serde(default)]
    pub priority: Priority,
    /// Its tags, in the client's order, each once.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Its place among all todos of the user: see [`crate::owned::order_key`].
    #[serde(default)]
    pub position: String,
    /// The recurring todo that this was one occurrence of.
    #[serde(default)]
    pub occurrence_of: Option<ObjectId>,
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
    /// The todo or list whose deletion took it along; its own id if it was deleted itself.
    #[serde(default)]
    pub trashed_with: Option<ObjectId>,
    /// Whether it has, or once had, subtasks: noted before the first is attached, and never taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_parent: bool,
    #[serde(default, rename = "unfinished")]
    pub pending_effects: Option<PendingEffects<SideEffect>>,
}

/// A consequence of a change for other todos: see [`crate::owned::update`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SideEffect {
    /// Move the subtasks to the trash.
    Trash,
    /// Restore the subtasks that went to the trash together with this todo or list.
    Restore(ObjectId),
    /// Complete the open subtasks.
    Complete,
    /// Reopen the completed subtasks for the next occurrence.
    Reopen,
    /// Move the subtasks to the list of the todo.
    Relist,
    /// Insert the record of a completed occurrence.
    Record(Box<Todo>),
}

/// How much a todo matters; stored by rank, so that it can be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(into = "i32", from = "i32")]
#[schema(rename_all = "lowercase")]
pub enum Priority {
    /// Not said.
    #[default]
    None,
    /// Less than others.
    Low,
    /// Between.
    Medium,
    /// More than others.
    High,
}

impl Priority {
    /// All, the least first.
    pub const ALL: [Self; 4] = [Self::None, Self::Low, Self::Medium, Self::High];

    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The priority of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.word() == word)
    }
}

impl From<Priority> for i32 {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::None => 0,
            Priority::Low => 1,
            Priority::Medium => 2,
            Priority::High => 3,
        }
    }
}

impl From<i32> for Priority {
    fn from(rank: i32) -> Self {
        usize::try_from(rank).ok().and_then(|rank| Self::ALL.get(rank).copied()).unwrap_or_default()
    }
}

/// The list and the parent that a todo is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// See [`Todo::list_id`].
    pub list_id: Option<ObjectId>,
    /// See [`Todo::parent_id`].
    pub parent_id: Option<ObjectId>,
}

impl Todo {
    /// An open todo with nothing but its place.
    #[must_use]
    pub fn blank(id: ObjectId, owner_id: ObjectId, position: String, now: DateTime) -> Self {
        Self {
            id,
            owner_id,
            list_id: None,
            parent_id: None,
            name: String::new(),
            description: String::new(),
            completed: false,
            completed_at: None,
            due: None,
            recurrence: None,
            priority: Priority::None,
            tags: Vec::new(),
            position,
            occurrence_of: None,
            version: 1,
            created_at: now,
            updated_at: now,
            state: State::Live,
            deleted_at: None,
            trashed_with: None,
            is_parent: false,
            pending_effects: None,
        }
    }

    /// The list and the parent.
    #[must_use]
    pub fn place(&self) -> Placement {
        Placement { list_id: self.list_id, parent_id: self.parent_id }
    }

    /// Whether the next occurrence depends on the zone that the user is in.
    #[must_use]
    pub fn needs_zone(&self) -> bool {
        let floats = !matches!(self.due, Some(Due::At { time_zone: Some(_), .. }));
        floats && self.recurrence.as_ref().is_some_and(|recurrence| recurrence.basis() == Basis::Completion)
    }

    /// Moves a recurring todo that has just been completed on to its next occurrence, in which it is open, and gives
    /// the record of the one that was completed, under the id `record_id`. `None` when it does not come again: it stays completed.
    pub fn advance(
        &mut self,
        record_id: ObjectId,
        position: String,
        now: DateTime,
        zone: Tz,
    ) -> Option<Self> {
        let (recurrence, due) = (self.recurrence.as_ref()?, self.due.as_ref()?);
        let (next, advanced) = recurrence.next(due, now, zone)?;
        let record = Self {
            id: record_id,
            recurrence: None,
            position,
            occurrence_of: Some(self.id),
            version: 1,
            created_at: now,
            updated_at: now,
            is_parent: false,
            pending_effects: None,
            ..self.clone()
        };
        (self.due, self.recurrence) = (Some(next), Some(advanced));
        (self.completed, self.completed_at) = (false, None);
        Some(record)
    }
}

impl Owned for Todo {
    const COLLECTION: &'static str = "todos";
    const RESOURCE: Resource = Resource::Todo;
    type Effect = SideEffect;

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

    fn revise(&mut self, version: i64, now: DateTime) {
        (self.version, self.updated_at) = (version, now);
    }

    fn pending_effects(&mut self) -> &mut Option<PendingEffects<SideEffect>> {
        &mut self.pending_effects
    }

    fn read(stored: &RawDocument) -> Result<Self, Error> {
        Self::from_stored(stored)
    }

    fn derived(&self) -> Document {
        let words = search_terms::words_of(&[&self.name, &self.description]);
        doc! {
            "name_key": search_terms::sort_key(&self.name),
            "words": words,
            "due_local": self.due.as_ref().map(Due::local_key),
            "due_at": self.due.as_ref().and_then(Due::instant),
        }
    }
}
