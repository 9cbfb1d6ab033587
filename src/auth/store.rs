//! The collections `sessions` and `blacklist`. Must not decide anything: the operations say what a missing document means.
//!
//! Repeating: opening a session inserts under a random id, touching, ending and revoking set the same values again, so
//! each may be repeated after an unknown outcome.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::{IndexOptions, ReturnDocument};
use serde::{Deserialize, Serialize};

use crate::db::{self, Db, Setup};
use crate::error::Error;
use crate::id::RandomId;

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

/// The collection `sessions`.
#[derive(Clone)]
pub struct Sessions(Collection<Session>);

impl Sessions {
    /// The sessions of `db`.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self(db.collection("sessions"))
    }

    /// Creates the indexes that are missing.
    ///
    /// # Errors
    /// See [`db::ensure_indexes`].
    pub async fn ensure_indexes(&self) -> Result<(), Setup> {
        let ttl = IndexOptions::builder().expire_after(Duration::ZERO).build();
        let by_user = db::index(doc! { "user_id": 1 }, IndexOptions::default());
        db::ensure_indexes(&self.0, [db::index(doc! { "expires_at": 1 }, ttl), by_user]).await
    }

    /// Adds a session.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert(&self, session: &Session) -> Result<(), Error> {
        self.0.insert_one(session).await?;
        Ok(())
    }

    /// Notes that a session was used, and says what it is; `None` if it is over or never was.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn touch(&self, id: RandomId, now: DateTime) -> Result<Option<Session>, Error> {
        let alive = doc! {
            "_id": id.to_string(), "ended_at": null, "idle_at": { "$gt": now }, "expires_at": { "$gt": now },
        };
        let used = doc! { "$set": { "last_used_at": now } };
        let session = self.0.find_one_and_update(alive, used).return_document(ReturnDocument::After);
        Ok(session.max_time(db::MAX_TIME).await?)
    }

    /// Ends a session, unless it has ended already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end(&self, id: RandomId, why: &str, now: DateTime) -> Result<(), Error> {
        let alive = doc! { "_id": id.to_string(), "ended_at": null };
        self.0.update_one(alive, doc! { "$set": { "ended_at": now, "ended_why": why } }).await?;
        Ok(())
    }

    /// Removes every session of a user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn remove_all_of(&self, user_id: ObjectId) -> Result<(), Error> {
        self.0.delete_many(doc! { "user_id": user_id }).await?;
        Ok(())
    }
}

/// An entry of the blacklist, kept until the last token that it revokes has expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// What is revoked: `jti:`, `sid:` or `user:` and the id.
    #[serde(rename = "_id")]
    pub target: String,
    /// Of a user: tokens of an earlier epoch than this are revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// Since when.
    pub revoked_at: DateTime,
    /// When the database may remove the entry.
    pub expires_at: DateTime,
}

/// The collection `blacklist`: the authority on what is revoked.
#[derive(Clone)]
pub struct Revocations(Collection<Revocation>);

impl Revocations {
    /// The blacklist of `db`.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self(db.collection("blacklist"))
    }

    /// Creates the indexes that are missing.
    ///
    /// # Errors
    /// See [`db::ensure_indexes`].
    pub async fn ensure_indexes(&self) -> Result<(), Setup> {
        let ttl = IndexOptions::builder().expire_after(Duration::ZERO).build();
        db::ensure_indexes(&self.0, [db::index(doc! { "expires_at": 1 }, ttl)]).await
    }

    /// Writes an entry; a user's keeps the highest epoch, and every entry the latest end.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn put(&self, entry: &Revocation) -> Result<(), Error> {
        let mut highest = doc! { "expires_at": entry.expires_at };
        if let Some(epoch) = entry.epoch {
            highest.insert("epoch", epoch);
        }
        let change = doc! { "$max": highest, "$setOnInsert": { "revoked_at": entry.revoked_at } };
        self.0.update_one(doc! { "_id": &entry.target }, change).upsert(true).await?;
        Ok(())
    }

    /// Every entry that still revokes something.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn live(&self, now: DateTime) -> Result<Vec<Revocation>, Error> {
        Ok(self.0.find(doc! { "expires_at": { "$gt": now } }).await?.try_collect().await?)
    }
}
