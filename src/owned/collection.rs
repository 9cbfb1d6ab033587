//! The collections of documents that belong to users: reading and changing many of them.
//!
//! Every write stamps `changed` with the replica set's logical time, in the one command that makes the write visible and
//! within [`mongo::MAX_TIME`]. A reader that starts a minute below the highest stamp that it has seen therefore misses
//! nothing: see [`crate::owned::change_stamp`].
//!
//! Every write can be repeated: a repeated insert finds its own document, a repeated swap finds a higher version, and
//! bulk changes match only documents that they have not changed yet. An operation that finds nothing to write, because an
//! earlier attempt has written it, asks [`OwnedBy::is_durable`] before it reports success.
//!
//! **Invariant:** documents are reached through [`OwnedCollection::of`], which knows their owner. Only the upkeep and the
//! migrations work on the documents of all users.

use std::marker::PhantomData;

use bson::oid::ObjectId;
use bson::{DateTime, Document, RawDocumentBuf, doc};
use futures_util::{Stream, StreamExt, TryStreamExt};
use mongodb::options::{Hint, IndexOptions};
use mongodb::{Collection, Cursor, IndexModel};

use super::{Owned, Selection, State, TOMBSTONE_TTL};
use crate::error::Error;
use crate::mongo::commands;
use crate::mongo::{self, Db, PrepareError};

// Far fewer documents than the upkeep can read and update within `MAX_TIME`.
const BATCH: i64 = 1_000;

pub struct OwnedCollection<T: Owned>(Collection<Document>, PhantomData<fn() -> T>);

impl<T: Owned> Clone for OwnedCollection<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<T: Owned> OwnedCollection<T> {
    pub fn new(db: &Db) -> Self {
        Self(db.collection(T::COLLECTION), PhantomData)
    }

    pub async fn ensure_indexes(
        &self,
        more: impl IntoIterator<Item = IndexModel>,
    ) -> Result<(), PrepareError> {
        let only = |state: State| doc! { "state": state.word() };
        // Partial and sparse: most documents are not in these three indexes, so their writes do not pay for them.
        let gone = IndexOptions::builder().name("removals".to_owned()).expire_after(TOMBSTONE_TTL);
        let gone = gone.partial_filter_expression(only(State::Gone)).build();
        let in_trash = IndexOptions::builder().partial_filter_expression(only(State::Trash)).build();
        let sparse = IndexOptions::builder().sparse(true).build();
        let common = [
            mongo::index(doc! { "owner_id": 1, "changed": 1, "_id": 1 }, IndexOptions::default()),
            mongo::index(doc! { "gone_at": 1 }, gone),
            mongo::index(doc! { "deleted_at": 1 }, in_trash),
            mongo::index(doc! { "unfinished.since": 1 }, sparse),
        ];
        mongo::ensure_indexes(&self.0, common.into_iter().chain(more)).await
    }

    pub fn of(&self, owner_id: ObjectId) -> OwnedBy<'_, T> {
        OwnedBy { objects: self, owner_id }
    }

    /// Removes documents that have been in the trash since before `deleted` and leaves tombstones.
    pub async fn purge(&self, deleted: DateTime, now: DateTime) -> Result<(), Error> {
        let old = doc! { "state": State::Trash.word(), "deleted_at": { "$lt": deleted } };
        loop {
            let found = self.0.find(old.clone()).projection(doc! { "_id": 1 }).limit(BATCH);
            let ids: Vec<Document> = found.max_time(mongo::MAX_TIME).await?.try_collect().await?;
            if ids.is_empty() {
                return Ok(());
            }
            let ids: Vec<_> = ids.into_iter().filter_map(|mut found| found.remove("_id")).collect();
            // Repeats the whole condition, because the document may have been restored after it was found.
            let mut filter = old.clone();
            filter.insert("_id", doc! { "$in": ids });
            self.update_many(filter, vec![tombstone(now)]).await?;
        }
    }

    /// Documents with side effects that have been pending since before `since`, each with its owner.
    pub async fn with_pending_effects(&self, since: DateTime) -> Result<Vec<(ObjectId, T)>, Error> {
        let stored = self.0.clone_with_type::<RawDocumentBuf>();
        // Documents beyond the limit wait for the next upkeep.
        let found = stored.find(doc! { "unfinished.since": { "$lt": since } }).limit(BATCH);
        let mut found = found.max_time(mongo::MAX_TIME).await?;
        let mut pending = Vec::new();
        while found.advance().await? {
            let owner_id = found.current().get_object_id("owner_id").map_err(Error::internal)?;
            pending.push((owner_id, T::read(found.current())?));
        }
        Ok(pending)
    }

    async fn update_many(&self, filter: Document, mut pipeline: Vec<Document>) -> Result<u64, Error> {
        // The last stage, because `$replaceWith` in an earlier stage would drop the stamp.
        pipeline.push(doc! { "$set": with_stamp(doc! {}) });
        commands::update_many(&self.0, filter, pipeline).await
    }
}

pub(super) fn with_next_version(mut set: Document, now: DateTime) -> Document {
    set.extend(doc! { "version": { "$add": ["$version", 1_i64] }, "updated_at": now });
    set
}

pub(super) fn with_stamp(mut fields: Document) -> Document {
    // The server replaces this variable by its logical time, which is independent of the clock of this process.
    fields.insert("changed", "$$CLUSTER_TIME");
    fields
}

fn tombstone(now: DateTime) -> Document {
    // Only the fields that sync needs to report the removal. `gone_at` lets the TTL index delete the tombstone.
    doc! { "$replaceWith": {
        "_id": "$_id", "owner_id": "$owner_id", "version": { "$add": ["$version", 1_i64] },
        "state": State::Gone.word(), "gone_at": now,
    } }
}

pub struct OwnedBy<'a, T: Owned> {
    objects: &'a OwnedCollection<T>,
    owner_id: ObjectId,
}

impl<T: Owned> OwnedBy<'_, T> {
    pub fn owner_id(&self) -> ObjectId {
        self.owner_id
    }

    /// Sets fields of every document that matches, as its next version. If this fails, some may have been changed.
    pub async fn update_each(&self, filter: Document, set: Document, now: DateTime) -> Result<u64, Error> {
        self.objects
            .update_many(self.owned_filter(filter), vec![doc! { "$set": with_next_version(set, now) }])
            .await
    }

    /// Replaces every document that matches by a tombstone. If this fails, some may have been removed.
    pub async fn remove_each(&self, filter: Document, now: DateTime) -> Result<u64, Error> {
        let mut filter = self.owned_filter(filter);
        // A repetition must not raise the version of a tombstone, which sync would report as another removal.
        if !filter.contains_key("state") {
            filter.insert("state", doc! { "$ne": State::Gone.word() });
        }
        self.objects.update_many(filter, vec![tombstone(now)]).await
    }

    /// Streams documents. Each batch of the database is one round trip, so an error can come after any document.
    pub async fn stream(
        &self,
        selection: Selection,
    ) -> Result<impl Stream<Item = Result<T, Error>> + Send + use<T>, Error> {
        Ok(self.found(selection).await?.map(|stored| T::read(&stored?)))
    }

    pub async fn select(&self, selection: Selection) -> Result<Vec<T>, Error> {
        let (mut found, mut objects) = (self.found(selection).await?, Vec::new());
        // Decodes from the buffer of the cursor, without a copy of each document.
        while found.advance().await? {
            objects.push(T::read(found.current())?);
        }
        Ok(objects)
    }

    async fn found(&self, selection: Selection) -> Result<Cursor<RawDocumentBuf>, Error> {
        let Selection { filter, sort, index, limit } = selection;
        let stored = self.stored();
        let found = stored.find(self.owned_filter(filter)).sort(sort).limit(limit);
        Ok(found.hint(Hint::Name(index.to_owned())).max_time(mongo::MAX_TIME).await?)
    }

    /// Counts matching documents in an index, up to `limit`.
    pub async fn count(&self, filter: Document, index: &str, limit: u64) -> Result<u64, Error> {
        let count = self.collection().count_documents(self.owned_filter(filter)).limit(limit);
        Ok(count.hint(Hint::Name(index.to_owned())).max_time(mongo::MAX_TIME).await?)
    }

    pub async fn aggregate(
        &self,
        filter: Document,
        stages: Vec<Document>,
        index: &str,
    ) -> Result<Vec<Document>, Error> {
        let stages = std::iter::once(doc! { "$match": self.owned_filter(filter) }).chain(stages);
        let made = self.collection().aggregate(stages).hint(Hint::Name(index.to_owned()));
        Ok(made.max_time(mongo::MAX_TIME).await?.try_collect().await?)
    }

    pub async fn ids(&self, filter: Document, index: &str) -> Result<Vec<ObjectId>, Error> {
        let found = self.aggregate(filter, vec![doc! { "$project": { "_id": 1 } }], index).await?;
        found.into_iter().map(|document| document.get_object_id("_id").map_err(Error::internal)).collect()
    }

    pub async fn delete_all(&self) -> Result<(), Error> {
        // Tombstones too, because a deleted user has no clients that could sync.
        self.collection().delete_many(doc! { "owner_id": self.owner_id }).await?;
        Ok(())
    }

    pub(super) fn collection(&self) -> &Collection<Document> {
        &self.objects.0
    }

    pub(super) fn stored(&self) -> Collection<RawDocumentBuf> {
        // Raw bytes are decoded directly, without a `Document` in between.
        self.objects.0.clone_with_type()
    }

    pub(super) fn owned_filter(&self, mut filter: Document) -> Document {
        // `insert` replaces an existing key, so no filter can name another owner.
        filter.insert("owner_id", self.owner_id);
        filter
    }
}
