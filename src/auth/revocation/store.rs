//! The collection `blacklist`, which is the authority on revocations, and the collection `fences`, with which an
//! instance proves how far it has read the blacklist.
//!
//! **Invariant:** requests check the copy in memory and do not come here, except while the copy is too old. Every write
//! is safe to repeat, because an entry is written with an upsert that only raises the stored values.

use std::time::Duration;

use bson::{DateTime, Document, Timestamp, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::{IndexOptions, ReadConcern};
use serde::{Deserialize, Serialize};

use super::target::RevocationTarget;
use crate::auth::token::LEEWAY_SECONDS;
use crate::crypto::random_id::RandomId;
use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db, PrepareError};

// An entry expires this long after the last token that it revokes: the leeway of the token check, and one minute more.
const MARGIN_MILLIS: i64 = (LEEWAY_SECONDS + 60) * 1_000;

pub const BLACKLIST: &str = "blacklist";
/// One document for each instance: see `read_after_fence`.
pub const FENCES: &str = "fences";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The text form of a [`super::target::RevocationTarget`].
    #[serde(rename = "_id")]
    pub target: String,
    /// Only for a user and for a block: see `RevocationTarget`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    pub revoked_at: DateTime,
    pub expires_at: DateTime,
}

impl Revocation {
    /// `last_exp` is in seconds since 1970.
    pub(super) fn new(target: RevocationTarget, epoch: Option<i64>, last_exp: i64, now: DateTime) -> Self {
        let expires_at = DateTime::from_millis(last_exp.saturating_mul(1_000).saturating_add(MARGIN_MILLIS));
        Self { target: target.to_string(), epoch, revoked_at: now, expires_at }
    }

    pub(super) fn epoch(&self) -> i64 {
        // Only entries for a user or a block have an epoch. The others revoke tokens of every epoch.
        self.epoch.unwrap_or(i64::MAX)
    }

    /// Extends this entry by another one of the same target.
    pub(super) fn include(&mut self, other: &Self) {
        self.epoch = self.epoch.max(other.epoch);
        self.expires_at = self.expires_at.max(other.expires_at);
    }
}

// A round starts to read this far before the highest stamp of the rounds before, because entries with a lower stamp
// can become visible later. A stamp is the logical time of the cluster when the write began. The write becomes visible
// at most `mongo::MAX_TIME` after that, and the logical time of an idle replica set can lag by 10 s.
const OVERLAP_SECONDS: u32 = 60;
// While no majority can be reached, a linearizable read without a limit waits forever (MongoDB manual, "Read Concern
// linearizable").
const EXACT_READ: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct Revocations {
    entries: Collection<Revocation>,
    stamped: Collection<Document>,
    fences: Collection<Document>,
    instance: RandomId,
}

impl Revocations {
    pub fn new(db: &Db) -> Self {
        Self {
            entries: db.collection(BLACKLIST),
            stamped: db.collection(BLACKLIST),
            fences: db.collection(FENCES),
            instance: RandomId::new(),
        }
    }

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

    /// An existing entry keeps the higher epoch and the later expiry.
    pub async fn upsert(&self, entry: &Revocation) -> Result<(), Error> {
        // `$max` ignores missing values, so the same expressions serve a new entry.
        let mut set = doc! {
            "expires_at": { "$max": ["$expires_at", entry.expires_at] },
            "revoked_at": { "$ifNull": ["$revoked_at", entry.revoked_at] },
            "changed": "$$CLUSTER_TIME",
            // The session that the entry spares, if an earlier release wrote it. Instances of that release would
            // continue to spare the session.
            "except": "$$REMOVE",
        };
        if let Some(epoch) = entry.epoch {
            set.insert("epoch", doc! { "$max": ["$epoch", epoch] });
        }
        // Not `update_one`, because the driver gives it no `max_time`, and the overlap relies on this limit.
        let put = self.entries.find_one_and_update(doc! { "_id": &entry.target }, vec![doc! { "$set": set }]);
        put.upsert(true).max_time(mongo::MAX_TIME).timed().await?;
        Ok(())
    }

    /// Passes every entry that has not expired to `each`. Returns the highest stamp.
    pub async fn read_all(
        &self,
        now: DateTime,
        each: impl FnMut(Revocation),
    ) -> Result<Option<Timestamp>, Error> {
        self.read_after_fence(doc! { "expires_at": { "$gt": now } }, each).await
    }

    /// Like [`Revocations::read_all`] for entries since the stamp `newest`, and for some earlier entries again.
    pub async fn read_since(
        &self,
        newest: Timestamp,
        each: impl FnMut(Revocation),
    ) -> Result<Option<Timestamp>, Error> {
        let from = Timestamp { time: newest.time.saturating_sub(OVERLAP_SECONDS), increment: 0 };
        self.read_after_fence(doc! { "changed": { "$gte": from } }, each).await
    }

    /// Finds every entry that any instance had written, and a majority had acknowledged, before this call.
    async fn read_after_fence(
        &self,
        filter: Document,
        mut each: impl FnMut(Revocation),
    ) -> Result<Option<Timestamp>, Error> {
        let mut session = self.fences.client().start_session().causal_consistency(true).await?;
        // A majority must acknowledge the fence. The read below is in the same causally consistent session and has read
        // concern majority, so it is ordered after the fence. A plain read could come from a former primary that does
        // not have the newest entries.
        let fence = doc! { "_id": self.instance.to_string() };
        let raise = self.fences.update_one(fence, doc! { "$currentDate": { "at": true } }).upsert(true);
        raise.session(&mut session).timed().await?;
        let found = self.stamped.find(filter).read_concern(ReadConcern::majority()).max_time(mongo::MAX_TIME);
        let mut cursor = found.session(&mut session).timed().await?;
        let mut entries = cursor.stream(&mut session);
        let mut newest = None;
        while let Some(entry) = entries.try_next().await? {
            newest = newest.max(entry.get_timestamp("changed").ok());
            each(bson::deserialize_from_document(entry).map_err(Error::internal)?);
        }
        Ok(newest)
    }

    pub async fn find_linearizable(&self, target: &str) -> Result<Option<Revocation>, Error> {
        // A linearizable read first confirms that the node is still the primary. A former primary that was cut off from
        // the others may not have the newest entries.
        let found = self.entries.find_one(doc! { "_id": target }).read_concern(ReadConcern::linearizable());
        Ok(found.max_time(EXACT_READ).timed().await?)
    }

    /// No guarantee depends on this: it only makes the next round start sooner.
    pub async fn notify_on_changes(&self, woken: &tokio::sync::Notify) -> Result<(), Error> {
        let mut changes = self.stamped.watch().await?;
        while changes.try_next().await?.is_some() {
            woken.notify_one();
        }
        Ok(())
    }
}
