//! The collection `sessions`. The operations decide what a missing document means.
//!
//! **Invariant:** every write is safe to repeat. A new session has a random id. A repeated rotation finds that the
//! generation was already replaced, and the grace rule of [`super::operations::Auth::refresh`] accepts it. All other
//! writes set the same values again.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::{IndexOptions, ReturnDocument};
use serde::{Deserialize, Serialize};

use super::token::Subject;
use crate::crypto::random_id::RandomId;
use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db, PrepareError};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The claim `sid` of its tokens.
    #[serde(rename = "_id")]
    pub id: RandomId,
    pub user_id: ObjectId,
    /// The session is alive only while this equals the epoch of the user.
    pub epoch: i64,
    /// Of the newest refresh token. Each rotation adds 1.
    #[serde(rename = "gen")]
    pub generation: i64,
    /// The newest generation that the client has used.
    pub seen: i64,
    pub rotating: bool,
    pub rotated_at: Option<DateTime>,
    /// The generations that were replaced within [`GRACE`] before the last rotation, at most `REPLACED_MAX`.
    #[serde(default)]
    pub replaced: Vec<Replaced>,
    pub created_at: DateTime,
    pub last_used_at: DateTime,
    /// The session ends at this time unless it is used before.
    pub idle_at: DateTime,
    /// The session ends at this time in any case. A TTL index removes the document later.
    pub expires_at: DateTime,
    pub ended_at: Option<DateTime>,
    /// One word, for example `logout`.
    pub ended_why: Option<String>,
    #[serde(default)]
    pub blocked_at: Option<DateTime>,
    /// How often the session was blocked and unblocked: odd while it is blocked.
    #[serde(default)]
    pub blocks: i64,
    pub device: Option<String>,
    pub ip: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct NewSession {
    /// Whether each refresh replaces the refresh token. Clients of the original keep one refresh token.
    pub rotating: bool,
    pub device: Option<String>,
    pub ip: Option<String>,
}

impl Session {
    pub fn begin(
        subject: &Subject,
        new: NewSession,
        now: DateTime,
        idle_at: DateTime,
        expires_at: DateTime,
    ) -> Self {
        Self {
            id: RandomId::new(),
            user_id: subject.user_id,
            epoch: subject.epoch,
            generation: 0,
            seen: 0,
            rotating: new.rotating,
            rotated_at: None,
            replaced: Vec::new(),
            created_at: now,
            last_used_at: now,
            idle_at,
            expires_at,
            ended_at: None,
            ended_why: None,
            blocked_at: None,
            blocks: 0,
            device: new.device,
            ip: new.ip,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    #[serde(rename = "gen")]
    pub generation: i64,
    pub at: DateTime,
}

/// How long a replaced refresh token is accepted although its successor was already used.
pub const GRACE: Duration = Duration::from_secs(10);

// A client that refreshes more often within `GRACE` and then presents the oldest token is taken for a thief.
const REPLACED_MAX: i32 = 16;

pub const COLLECTION: &str = "sessions";
pub const LISTED_MAX: i64 = 200;

#[derive(Clone)]
pub struct Sessions(pub(super) Collection<Session>);

impl Sessions {
    pub fn new(db: &Db) -> Self {
        Self(db.collection(COLLECTION))
    }

    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let ttl = IndexOptions::builder().expire_after(Duration::ZERO).build();
        let by_user = mongo::index(doc! { "user_id": 1 }, IndexOptions::default());
        mongo::ensure_indexes(&self.0, [mongo::index(doc! { "expires_at": 1 }, ttl), by_user]).await
    }

    pub async fn insert(&self, session: &Session) -> Result<(), Error> {
        self.0.insert_one(session).timed().await?;
        Ok(())
    }

    /// Postpones the end of a live session to `idle_at`. Returns `None` if the session has ended, is blocked, or does not
    /// exist.
    pub async fn touch(
        &self,
        id: RandomId,
        epoch: i64,
        now: DateTime,
        idle_at: DateTime,
    ) -> Result<Option<Session>, Error> {
        self.update(usable_session(id, epoch, now), used(now, idle_at)).await
    }

    /// Like [`Sessions::touch`]. Also returns `None` if the session rotates.
    pub async fn touch_unless_rotating(
        &self,
        id: RandomId,
        epoch: i64,
        now: DateTime,
        idle_at: DateTime,
    ) -> Result<Option<Session>, Error> {
        let mut filter = usable_session(id, epoch, now);
        filter.insert("rotating", false);
        self.update(filter, used(now, idle_at)).await
    }

    /// Returns `None` if `presented` is not the newest generation, the session has ended, or the session does not
    /// rotate.
    pub async fn rotate(
        &self,
        id: RandomId,
        presented: i64,
        epoch: i64,
        now: DateTime,
        idle_at: DateTime,
    ) -> Result<Option<Session>, Error> {
        // One compare-and-set, so that only one of several concurrent requests succeeds.
        let mut newest = usable_session(id, epoch, now);
        newest.extend(doc! { "gen": presented, "rotating": true });
        let mut set = used(now, idle_at);
        set.extend(doc! {
            "gen": { "$add": ["$gen", 1_i64] },
            // The client has received the generation that it presents.
            "seen": { "$max": ["$seen", presented] },
            "rotated_at": now,
            "replaced": replaced_and(presented, now),
        });
        self.update(newest, set).await
    }

    pub async fn record_seen(&self, id: RandomId, generation: i64) -> Result<(), Error> {
        self.0
            .update_one(doc! { "_id": id.to_string() }, doc! { "$max": { "seen": generation } })
            .timed()
            .await?;
        Ok(())
    }

    /// Moves a live session from the epoch before `epoch` to `epoch`, with a new generation and without a grace period
    /// for the replaced one. Returns `None` if the session has ended.
    pub async fn carry_over(
        &self,
        id: RandomId,
        epoch: i64,
        now: DateTime,
        idle_at: DateTime,
    ) -> Result<Option<Session>, Error> {
        // Exactly the epoch before: a session of a still earlier epoch was ended by another request.
        let filter = usable_session(id, epoch - 1, now);
        let mut set = used(now, idle_at);
        let next = doc! { "$add": ["$gen", 1_i64] };
        set.extend(doc! {
            "epoch": epoch, "gen": next.clone(), "seen": next, "rotated_at": null, "replaced": [],
        });
        self.update(filter, set).await
    }

    async fn update(&self, filter: Document, set: Document) -> Result<Option<Session>, Error> {
        let updated = self.0.find_one_and_update(filter, vec![doc! { "$set": set }]);
        Ok(updated.return_document(ReturnDocument::After).max_time(mongo::MAX_TIME).timed().await?)
    }

    pub async fn find_live(&self, id: RandomId, epoch: i64, now: DateTime) -> Result<Option<Session>, Error> {
        Ok(self.0.find_one(live_session(id, epoch, now)).max_time(mongo::MAX_TIME).timed().await?)
    }

    /// Most recently used first, at most [`LISTED_MAX`].
    pub async fn live_of_user(
        &self,
        user_id: ObjectId,
        epoch: i64,
        now: DateTime,
    ) -> Result<Vec<Session>, Error> {
        // `idle_at` is never later than `expires_at`.
        let living = doc! { "user_id": user_id, "epoch": epoch, "ended_at": null, "idle_at": { "$gt": now } };
        let found = self.0.find(living).sort(doc! { "last_used_at": -1 }).limit(LISTED_MAX);
        Ok(found.max_time(mongo::MAX_TIME).timed().await?.try_collect().await?)
    }

    /// Also blocks or unblocks a session that already is. `None` if the user has no such live session.
    pub async fn set_blocked(
        &self,
        id: RandomId,
        user_id: ObjectId,
        epoch: i64,
        blocked: bool,
        now: DateTime,
    ) -> Result<Option<Session>, Error> {
        let mut filter = live_session(id, epoch, now);
        filter.insert("user_id", user_id);
        let count = doc! { "$ifNull": ["$blocks", 0_i64] };
        let is_so = doc! { "$eq": [{ "$mod": [count.clone(), 2_i64] }, i64::from(blocked)] };
        let blocks = doc! { "$cond": [is_so, count.clone(), { "$add": [count, 1_i64] }] };
        // A repetition keeps the time of the first attempt.
        let since = if blocked { doc! { "$ifNull": ["$blocked_at", now] }.into() } else { Bson::Null };
        self.update(filter, doc! { "blocks": blocks, "blocked_at": since }).await
    }

    pub async fn end(&self, id: RandomId, why: &str, now: DateTime) -> Result<(), Error> {
        let living = doc! { "_id": id.to_string(), "ended_at": null };
        self.0.update_one(living, doc! { "$set": { "ended_at": now, "ended_why": why } }).timed().await?;
        Ok(())
    }

    pub async fn end_before_epoch(
        &self,
        user_id: ObjectId,
        epoch: i64,
        why: &str,
        now: DateTime,
    ) -> Result<(), Error> {
        let earlier = doc! { "user_id": user_id, "ended_at": null, "epoch": { "$lt": epoch } };
        self.0.update_many(earlier, doc! { "$set": { "ended_at": now, "ended_why": why } }).timed().await?;
        Ok(())
    }

    pub async fn delete_all_of_user(&self, user_id: ObjectId) -> Result<(), Error> {
        self.0.delete_many(doc! { "user_id": user_id }).timed().await?;
        Ok(())
    }
}

/// The fields of an update that postpones the end of a session to `idle_at`.
fn used(now: DateTime, idle_at: DateTime) -> Document {
    doc! { "last_used_at": now, "idle_at": { "$min": ["$expires_at", idle_at] } }
}

/// The field `replaced` after the rotation of `generation`.
fn replaced_and(generation: i64, now: DateTime) -> Document {
    let grace = i64::try_from(GRACE.as_millis()).unwrap_or(i64::MAX);
    let since = now.saturating_add_millis(grace.saturating_neg());
    let earlier = doc! { "$ifNull": ["$replaced", []] };
    let recent = doc! { "$filter": { "input": earlier, "cond": { "$gt": ["$$this.at", since] } } };
    let all = doc! { "$concatArrays": [recent, [{ "gen": generation, "at": now }]] };
    doc! { "$slice": [all, -REPLACED_MAX] }
}

/// A live session that is not blocked.
fn usable_session(id: RandomId, epoch: i64, now: DateTime) -> Document {
    let mut usable = live_session(id, epoch, now);
    usable.insert("blocked_at", Bson::Null);
    usable
}

fn live_session(id: RandomId, epoch: i64, now: DateTime) -> Document {
    doc! {
        "_id": id.to_string(), "epoch": epoch, "ended_at": null,
        "idle_at": { "$gt": now }, "expires_at": { "$gt": now },
    }
}
