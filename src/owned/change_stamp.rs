//! Change stamps: where a reader of changes stands, and from where it reads again. Must not read anything itself.
//!
//! A write takes its stamp, `changed`, shortly before it becomes visible, so at any moment some writes are under way
//! whose stamps are lower than what can already be seen. How much lower is bounded: a write is in the oplog at most
//! [`crate::mongo::MAX_TIME`] after it took its stamp, and the logical time of an idle set lags behind by 10 s at most,
//! since it moves with a no-op every 10 s. So whatever cannot be seen at a horizon ([`crate::owned::collection::OwnedBy::horizon`])
//! has a stamp above that horizon less 20 s, and who reads again from [`OVERLAP_SECONDS`] below it misses nothing.

use bson::oid::ObjectId;
use bson::{Document, Timestamp};

use super::{Owned, State};
use crate::error::Error;

/// How far below a horizon a reader begins again: three times what is needed, to leave room for a clock that is set.
pub const OVERLAP_SECONDS: u32 = 60;

/// Where a reader stands: behind an object, by its stamp and id, or at the beginning of a stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPosition {
    /// The stamp.
    pub stamp: Timestamp,
    /// The last object that was read of this stamp; `None` before the first.
    pub behind: Option<ObjectId>,
}

/// An object as it is after a change.
#[derive(Debug)]
pub enum Change<T> {
    /// It is there, live or in the trash.
    Kept(Box<T>),
    /// It has been removed for good.
    Gone {
        /// Which it was.
        id: ObjectId,
        /// The version that the removal made.
        version: i64,
    },
}

impl<T: Owned> Change<T> {
    /// Reads a stored object, or what is left of it.
    ///
    /// # Errors
    /// [`Error::Internal`] for a document that cannot be read.
    pub fn read(document: Document) -> Result<Self, Error> {
        if document.get_str("state").map_err(Error::internal)? != State::Gone.word() {
            let object = bson::deserialize_from_document(document).map_err(Error::internal)?;
            return Ok(Self::Kept(Box::new(object)));
        }
        let id = document.get_object_id("_id").map_err(Error::internal)?;
        let version = document.get_i64("version").map_err(Error::internal)?;
        Ok(Self::Gone { id, version })
    }
}

/// The stamp from which a reader reads again that has seen everything up to `horizon`.
#[must_use]
pub fn below(horizon: Timestamp) -> Timestamp {
    Timestamp { time: horizon.time.saturating_sub(OVERLAP_SECONDS), increment: 0 }
}
