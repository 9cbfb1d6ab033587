//! The tokens that an instance has verified or refused.

use std::sync::Arc;

use super::text::TokenDigest;
use crate::auth::credential::Grant;
use crate::error::TokenRejection;
use crate::http::client_address::Network;
use crate::owned::bounded_map::{BoundedMap, Expires};

/// Tokens that an instance remembers. A forgotten token costs two reads.
pub const VERIFIED_MAX: usize = 20_000;
/// Refused tokens that an instance remembers.
pub const REFUSED_MAX: usize = 10_000;

// Far below the life of an entry of the blacklist. Each time, `last_used_at` is written.
pub(super) const VERIFIED_MILLIS: i64 = 60 * 60 * 1_000;
// So that a script with an ended token does not count as one that guesses.
pub(super) const REFUSED_MILLIS: i64 = 30_000;

pub(super) struct Memory {
    pub(super) verified: BoundedMap<TokenDigest, Verified>,
    pub(super) refused: BoundedMap<TokenDigest, Refused>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { verified: BoundedMap::new(VERIFIED_MAX), refused: BoundedMap::new(REFUSED_MAX) }
    }
}

#[derive(Clone)]
pub(super) struct Verified {
    pub(super) grant: Arc<Grant>,
    /// From which this instance has seen it since it was read.
    pub(super) networks: Arc<Vec<Network>>,
    pub(super) until: i64,
}

#[derive(Clone, Copy)]
pub(super) struct Refused {
    pub(super) why: TokenRejection,
    pub(super) until: i64,
}

impl Expires for Verified {
    fn expires_at(&self) -> i64 {
        self.until
    }
}

impl Expires for Refused {
    fn expires_at(&self) -> i64 {
        self.until
    }
}
