//! Whose key a request has.

use aws_lc_rs::digest;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bson::oid::ObjectId;

/// Keys of different scopes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Anonymous,
    User(ObjectId),
    /// Ids of commands, which are never taken for an `Idempotency-Key`.
    Sync(ObjectId),
}

impl Scope {
    pub(super) fn owner_id(self) -> Option<ObjectId> {
        match self {
            Self::Anonymous => None,
            Self::User(id) | Self::Sync(id) => Some(id),
        }
    }

    /// A digest, so that the length of the stored id does not depend on the key.
    pub(super) fn claim_id(self, key: &str) -> String {
        let scope = match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::User(id) => id.to_hex(),
            Self::Sync(id) => format!("{id}/sync"),
        };
        let digest = digest::digest(&digest::SHA256, format!("{scope}\0{key}").as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(digest)
    }
}
