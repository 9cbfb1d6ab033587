//! Tells whether this process has changed documents of a user since an earlier moment, so that a cache knows what it must
//! read again.
//!
//! **Invariant:** a number that is the same before a read and now means that no change has finished in between.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bson::oid::ObjectId;

// Users share counters. A user with the counter of a busy one only reads more often.
const COUNTERS: usize = 1_024;

#[derive(Clone)]
pub struct Rewrites(Arc<[AtomicU64]>);

/// Counts when it is dropped, so that a write counts whatever becomes of its request.
pub struct Rewriting<'a>(&'a [AtomicU64]);

impl Default for Rewrites {
    fn default() -> Self {
        Self((0..COUNTERS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Rewrites {
    pub fn count(&self, owner_id: ObjectId) -> u64 {
        self.0[index(owner_id)].load(Ordering::SeqCst)
    }

    pub fn of(&self, owner_id: ObjectId) -> Rewriting<'_> {
        let index = index(owner_id);
        Rewriting(&self.0[index..=index])
    }

    pub fn of_all(&self) -> Rewriting<'_> {
        Rewriting(&self.0)
    }
}

impl Drop for Rewriting<'_> {
    fn drop(&mut self) {
        for counter in self.0 {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn index(owner_id: ObjectId) -> usize {
    let mut hasher = DefaultHasher::new();
    owner_id.bytes().hash(&mut hasher);
    usize::try_from(hasher.finish() % COUNTERS as u64).unwrap_or_default()
}
