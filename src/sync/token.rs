//! Sync tokens: how far a client has come, sealed so that only this service can read a token and only its user can
//! use it.

use bson::oid::ObjectId;
use bson::{DateTime, Timestamp};
use serde::{Deserialize, Serialize};

use crate::crypto::random_id::RandomId;
use crate::crypto::sealed::Sealer;
use crate::error::Error;
use crate::owned::change_stamp::{StreamPosition, below, to_number, to_stamp};

// 90 days, because tombstones are kept that long.
const TTL_MILLIS: i64 = 90 * 24 * 60 * 60 * 1_000;

pub const WALK_START: StreamPosition =
    StreamPosition { stamp: Timestamp { time: 0, increment: 0 }, behind: None };

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncToken {
    /// When the walk that produced this token began. Its client may not know of removals after that, so the token
    /// must be used while they are remembered.
    pub began: DateTime,
    /// The stamp up to which the client has seen every change that was visible: see [`crate::owned::change_stamp`].
    /// During a walk, the stamp that it will have reached at the end of the walk.
    pub horizon: Timestamp,
    pub walk: Option<Walk>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// Whether the walk goes through all objects, for a client that holds none.
    pub full: bool,
    /// One per kind of object.
    pub positions: Vec<StreamPosition>,
}

impl Walk {
    pub fn full(kinds: usize) -> Self {
        Self { full: true, positions: vec![WALK_START; kinds] }
    }

    /// The changes that a client can have missed although it has seen everything that was visible up to `horizon`.
    pub fn since(horizon: Timestamp, kinds: usize) -> Self {
        let start = StreamPosition { stamp: below(horizon), behind: None };
        Self { full: false, positions: vec![start; kinds] }
    }
}

impl SyncToken {
    pub fn up_to(horizon: Timestamp, began: DateTime) -> Self {
        Self { began, horizon, walk: None }
    }

    /// The text is for `user` only, and for a database of this [`crate::sync::lineage::Lineage`].
    pub fn seal(&self, sealer: &Sealer, user: ObjectId, lineage: Option<RandomId>) -> Result<String, Error> {
        let walk = self.walk.as_ref().map(PlainPart::from_walk);
        let plain = Plain(self.began.timestamp_millis(), to_number(self.horizon), walk, lineage);
        sealer.seal(&context(user), &serde_json::to_vec(&plain).map_err(Error::internal)?)
    }

    /// Returns `None` if the token was issued to another user or not by this service.
    pub fn open(
        sealer: &Sealer,
        user: ObjectId,
        lineage: Option<RandomId>,
        text: &str,
        now: DateTime,
    ) -> Result<Option<Self>, Error> {
        let plain = sealer.open(&context(user), text);
        let plain = plain.and_then(|plain| serde_json::from_slice::<Plain>(&plain).ok());
        let Some(Plain(began, horizon, walk, made_in)) = plain else { return Ok(None) };
        // A restore may have undone changes that the client of a token of another lineage has seen.
        if made_in != lineage || now.timestamp_millis() - began > TTL_MILLIS {
            return Err(Error::SyncTokenExpired);
        }
        let walk = walk.map(PlainPart::into_walk);
        Ok(Some(Self { began: DateTime::from_millis(began), horizon: to_stamp(horizon), walk }))
    }
}

// The sealed form: `[began, horizon, null or [full, position, …], lineage]`. Clients keep tokens across releases, and old
// and new instances run side by side during an upgrade, so each release must read what its neighbours write.
#[derive(Serialize, Deserialize)]
struct Plain(i64, u64, Option<Vec<PlainPart>>, #[serde(default)] Option<RandomId>);

// A walk is an array of `full` and one `[stamp, id]` per kind.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PlainPart {
    Full(bool),
    Position(u64, Option<String>),
}

impl PlainPart {
    fn from_walk(walk: &Walk) -> Vec<Self> {
        let positions = walk.positions.iter();
        let positions = positions
            .map(|position| Self::Position(to_number(position.stamp), position.behind.map(ObjectId::to_hex)));
        std::iter::once(Self::Full(walk.full)).chain(positions).collect()
    }

    fn into_walk(parts: Vec<Self>) -> Walk {
        let mut walk = Walk { full: false, positions: Vec::new() };
        for part in parts {
            match part {
                Self::Full(full) => walk.full = full,
                Self::Position(stamp, id) => walk.positions.push(StreamPosition {
                    stamp: to_stamp(stamp),
                    behind: id.and_then(|id| ObjectId::parse_str(id).ok()),
                }),
            }
        }
        walk
    }
}

fn context(user: ObjectId) -> Vec<u8> {
    [b"sync\0".as_slice(), &user.bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1_000;
    const ID: &str = "6b01676ced65d6cc747c3412";

    fn sealer() -> Sealer {
        Sealer::derive(&"0123456789abcdef0123456789abcdef".into(), &[]).unwrap()
    }

    fn token() -> SyncToken {
        let horizon = Timestamp { time: u32::MAX, increment: 7 };
        let within = StreamPosition { stamp: horizon, behind: ObjectId::parse_str(ID).ok() };
        let walk = Walk { full: true, positions: vec![within, StreamPosition { behind: None, ..within }] };
        SyncToken { began: DateTime::from_millis(1_000), horizon, walk: Some(walk) }
    }

    fn read(plain: &str) -> SyncToken {
        let (sealer, user) = (sealer(), ObjectId::new());
        let text = sealer.seal(&context(user), plain.as_bytes()).unwrap();
        SyncToken::open(&sealer, user, None, &text, DateTime::from_millis(1_000)).unwrap().unwrap()
    }

    #[test]
    fn only_its_user_can_read_a_token() {
        let (sealer, user) = (sealer(), ObjectId::new());
        for token in [token(), SyncToken { walk: None, ..token() }] {
            let text = token.seal(&sealer, user, None).unwrap();
            let open = |user| SyncToken::open(&sealer, user, None, &text, token.began).unwrap();
            assert_eq!(open(user), Some(token.clone()));
            assert_eq!(open(ObjectId::new()), None);
        }
    }

    #[test]
    fn the_sealed_form_is_the_same_in_every_release() {
        let (sealer, user) = (sealer(), ObjectId::new());
        let number = "18446744069414584327";
        let walking = format!(r#"[1000,{number},[true,[{number},"{ID}"],[{number},null]],null]"#);
        let resting = format!("[1000,{number},null,null]");
        for (token, plain) in [(token(), walking), (SyncToken { walk: None, ..token() }, resting)] {
            let text = token.seal(&sealer, user, None).unwrap();
            let opened = sealer.open(&context(user), &text).unwrap();
            assert_eq!(String::from_utf8(opened).unwrap(), plain);
            assert_eq!(read(&plain), token);
        }
    }

    #[test]
    fn a_token_with_more_or_fewer_kinds_can_be_read() {
        for kinds in 0..4 {
            let plain = format!("[1000,7,[false{}],null]", ",[9,null]".repeat(kinds));
            let stamp = Timestamp { time: 0, increment: 9 };
            let positions = vec![StreamPosition { stamp, behind: None }; kinds];
            assert_eq!(read(&plain).walk, Some(Walk { full: false, positions }));
        }
    }

    #[test]
    fn a_token_without_a_lineage_belongs_to_a_database_that_was_never_restored() {
        assert_eq!(read("[1000,7,null]").horizon, Timestamp { time: 0, increment: 7 });
    }

    #[test]
    fn a_token_is_valid_for_90_days_after_its_walk_began() {
        let (sealer, user) = (sealer(), ObjectId::new());
        let text = token().seal(&sealer, user, None).unwrap();
        let after =
            |millis| SyncToken::open(&sealer, user, None, &text, DateTime::from_millis(1_000 + millis));
        assert!(after(90 * DAY).unwrap().is_some());
        assert!(matches!(after(90 * DAY + 1), Err(Error::SyncTokenExpired)));
    }

    #[test]
    fn a_token_is_valid_only_in_its_lineage() {
        let (sealer, user, at) = (sealer(), ObjectId::new(), token().began);
        let lineages = [None, Some(RandomId::new()), Some(RandomId::new())];
        for made_in in lineages {
            let text = token().seal(&sealer, user, made_in).unwrap();
            for lineage in lineages {
                let opened = SyncToken::open(&sealer, user, lineage, &text, at);
                assert_eq!(opened.is_ok(), lineage == made_in);
                assert!(matches!(opened, Ok(Some(_)) | Err(Error::SyncTokenExpired)));
            }
        }
    }

    #[test]
    fn a_walk_begins_one_minute_below_the_horizon() {
        let start = |time| Walk::since(Timestamp { time, increment: 9 }, 2).positions[1];
        assert_eq!(start(100), StreamPosition { stamp: Timestamp { time: 40, increment: 0 }, behind: None });
        assert_eq!(start(3), WALK_START);
    }
}
