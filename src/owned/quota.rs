//! A limit on the number of documents per user that counts in the database only near the limit.

use std::time::Duration;

use bson::DateTime;
use bson::oid::ObjectId;

use super::bounded_map::{BoundedMap, Expires};
use crate::error::Error;

const COUNT_TTL: Duration = Duration::from_mins(1);
// A user who is forgotten costs one count.
const USERS_MAX: usize = 100_000;

/// Additions at the same time can exceed the limit by their number.
pub struct Quota {
    limit: u64,
    counts: BoundedMap<ObjectId, Count>,
}

#[derive(Clone, Copy)]
struct Count {
    known: u64,
    at: DateTime,
}

impl Expires for Count {
    fn expires_at(&self) -> i64 {
        self.at.saturating_add_duration(COUNT_TTL).timestamp_millis()
    }
}

impl Quota {
    pub fn new(limit: u64) -> Self {
        Self { limit, counts: BoundedMap::new(USERS_MAX) }
    }

    /// Whether there is room for `more` objects. `count` counts those that exist.
    pub async fn has_room<F>(
        &self,
        user: ObjectId,
        more: u64,
        now: DateTime,
        count: impl FnOnce() -> F,
    ) -> Result<bool, Error>
    where
        F: Future<Output = Result<u64, Error>>,
    {
        if self.is_far_below(user, more, now) {
            return Ok(true);
        }
        let known = count().await? + more;
        if known <= self.limit {
            self.counts.insert(user, Count { known, at: now }, now.timestamp_millis());
        }
        Ok(known <= self.limit)
    }

    fn is_far_below(&self, user: ObjectId, more: u64, now: DateTime) -> bool {
        let add = |count: &mut Count| {
            let age = now.timestamp_millis() - count.at.timestamp_millis();
            let is_fresh = u128::try_from(age).is_ok_and(|age| age < COUNT_TTL.as_millis());
            // Does not see the additions of other instances for up to a minute. The last tenth is counted in the
            // database.
            let is_far_below = is_fresh && count.known + more <= self.limit - self.limit / 10;
            count.known += if is_far_below { more } else { 0 };
            is_far_below
        };
        self.counts.update_existing(&user, add).unwrap_or(false)
    }
}
