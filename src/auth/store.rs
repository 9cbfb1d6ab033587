//! The collection `sessions`. Must not decide anything: the operations say what a missing document means.
//!
//! Repeating: opening a session inserts under a random id; a rotation that is repeated finds its generation replaced,
//! which the grace rule of the operations forgives; everything else sets the same values again.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::{IndexOptions, ReturnDocument};
use serde::{Deserialize, Serialize};

use crate::crypto::random_id::RandomId;
use crate::error::Error;
use crate::mongo::{self, Db, PrepareError};

/// One login and what became of it. Its refresh token may get access tokens until the session is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The session's id: `sid` in its tokens.
    #[serde(rename = "_id")]
    pub id: RandomId,
    /// Whose it is.
    pub user_id: ObjectId,
    /// The user's epoch at login.
    pub epoch: i64,
    /// The generation of the newest refresh token.
    #[serde(rename = "gen")]
    pub generation: i64,
    /// The newest generation that was ever presented.
    pub seen: i64,
    /// Whether each refresh replaces the refresh token; sessions of the original's login keep theirs.
    pub rotating: bool,
    /// When the refresh token was last replaced.
    pub rotated_at: Option<DateTime>,
    /// When the login was.
    pub created_at: DateTime,
    /// When it last got an access token.
    pub last_used_at: DateTime,
    /// When it ends if it is not used before.
    pub idle_at: DateTime,
    /// When it ends in any case; removed by the database some time later.
    pub expires_at: DateTime,
    /// When it was ended.
    pub ended_at: Option<DateTime>,
    /// By what it was ended.
    pub ended_why: Option<String>,
    /// What the client called itself.
    pub device: Option<String>,
    /// Where the login came from.
    pub ip: Option<String>,
}

pub const COLLECTION: &str = "sessions";

/// How many sessions are listed at the most.
pub const LISTED_MAX: i64 = 200;

/// The collection `sessions`.
#[derive(Clone)]
pub struct Sessions(Collection<Session>);

impl Sessions {
    /// The sessions of `db`.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self(db.collection(COLLECTION))
    }

    /// Creates the indexes that are missing.
    ///
    /// # Errors
    /// See [`mongo::ensure_indexes`].
    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let ttl = IndexOptions::builder().expire_after(Duration::ZERO).build();
        let by_user = mongo::index(doc! { "user_id": 1 }, IndexOptions::default());
        mongo::ensure_indexes(&self.0, [mongo::index(doc! { "expires_at": 1 }, ttl), by_user]).await
    }

    /// Adds a session.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert(&self, session: &Session) -> Result<(), Error> {
        self.0.insert_one(session).await?;
        Ok(())
    }

    /// Notes that a session of the user's epoch was used, so that it goes on until `idle_at`, and says what it is; `None`
    /// if it is over or never was.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn touch(
        &self,
        id: RandomId,
        epoch: i64,
        now: DateTime,
        idle_at: DateTime,
    ) -> Result<Option<Session>, Error> {
        let used = doc! { "$set": { "last_used_at": now, "idle_at": { "$min": ["$expires_at", idle_at] } } };
        let touched = self.0.find_one_and_update(live_session(id, epoch, now), vec![used]);
        Ok(touched.return_document(ReturnDocument::After).max_time(mongo::MAX_TIME).await?)
    }

    /// Replaces the refresh token of generation `presented`, if that is the newest: one compare-and-set, so that of
    /// any number of copies one wins. `None` if it is not the newest, or the session is over or does not rotate.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn rotate(
        &self,
        id: RandomId,
        presented: i64,
        epoch: i64,
        now: DateTime,
        idle_at: DateTime,
    ) -> Result<Option<Session>, Error> {
        let mut newest = live_session(id, epoch, now);
        newest.extend(doc! { "gen": presented, "rotating": true });
        let change = doc! { "$set": {
            "gen": { "$add": ["$gen", 1_i64] },
            "seen": { "$max": ["$seen", presented] },
            "rotated_at": now,
            "last_used_at": now,
            "idle_at": { "$min": ["$expires_at", idle_at] },
        } };
        let rotated = self.0.find_one_and_update(newest, vec![change]).return_document(ReturnDocument::After);
        Ok(rotated.max_time(mongo::MAX_TIME).await?)
    }

    /// Notes that tokens of a generation have been used, so that the client has them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn record_seen(&self, id: RandomId, generation: i64) -> Result<(), Error> {
        self.0.update_one(doc! { "_id": id.to_string() }, doc! { "$max": { "seen": generation } }).await?;
        Ok(())
    }

    /// Lifts a session into a later epoch of its user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn raise_epoch(&self, id: RandomId, epoch: i64) -> Result<(), Error> {
        let later = doc! { "$max": { "epoch": epoch } };
        self.0.update_one(doc! { "_id": id.to_string(), "ended_at": null }, later).await?;
        Ok(())
    }

    /// Whether a user has this session, and it is not over.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_live(
        &self,
        id: RandomId,
        user_id: ObjectId,
        epoch: i64,
        now: DateTime,
    ) -> Result<bool, Error> {
        let mut own = live_session(id, epoch, now);
        own.insert("user_id", user_id);
        Ok(self.0.find_one(own).max_time(mongo::MAX_TIME).await?.is_some())
    }

    /// The living sessions of a user in an epoch, last used first, at most [`LISTED_MAX`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn live_of_user(
        &self,
        user_id: ObjectId,
        epoch: i64,
        now: DateTime,
    ) -> Result<Vec<Session>, Error> {
        let living = doc! { "user_id": user_id, "epoch": epoch, "ended_at": null, "idle_at": { "$gt": now } };
        let found = self.0.find(living).sort(doc! { "last_used_at": -1 }).limit(LISTED_MAX);
        Ok(found.max_time(mongo::MAX_TIME).await?.try_collect().await?)
    }

    /// Ends a session, unless it has ended already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end(&self, id: RandomId, why: &str, now: DateTime) -> Result<(), Error> {
        let living = doc! { "_id": id.to_string(), "ended_at": null };
        self.0.update_one(living, doc! { "$set": { "ended_at": now, "ended_why": why } }).await?;
        Ok(())
    }

    /// Ends the sessions of a user that are of an earlier epoch than `epoch`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_before_epoch(
        &self,
        user_id: ObjectId,
        epoch: i64,
        why: &str,
        now: DateTime,
    ) -> Result<(), Error> {
        let earlier = doc! { "user_id": user_id, "ended_at": null, "epoch": { "$lt": epoch } };
        self.0.update_many(earlier, doc! { "$set": { "ended_at": now, "ended_why": why } }).await?;
        Ok(())
    }

    /// Removes every session of a user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_all_of_user(&self, user_id: ObjectId) -> Result<(), Error> {
        self.0.delete_many(doc! { "user_id": user_id }).await?;
        Ok(())
    }
}

/// The filter for a session that is not over.
fn live_session(id: RandomId, epoch: i64, now: DateTime) -> Document {
    doc! {
        "_id": id.to_string(), "epoch": epoch, "ended_at": null,
        "idle_at": { "$gt": now }, "expires_at": { "$gt": now },
    }
}
