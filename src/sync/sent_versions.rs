//! The versions that an event stream has sent while it caught up, so that it does not send them again.

use std::collections::{HashMap, VecDeque};

use bson::oid::ObjectId;

// A stream goes live with at most `hub::BUFFER` changes that it may have sent already. They are among the last that it
// sent, except after a change of many objects at once, of which a client may see an earlier version once more.
const MAX: usize = 10_000;

#[derive(Default)]
pub struct SentVersions {
    by_id: HashMap<ObjectId, i64>,
    /// In the order in which the objects were first sent.
    order: VecDeque<ObjectId>,
}

impl SentVersions {
    pub fn note(&mut self, id: ObjectId, version: i64) {
        if self.by_id.insert(id, version).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }

    /// Whether this version of the object, or a later one, was sent.
    pub fn include(&self, id: ObjectId, version: i64) -> bool {
        self.by_id.get(&id).is_some_and(|sent| *sent >= version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_objects_are_remembered() {
        let id = |number: usize| {
            let mut bytes = [0; 12];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            ObjectId::from_bytes(bytes)
        };
        let mut sent = SentVersions::default();
        for number in 0..=MAX {
            sent.note(id(number), 2);
        }
        sent.note(id(MAX), 3);
        assert!(!sent.include(id(0), 1));
        assert!(sent.include(id(1), 2) && !sent.include(id(1), 3));
        assert!(sent.include(id(MAX), 3));
        assert_eq!((sent.by_id.len(), sent.order.len()), (MAX, MAX));
    }
}
