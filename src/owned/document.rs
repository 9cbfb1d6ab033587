//! One document of a user: inserting, reading and changing it.
//!
//! **Invariant:** every change that clients can see gets a change stamp: see [`crate::owned::collection`].

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, RawDocumentBuf, Timestamp, doc};
use mongodb::action::{Action, FindOne, FindOneAndUpdate};
use mongodb::options::{Hint, ReadConcern, ReturnDocument};

use super::collection::{OwnedBy, tombstone, with_next_version, with_stamp};
use super::{Owned, State};
use crate::error::Error;
use crate::mongo;
use crate::mongo::commands;
use crate::mongo::deferred::Deferred;
use crate::mongo::metrics::Command;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdUse {
    Free,
    ThisUser,
    OtherUser,
}

impl<T: Owned> OwnedBy<'_, T> {
    /// Returns the stored version, which is above 1 if the document replaces its tombstone, or `None` if the id is
    /// taken.
    pub async fn insert(&self, object: &T) -> Result<Option<i64>, Error> {
        // A plain insert costs the database a third less than an upsert. If it fails, an upsert finds out why: it replaces
        // a tombstone, or finds what the insert has written before its response was lost.
        self.settle(&[object.id()]).await?;
        let mut document = document(object)?;
        // The server replaces an empty timestamp by its logical time, as it replaces `$$CLUSTER_TIME`.
        document.insert("changed", Timestamp { time: 0, increment: 0 });
        let deferred = self.deferred_write(object.id());
        if Box::pin(commands::insert(self.collection(), document, deferred)).await? {
            return Ok(Some(object.version()));
        }
        let _at_once = self.wait_at_once().await?;
        let (gone, put) = self.addition(object)?;
        let put = self.collection().find_one_and_update(gone, put).hint(by_id());
        let put = put.upsert(true).return_document(ReturnDocument::After);
        match put.projection(doc! { "_id": 0, "version": 1 }).max_time(mongo::MAX_TIME).timed().await {
            Ok(Some(made)) => made.get_i64("version").map(Some).map_err(Error::internal),
            Ok(None) => Err(Error::internal("an upsert returned no document")),
            Err(error) if mongo::is_duplicate_key(&error) => {
                // The id is taken, by this user or another, unless an earlier attempt inserted this very document.
                Ok(self.is_durable(object).await?.then_some(object.version()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The upsert that inserts a document: its filter, which matches only a tombstone, and its pipeline.
    pub(super) fn addition(&self, object: &T) -> Result<(Document, Vec<Document>), Error> {
        let gone = doc! { "_id": object.id(), "owner_id": self.owner_id(), "state": State::Gone.word() };
        // Counts on from the tombstone, because a client may still hold an `ETag` of the removed document.
        let raised = doc! { "$add": [{ "$ifNull": ["$version", 0_i64] }, 1_i64] };
        let whole = doc! { "$mergeObjects": [whole(object, raised)?, T::inherited()] };
        Ok((gone, vec![doc! { "$replaceWith": whole }]))
    }

    /// A document, live or in the trash. Fails with [`Error::NotFound`] also for a document of another user.
    pub async fn get(&self, id: ObjectId) -> Result<T, Error> {
        self.find(id).await?.ok_or(Error::NotFound(T::RESOURCE))
    }

    /// Like [`OwnedBy::get`], with the certainty that a missing document stays gone.
    pub async fn get_or_confirm_gone(&self, id: ObjectId) -> Result<T, Error> {
        let found = match self.find(id).await? {
            // A linearizable read: after a local one, a rollback could bring the document back.
            None => self.find_durable(id).await?,
            found => found,
        };
        found.ok_or(Error::NotFound(T::RESOURCE))
    }

    pub async fn find(&self, id: ObjectId) -> Result<Option<T>, Error> {
        self.look_up(id, None).await
    }

    /// A document that an earlier attempt inserted, once a majority has it. Fails with [`Error::IdTaken`] if another user
    /// has a document with this id.
    pub async fn get_durable(&self, id: ObjectId) -> Result<T, Error> {
        if let Some(found) = self.find_durable(id).await? {
            return Ok(found);
        }
        if self.id_use(id).await? == IdUse::OtherUser {
            return Err(Error::IdTaken);
        }
        // Until a majority has the document, a rollback can remove it, so the client must repeat the request.
        Err(Error::unavailable("a majority may not have the document"))
    }

    /// Whether a majority has the document as it was `seen`, except for its pending effects, and everything that was
    /// written before. An operation must ask this before it reports success without a write of its own, because a
    /// rollback can undo the earlier write.
    pub async fn is_durable(&self, seen: &T) -> Result<bool, Error> {
        let mut found = self.find_durable(seen.id()).await?;
        // This instance may be clearing them at this moment.
        found.as_mut().map(|found| found.pending_effects().take());
        Ok(found.is_some_and(|found| found == *seen))
    }

    /// The document as a majority has it. Linearizable: after every write that was acknowledged before the call.
    pub async fn find_durable(&self, id: ObjectId) -> Result<Option<T>, Error> {
        self.look_up(id, Some(ReadConcern::linearizable())).await
    }

    async fn look_up(&self, id: ObjectId, concern: Option<ReadConcern>) -> Result<Option<T>, Error> {
        let found = self.find_stored(id, concern).await?;
        let found =
            found.filter(|stored| !stored.get_str("state").is_ok_and(|state| state == State::Gone.word()));
        found.map(|stored| T::read(&stored)).transpose()
    }

    /// The stored document, which may be a tombstone.
    async fn find_stored(
        &self,
        id: ObjectId,
        concern: Option<ReadConcern>,
    ) -> Result<Option<RawDocumentBuf>, Error> {
        self.settle(&[id]).await?;
        let stored = self.stored();
        // A filter on `_id` alone takes MongoDB's express path, which is about 25 % cheaper than `_id` plus `owner_id`. So
        // the owner is compared here.
        let deferred = self.deferred();
        // If all waits are deferred, what is read is confirmed with the writes.
        let found = match (deferred, concern) {
            (Some(deferred), _) => stored.find_one(doc! { "_id": id }).selection_criteria(deferred.primary()),
            (None, concern) => stored.find_one(doc! { "_id": id }).optional(concern, FindOne::read_concern),
        };
        let found = found.max_time(mongo::MAX_TIME).timed().await?;
        Ok(found.filter(|stored| {
            stored.get_object_id("owner_id").is_ok_and(|owner_id| owner_id == self.owner_id())
        }))
    }

    /// Who has a document with this id. Tombstones count.
    pub async fn id_use(&self, id: ObjectId) -> Result<IdUse, Error> {
        let found = self.collection().find_one(doc! { "_id": id }).projection(doc! { "owner_id": 1 });
        Ok(match found.max_time(mongo::MAX_TIME).timed().await? {
            None => IdUse::Free,
            Some(found) if found.get_object_id("owner_id").is_ok_and(|owner| owner == self.owner_id()) => {
                IdUse::ThisUser
            }
            Some(_) => IdUse::OtherUser,
        })
    }

    /// Replaces a document if its stored version and the note of its pending effects are still those that were `seen`.
    /// Returns whether it was replaced.
    pub async fn swap(&self, object: &T, seen: i64, note: Option<ObjectId>) -> Result<bool, Error> {
        let same = doc! {
            "_id": object.id(), "owner_id": self.owner_id(), "version": seen, "unfinished.id": note,
            "state": { "$ne": State::Gone.word() },
        };
        // Unknown fields stay, because another release of the service or the operator may need them.
        let over = doc! { "$replaceWith": { "$mergeObjects": ["$$ROOT", whole(object, object.version())?] } };
        let _rewriting = self.rewriting();
        if let Some(deferred) = self.deferred_write(object.id()) {
            let swapped = commands::update_one(self.collection(), same, vec![over], deferred);
            let swapped = Box::pin(swapped).await?;
            return Ok(swapped.unwrap_or_default());
        }
        let swap = self.collection().find_one_and_update(same, vec![over]);
        let swap = swap.projection(doc! { "_id": 1 }).hint(by_id());
        match swap.max_time(mongo::MAX_TIME).timed().await {
            // Another document has got the unique value since the caller looked. The caller must look again.
            Err(error) if mongo::is_duplicate_key(&error) => Ok(false),
            swapped => Ok(swapped?.is_some()),
        }
    }

    /// Sets fields of one document as its next version. The document stays unchanged if the expression `is_so` holds.
    /// `None` if `filter` does not match. No [derived](Owned::derived) field may depend on the fields.
    pub async fn set(
        &self,
        id: ObjectId,
        filter: Document,
        is_so: Document,
        set: Document,
        now: DateTime,
    ) -> Result<Option<T>, Error> {
        self.settle(&[id]).await?;
        let mut filter = self.owned_filter(filter);
        filter.insert("_id", id);
        let changed = doc! { "$mergeObjects": ["$$ROOT", with_stamp(with_next_version(set, now))] };
        // If `is_so` holds, the update is a no-op. MongoDB then still waits until a majority has the earlier writes.
        let change = doc! { "$replaceWith": { "$cond": [is_so, "$$ROOT", changed] } };
        if let Some(deferred) = self.deferred_write(id) {
            let (change, fields) = (vec![change], self.without_left_out());
            let set = commands::find_one_and_update(self.collection(), filter, change, fields, deferred);
            let set = Box::pin(set).await?;
            let set = set.map(|stored| RawDocumentBuf::try_from(&stored)).transpose();
            return set.map_err(Error::internal)?.map(|stored| self.read_part(&stored)).transpose();
        }
        let stored = self.stored();
        let set = stored.find_one_and_update(filter, vec![change]).return_document(ReturnDocument::After);
        let set = set.optional(self.without_left_out(), FindOneAndUpdate::projection);
        let set = set.hint(by_id()).max_time(mongo::MAX_TIME).timed().await?;
        set.map(|stored| self.read_part(&stored)).transpose()
    }

    /// Replaces a document by a tombstone if its version is still `seen`. With a note, its dependents are still to be
    /// removed. Returns whether it was replaced.
    pub async fn bury(
        &self,
        id: ObjectId,
        seen: i64,
        now: DateTime,
        note: Option<ObjectId>,
    ) -> Result<bool, Error> {
        let mut same = self.owned_filter(doc! { "version": seen, "state": { "$ne": State::Gone.word() } });
        same.insert("_id", id);
        let mut stages = vec![doc! { "$replaceWith": tombstone::<T>(now) }];
        stages.extend(note.map(|note| doc! { "$set": { "unfinished": { "since": now, "id": note } } }));
        Ok(self.objects().update_many(same, stages, self.deferred_write(id)).await? > 0)
    }

    fn deferred_write(&self, id: ObjectId) -> Option<&Deferred> {
        let deferred = self.deferred()?;
        deferred.note(id);
        Some(deferred)
    }

    /// Deletes the note with this id, unless a later one has replaced it.
    pub async fn clear_pending_effects(&self, id: ObjectId, note: Option<ObjectId>) -> Result<(), Error> {
        // Clients do not see this change.
        self.note(id, doc! { "unfinished.id": note }, doc! { "$unset": { "unfinished": "" } }).await
    }

    /// Changes fields that only the service itself uses, and therefore neither version nor stamp.
    pub(crate) async fn note(&self, id: ObjectId, filter: Document, update: Document) -> Result<(), Error> {
        let mut filter = self.owned_filter(filter);
        filter.insert("_id", id);
        self.collection().update_one(filter, update).hint(by_id()).timed().await?;
        Ok(())
    }
}

fn whole<T: Owned>(object: &T, version: impl Into<Bson>) -> Result<Document, Error> {
    let document = document(object)?;
    let stamp = with_stamp(doc! { "version": version.into() });
    // Without `$literal`, a value of a client such as "$owner_id" would be an expression.
    Ok(doc! { "$mergeObjects": [{ "$literal": document }, stamp] })
}

fn document<T: Owned>(object: &T) -> Result<Document, Error> {
    let mut document = bson::serialize_to_document(object).map_err(Error::internal)?;
    document.extend(object.derived());
    Ok(document)
}

fn by_id() -> Hint {
    // Without this hint, MongoDB would compare all indexes that begin with the owner.
    Hint::Name("_id_".to_owned())
}
