//! The token of a client that follows the changes of a list (RFC 6578 §3.2).

use bson::oid::ObjectId;
use bson::{DateTime, Timestamp};
use serde::{Deserialize, Serialize};

use crate::crypto::random_id::RandomId;
use crate::crypto::sealed::Sealer;
use crate::error::Error;
use crate::owned::change_stamp::{StreamPosition, to_number, to_stamp};

/// Versions that a token remembers. Changes beyond them are reported twice if they are followed by another sync within a
/// minute.
pub const REPORTED_MAX: usize = 64;

// As long as tombstones are kept.
const TTL_MILLIS: i64 = 90 * 24 * 60 * 60 * 1_000;

/// The start of a sync token, which must be a URI (RFC 6578 §6.2).
pub(crate) const TOKEN_START: &str = "urn:todo-api:sync:";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListToken {
    pub(super) began: DateTime,
    pub(super) horizon: Timestamp,
    /// Where an unfinished walk goes on, and whether it is the first of its client.
    pub(super) walk: Option<(StreamPosition, bool)>,
    /// The versions at or above the start of the next walk that have been reported.
    pub(super) reported: Vec<u64>,
}

impl ListToken {
    pub(crate) fn seal(
        &self,
        sealer: &Sealer,
        user: ObjectId,
        list_id: Option<ObjectId>,
        lineage: Option<RandomId>,
    ) -> Result<String, Error> {
        let walk = self.walk.map(|(StreamPosition { stamp, behind }, full)| {
            (to_number(stamp), behind.map(ObjectId::to_hex), full)
        });
        let plain = Plain(
            self.began.timestamp_millis(),
            to_number(self.horizon),
            walk,
            self.reported.clone(),
            lineage,
        );
        let plain = serde_json::to_vec(&plain).map_err(Error::internal)?;
        Ok(format!("{TOKEN_START}{}", sealer.seal(&context(user, list_id), &plain)?))
    }

    /// Forgets the versions that were reported first.
    pub(super) fn keep_last(&mut self) {
        self.reported.drain(..self.reported.len().saturating_sub(REPORTED_MAX));
    }

    /// `None` if the token is of another list or user, too old, or of a database before a restore.
    pub(crate) fn open(
        sealer: &Sealer,
        user: ObjectId,
        list_id: Option<ObjectId>,
        lineage: Option<RandomId>,
        text: &str,
        now: DateTime,
    ) -> Option<Self> {
        let plain = sealer.open(&context(user, list_id), text.strip_prefix(TOKEN_START)?)?;
        let Plain(began, horizon, walk, reported, made_in) = serde_json::from_slice(&plain).ok()?;
        if made_in != lineage || now.timestamp_millis() - began > TTL_MILLIS {
            return None;
        }
        let walk = walk.map(|(stamp, behind, full)| {
            let behind = behind.and_then(|id| ObjectId::parse_str(id).ok());
            (StreamPosition { stamp: to_stamp(stamp), behind }, full)
        });
        Some(Self { began: DateTime::from_millis(began), horizon: to_stamp(horizon), walk, reported })
    }
}

// `[began, horizon, null or [stamp, id, full], [reported…], lineage]`
#[derive(Serialize, Deserialize)]
struct Plain(i64, u64, Option<(u64, Option<String>, bool)>, Vec<u64>, Option<RandomId>);

fn context(user: ObjectId, list_id: Option<ObjectId>) -> Vec<u8> {
    let list = list_id.map_or([0; 12], |list| list.bytes());
    [b"dav\0".as_slice(), &user.bytes(), &list].concat()
}
