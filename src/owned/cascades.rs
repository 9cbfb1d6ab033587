//! Changes of many documents that a response has promised and that are not all written yet: see [`super::bulk`].
//!
//! The documents that wait form groups, and all documents of a group wait for the same changes, in the same order. A change
//! that comes while others wait is appended for the documents that both concern, so a document is written once.
//!
//! **Invariant:** a document leaves its group after its changes are written, and never gets them again. So a user who
//! then changes the document, even back into its earlier state, is not overruled.

use std::collections::HashSet;
use std::mem;
use std::sync::{Arc, Mutex};

use bson::oid::ObjectId;
use bson::{Document, doc};
use dashmap::{DashMap, Entry};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::State;
use super::note::{Note, lock};

/// Far fewer documents than MongoDB can change within `MAX_TIME`, and little enough work for one request.
pub const BATCH_MAX: usize = 250;

// Each user holds the ids of at most all todos, live and in the trash: 240 kB.
const USERS_MAX: usize = 100;
const CHANGES_MAX: usize = 8;
// Users take turns, so that one cascade does not wait for the whole of another.
const WRITERS: usize = 2;

/// A change of the documents for which the expression `only` holds.
pub struct Change {
    pub only: Document,
    pub to: Outcome,
    /// Whether `only` holds for every live one of the documents.
    pub is_for_all: bool,
    pub note: Arc<Note>,
}

pub enum Outcome {
    /// These fields get the values of these expressions.
    Set(Document),
    /// The document is replaced by this tombstone.
    Gone(Document),
}

impl Change {
    /// The stage of an update that makes the change, except for the change stamp.
    fn stage(&self) -> Document {
        let only = &self.only;
        match &self.to {
            // Field by field, so that MongoDB filters by all other fields first, where a query needs this stage.
            Outcome::Set(set) => {
                let set = set.iter().map(|(field, value)| {
                    let kept = format!("${field}");
                    (field.clone(), doc! { "$cond": [only.clone(), value.clone(), kept] }.into())
                });
                doc! { "$set": set.collect::<Document>() }
            }
            Outcome::Gone(tombstone) => {
                doc! { "$replaceWith": { "$cond": [only.clone(), tombstone.clone(), "$$ROOT"] } }
            }
        }
    }

    /// The stage of a query that shows the change.
    fn preview(&self) -> Document {
        match &self.to {
            Outcome::Set(_) => self.stage(),
            Outcome::Gone(_) => doc! { "$match": { "$expr": { "$not": [self.only.clone()] } } },
        }
    }

    /// Whether a document can be in this state after the change, if it `could` be before.
    fn allows(&self, state: State, could: bool) -> bool {
        match &self.to {
            Outcome::Gone(_) => could,
            Outcome::Set(set) => match set.get_str("state") {
                Ok(new) if new == State::Trash.word() && self.is_for_all => state != State::Live,
                Ok(_) => true,
                Err(_) => could,
            },
        }
    }
}

/// Documents that get the same changes, in one command.
pub struct Batch {
    pub ids: Vec<ObjectId>,
    /// Expressions, one of which holds for every document that any change concerns.
    pub only: Vec<Document>,
    pub stages: Vec<Document>,
}

impl Batch {
    pub fn of<'a>(ids: Vec<ObjectId>, changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let (only, stages) = changes.into_iter().map(|change| (change.only.clone(), change.stage())).unzip();
        Self { ids, only, stages }
    }
}

/// Documents that wait for the same changes, and the stages of a query that show them changed.
pub struct Preview {
    pub ids: Vec<ObjectId>,
    pub stages: Vec<Document>,
    /// States in which none of the documents will be.
    pub never: Vec<State>,
}

struct Group {
    ids: Vec<ObjectId>,
    changes: Vec<Arc<Change>>,
}

impl Group {
    fn batch(&self, ids: Vec<ObjectId>) -> Batch {
        Batch::of(ids, self.changes.iter().map(Arc::as_ref))
    }
}

/// What one user's documents wait for.
#[derive(Default)]
pub struct Cascade {
    /// Held while a batch is written and leaves its group.
    pub turn: tokio::sync::Mutex<()>,
    groups: Mutex<Vec<Group>>,
}

impl Cascade {
    fn append(&self, ids: Vec<ObjectId>, change: Change) {
        let (change, mut new) = (Arc::new(change), ids.iter().copied().collect::<HashSet<_>>());
        let mut groups = lock(&self.groups);
        for mut group in mem::take(&mut *groups) {
            let (both, rest): (Vec<_>, Vec<_>) = group.ids.iter().partition(|id| new.remove(*id));
            let changes = group.changes.iter().chain([&change]).cloned().collect();
            group.ids = rest;
            let both = Group { ids: both, changes };
            groups.extend([both, group].into_iter().filter(|group| !group.ids.is_empty()));
        }
        // In their order, because removals go from the leaves to the root.
        let ids: Vec<_> = ids.into_iter().filter(|id| new.contains(id)).collect();
        if !ids.is_empty() {
            groups.push(Group { ids, changes: vec![change] });
        }
    }

    pub fn concerns(&self, ids: &[ObjectId]) -> bool {
        lock(&self.groups).iter().any(|group| ids.iter().any(|id| group.ids.contains(id)))
    }

    pub fn batches_of(&self, ids: &[ObjectId]) -> Vec<Batch> {
        let of_group = |group: &Group| {
            let ids: Vec<_> = ids.iter().copied().filter(|id| group.ids.contains(id)).collect();
            (!ids.is_empty()).then(|| group.batch(ids))
        };
        lock(&self.groups).iter().filter_map(of_group).collect()
    }

    pub fn next_batch(&self) -> Option<Batch> {
        let groups = lock(&self.groups);
        let first = groups.first()?;
        Some(first.batch(first.ids.iter().take(BATCH_MAX).copied().collect()))
    }

    pub fn waiting(&self) -> Vec<ObjectId> {
        lock(&self.groups).iter().flat_map(|group| &group.ids).copied().collect()
    }

    pub fn previews(&self) -> Vec<Preview> {
        let preview = |group: &Group| {
            let could_be =
                |state: &State| group.changes.iter().fold(true, |could, change| change.allows(*state, could));
            let never = [State::Live, State::Trash].into_iter().filter(|state| !could_be(state)).collect();
            let stages = group.changes.iter().map(|change| change.preview()).collect();
            Preview { ids: group.ids.clone(), stages, never }
        };
        lock(&self.groups).iter().map(preview).collect()
    }

    /// Forgets the changes that a batch has written. The caller must release the notes of changes that are done.
    #[must_use]
    pub fn written(&self, batch: &Batch) -> Vec<Arc<Note>> {
        let (ids, count) = (batch.ids.iter().collect::<HashSet<_>>(), batch.stages.len());
        let (mut left, mut done) = (Vec::new(), Vec::new());
        let mut groups = lock(&self.groups);
        for Group { ids: all, changes } in mem::take(&mut *groups) {
            let (both, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|id| ids.contains(id));
            // Changes that came while the batch was being written.
            let later = changes.get(count..).unwrap_or_default().to_vec();
            if !both.is_empty() && !later.is_empty() {
                left.push(Group { ids: both, changes: later });
            }
            if rest.is_empty() {
                done.extend(changes);
            } else {
                left.push(Group { ids: rest, changes });
            }
        }
        *groups = left;
        done.into_iter().filter_map(|change| Some(Arc::into_inner(change)?.note)).collect()
    }

    fn is_deep(&self) -> bool {
        lock(&self.groups).iter().any(|group| group.changes.len() >= CHANGES_MAX)
    }

    fn find_note(&self, id: ObjectId) -> Option<Arc<Note>> {
        lock(&self.groups).iter().flat_map(|group| &group.changes).find_map(|change| change.note.find(id))
    }

    fn is_done(&self) -> bool {
        lock(&self.groups).is_empty()
    }
}

/// The cascades of all users, on this instance.
pub struct Cascades {
    by_owner: DashMap<ObjectId, Arc<Cascade>>,
    pub writers: Semaphore,
    /// The stop of the service closes it; what is left is resumed at the next start.
    pub tasks: TaskTracker,
}

impl Cascades {
    pub fn new(tasks: TaskTracker) -> Self {
        Self { by_owner: DashMap::new(), writers: Semaphore::new(WRITERS), tasks }
    }

    pub fn of(&self, owner_id: ObjectId) -> Option<Arc<Cascade>> {
        // Almost always empty, and then there is nothing to hash.
        if self.by_owner.is_empty() {
            return None;
        }
        self.by_owner.get(&owner_id).map(|cascade| cascade.clone())
    }

    /// Whether the owner, or all users together, have as much registered as there may be.
    pub fn is_full(&self, owner_id: ObjectId) -> bool {
        match self.of(owner_id) {
            Some(cascade) => cascade.is_deep(),
            None => self.by_owner.len() >= USERS_MAX,
        }
    }

    /// Returns whether the caller must start the task that writes the documents of this owner.
    #[must_use]
    pub fn register(&self, owner_id: ObjectId, ids: Vec<ObjectId>, change: Change) -> bool {
        // The entry stays locked, so that `forget` does not remove it in between.
        let entry = self.by_owner.entry(owner_id);
        let is_new = matches!(entry, Entry::Vacant(_));
        entry.or_default().append(ids, change);
        is_new
    }

    /// Returns whether nothing is left for this owner.
    pub fn forget(&self, owner_id: ObjectId) -> bool {
        // A new entry has a new task, so this one is not needed any more.
        self.by_owner.remove_if(&owner_id, |_, cascade| cascade.is_done()).is_some()
            || !self.by_owner.contains_key(&owner_id)
    }

    /// The note with this id, if everything that it stands for is registered.
    pub fn find_note(&self, owner_id: ObjectId, id: ObjectId) -> Option<Arc<Note>> {
        self.of(owner_id)?.find_note(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owned::note::release;

    fn change(note: &Arc<Note>) -> Change {
        Change { only: doc! {}, to: Outcome::Set(doc! {}), is_for_all: false, note: note.clone() }
    }

    fn ids(numbers: impl IntoIterator<Item = u8>) -> Vec<ObjectId> {
        numbers.into_iter().map(|number| ObjectId::from_bytes([number; 12])).collect()
    }

    #[test]
    fn a_change_that_comes_during_a_write_is_kept() {
        let (cascade, first, second) = (Cascade::default(), Note::none(), Note::none());
        cascade.append(ids(0..4), change(&first));
        let batch = cascade.batches_of(&ids(0..2)).remove(0);
        cascade.append(ids(1..6), change(&second));
        assert!(cascade.written(&batch).is_empty());
        assert!(!cascade.concerns(&ids([0])));
        let left: usize = cascade.previews().iter().map(|left| left.ids.len() * left.stages.len()).sum();
        // One change of 1, two of 2 and 3, and one of 4 and 5.
        assert_eq!(left, 7);
        let done = cascade.batches_of(&ids(2..4)).remove(0);
        assert_eq!(cascade.written(&done).len(), 1, "nothing waits for the first change any more");
        while let Some(batch) = cascade.next_batch() {
            drop(cascade.written(&batch));
        }
        assert!(cascade.is_done() && Arc::into_inner(second).is_some());
    }

    #[tokio::test]
    async fn a_note_is_cleared_after_everything_that_it_stands_for() {
        let cleared = Arc::new(Mutex::new(Vec::new()));
        let note = |id: u8| {
            let cleared = cleared.clone();
            Note::new(Some(ObjectId::from_bytes([id; 12])), move || {
                lock(&cleared).push(id);
                Box::pin(async { Ok(()) })
            })
        };
        let (earlier, later) = (note(1), note(2));
        let cascade = Cascade::default();
        cascade.append(ids([7]), change(&earlier));
        earlier.complete();
        release(earlier).await;
        let running = cascade.find_note(ObjectId::from_bytes([1; 12])).unwrap();
        running.precedes(later.clone());
        release(running).await;
        later.complete();
        release(later).await;
        assert!(lock(&cleared).is_empty());
        assert!(cascade.find_note(ObjectId::from_bytes([2; 12])).is_some());
        for note in cascade.written(&cascade.next_batch().unwrap()) {
            release(note).await;
        }
        assert_eq!(*lock(&cleared), [1, 2]);
    }
}
