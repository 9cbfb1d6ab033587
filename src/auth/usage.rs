//! How users have used their sessions, for the list of users.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{DateTime, doc};
use futures_util::TryStreamExt;
use serde::Deserialize;

use super::store::Sessions;
use crate::error::Error;
use crate::mongo;
use crate::mongo::metrics::Command;

/// How a user has used the sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub last_used_at: DateTime,
    pub sessions: i64,
}

#[derive(Deserialize)]
struct UsageOfEpoch {
    #[serde(rename = "_id")]
    key: UserEpoch,
    last_used_at: DateTime,
    live: i64,
}

#[derive(Deserialize)]
struct UserEpoch {
    user_id: ObjectId,
    epoch: i64,
}

impl Sessions {
    /// By user: when a session was last used, and the number of live sessions. Users without sessions are missing.
    pub async fn usage(
        &self,
        users: &HashMap<ObjectId, i64>,
        now: DateTime,
    ) -> Result<HashMap<ObjectId, Usage>, Error> {
        let ids: Vec<_> = users.keys().copied().collect();
        let is_live = doc! { "$and": [
            { "$eq": [{ "$ifNull": ["$ended_at", null] }, null] }, { "$gt": ["$idle_at", now] },
        ] };
        let stages = [
            doc! { "$match": { "user_id": { "$in": ids } } },
            doc! { "$group": {
                "_id": { "user_id": "$user_id", "epoch": "$epoch" },
                "last_used_at": { "$max": "$last_used_at" },
                "live": { "$sum": { "$cond": [is_live, 1_i64, 0_i64] } },
            } },
        ];
        let found = self.0.aggregate(stages).with_type::<UsageOfEpoch>().max_time(mongo::MAX_TIME);
        let found: Vec<UsageOfEpoch> = found.timed().await?.try_collect().await?;
        let mut usage: HashMap<ObjectId, Usage> = HashMap::new();
        for UsageOfEpoch { key, last_used_at, live } in found {
            let user = usage.entry(key.user_id).or_insert(Usage { last_used_at, sessions: 0 });
            user.last_used_at = user.last_used_at.max(last_used_at);
            if users.get(&key.user_id) == Some(&key.epoch) {
                user.sessions += live;
            }
        }
        Ok(usage)
    }
}
