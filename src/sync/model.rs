//! Changes of any kind of object. Must not know where they come from.

use bson::Timestamp;
use bson::oid::ObjectId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lists::model::List;
use crate::owned::Owned;
use crate::owned::change_stamp::Change;
use crate::todos::model::Todo;

/// A kind of object that is kept in sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A todo.
    Todo,
    /// A list.
    List,
}

impl Kind {
    /// The kind of a word on the wire.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "todo" => Some(Self::Todo),
            "list" => Some(Self::List),
            _ => None,
        }
    }
}

/// An object that has been removed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// What it was.
    pub kind: Kind,
    /// Which it was.
    pub id: ObjectId,
    /// The version that the removal made.
    pub version: i64,
}

/// What has changed, each object as it is afterwards.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Todos, live or in the trash.
    pub todos: Vec<Todo>,
    /// Lists, live or in the trash.
    pub lists: Vec<List>,
    /// What has been removed for good.
    pub removed: Vec<Removed>,
}

/// An object of a kind that is kept in sync.
pub trait Synced: Owned {
    /// The kind.
    const KIND: Kind;

    /// Those of the kind among changes.
    fn among(changes: &mut Changes) -> &mut Vec<Self>;
}

impl Synced for Todo {
    const KIND: Kind = Kind::Todo;

    fn among(changes: &mut Changes) -> &mut Vec<Self> {
        &mut changes.todos
    }
}

impl Synced for List {
    const KIND: Kind = Kind::List;

    fn among(changes: &mut Changes) -> &mut Vec<Self> {
        &mut changes.lists
    }
}

impl Changes {
    /// Each by itself, with the id of its object and the version.
    pub fn one_by_one(self) -> impl Iterator<Item = (ObjectId, i64, Self)> {
        let lists = self
            .lists
            .into_iter()
            .map(|list| (list.id, list.version, Self { lists: vec![list], ..Self::default() }));
        let todos = self
            .todos
            .into_iter()
            .map(|todo| (todo.id, todo.version, Self { todos: vec![todo], ..Self::default() }));
        let removed = self
            .removed
            .into_iter()
            .map(|removed| (removed.id, removed.version, Self { removed: vec![removed], ..Self::default() }));
        lists.chain(todos).chain(removed)
    }

    /// Adds one.
    pub fn add<T: Synced>(&mut self, change: Change<T>) {
        match change {
            Change::Kept(object) => T::among(self).push(*object),
            Change::Gone { id, version } => self.removed.push(Removed { kind: T::KIND, id, version }),
        }
    }
}

/// One change as it happens.
#[derive(Debug)]
pub struct ChangeEvent {
    /// Whose object has changed.
    pub owner_id: ObjectId,
    /// The logical time of the write: whoever has seen this change has seen everything that was written before.
    pub at: Timestamp,
    /// Which object.
    pub id: ObjectId,
    /// Its version after the change.
    pub version: i64,
    /// The one change.
    pub changes: Changes,
}
