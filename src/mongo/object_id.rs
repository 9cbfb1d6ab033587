//! Generating object ids, and their text form: 24 lower-case hex digits.
//!
//! **Invariant:** the service generates ids only here. The ids of the driver come from a counter: a user could create
//! objects under the ids that other users' requests would use next.

use std::sync::{Mutex, PoisonError};

use bson::DateTime;
use bson::oid::ObjectId;

use crate::crypto::random_id::random_bytes;
use crate::crypto::sha256::sha256;
use crate::error::Error;

// The distance between the random parts of two ids is random up to this, so that nobody can guess the next one.
const DISTANCE_MAX: u64 = 1 << 47;

// The random part of the newest id of this process.
static NEWEST: Mutex<Option<u64>> = Mutex::new(None);

// An id is not taken by chance, so a second attempt succeeds.
const ATTEMPTS_MAX: usize = 4;

/// A random id after the 4 bytes of the time in seconds. The random parts that one process generates ascend, because objects
/// of the same millisecond are sorted by their ids. About once in 200,000 ids they start again.
pub fn generate(now: DateTime) -> ObjectId {
    let seconds = now.timestamp_millis().div_euclid(1_000).clamp(0, i64::from(u32::MAX));
    let seconds = u32::try_from(seconds).unwrap_or_default();
    let random = u64::from_be_bytes(random_bytes());
    // The lock guards no data that a panic could leave broken.
    let mut newest = NEWEST.lock().unwrap_or_else(PoisonError::into_inner);
    let next = newest.and_then(|newest| newest.checked_add(1 + random % DISTANCE_MAX));
    // The start is in the lower half, so that there is room for what follows.
    let next = next.unwrap_or(random >> 1);
    *newest = Some(next);
    from_parts(seconds.to_be_bytes(), next.to_be_bytes())
}

/// An id to use if `id` is taken. It is always the same, so that every attempt of a request finds what another attempt has
/// stored under it.
pub fn alternative(id: ObjectId) -> ObjectId {
    let [a, b, c, d, ..] = id.bytes();
    from_parts([a, b, c, d], beginning(sha256(&id.bytes())))
}

/// The id of an imported object, which is always the same for the same `source` of the same owner.
pub fn derived(owner_id: ObjectId, source: &str) -> ObjectId {
    let hash = sha256(&[&owner_id.bytes()[..], b"\0", source.as_bytes()].concat());
    ObjectId::from_bytes(beginning(hash))
}

fn beginning<const N: usize>(hash: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|index| hash[index])
}

fn from_parts(seconds: [u8; 4], random: [u8; 8]) -> ObjectId {
    let mut bytes = [0; 12];
    let (head, tail) = bytes.split_at_mut(4);
    head.copy_from_slice(&seconds);
    tail.copy_from_slice(&random);
    ObjectId::from_bytes(bytes)
}

/// Calls `create` again while it fails with [`Error::IdTaken`]. It must use another id each time.
pub async fn until_free<T, F, Fut>(create: F) -> Result<T, Error>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    for _ in 1..ATTEMPTS_MAX {
        match create().await {
            Err(Error::IdTaken) => {}
            created => return created,
        }
    }
    create().await
}

pub fn parse(text: &str) -> Option<ObjectId> {
    // `parse_str` also accepts upper case. Every id has exactly one spelling in URLs and cursors.
    ObjectId::parse_str(text).ok().filter(|id| id.to_hex() == text)
}

/// For `#[serde(with)]`: an `ObjectId` as its 24 hex digits, in JSON.
pub mod hex {
    use bson::oid::ObjectId;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(id: &ObjectId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectId, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        ObjectId::parse_str(text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_by_unpredictable_distances() {
        let now = DateTime::from_millis(1_700_000_000_999);
        let ids: Vec<_> = (0..1_000).map(|_| generate(now)).collect();
        assert!(ids.iter().all(|id| id.bytes()[..4] == 1_700_000_000_u32.to_be_bytes()));
        let tail = |id: &ObjectId| id.bytes()[4..].iter().fold(0, |n: u64, byte| n << 8 | u64::from(*byte));
        let mut distances: Vec<_> =
            ids.windows(2).map(|pair| tail(&pair[1]).wrapping_sub(tail(&pair[0]))).collect();
        // The random part may start again once.
        assert!(distances.iter().filter(|distance| **distance > DISTANCE_MAX * 1_000).count() <= 1);
        distances.sort_unstable();
        distances.dedup();
        assert_eq!(distances.len(), 999);
        assert!(distances[100] > DISTANCE_MAX / 100, "the distances are small: {distances:?}");
    }

    #[test]
    fn an_alternative_is_always_the_same() {
        let id = generate(DateTime::from_millis(0));
        assert_eq!(alternative(id), alternative(id));
        assert_ne!(alternative(id), id);
        assert_ne!(alternative(alternative(id)), alternative(id));
        assert_eq!(alternative(id).bytes()[..4], id.bytes()[..4]);
    }
}
