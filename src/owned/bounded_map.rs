//! A concurrent map that forgets entries instead of growing without bound: first those that have expired, then those
//! that would expire next.
//!
//! **Invariant:** the map holds at most `max` entries, plus one for each thread that inserts at the same moment.

use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use dashmap::DashMap;

pub trait Expires {
    /// Milliseconds since 1970.
    fn expires_at(&self) -> i64;
}

pub struct BoundedMap<K, V> {
    entries: DashMap<K, V>,
    max: usize,
    evicting: Mutex<()>,
}

impl<K: Eq + Hash, V: Expires + Clone> BoundedMap<K, V> {
    pub fn new(max: usize) -> Self {
        Self { entries: DashMap::new(), max, evicting: Mutex::new(()) }
    }

    pub fn get(&self, key: &K) -> Option<V> {
        self.entries.get(key).map(|entry| entry.clone())
    }

    /// An entry that has not expired at `now`, in milliseconds since 1970.
    pub fn get_unexpired(&self, key: &K, now: i64) -> Option<V> {
        self.get(key).filter(|value| value.expires_at() > now)
    }

    pub fn insert(&self, key: K, value: V, now: i64) {
        self.make_room(now);
        self.entries.insert(key, value);
    }

    /// Changes an entry, which starts as `initial` if it is missing or has expired.
    pub fn update<R>(&self, key: K, initial: V, now: i64, change: impl FnOnce(&mut V) -> R) -> R {
        self.make_room(now);
        // After `make_room`, because a held entry locks its shard and `retain` locks every shard.
        let mut entry = self.entries.entry(key).or_insert_with(|| initial.clone());
        if entry.expires_at() <= now {
            *entry = initial;
        }
        change(&mut entry)
    }

    /// Changes an entry if it exists, expired or not.
    pub fn update_existing<R>(&self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        self.entries.get_mut(key).map(|mut entry| change(&mut entry))
    }

    pub fn remove(&self, key: &K) {
        self.entries.remove(key);
    }

    /// Lets `change` change an entry, and removes the entry if `change` returns true.
    pub fn remove_if(&self, key: &K, change: impl FnOnce(&mut V) -> bool) {
        self.entries.remove_if_mut(key, |_, value| change(value));
    }

    fn make_room(&self, now: i64) {
        if self.entries.len() < self.max {
            return;
        }
        // The lock guards no data, so the panic of another thread left nothing broken.
        let _evicting = self.evicting.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have made room while this one waited for the lock.
        if self.entries.len() < self.max {
            return;
        }
        self.entries.retain(|_, entry| entry.expires_at() > now);
        let mut expiries: Vec<i64> = self.entries.iter().map(|entry| entry.expires_at()).collect();
        // A tenth at once, because each eviction looks at every entry.
        let mut excess = expiries.len().saturating_sub(self.max - self.max.div_ceil(10));
        if excess == 0 {
            return;
        }
        let (_, &mut last_evicted, _) = expiries.select_nth_unstable(excess - 1);
        // Many entries may expire at the same moment, so `excess` limits how many of them go.
        self.entries.retain(|_, entry| {
            let is_evicted = excess > 0 && entry.expires_at() <= last_evicted;
            excess -= usize::from(is_evicted);
            !is_evicted
        });
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Until(i64);

    impl Expires for Until {
        fn expires_at(&self) -> i64 {
            self.0
        }
    }

    #[test]
    fn a_full_map_forgets_expired_entries_first() {
        let map = BoundedMap::new(100);
        for key in 0..100 {
            map.insert(key, Until(if key < 50 { 10 } else { 20 }), 0);
        }
        map.insert(100, Until(20), 10);
        assert_eq!(map.len(), 51);
        assert!(map.get(&49).is_none() && map.get(&50).is_some());
    }

    #[test]
    fn a_full_map_without_expired_entries_forgets_the_tenth_that_expires_next() {
        let map = BoundedMap::new(100);
        for key in 0..=100 {
            map.insert(key, Until(1_000 + key), 0);
        }
        assert_eq!(map.len(), 91);
        assert!(map.get(&9).is_none() && map.get(&10).is_some());
    }

    #[test]
    fn a_full_map_of_entries_that_expire_together_forgets_a_tenth() {
        let map = BoundedMap::new(100);
        for key in 0..=100 {
            map.insert(key, Until(1_000), 0);
        }
        assert_eq!(map.len(), 91);
    }

    #[test]
    fn an_update_starts_over_when_the_entry_has_expired() {
        let map = BoundedMap::new(100);
        let add = |now| {
            map.update("key", Until(5), now, |entry| {
                entry.0 += 1;
                entry.0
            })
        };
        assert_eq!([add(0), add(0), add(6), add(8)], [6, 7, 8, 6]);
    }
}
