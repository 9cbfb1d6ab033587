//! How many of something a user may have. Must not count anew for each one that is added: only near the limit.

use std::time::Duration;

use bson::DateTime;
use bson::oid::ObjectId;

use super::bounded_map::{BoundedMap, Expires};
use crate::error::Error;

/// How long a count is believed.
const BELIEVED: Duration = Duration::from_mins(1);
/// How many users are remembered. A user who is forgotten costs one count.
const USERS_MAX: usize = 100_000;

/// A limit for each user. Far below it, what this instance adds is counted in memory from the last count on, and what
/// others add meanwhile is not seen for up to a minute; in its last tenth every addition counts exactly. Additions that
/// race at the very limit may go over it by as many as race.
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
        self.at.saturating_add_duration(BELIEVED).timestamp_millis()
    }
}

impl Quota {
    /// At most `limit` for each user.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { limit, counts: BoundedMap::new(USERS_MAX) }
    }

    /// Admits one more, asking `count` how many there are when it has to be known.
    ///
    /// # Errors
    /// [`Error::LimitReached`] when there are as many as may be; what `count` says.
    pub async fn admit<F>(
        &self,
        user: ObjectId,
        now: DateTime,
        count: impl FnOnce() -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<u64, Error>>,
    {
        if self.is_far_below(user, now) {
            return Ok(());
        }
        let known = count().await?;
        if known >= self.limit {
            return Err(Error::LimitReached(self.limit));
        }
        self.counts.insert(user, Count { known: known + 1, at: now }, now.timestamp_millis());
        Ok(())
    }

    /// Whether the last count says that there is room for long; counts one more if so.
    fn is_far_below(&self, user: ObjectId, now: DateTime) -> bool {
        let add = |count: &mut Count| {
            let age = now.timestamp_millis() - count.at.timestamp_millis();
            let is_fresh = u128::try_from(age).is_ok_and(|age| age < BELIEVED.as_millis());
            let is_far_below = is_fresh && count.known < self.limit - self.limit / 10;
            count.known += u64::from(is_far_below);
            is_far_below
        };
        self.counts.update_existing(&user, add).unwrap_or(false)
    }
}
