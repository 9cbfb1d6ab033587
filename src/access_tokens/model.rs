//! A stored personal access token, and the rules for new ones.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, DateTime};
use serde::{Deserialize, Serialize};

use super::text::TokenDigest;
use crate::auth::credential::{Grant, TokenScope};

pub const TOKENS_MAX: u64 = 50;
/// The networks whose first use of a token is recorded.
pub const NETWORKS_MAX: usize = 100;

/// How long an ended or expired token is known, so that its owner gets a precise error.
pub const REMEMBERED_MILLIS: i64 = 30 * 24 * 60 * 60 * 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessToken {
    #[serde(rename = "_id")]
    pub id: ObjectId,
    pub user_id: ObjectId,
    /// Below [`TOKENS_MAX`]. A unique index on user and slot keeps concurrent requests from exceeding the limit. An ended
    /// token has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<i32>,
    /// The bytes of the [`TokenDigest`]. Unique.
    pub hash: Binary,
    pub last_four: String,
    pub name: String,
    pub scopes: Vec<TokenScope>,
    /// The token is alive only while this equals the `token_epoch` of the user.
    pub epoch: i64,
    pub created_at: DateTime,
    pub expires_at: Option<DateTime>,
    pub last_used_at: Option<DateTime>,
    pub ended_at: Option<DateTime>,
    /// A TTL index removes the document at this time.
    pub removed_at: Option<DateTime>,
    /// From which it was used, at most [`NETWORKS_MAX`].
    #[serde(default)]
    pub networks: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct NewToken {
    pub name: String,
    pub scopes: Vec<TokenScope>,
    pub expires_at: Option<DateTime>,
}

impl AccessToken {
    pub fn grant(&self, username: &str) -> Grant {
        Grant {
            id: self.id,
            user_id: self.user_id,
            username: username.into(),
            scopes: self.scopes.clone(),
            epoch: self.epoch,
            expires_at: self.expires_at,
        }
    }
}

pub fn stored(digest: &TokenDigest) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: digest.bytes().to_vec() }
}

pub fn removal_after(time: DateTime) -> DateTime {
    time.saturating_add_millis(REMEMBERED_MILLIS)
}
