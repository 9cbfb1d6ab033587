//! Sync tokens: how far a client has come, sealed so that only we can read them and only their user can use them. Must
//! not say what lies behind them.

use bson::oid::ObjectId;
use bson::{DateTime, Timestamp};
use serde::{Deserialize, Serialize};

use crate::crypto::random_id::RandomId;
use crate::crypto::sealed::Sealer;
use crate::error::Error;
use crate::owned::change_stamp::{StreamPosition, below};

/// How long a token is good for, in milliseconds: 90 days, for so long removals are remembered.
const TTL_MILLIS: i64 = 90 * 24 * 60 * 60 * 1_000;

/// How far a client has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncToken {
    /// When the walk began by which the client came here: what has been removed since then it still has to learn.
    pub began: DateTime,
    /// The moment up to which it has seen everything but what was under way: see [`crate::owned::change_stamp`].
    pub horizon: Timestamp,
    /// Where in a walk it stands, if it is in one; [`SyncToken::horizon`] is then what it will have seen at the end.
    pub walk: Option<Walk>,
}

/// A walk through all changes since an earlier token, or through everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// Whether it goes through everything there is, for a client that has nothing.
    pub full: bool,
    /// Where it stands in the todos.
    pub todos: StreamPosition,
    /// Where it stands in the lists.
    pub lists: StreamPosition,
}

impl Walk {
    /// The walk of a client that has nothing.
    #[must_use]
    pub fn full() -> Self {
        Self { full: true, ..Self::from(Timestamp { time: 0, increment: 0 }) }
    }

    /// The walk through what a client lacks that has seen everything up to `horizon`.
    #[must_use]
    pub fn since(horizon: Timestamp) -> Self {
        Self::from(below(horizon))
    }

    fn from(stamp: Timestamp) -> Self {
        let begin = StreamPosition { stamp, behind: None };
        Self { full: false, todos: begin, lists: begin }
    }
}

impl SyncToken {
    /// What a client has that has seen everything up to `horizon`.
    #[must_use]
    pub fn up_to(horizon: Timestamp, began: DateTime) -> Self {
        Self { began, horizon, walk: None }
    }

    /// The token as `user` gets it, of a database of this lineage: see [`crate::sync::lineage::Lineage`].
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn seal(&self, seals: &Sealer, user: ObjectId, lineage: Option<RandomId>) -> Result<String, Error> {
        let walk = self.walk.map(|walk| (walk.full, place(walk.todos), place(walk.lists)));
        let plain = Plain(self.began.timestamp_millis(), stamp(self.horizon), walk, lineage);
        seals.seal(&context(user), &serde_json::to_vec(&plain).map_err(Error::internal)?)
    }

    /// Reads a token that `user` presents; `None` for one that is not theirs, or was not made here.
    ///
    /// # Errors
    /// [`Error::SyncTokenExpired`] for one that is too old, or of another lineage: what it has seen may be undone.
    pub fn open(
        seals: &Sealer,
        user: ObjectId,
        lineage: Option<RandomId>,
        text: &str,
        now: DateTime,
    ) -> Result<Option<Self>, Error> {
        let plain = seals.open(&context(user), text);
        let plain = plain.and_then(|plain| serde_json::from_slice::<Plain>(&plain).ok());
        let Some(Plain(began, horizon, walk, of)) = plain else { return Ok(None) };
        if of != lineage || now.timestamp_millis() - began > TTL_MILLIS {
            return Err(Error::SyncTokenExpired);
        }
        let walk =
            walk.map(|(full, todos, lists)| Walk { full, todos: unplace(todos), lists: unplace(lists) });
        Ok(Some(Self { began: DateTime::from_millis(began), horizon: unstamp(horizon), walk }))
    }
}

/// What is sealed: milliseconds, stamps as numbers, ids as hex digits, the lineage.
#[derive(Serialize, Deserialize)]
struct Plain(i64, u64, Option<(bool, PlainPosition, PlainPosition)>, #[serde(default)] Option<RandomId>);

#[derive(Serialize, Deserialize)]
struct PlainPosition(u64, Option<String>);

fn context(user: ObjectId) -> Vec<u8> {
    [b"sync\0".as_slice(), &user.bytes()].concat()
}

fn stamp(stamp: Timestamp) -> u64 {
    u64::from(stamp.time) << 32 | u64::from(stamp.increment)
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of what `stamp` has put together")]
fn unstamp(number: u64) -> Timestamp {
    Timestamp { time: (number >> 32) as u32, increment: number as u32 }
}

fn place(place: StreamPosition) -> PlainPosition {
    PlainPosition(stamp(place.stamp), place.behind.map(ObjectId::to_hex))
}

fn unplace(PlainPosition(stamp, behind): PlainPosition) -> StreamPosition {
    StreamPosition { stamp: unstamp(stamp), behind: behind.and_then(|id| ObjectId::parse_str(id).ok()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1_000;

    fn seals() -> Sealer {
        Sealer::derive(&"0123456789abcdef0123456789abcdef".into(), &[]).unwrap()
    }

    fn token() -> SyncToken {
        let horizon = Timestamp { time: u32::MAX, increment: 7 };
        let todos = StreamPosition { stamp: horizon, behind: Some(ObjectId::new()) };
        let walk = Walk { full: true, todos, lists: StreamPosition { behind: None, ..todos } };
        SyncToken { began: DateTime::from_millis(1_000), horizon, walk: Some(walk) }
    }

    #[test]
    fn a_token_says_what_it_said_to_its_user_and_nothing_to_others() {
        let (seals, user) = (seals(), ObjectId::new());
        let at_rest = SyncToken { walk: None, ..token() };
        for token in [token(), at_rest] {
            let text = token.seal(&seals, user, None).unwrap();
            let open = |user| SyncToken::open(&seals, user, None, &text, token.began).unwrap();
            assert_eq!(open(user), Some(token.clone()));
            assert_eq!(open(ObjectId::new()), None);
        }
    }

    #[test]
    fn a_token_is_good_for_90_days_from_the_beginning_of_its_walk() {
        let (seals, user) = (seals(), ObjectId::new());
        let text = token().seal(&seals, user, None).unwrap();
        let after =
            |millis| SyncToken::open(&seals, user, None, &text, DateTime::from_millis(1_000 + millis));
        assert!(after(90 * DAY).unwrap().is_some());
        assert!(matches!(after(90 * DAY + 1), Err(Error::SyncTokenExpired)));
    }

    #[test]
    fn a_token_is_good_for_the_lineage_that_it_was_made_in() {
        let (seals, user, at) = (seals(), ObjectId::new(), token().began);
        let lineages = [None, Some(RandomId::new()), Some(RandomId::new())];
        for made_in in lineages {
            let text = token().seal(&seals, user, made_in).unwrap();
            for lineage in lineages {
                let opened = SyncToken::open(&seals, user, lineage, &text, at);
                assert_eq!(opened.is_ok(), lineage == made_in);
                assert!(matches!(opened, Ok(Some(_)) | Err(Error::SyncTokenExpired)));
            }
        }
    }

    #[test]
    fn a_token_that_says_no_lineage_is_of_a_database_that_was_never_restored() {
        let (seals, user) = (seals(), ObjectId::new());
        let text = seals.seal(&context(user), b"[1000,7,null]").unwrap();
        let opened =
            SyncToken::open(&seals, user, None, &text, DateTime::from_millis(1_000)).unwrap().unwrap();
        assert_eq!(opened.horizon, Timestamp { time: 0, increment: 7 });
    }

    #[test]
    fn a_walk_begins_a_minute_below_what_has_been_seen() {
        let walk = Walk::since(Timestamp { time: 100, increment: 9 });
        assert_eq!(walk.todos, StreamPosition { stamp: Timestamp { time: 40, increment: 0 }, behind: None });
        assert_eq!(Walk::since(Timestamp { time: 3, increment: 0 }).lists.stamp.time, 0);
    }
}
