//! The spellings of tags that requests have looked up, so that most new todos need no query for their tags.
//!
//! This instance forgets the spellings of a user when it changes or removes a todo of the user. It does not see the changes
//! of other instances for up to 10 seconds.

use std::time::Duration;

use bson::DateTime;
use bson::oid::ObjectId;

use crate::owned::bounded_map::{BoundedMap, Expires};

const TTL: Duration = Duration::from_secs(10);
// With the longest tags, about 20 MB.
const SPELLINGS_MAX: usize = 20_000;

pub struct KnownSpellings(BoundedMap<(ObjectId, String), Known>);

#[derive(Clone)]
struct Known {
    spelling: String,
    /// The number of changes before the query. See [`crate::owned::rewrites`].
    changes: u64,
    at: DateTime,
}

impl Expires for Known {
    fn expires_at(&self) -> i64 {
        self.at.saturating_add_duration(TTL).timestamp_millis()
    }
}

impl Default for KnownSpellings {
    fn default() -> Self {
        Self(BoundedMap::new(SPELLINGS_MAX))
    }
}

impl KnownSpellings {
    pub fn get(&self, owner_id: ObjectId, key: &str, changes: u64, now: DateTime) -> Option<String> {
        let known = self.0.get_unexpired(&(owner_id, key.to_owned()), now.timestamp_millis())?;
        (known.changes == changes).then_some(known.spelling)
    }

    pub fn insert(&self, owner_id: ObjectId, key: String, spelling: String, changes: u64, now: DateTime) {
        self.0.insert((owner_id, key), Known { spelling, changes, at: now }, now.timestamp_millis());
    }
}
