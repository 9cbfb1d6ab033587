//! How much each user has stored, read from the database at most once a minute.

use std::time::Duration;

use bson::DateTime;
use bson::oid::ObjectId;

use crate::error::Error;
use crate::owned::bounded_map::{BoundedMap, Expires};

// What other instances store is seen after this time.
const READ_EVERY: Duration = Duration::from_mins(1);
// A user who is forgotten costs one read.
const USERS_MAX: usize = 100_000;

pub(super) struct Usage(BoundedMap<ObjectId, Known>);

#[derive(Clone, Copy)]
struct Known {
    bytes: u64,
    at: DateTime,
}

impl Expires for Known {
    fn expires_at(&self) -> i64 {
        self.at.saturating_add_duration(READ_EVERY).timestamp_millis()
    }
}

impl Default for Usage {
    fn default() -> Self {
        Self(BoundedMap::new(USERS_MAX))
    }
}

impl Usage {
    /// Whether a user has stored this many bytes. `read` reads the number from the database.
    pub(super) async fn is_at_least<F>(
        &self,
        bytes: u64,
        user: ObjectId,
        now: DateTime,
        read: impl FnOnce() -> F,
    ) -> Result<bool, Error>
    where
        F: Future<Output = Result<u64, Error>>,
    {
        if let Some(known) = self.0.get_unexpired(&user, now.timestamp_millis()) {
            return Ok(known.bytes >= bytes);
        }
        let known = Known { bytes: read().await?, at: now };
        self.0.insert(user, known, now.timestamp_millis());
        Ok(known.bytes >= bytes)
    }

    pub(super) fn add(&self, user: ObjectId, bytes: u64) {
        self.0.update_existing(&user, |known| known.bytes += bytes);
    }
}
