//! The collection `audit`: security events of accounts.
//!
//! **Invariant:** a failure to record an event never fails the request, and no password or token is recorded.
//!
//! An event is recorded after the action that it describes. If the action is repeated, its event is recorded again.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, doc};
use mongodb::Collection;
use mongodb::options::IndexOptions;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::crypto::random_id::RandomId;
use crate::mongo::{self, Db, PrepareError, object_id};

const RETENTION: Duration = Duration::from_hours(90 * 24);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Register,
    Login,
    // Unknown name, wrong password, or a disabled account.
    LoginFailed,
    // A refresh token was used after it had been replaced, which ended its session.
    RefreshReuse,
    // A session was ended with its own token.
    Logout,
    // A user ended one session by its id, or all sessions.
    SessionsEnded,
    PasswordChanged,
    Disabled,
    Enabled,
    RolesChanged,
    Deleted,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RequestContext {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<ObjectId>,
    /// As the client wrote it, so it may name no user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<RandomId>,
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
    context: RequestContext,
}

#[derive(Clone)]
pub struct Audit {
    entries: Collection<Entry>,
    clock: Clock,
}

impl Audit {
    pub fn new(db: &Db, clock: Clock) -> Self {
        Self { entries: db.collection("audit"), clock }
    }

    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let ttl = IndexOptions::builder().expire_after(RETENTION).build();
        let indexes = [
            mongo::index(doc! { "at": 1 }, ttl),
            // For an investigation of one user, newest first.
            mongo::index(doc! { "user_id": 1, "at": -1 }, IndexOptions::default()),
        ];
        mongo::ensure_indexes(&self.entries, indexes).await
    }

    pub async fn record(&self, event: Event, context: RequestContext) {
        let now = self.clock.now();
        let entry = Entry { id: object_id::generate(now), at: now, event, context };
        if let Err(error) = self.entries.insert_one(&entry).await {
            let RequestContext { user_id, session_id, .. } = entry.context;
            tracing::warn!(
                ?event,
                ?user_id,
                ?session_id,
                error = mongo::one_line(&error),
                "could not record an audit event"
            );
        }
    }
}
