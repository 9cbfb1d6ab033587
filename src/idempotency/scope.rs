//! Whose key a request has.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bson::oid::ObjectId;

use crate::crypto::sha256::sha256;

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
        BASE64_URL_SAFE_NO_PAD.encode(sha256(format!("{scope}\0{key}").as_bytes()))
    }
}
