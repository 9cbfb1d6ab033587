//! Change stamps: where a reader of changes is, and where it must start to read again.
//!
//! A write takes its stamp, `changed`, shortly before it becomes visible. So at any moment some writes are in progress
//! with stamps lower than stamps that can already be seen. How much lower is bounded: a write is in the oplog at most
//! [`crate::mongo::MAX_TIME`] after it took its stamp, and the logical time of an idle replica set lags at most 10 s,
//! because a no-op advances it every 10 s. So a write that cannot be seen at a horizon
//! ([`crate::owned::collection::OwnedBy::horizon`]) has a stamp above this horizon less 20 s, and a reader that starts
//! again [`OVERLAP_SECONDS`] below the horizon misses nothing.

use bson::oid::ObjectId;
use bson::{Document, RawDocument, Timestamp};

use super::{Owned, State};
use crate::error::Error;

// Three times the bound of 20 s, in case a clock is adjusted.
pub const OVERLAP_SECONDS: u32 = 60;

/// Where a reader is: after a document, identified by its stamp and id, or before the first document of a stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPosition {
    pub stamp: Timestamp,
    /// The last document with this stamp that was read; `None` before the first.
    pub behind: Option<ObjectId>,
}

#[derive(Debug)]
pub enum Change<T> {
    /// Live or in the trash.
    Kept(Box<T>),
    Gone {
        id: ObjectId,
        /// The version that the removal created.
        version: i64,
        /// What the tombstone keeps: see [`Owned::remains`].
        was: Option<Document>,
    },
}

impl<T: Owned> Change<T> {
    pub fn read(
        stored: &RawDocument,
        read: impl FnOnce(&RawDocument) -> Result<T, Error>,
    ) -> Result<Self, Error> {
        if stored.get_str("state").map_err(Error::internal)? != State::Gone.word() {
            // Only now, because a tombstone lacks most fields of a `T`.
            return Ok(Self::Kept(Box::new(read(stored)?)));
        }
        let id = stored.get_object_id("_id").map_err(Error::internal)?;
        let version = stored.get_i64("version").map_err(Error::internal)?;
        let was = stored.get_document("was").ok().and_then(|was| Document::try_from(was).ok());
        Ok(Self::Gone { id, version, was })
    }
}

// A BSON timestamp is two numbers of 32 bits. They become one number that sorts the same: the seconds in the upper half,
// the counter of that second in the lower half.
pub fn to_number(stamp: Timestamp) -> u64 {
    u64::from(stamp.time) << 32 | u64::from(stamp.increment)
}

#[expect(clippy::cast_possible_truncation, reason = "each half of the number is one u32 of `to_number`")]
pub fn to_stamp(number: u64) -> Timestamp {
    Timestamp { time: (number >> 32) as u32, increment: number as u32 }
}

/// The stamp from which a reader must start again after it has seen everything up to `horizon`.
pub fn below(horizon: Timestamp) -> Timestamp {
    Timestamp { time: horizon.time.saturating_sub(OVERLAP_SECONDS), increment: 0 }
}
