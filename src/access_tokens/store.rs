//! The collection `access_tokens`.
//!
//! **Invariant:** holds no token, only digests. Every write is safe to repeat.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::IndexOptions;
use serde::Deserialize;

use super::model::{AccessToken, NETWORKS_MAX, removal_after, stored};
use super::text::TokenDigest;
use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db, PrepareError};

pub const COLLECTION: &str = "access_tokens";

// `last_used_at` is written at most once in this time.
const USE_PERIOD_MILLIS: i64 = 60 * 60 * 1_000;

#[derive(Clone)]
pub struct TokenStore(Collection<AccessToken>);

impl TokenStore {
    pub fn new(db: &Db) -> Self {
        Self(db.collection(COLLECTION))
    }

    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let unique = IndexOptions::builder().unique(true).build();
        let has_slot = IndexOptions::builder()
            .unique(true)
            .partial_filter_expression(doc! { "slot": { "$type": "int" } })
            .build();
        let ttl = IndexOptions::builder().expire_after(Duration::ZERO).build();
        let indexes = [
            mongo::index(doc! { "hash": 1 }, unique),
            mongo::index(doc! { "user_id": 1, "slot": 1 }, has_slot),
            mongo::index(doc! { "user_id": 1, "_id": 1 }, IndexOptions::default()),
            mongo::index(doc! { "removed_at": 1 }, ttl),
        ];
        mongo::ensure_indexes(&self.0, indexes).await
    }

    /// Returns false if a unique index refuses the token: its id or its slot is taken.
    pub async fn insert(&self, token: &AccessToken) -> Result<bool, Error> {
        match self.0.insert_one(token).timed().await {
            Err(error) if mongo::is_duplicate_key(&error) => Ok(false),
            inserted => Ok(inserted.map(|_| true)?),
        }
    }

    pub async fn find_by_id(&self, id: ObjectId) -> Result<Option<AccessToken>, Error> {
        Ok(self.0.find_one(doc! { "_id": id }).max_time(mongo::MAX_TIME).timed().await?)
    }

    /// Also finds a token that has ended or expired.
    pub async fn find_by_digest(&self, digest: &TokenDigest) -> Result<Option<AccessToken>, Error> {
        Ok(self.0.find_one(doc! { "hash": stored(digest) }).max_time(mongo::MAX_TIME).timed().await?)
    }

    pub async fn taken_slots(&self, user_id: ObjectId) -> Result<Vec<i32>, Error> {
        #[derive(Deserialize)]
        struct Slot {
            slot: i32,
        }
        let taken = doc! { "user_id": user_id, "slot": { "$type": "int" } };
        let tokens = self.0.clone_with_type::<Slot>();
        let slots = tokens.find(taken).projection(doc! { "_id": 0, "slot": 1 });
        let slots: Vec<Slot> = slots.max_time(mongo::MAX_TIME).timed().await?.try_collect().await?;
        Ok(slots.into_iter().map(|slot| slot.slot).collect())
    }

    /// Without ended tokens, and with expired ones.
    pub async fn all_of(&self, user_id: ObjectId) -> Result<Vec<AccessToken>, Error> {
        let kept = doc! { "user_id": user_id, "ended_at": null };
        let found = self.0.find(kept).sort(doc! { "_id": -1 }).max_time(mongo::MAX_TIME);
        Ok(found.timed().await?.try_collect().await?)
    }

    /// Returns `None` if the user has no token with this id that has not ended.
    pub async fn find(&self, id: ObjectId, user_id: ObjectId) -> Result<Option<AccessToken>, Error> {
        let kept = doc! { "_id": id, "user_id": user_id, "ended_at": null };
        Ok(self.0.find_one(kept).max_time(mongo::MAX_TIME).timed().await?)
    }

    pub async fn end(&self, id: ObjectId, now: DateTime) -> Result<(), Error> {
        self.0.update_one(doc! { "_id": id, "ended_at": null }, ended(now)).timed().await?;
        Ok(())
    }

    /// Returns the number of tokens that ended.
    pub async fn end_before_epoch(&self, user_id: ObjectId, epoch: i64, now: DateTime) -> Result<u64, Error> {
        let earlier = doc! { "user_id": user_id, "ended_at": null, "epoch": { "$lt": epoch } };
        Ok(self.0.update_many(earlier, ended(now)).timed().await?.modified_count)
    }

    /// Returns whether there were any.
    pub async fn end_expired(&self, user_id: ObjectId, now: DateTime) -> Result<bool, Error> {
        let expired = doc! { "user_id": user_id, "ended_at": null, "expires_at": { "$lte": now } };
        Ok(self.0.update_many(expired, ended(now)).timed().await?.modified_count > 0)
    }

    pub async fn delete_all_of(&self, user_id: ObjectId) -> Result<(), Error> {
        self.0.delete_many(doc! { "user_id": user_id }).timed().await?;
        Ok(())
    }

    /// Writes at most once an hour.
    pub async fn touch(&self, id: ObjectId, now: DateTime) -> Result<(), Error> {
        let before = now.saturating_add_millis(-USE_PERIOD_MILLIS);
        let unused = doc! { "last_used_at": null };
        let used_earlier = doc! { "last_used_at": { "$lte": before } };
        let due = doc! { "_id": id, "ended_at": null, "$or": [unused, used_earlier] };
        self.0.update_one(due, doc! { "$set": { "last_used_at": now } }).timed().await?;
        Ok(())
    }

    /// Returns whether the token was never used from this network before. Past [`NETWORKS_MAX`] networks, no further one
    /// counts as new.
    pub async fn add_network(&self, id: ObjectId, network: &str) -> Result<bool, Error> {
        let last = format!("networks.{}", NETWORKS_MAX - 1);
        let unknown = doc! { "_id": id, "networks": { "$ne": network }, last: { "$exists": false } };
        let added = self.0.update_one(unknown, doc! { "$push": { "networks": network } }).timed().await?;
        Ok(added.modified_count > 0)
    }
}

/// Frees the slot. A repetition changes nothing.
fn ended(now: DateTime) -> Document {
    doc! { "$set": { "ended_at": now, "removed_at": removal_after(now) }, "$unset": { "slot": "" } }
}
