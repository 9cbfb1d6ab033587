//! The collection `audit`. Must never make the act that it notes fail.
//!
//! Repeating: an event is noted after its act, and a repeated act is noted again.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, doc};
use mongodb::Collection;
use mongodb::options::IndexOptions;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::crypto::random_id::RandomId;
use crate::mongo::{self, Db, PrepareError};

/// How long an event is kept.
const KEPT: Duration = Duration::from_hours(90 * 24);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A user registered.
    Register,
    /// A session was opened.
    Login,
    /// A login was refused: unknown name, wrong password, or disabled.
    LoginFailed,
    /// A refresh token that had long been replaced was presented, and its session ended.
    RefreshReuse,
    /// A session was ended by its own token.
    Logout,
    /// Sessions were ended by their user.
    SessionsEnded,
    /// A password was changed.
    PasswordChanged,
    /// A user was disabled.
    Disabled,
    /// A disabled user was let in again.
    Enabled,
    /// A user's roles were changed.
    RolesChanged,
    /// A user was deleted.
    Deleted,
}

/// Whom it concerns and where it came from, as far as is known.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RequestContext {
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<ObjectId>,
    /// The name that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<RandomId>,
    /// The client's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(rename = "_id")]
    id: ObjectId,
    at: DateTime,
    event: Event,
    #[serde(flatten)]
    circumstances: RequestContext,
}

/// The collection `audit`.
#[derive(Clone)]
pub struct Audit {
    entries: Collection<Entry>,
    clock: Clock,
}

impl Audit {
    /// The audit of `db`, dated by `clock`.
    #[must_use]
    pub fn new(db: &Db, clock: Clock) -> Self {
        Self { entries: db.collection("audit"), clock }
    }

    /// Creates the indexes that are missing.
    ///
    /// # Errors
    /// See [`mongo::ensure_indexes`].
    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let ttl = IndexOptions::builder().expire_after(KEPT).build();
        let indexes = [
            mongo::index(doc! { "at": 1 }, ttl),
            mongo::index(doc! { "user_id": 1, "at": -1 }, IndexOptions::default()),
        ];
        mongo::ensure_indexes(&self.entries, indexes).await
    }

    /// Notes an event; one that cannot be written goes to the log.
    pub async fn note(&self, event: Event, circumstances: RequestContext) {
        let entry = Entry { id: ObjectId::new(), at: self.clock.now(), event, circumstances };
        if let Err(error) = self.entries.insert_one(&entry).await {
            let RequestContext { user_id, session_id, .. } = entry.circumstances;
            tracing::warn!(
                ?event,
                ?user_id,
                ?session_id,
                error = mongo::one_line(&error),
                "an audit event was not written"
            );
        }
    }
}
