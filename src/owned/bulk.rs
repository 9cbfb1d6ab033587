//! Changes of many documents of a user.
//!
//! Few documents are changed at once. If there are more, their changes are [registered](super::cascades), the request goes
//! on, and a task writes them batch by batch. Until then nobody can tell the difference on this instance: an operation on
//! one document first has the changes of this document written, and every query sees the documents as they will be. Sync
//! sends each document when it is written. Another instance shows a document as it was until it is written.
//!
//! What is left after a crash is still noted in the document that caused it: see [`super::update`].
//!
//! **Invariant:** the changes of one user are applied in the order in which they were requested.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};

use super::cascades::{BATCH_MAX, Batch, Cascade, Change, Outcome, Preview};
use super::collection::{OwnedBy, OwnedCollection, tombstone, with_next_version};
use super::note::{Note, release};
use super::{Owned, State};
use crate::error::Error;

const RETRY_DELAY: Duration = Duration::from_millis(500);
const RETRY_DELAY_MAX: Duration = Duration::from_secs(30);

/// Which documents a change concerns, as an expression, and what it sets. A repetition must find no such document.
pub struct BulkChange {
    pub only: Document,
    pub set: Document,
    /// Whether `only` holds for every live one of the documents.
    pub is_for_all: bool,
}

impl<T: Owned> OwnedBy<'_, T> {
    /// Changes each of these documents if the expression `only` holds for it, as its next version.
    pub async fn change_each(
        &self,
        ids: Vec<ObjectId>,
        BulkChange { only, set, is_for_all }: BulkChange,
        now: DateTime,
        note: &Arc<Note>,
    ) -> Result<(), Error> {
        let to = Outcome::Set(with_next_version(set, now));
        self.apply_each(ids, Change { only, to, is_for_all, note: note.clone() }).await
    }

    /// Replaces each of these documents by a tombstone if the expression `only` holds for it. Dependent documents come
    /// before those on which they depend.
    pub async fn remove_each(
        &self,
        ids: Vec<ObjectId>,
        only: Document,
        now: DateTime,
        note: &Arc<Note>,
    ) -> Result<(), Error> {
        let only = doc! { "$and": [{ "$ne": ["$state", State::Gone.word()] }, only] };
        let is_for_all = false;
        self.apply_each(
            ids,
            Change { only, to: Outcome::Gone(tombstone::<T>(now)), is_for_all, note: note.clone() },
        )
        .await
    }

    /// The note `note` in the document `id`.
    pub(super) fn note_in(&self, id: ObjectId, note: Option<ObjectId>) -> Arc<Note> {
        let (documents, owner_id) = (self.objects().clone(), self.owner_id());
        Note::new(note, move || {
            let documents = documents.clone();
            Box::pin(async move { documents.of(owner_id).clear_pending_effects(id, note).await })
        })
    }

    /// The note, if this instance is writing the changes of these documents that the note stands for.
    pub fn running(&self, note: ObjectId) -> Option<Arc<Note>> {
        self.cascades().find_note(self.owner_id(), note)
    }

    pub fn has_waiting(&self) -> bool {
        self.cascades().of(self.owner_id()).is_some()
    }

    /// The ids of all documents that may match: those that match as they are stored, and those that wait for a change.
    /// The change decides for each document, when its turn comes.
    pub async fn candidates(&self, filter: Document, index: &str) -> Result<Vec<ObjectId>, Error> {
        // First, because a document that is written in between can stop waiting before it is found.
        let cascade = self.cascades().of(self.owner_id());
        let waiting = cascade.map_or_else(Vec::new, |cascade| cascade.waiting());
        let mut ids = self.stored_ids(filter, index).await?;
        if !waiting.is_empty() {
            let found: HashSet<_> = ids.iter().copied().collect();
            ids.extend(waiting.into_iter().filter(|id| !found.contains(id)));
        }
        Ok(ids)
    }

    async fn apply_each(&self, ids: Vec<ObjectId>, change: Change) -> Result<(), Error> {
        if ids.len() <= BATCH_MAX {
            self.settle(&ids).await?;
            return self.write(&Batch::of(ids, [&change])).await;
        }
        let cascades = self.cascades();
        while cascades.is_full(self.owner_id()) {
            // Nothing to write means that the cascades of other users fill it.
            if !self.write_next().await? {
                tokio::time::sleep(RETRY_DELAY).await;
            }
        }
        if cascades.register(self.owner_id(), ids, change) {
            cascades.tasks.spawn(write_all(self.objects().clone(), self.owner_id()));
        }
        Ok(())
    }

    /// Writes the changes that these documents wait for.
    pub(super) async fn settle(&self, ids: &[ObjectId]) -> Result<(), Error> {
        let Some(cascade) = self.cascades().of(self.owner_id()) else { return Ok(()) };
        if !cascade.concerns(ids) {
            return Ok(());
        }
        let _turn = cascade.turn.lock().await;
        for batch in cascade.batches_of(ids) {
            self.write_registered(&cascade, &batch).await?;
        }
        Ok(())
    }

    /// Returns whether there was anything to write.
    async fn write_next(&self) -> Result<bool, Error> {
        let Some(cascade) = self.cascades().of(self.owner_id()) else { return Ok(false) };
        let _permit = self.cascades().writers.acquire().await.map_err(Error::internal)?;
        let _turn = cascade.turn.lock().await;
        let Some(batch) = cascade.next_batch() else { return Ok(false) };
        self.write_registered(&cascade, &batch).await?;
        Ok(true)
    }

    /// The caller must have the turn.
    async fn write_registered(&self, cascade: &Cascade, batch: &Batch) -> Result<(), Error> {
        self.write(batch).await?;
        for note in cascade.written(batch) {
            release(note).await;
        }
        Ok(())
    }

    async fn write(&self, batch: &Batch) -> Result<(), Error> {
        let only = doc! { "$expr": { "$or": batch.only.clone() } };
        // A document that refuses its change has been logged, and must not keep the others.
        let filter = self.owned_filter(only);
        self.objects().update_batch(&filter, &batch.ids, batch.stages.clone()).await.map(drop)
    }

    /// The stages of a query for documents as they will be. `filter` selects documents, and `top` sorts and limits those
    /// that wait for the same changes, and those that wait for none. `None` if no documents wait.
    pub(super) fn as_they_will_be(&self, filter: &Document, top: &[Document]) -> Option<Vec<Document>> {
        let waiting = self.cascades().of(self.owner_id())?.previews();
        let ids: Vec<_> = waiting.iter().flat_map(|preview| &preview.ids).copied().collect();
        let mut stages = vec![doc! { "$match": { "$and": [filter.clone(), { "_id": { "$nin": ids } }] } }];
        // MongoDB applies what it can of the filter before the changes. Every index except that of `_id` begins with the
        // owner, so without the owner MongoDB reads the documents by their ids. In another index, it would meet a document
        // twice that moves ahead while it is written. The ids are those of documents of the owner.
        let mut changed_filter = filter.clone();
        changed_filter.remove("owner_id");
        stages.extend_from_slice(top);
        for Preview { ids, stages: changes, never } in waiting {
            let wanted = filter.get_str("state").ok().and_then(State::of);
            if never.len() > 1 || wanted.is_some_and(|wanted| never.contains(&wanted)) {
                continue;
            }
            let mut changed = vec![doc! { "$match": { "_id": { "$in": ids } } }];
            changed.extend(changes);
            changed.push(doc! { "$match": changed_filter.clone() });
            changed.extend_from_slice(top);
            stages.push(doc! { "$unionWith": { "coll": T::COLLECTION, "pipeline": changed } });
        }
        Some(stages)
    }
}

/// Runs until nothing is left, or the service stops.
async fn write_all<T: Owned>(documents: OwnedCollection<T>, owner_id: ObjectId) {
    let (documents, mut delay) = (documents.of(owner_id), RETRY_DELAY);
    let cascades = documents.cascades();
    while !cascades.tasks.is_closed() {
        match documents.write_next().await {
            Ok(true) => delay = RETRY_DELAY,
            Ok(false) if cascades.forget(owner_id) => return,
            Ok(false) => {}
            Err(error) => {
                if delay == RETRY_DELAY {
                    tracing::warn!(user = %owner_id, %error, "cannot change documents, retrying");
                }
                tokio::time::sleep(delay).await;
                delay = (2 * delay).min(RETRY_DELAY_MAX);
            }
        }
    }
}
