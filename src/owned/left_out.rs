//! Remembers whose documents have fields that reads of many documents leave out: see [`super::Owned::LEFT_OUT`].
//!
//! A projection costs MongoDB a sixth of a page, and few users have such documents. So a read transfers whole documents until
//! it meets such a field, and from then on MongoDB leaves these fields out for this user.
//!
//! **Invariant:** the result of a read is the same with and without a projection.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bson::oid::ObjectId;

// Users share bits. A user with the bit of another one only pays for the projection.
const BITS: u64 = 1 << 20;

#[derive(Clone)]
pub struct LeftOut(Arc<[AtomicU64]>);

impl Default for LeftOut {
    fn default() -> Self {
        Self((0..BITS / 64).map(|_| AtomicU64::new(0)).collect())
    }
}

impl LeftOut {
    pub fn may_have(&self, owner_id: ObjectId) -> bool {
        let (word, bit) = place(owner_id);
        self.0[word].load(Ordering::Relaxed) & bit != 0
    }

    pub fn remember(&self, owner_id: ObjectId) {
        let (word, bit) = place(owner_id);
        self.0[word].fetch_or(bit, Ordering::Relaxed);
    }
}

fn place(owner_id: ObjectId) -> (usize, u64) {
    let mut hasher = DefaultHasher::new();
    owner_id.bytes().hash(&mut hasher);
    let bit = hasher.finish() % BITS;
    (usize::try_from(bit / 64).unwrap_or_default(), 1 << (bit % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_remembered_users_may_have_such_fields() {
        let (left_out, [ann, ben]) =
            (LeftOut::default(), [1, 2].map(|byte| ObjectId::from_bytes([byte; 12])));
        left_out.remember(ann);
        assert!(left_out.may_have(ann) && left_out.clone().may_have(ann) && !left_out.may_have(ben));
    }
}
