//! The collection `audit`: security events of accounts.
//!
//! **Invariant:** a failure to record an event never fails the request, and no password or token is recorded.
//!
//! An event is recorded after the action that it describes. If the action is repeated, its event is recorded again.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::IndexOptions;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::token::Role;
use crate::clock::Clock;
use crate::crypto::random_id::RandomId;
use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db, PrepareError, object_id};

const RETENTION: Duration = Duration::from_hours(90 * 24);

// The API document uses this comment as a description.
/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    // One session was ended by its id, or all sessions.
    SessionsEnded,
    // A blocked session exists, and its tokens are refused.
    SessionBlocked,
    SessionUnblocked,
    PasswordChanged,
    TokenCreated,
    // A personal access token was used for the first time from a network.
    TokenNewNetwork,
    // One token was ended by its id, or all tokens of a user.
    TokensEnded,
    Disabled,
    Enabled,
    RolesChanged,
    Deleted,
    // An operator made a backup of the whole database.
    BackedUp,
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
    /// Of a personal access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<ObjectId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The admin who did this to the user. `None` for an action of the user, and for a command of an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// Whether an operator did this with a command. Entries of earlier versions do not say so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_operator: bool,
    /// Of [`Event::RolesChanged`]: what the user may do since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<Role>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub user_id: ObjectId,
    pub username: String,
}

/// Everything is combined with `and`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    pub user_id: Option<ObjectId>,
    pub by: Option<ObjectId>,
    pub event: Option<Event>,
    /// Exclusive.
    pub after: Option<DateTime>,
    /// Exclusive.
    pub before: Option<DateTime>,
}

/// An entry as it was stored. The event is a text, because a newer version may have stored one that this version does not
/// know.
#[derive(Debug, Clone, Deserialize)]
pub struct AuditEntry {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub at: DateTime,
    pub event: String,
    #[serde(flatten)]
    pub context: RequestContext,
}

#[derive(Serialize)]
struct Entry {
    #[serde(rename = "_id")]
    id: ObjectId,
    at: DateTime,
    event: Event,
    #[serde(flatten)]
    context: RequestContext,
}

impl AuditQuery {
    fn filter(&self) -> Result<Vec<Document>, Error> {
        let mut filter = Vec::new();
        filter.extend(self.user_id.map(|id| doc! { "user_id": id }));
        filter.extend(self.by.map(|id| doc! { "by.user_id": id }));
        filter.extend(self.after.map(|after| doc! { "at": { "$gt": after } }));
        filter.extend(self.before.map(|before| doc! { "at": { "$lt": before } }));
        if let Some(event) = self.event {
            filter.push(doc! { "event": bson::serialize_to_bson(&event).map_err(Error::internal)? });
        }
        Ok(filter)
    }
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
        let plain = IndexOptions::default;
        // Few entries have an admin.
        let by_admin = IndexOptions::builder()
            .partial_filter_expression(doc! { "by.user_id": { "$exists": true } })
            .build();
        let indexes = [
            mongo::index(doc! { "at": 1 }, ttl),
            // In the order of a page, so that no page sorts in memory.
            mongo::index(doc! { "at": -1, "_id": -1 }, plain()),
            mongo::index(doc! { "user_id": 1, "at": -1, "_id": -1 }, plain()),
            mongo::index(doc! { "event": 1, "at": -1, "_id": -1 }, plain()),
            mongo::index(doc! { "by.user_id": 1, "at": -1, "_id": -1 }, by_admin),
        ];
        mongo::ensure_indexes(&self.entries, indexes).await?;
        // No query names this index of an earlier version.
        Ok(mongo::drop_index(&self.entries, "user_id_1_at_-1").await?)
    }

    /// Newest first. `last` is the time and the id of the last entry of the previous page.
    pub async fn page(
        &self,
        query: &AuditQuery,
        last: Option<(DateTime, ObjectId)>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, Error> {
        let mut filter = query.filter()?;
        if let Some((at, id)) = last {
            filter.push(doc! { "$or": [{ "at": { "$lt": at } }, { "at": at, "_id": { "$lt": id } }] });
        }
        let filter = if filter.is_empty() {
            doc! {}
        } else {
            doc! { "$and": filter }
        };
        let entries = self.entries.clone_with_type::<AuditEntry>();
        let found = entries.find(filter).sort(doc! { "at": -1, "_id": -1 }).limit(limit);
        Ok(found.max_time(mongo::MAX_TIME).timed().await?.try_collect().await?)
    }

    pub async fn record(&self, event: Event, context: RequestContext) {
        let now = self.clock.now();
        let entry = Entry { id: object_id::generate(now), at: now, event, context };
        if let Err(error) = self.entries.insert_one(&entry).timed().await {
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
