//! The collection `blacklist`, the authority on what is revoked, and the fences that prove how far an instance has read
//! it. Must not be asked per request: that is what its mirror in memory is for.
//!
//! Repeating: an entry is written by an upsert that only ever raises what is there.

use std::time::Duration;

use bson::{DateTime, Document, Timestamp, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::{IndexOptions, ReadConcern};
use serde::{Deserialize, Serialize};

use crate::crypto::random_id::RandomId;
use crate::error::Error;
use crate::mongo::{self, Db, PrepareError};

/// The collection of revocations.
pub const BLACKLIST: &str = "blacklist";
/// The collection of the instances' heartbeats.
pub const FENCES: &str = "fences";

/// An entry of the blacklist, kept until the last token that it revokes has expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// What is revoked: `jti:`, `sid:` or `user:` and the id.
    #[serde(rename = "_id")]
    pub target: String,
    /// Of a user: tokens of an earlier epoch than this are revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// Of a user: the session that is spared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<RandomId>,
    /// Since when.
    pub revoked_at: DateTime,
    /// When the database may remove the entry.
    pub expires_at: DateTime,
}

/// How far below the highest stamp that was seen a round reads again. A stamp is the cluster's logical time when the
/// write began; it becomes visible at most [`mongo::MAX_TIME`] later, and the logical time of an idle set may lag by 10 s.
const OVERLAP_SECONDS: u32 = 60;
/// How long the database may work on an exact read.
const EXACT_READ: Duration = Duration::from_secs(2);

/// The collection `blacklist`.
#[derive(Clone)]
pub struct Revocations {
    entries: Collection<Revocation>,
    stamped: Collection<Document>,
    fences: Collection<Document>,
    instance: RandomId,
}

impl Revocations {
    /// The blacklist of `db`, for one instance of the service.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self {
            entries: db.collection(BLACKLIST),
            stamped: db.collection(BLACKLIST),
            fences: db.collection(FENCES),
            instance: RandomId::new(),
        }
    }

    /// Creates the indexes that are missing.
    ///
    /// # Errors
    /// See [`mongo::ensure_indexes`].
    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let ttl = |after| IndexOptions::builder().expire_after(after).build();
        let entries = [
            mongo::index(doc! { "expires_at": 1 }, ttl(Duration::ZERO)),
            mongo::index(doc! { "changed": 1 }, IndexOptions::default()),
        ];
        mongo::ensure_indexes(&self.entries, entries).await?;
        mongo::ensure_indexes(&self.fences, [mongo::index(doc! { "at": 1 }, ttl(Duration::from_hours(1)))])
            .await
    }

    /// Writes an entry; a user's keeps the highest epoch, and every entry the latest end.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn upsert(&self, entry: &Revocation) -> Result<(), Error> {
        let mut set = doc! {
            "expires_at": { "$max": ["$expires_at", entry.expires_at] },
            "revoked_at": { "$ifNull": ["$revoked_at", entry.revoked_at] },
            "changed": "$$CLUSTER_TIME",
        };
        if let Some(epoch) = entry.epoch {
            let except = entry.except.map(|sid| sid.to_string());
            let is_later = doc! { "$gt": [epoch, { "$ifNull": ["$epoch", -1_i64] }] };
            set.insert("epoch", doc! { "$max": ["$epoch", epoch] });
            set.insert("except", doc! { "$cond": [is_later, except, "$except"] });
        }
        let put = self.entries.find_one_and_update(doc! { "_id": &entry.target }, vec![doc! { "$set": set }]);
        put.upsert(true).max_time(mongo::MAX_TIME).await?;
        Ok(())
    }

    /// Hands every entry that still revokes something to `each`, and says the highest stamp among them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn read_all(
        &self,
        now: DateTime,
        each: impl FnMut(Revocation),
    ) -> Result<Option<Timestamp>, Error> {
        self.read_after_fence(doc! { "expires_at": { "$gt": now } }, each).await
    }

    /// As [`Revocations::read_all`], the entries since the stamp `newest`, and some before it again.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn read_since(
        &self,
        newest: Timestamp,
        each: impl FnMut(Revocation),
    ) -> Result<Option<Timestamp>, Error> {
        let from = Timestamp { time: newest.time.saturating_sub(OVERLAP_SECONDS), increment: 0 };
        self.read_after_fence(doc! { "changed": { "$gte": from } }, each).await
    }

    /// Reads behind a fence: a write of our own that a majority has acknowledged, in a causally consistent session.
    /// What the same session reads then, with read concern majority, holds every entry that was acknowledged, by any
    /// instance, before the fence was sent.
    async fn read_after_fence(
        &self,
        filter: Document,
        mut each: impl FnMut(Revocation),
    ) -> Result<Option<Timestamp>, Error> {
        let mut session = self.fences.client().start_session().causal_consistency(true).await?;
        let fence = doc! { "_id": self.instance.to_string() };
        let raise = self.fences.update_one(fence, doc! { "$currentDate": { "at": true } }).upsert(true);
        raise.session(&mut session).await?;
        let found = self.stamped.find(filter).read_concern(ReadConcern::majority()).max_time(mongo::MAX_TIME);
        let mut cursor = found.session(&mut session).await?;
        let mut entries = cursor.stream(&mut session);
        let mut newest = None;
        while let Some(entry) = entries.try_next().await? {
            newest = newest.max(entry.get_timestamp("changed").ok());
            each(bson::deserialize_from_document(entry).map_err(Error::internal)?);
        }
        Ok(newest)
    }

    /// One entry as it is now, linearizable: what a majority has, whoever believes to be primary.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_linearizable(&self, target: &str) -> Result<Option<Revocation>, Error> {
        let found = self.entries.find_one(doc! { "_id": target }).read_concern(ReadConcern::linearizable());
        Ok(found.max_time(EXACT_READ).await?)
    }

    /// Waits until somebody writes an entry. Gives no guarantee: it only makes the next round come sooner.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn notify_on_changes(&self, woken: &tokio::sync::Notify) -> Result<(), Error> {
        let mut changes = self.stamped.watch().await?;
        while changes.try_next().await?.is_some() {
            woken.notify_one();
        }
        Ok(())
    }
}
