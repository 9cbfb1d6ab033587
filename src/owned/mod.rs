//! What todos and lists have in common as stored: an owner, a version, a state, a change stamp. Must not know what a
//! todo or a list is.

pub mod batch;
pub mod bounded_map;
pub mod change_stamp;
pub mod changes;
pub mod collection;
pub mod document;
pub mod order_key;
pub mod quota;
pub mod siblings;
pub mod text;
pub mod update;

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, Document, RawDocument};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Resource};

/// How long the trash keeps things, in milliseconds: 30 days.
pub const TRASH_MILLIS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// How long it is remembered that something was removed: 90 days, and one more because clocks differ.
pub const TOMBSTONE_TTL: Duration = Duration::from_hours(91 * 24);

/// Where a stored object is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// In use.
    Live,
    /// In the trash, and may be restored.
    Trash,
    /// Removed for good: a tombstone, which has nothing but the id, the owner, the version and the stamp.
    Gone,
}

impl State {
    /// The state of a word in the database.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Live, Self::Trash, Self::Gone].into_iter().find(|state| state.word() == word)
    }

    /// The word in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Trash => "trash",
            Self::Gone => "gone",
        }
    }
}

/// A kind of stored object that belongs to a user.
pub trait Owned: PartialEq + Serialize + DeserializeOwned + Send + Sync {
    /// The name of its collection.
    const COLLECTION: &'static str;
    /// What is not found when there is none.
    const RESOURCE: Resource;
    /// A consequence that a change can have for other documents.
    type Effect: Send + Sync;

    /// Its id.
    fn id(&self) -> ObjectId;
    /// Its version, from 1.
    fn version(&self) -> i64;
    /// Where it is in its life.
    fn state(&self) -> State;
    /// Its place in the user's order.
    fn position(&self) -> &str;
    /// The same in another place, one version up.
    #[must_use]
    fn moved(self, position: String, now: DateTime) -> Self;
    /// Sets the version and the time of the change that makes it.
    fn revise(&mut self, version: i64, now: DateTime);
    /// Side effects of earlier changes that are still to be applied.
    fn pending_effects(&mut self) -> &mut Option<PendingEffects<Self::Effect>>;
    /// The object that a document holds.
    ///
    /// # Errors
    /// [`Error::Internal`] when it holds none.
    fn read(stored: &RawDocument) -> Result<Self, Error> {
        bson::deserialize_from_slice(stored.as_bytes()).map_err(Error::internal)
    }
    /// Fields that are stored beside it because indexes need them, all made from its own.
    fn derived(&self) -> Document;
}

/// Side effects that a stored change still requires, in the order in which they must be applied: see [`update`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingEffects<E> {
    pub since: DateTime,
    #[serde(rename = "acts")]
    pub effects: Vec<E>,
}

/// For which stored version a change is meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    /// Whichever it is.
    #[default]
    Any,
    /// One of these.
    Versions(Vec<i64>),
    /// None: there must be nothing yet.
    Absent,
}

impl Precondition {
    /// Whether a change may happen to this object.
    ///
    /// # Errors
    /// The object as it is now, when it is in another version than the change is meant for.
    pub fn check<T: Owned>(&self, current: T) -> Result<T, Conflict<T>> {
        match self {
            Self::Any => Ok(current),
            Self::Versions(versions) if versions.contains(&current.version()) => Ok(current),
            _ => Err(Conflict::Stale(Some(Box::new(current)))),
        }
    }
}

/// Why a change did not happen.
#[derive(Debug)]
pub enum Conflict<T> {
    /// The object is not as the change takes it to be, but so; `None` when there is none.
    Stale(Option<Box<T>>),
    /// Another reason.
    Error(Error),
}

impl<T> From<Error> for Conflict<T> {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// What is read: which, in which order, by which index.
pub struct Selection {
    /// The filter, without the owner.
    pub filter: Document,
    /// The order.
    pub sort: Document,
    /// The name of the index.
    pub index: &'static str,
    /// At the most.
    pub limit: i64,
}
