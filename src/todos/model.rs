//! The stored todo and its rules.

use bson::oid::ObjectId;
use bson::{DateTime, Document, RawBsonRef, RawDocument, doc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::calendar::{CalendarNames, CalendarText, Left, left_after_removal};
use super::decode::{
    decode, documents, due_date, integer, nullable, object_id, string, strings, subdocument,
};
use super::due::Due;
use super::history::{History, Shift};
use super::name_order::{earlier_name_key, name_key};
use super::recurrence::Recurrence;
use super::search_terms::words_of;
use crate::error::{Error, Resource};
use crate::owned::text::TextFormat;
use crate::owned::{Owned, PendingEffects, State};
use crate::tags;

/// How many levels of subtasks there can be, including the topmost todo.
pub const LEVELS_MAX: usize = 5;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Todo {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub owner_id: ObjectId,
    /// `None` is the inbox.
    #[serde(default)]
    pub list_id: Option<ObjectId>,
    #[serde(default)]
    pub parent_id: Option<ObjectId>,
    pub name: String,
    pub description: String,
    #[serde(default)]
    pub completed: bool,
    #[serde(default)]
    pub completed_at: Option<DateTime>,
    #[serde(default)]
    pub due: Option<Due>,
    /// Only a todo with a due date can recur.
    #[serde(default)]
    pub recurrence: Option<Recurrence>,
    #[serde(default)]
    pub priority: Priority,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub position: String,
    /// The recurring todo of which this todo records a completed occurrence.
    #[serde(default)]
    pub occurrence_of: Option<ObjectId>,
    pub version: i64,
    pub created_at: DateTime,
    pub updated_at: DateTime,
    pub state: State,
    #[serde(default)]
    pub deleted_at: Option<DateTime>,
    /// The todo or list that was deleted and took this todo to the trash: its own id if it was deleted itself.
    #[serde(default)]
    pub trashed_with: Option<ObjectId>,
    /// Whether the todo has, or once had, subtasks. Set before the first subtask is attached, and never reset.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_parent: bool,
    #[serde(default)]
    pub history: Option<History>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarNames>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Left>,
    /// Reads of many todos leave it out. A write without it keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ical: Option<CalendarText>,
    #[serde(default, rename = "unfinished")]
    pub pending_effects: Option<PendingEffects<SideEffect>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SideEffect {
    Trash,
    /// Restore the subtasks that went to the trash together with this todo or list.
    Restore(ObjectId),
    Complete,
    /// Reopen the completed subtasks for the next occurrence. Only an older release stores this effect.
    Reopen,
    Relist,
    /// Reopen the completed todos above this one, because it is open.
    #[serde(rename = "reopen_parents")]
    ReopenParents,
    Record(Box<Todo>),
    /// Reopen the completed subtasks for the next occurrence of the series and move their due dates.
    Advance {
        step: ObjectId,
        shift: Shift,
    },
    /// Complete the subtasks at the end of the series.
    End {
        step: ObjectId,
    },
    /// Remove the record, and take the subtasks back to what they were before the step.
    Undo {
        step: ObjectId,
    },
    /// Replace a tag by another on all todos of the owner, or remove it. The todo that notes this is one of them.
    Retag {
        from: String,
        to: Option<String>,
    },
}

impl SideEffect {
    /// What a step of a series means for subtasks; without `shift`, the series is over.
    pub fn of_step(step: ObjectId, shift: Option<Shift>) -> Self {
        shift.map_or(Self::End { step }, |shift| Self::Advance { step, shift })
    }
}

/// How important a todo is.
// Stored as a number, so that MongoDB can sort by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(into = "i32", from = "i32")]
#[schema(rename_all = "lowercase")]
pub enum Priority {
    #[default]
    None,
    Low,
    Medium,
    High,
}

impl Priority {
    // Ascending: a rank is an index.
    pub const ALL: [Self; 4] = [Self::None, Self::Low, Self::Medium, Self::High];

    pub const FORMAT: TextFormat<Self> = TextFormat {
        read: |text| Self::ALL.into_iter().find(|priority| priority.word() == text),
        code: "unknown_value",
        detail: || format!("A priority must be one of: {}.", Self::ALL.map(Self::word).join(", ")),
        schema: || json!({ "type": "string", "enum": Self::ALL.map(Self::word) }),
    };

    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl From<Priority> for i32 {
    fn from(priority: Priority) -> Self {
        priority as Self
    }
}

impl From<i32> for Priority {
    fn from(rank: i32) -> Self {
        // An unknown rank, as of a later release, must not make the todo unreadable.
        usize::try_from(rank).ok().and_then(|rank| Self::ALL.get(rank).copied()).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    pub list_id: Option<ObjectId>,
    pub parent_id: Option<ObjectId>,
}

impl Todo {
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
            history: None,
            calendar: None,
            left: Vec::new(),
            ical: None,
            pending_effects: None,
        }
    }
}

impl Owned for Todo {
    const COLLECTION: &'static str = "todos";
    const RESOURCE: Resource = Resource::Todo;
    // A text is many times as large as the rest of a todo.
    const LEFT_OUT: &'static [&'static str] = &["ical"];
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

    fn revise(&mut self, before: &Self, now: DateTime) {
        (self.version, self.updated_at) = (before.version + 1, now);
        self.leave(before);
    }

    fn pending_effects(&mut self) -> &mut Option<PendingEffects<SideEffect>> {
        &mut self.pending_effects
    }

    fn leave_out(&mut self) -> bool {
        self.ical.take().is_some()
    }

    fn read(stored: &RawDocument) -> Result<Self, Error> {
        // One line per field. A field that is missing here does not compile.
        decode!(stored as Self {
            "_id" => id: required object_id,
            "owner_id" => owner_id: required object_id,
            "list_id" => list_id: default nullable(object_id),
            "parent_id" => parent_id: default nullable(object_id),
            "name" => name: required string,
            "description" => description: required string,
            "completed" => completed: default RawBsonRef::as_bool,
            "completed_at" => completed_at: default nullable(RawBsonRef::as_datetime),
            "due" => due: default nullable(due_date),
            "recurrence" => recurrence: default nullable(subdocument),
            "priority" => priority: default |value| integer::<i32>(value).map(Priority::from),
            "tags" => tags: default strings,
            "position" => position: default string,
            "occurrence_of" => occurrence_of: default nullable(object_id),
            "version" => version: required integer,
            "created_at" => created_at: required RawBsonRef::as_datetime,
            "updated_at" => updated_at: required RawBsonRef::as_datetime,
            "state" => state: required |value: RawBsonRef<'_>| value.as_str().and_then(State::of),
            "deleted_at" => deleted_at: default nullable(RawBsonRef::as_datetime),
            "trashed_with" => trashed_with: default nullable(object_id),
            "is_parent" => is_parent: default RawBsonRef::as_bool,
            "history" => history: default nullable(subdocument),
            "calendar" => calendar: default nullable(subdocument),
            "left" => left: default documents,
            "ical" => ical: default nullable(subdocument),
            "unfinished" => pending_effects: default nullable(subdocument),
        })
    }

    fn remains() -> Document {
        doc! { "was": { "list_id": "$list_id", "calendar": "$calendar", "left": "$left" } }
    }

    fn inherited() -> Document {
        doc! { "left": left_after_removal() }
    }

    fn derived(&self) -> Document {
        doc! {
            "sort_name": name_key(&self.name),
            "name_key": earlier_name_key(&self.name),
            "words": words_of(&[&self.name, &self.description]),
            "tag_keys": tags::model::keys(&self.tags),
            "due_local": self.due.as_ref().map(Due::local_key),
            "due_at": self.due.as_ref().and_then(Due::instant),
        }
    }
}
