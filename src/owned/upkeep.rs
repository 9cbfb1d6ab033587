//! What the upkeep does with the documents of all users: it removes old trash, and finds side effects that are pending.
//!
//! **Invariant:** a document that cannot be read or changed does not keep the others.

use bson::oid::ObjectId;
use bson::{DateTime, Document, RawDocument, RawDocumentBuf, doc};
use futures_util::TryStreamExt;

use super::collection::{OwnedCollection, tombstone};
use super::unreadable::set_aside;
use super::{Owned, State};
use crate::error::Error;
use crate::mongo;
use crate::mongo::metrics::Command;

// Far fewer documents than the upkeep can read and update within `MAX_TIME`.
const BATCH: i64 = 500;

/// A document whose side effects are still pending.
pub struct Pending<T> {
    pub owner_id: ObjectId,
    pub id: ObjectId,
    pub since: DateTime,
    pub document: Unfinished<T>,
}

pub enum Unfinished<T> {
    Kept(T),
    /// A tombstone whose dependents are being removed, with the id of its note.
    Gone(Option<ObjectId>),
    Unreadable,
}

fn unfinished<T: Owned>(stored: &RawDocument) -> Unfinished<T> {
    if stored.get_str("state").is_ok_and(|state| state == State::Gone.word()) {
        let note = stored.get_document("unfinished").and_then(|note| note.get_object_id("id"));
        return Unfinished::Gone(note.ok());
    }
    let read = T::read(stored).inspect_err(|error| set_aside::<T>(stored, error));
    read.map_or(Unfinished::Unreadable, Unfinished::Kept)
}

impl<T: Owned> OwnedCollection<T> {
    /// Removes documents that have been in the trash since before `deleted` and leaves tombstones. A document that
    /// cannot be removed does not keep the others.
    pub async fn purge(&self, deleted: DateTime, now: DateTime) -> Result<(), Error> {
        let old = doc! { "state": State::Trash.word(), "deleted_at": { "$lt": deleted } };
        let mut refused: Vec<ObjectId> = Vec::new();
        loop {
            let mut next = old.clone();
            next.insert("_id", doc! { "$nin": refused.clone() });
            let found = self.of_all().find(next).projection(doc! { "_id": 1 }).limit(BATCH);
            let found: Vec<Document> = found.max_time(mongo::MAX_TIME).timed().await?.try_collect().await?;
            if found.is_empty() {
                return Ok(());
            }
            let ids: Vec<_> = found.iter().filter_map(|found| found.get_object_id("_id").ok()).collect();
            // Repeats the whole condition, because the document may have been restored after it was found.
            refused.extend(
                self.update_batch(&old, &ids, vec![doc! { "$replaceWith": tombstone::<T>(now) }]).await?,
            );
        }
    }

    /// Up to 500 documents with side effects that have been pending since before `since`, those that wait longest first,
    /// after `last`.
    pub async fn with_pending_effects(
        &self,
        since: DateTime,
        last: Option<&Pending<T>>,
    ) -> Result<Vec<Pending<T>>, Error> {
        const SINCE: &str = "unfinished.since";
        let filter = match last {
            None => doc! { SINCE: { "$lt": since } },
            Some(last) => doc! { "$or": [
                { SINCE: { "$gt": last.since, "$lt": since } }, { SINCE: last.since, "_id": { "$gt": last.id } },
            ] },
        };
        let stored = self.of_all().clone_with_type::<RawDocumentBuf>();
        let found = stored.find(filter).sort(doc! { SINCE: 1, "_id": 1 }).limit(BATCH);
        let mut found = found.max_time(mongo::MAX_TIME).timed().await?;
        let mut pending = Vec::new();
        while found.advance().await? {
            let stored = found.current();
            let since =
                stored.get_document("unfinished").and_then(|unfinished| unfinished.get_datetime("since"));
            let (id, since) = (stored.get_object_id("_id"), since.map_err(Error::internal)?);
            let document = unfinished(stored);
            let owner_id = stored.get_object_id("owner_id").unwrap_or_default();
            let id = id.map_err(Error::internal)?;
            pending.push(Pending { owner_id, id, since, document });
        }
        Ok(pending)
    }

    /// Since when the longest side effects have been pending.
    pub async fn oldest_pending(&self) -> Result<Option<DateTime>, Error> {
        let pending = doc! { "unfinished.since": { "$gt": DateTime::MIN } };
        let oldest = self.of_all().find_one(pending).sort(doc! { "unfinished.since": 1 });
        let oldest =
            oldest.projection(doc! { "unfinished.since": 1 }).max_time(mongo::MAX_TIME).timed().await?;
        Ok(oldest
            .and_then(|found| found.get_document("unfinished").ok()?.get_datetime("since").ok().copied()))
    }

    /// Changes those of the documents that match, and returns the documents that cannot be changed.
    pub(super) async fn update_batch(
        &self,
        filter: &Document,
        ids: &[ObjectId],
        pipeline: Vec<Document>,
    ) -> Result<Vec<ObjectId>, Error> {
        let update = async |ids: &[ObjectId]| {
            let mut filter = filter.clone();
            filter.insert("_id", doc! { "$in": ids });
            self.update_many(filter, pipeline.clone(), None).await
        };
        match update(ids).await {
            Ok(_) => return Ok(Vec::new()),
            // One document fails the whole command, so each gets a command of its own.
            Err(Error::Internal(_)) => {}
            Err(error) => return Err(error),
        }
        let mut refused = Vec::new();
        for id in ids {
            match update(&[*id]).await {
                Ok(_) => {}
                Err(Error::Internal(error)) => {
                    tracing::error!(collection = T::COLLECTION, document = %id, %error, "a document cannot be changed");
                    refused.push(*id);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }
}
