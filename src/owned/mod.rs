//! Documents that belong to a user, with what todos and lists have in common: owner, version, state, change stamp, order.
//!
//! **Invariant:** nothing here knows what a todo or a list is.

pub mod batch;
pub mod bounded_map;
pub mod bulk;
pub mod cascades;
pub mod change_stamp;
pub mod changes;
pub mod collection;
pub mod document;
pub mod left_out;
pub mod note;
pub mod order_key;
pub mod pages;
pub mod quota;
pub mod rewrites;
pub mod sent_back;
pub mod siblings;
pub mod text;
pub mod unreadable;
pub mod update;
pub mod upkeep;
pub mod visible;

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, Document, RawDocument};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Resource};

pub const TRASH_MILLIS: i64 = 30 * 24 * 60 * 60 * 1_000;
// 90 days, plus one day because clocks differ.
pub const TOMBSTONE_TTL: Duration = Duration::from_hours(91 * 24);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Live,
    Trash,
    /// Removed for good. Only a tombstone is left: id, owner, version and change stamp.
    Gone,
}

impl State {
    pub fn of(word: &str) -> Option<Self> {
        [Self::Live, Self::Trash, Self::Gone].into_iter().find(|state| state.word() == word)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Trash => "trash",
            Self::Gone => "gone",
        }
    }
}

pub trait Owned: PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    const COLLECTION: &'static str;
    const RESOURCE: Resource;
    /// Fields that reads of many documents leave out. A document that is written without them keeps them.
    const LEFT_OUT: &'static [&'static str] = &[];
    type Effect: Send + Sync;

    fn id(&self) -> ObjectId;
    /// Counts the changes, starting at 1.
    fn version(&self) -> i64;
    fn state(&self) -> State;
    /// Where the user has put the document: see [`order_key`].
    fn position(&self) -> &str;
    /// The document at another position, as its next version.
    #[must_use]
    fn moved(self, position: String, now: DateTime) -> Self;
    /// Makes this the version after `before`.
    fn revise(&mut self, before: &Self, now: DateTime);
    fn pending_effects(&mut self) -> &mut Option<PendingEffects<Self::Effect>>;
    /// Clears the fields that `LEFT_OUT` names. Returns whether there was one.
    fn leave_out(&mut self) -> bool {
        false
    }
    fn read(stored: &RawDocument) -> Result<Self, Error> {
        bson::deserialize_from_slice(stored.as_bytes()).map_err(Error::internal)
    }
    /// What a tombstone keeps, as expressions over the removed document.
    fn remains() -> Document {
        Document::new()
    }

    /// Fields that a new document takes over from the tombstone of an earlier one with its id, as expressions.
    fn inherited() -> Document {
        Document::new()
    }
    /// Fields that are stored in addition because indexes need them, computed from the other fields.
    fn derived(&self) -> Document;
}

/// Side effects that a stored change still requires, in the order in which they must be applied: see [`update`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingEffects<E> {
    pub since: DateTime,
    /// Tells this note from a later one. Notes of earlier releases have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ObjectId>,
    #[serde(rename = "acts")]
    pub effects: Vec<E>,
}

/// What a change requires of the stored document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    #[default]
    Any,
    /// The document must exist, in any version.
    Exists,
    /// The document must not exist yet.
    Absent,
    Versions(Vec<i64>),
    /// The document must not have one of these versions. It may be absent.
    Except(Vec<i64>),
}

impl Precondition {
    pub fn check<T: Owned>(&self, current: T) -> Result<T, Conflict<T>> {
        let version = current.version();
        let holds = match self {
            Self::Any | Self::Exists => true,
            Self::Absent => false,
            Self::Versions(versions) => versions.contains(&version),
            Self::Except(versions) => !versions.contains(&version),
        };
        if holds { Ok(current) } else { Err(Conflict::Stale(Some(Box::new(current)))) }
    }

    pub fn allows_absence(&self) -> bool {
        matches!(self, Self::Any | Self::Absent | Self::Except(_))
    }
}

#[derive(Debug)]
pub enum Conflict<T> {
    /// The stored version differs from the required one. Holds the current document, or `None` if it does not exist.
    Stale(Option<Box<T>>),
    Error(Error),
}

impl<T> From<Error> for Conflict<T> {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

#[derive(Clone)]
pub struct Selection {
    /// Without the owner, which is added to every filter.
    pub filter: Document,
    pub sort: Document,
    pub index: &'static str,
    /// The maximum number of documents; 0 for all.
    pub limit: i64,
}
