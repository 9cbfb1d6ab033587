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
use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, RawDocument, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::options::{Hint, IndexOptions};
use mongodb::{Collection, IndexModel};
use tokio_util::task::TaskTracker;

use super::cascades::Cascades;
use super::left_out::LeftOut;
use super::rewrites::{Rewrites, Rewriting};
use super::{Owned, State, TOMBSTONE_TTL};
use crate::error::Error;
use crate::mongo::commands;
use crate::mongo::deferred::{AtOnce, Deferred};
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db, PrepareError};

const DELETED_AT_ONCE: i64 = 1_000;

pub struct OwnedCollection<T: Owned> {
    collection: Collection<Document>,
    cascades: Arc<Cascades>,
    rewrites: Rewrites,
    left_out: LeftOut,
    kind: PhantomData<fn() -> T>,
}

impl<T: Owned> Clone for OwnedCollection<T> {
    fn clone(&self) -> Self {
        Self {
            collection: self.collection.clone(),
            cascades: self.cascades.clone(),
            rewrites: self.rewrites.clone(),
            left_out: self.left_out.clone(),
            kind: PhantomData,
        }
    }
}

impl<T: Owned> OwnedCollection<T> {
    /// Work that goes on after a response becomes one of the `tasks`.
    pub fn new(db: &Db, tasks: &TaskTracker) -> Self {
        let cascades = Arc::new(Cascades::new(tasks.clone()));
        let (rewrites, left_out) = (Rewrites::default(), LeftOut::default());
        Self { collection: db.collection(T::COLLECTION), cascades, rewrites, left_out, kind: PhantomData }
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
        mongo::ensure_indexes(&self.collection, common.into_iter().chain(more)).await
    }

    pub async fn drop_index(&self, name: &str) -> Result<(), Error> {
        Ok(mongo::drop_index(&self.collection, name).await?)
    }

    pub fn of(&self, owner_id: ObjectId) -> OwnedBy<'_, T> {
        OwnedBy { objects: self, owner_id, deferred: None }
    }

    pub(super) fn of_all(&self) -> &Collection<Document> {
        &self.collection
    }

    pub(super) async fn update_many(
        &self,
        filter: Document,
        mut pipeline: Vec<Document>,
        deferred: Option<&Deferred>,
    ) -> Result<u64, Error> {
        let _rewriting = match filter.get_object_id("owner_id") {
            Ok(owner_id) => self.rewrites.of(owner_id),
            Err(_) => self.rewrites.of_all(),
        };
        // The last stage, because `$replaceWith` in an earlier stage would drop the stamp.
        pipeline.push(doc! { "$set": with_stamp(doc! {}) });
        commands::update_many(&self.collection, filter, pipeline, deferred).await
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

fn as_count(count: &Bson) -> Option<u64> {
    count.as_i64().or_else(|| count.as_i32().map(i64::from)).map(i64::unsigned_abs)
}

pub(super) fn tombstone<T: Owned>(now: DateTime) -> Document {
    // Only the fields that sync needs to report the removal. `gone_at` lets the TTL index delete the tombstone.
    let mut tombstone = doc! {
        "_id": "$_id", "owner_id": "$owner_id", "version": { "$add": ["$version", 1_i64] },
        "state": State::Gone.word(), "gone_at": now,
    };
    tombstone.extend(T::remains());
    tombstone
}

pub struct OwnedBy<'a, T: Owned> {
    objects: &'a OwnedCollection<T>,
    owner_id: ObjectId,
    deferred: Option<&'a Deferred>,
}

impl<'a, T: Owned> OwnedBy<'a, T> {
    /// With `deferred`, a write of one document without side effects leaves the wait for a majority to the caller.
    #[must_use]
    pub fn deferring(self, deferred: Option<&'a Deferred>) -> Self {
        Self { deferred, ..self }
    }

    pub(super) fn deferred(&self) -> Option<&'a Deferred> {
        self.deferred.filter(|deferred| deferred.is_deferring())
    }

    /// For a write with side effects: see [`Deferred`]. While the result exists, every write waits for a majority itself.
    pub async fn wait_at_once(&self) -> Result<Option<AtOnce<'a>>, Error> {
        match self.deferred {
            Some(deferred) => Box::pin(deferred.wait_at_once()).await.map(Some),
            None => Ok(None),
        }
    }
}

impl<T: Owned> OwnedBy<'_, T> {
    pub fn owner_id(&self) -> ObjectId {
        self.owner_id
    }

    /// Counts matching documents in an index, up to `limit`.
    pub async fn count(&self, filter: Document, index: &str, limit: u64) -> Result<u64, Error> {
        let (filter, index) = (self.owned_filter(filter), Hint::Name(index.to_owned()));
        let Some(mut stages) = self.as_they_will_be(&filter, &[]) else {
            let count = self.collection().count_documents(filter).limit(limit);
            return Ok(count.hint(index).max_time(mongo::MAX_TIME).timed().await?);
        };
        stages.push(doc! { "$count": "count" });
        let counted =
            self.collection().aggregate(stages).hint(index).max_time(mongo::MAX_TIME).timed().await?;
        let counted: Vec<Document> = counted.try_collect().await?;
        let count = counted.first().and_then(|counted| counted.get("count").and_then(as_count));
        Ok(count.unwrap_or_default().min(limit))
    }

    pub async fn aggregate(
        &self,
        filter: Document,
        stages: Vec<Document>,
        index: &str,
    ) -> Result<Vec<Document>, Error> {
        let filter = self.owned_filter(filter);
        let mut all = self.as_they_will_be(&filter, &[]).unwrap_or_else(|| vec![doc! { "$match": filter }]);
        all.extend(stages);
        let made = self.collection().aggregate(all).hint(Hint::Name(index.to_owned()));
        Ok(made.max_time(mongo::MAX_TIME).timed().await?.try_collect().await?)
    }

    /// The ids of documents that match as they are stored, even if they wait for a change.
    pub async fn stored_ids(&self, filter: Document, index: &str) -> Result<Vec<ObjectId>, Error> {
        let stages = [doc! { "$match": self.owned_filter(filter) }, doc! { "$project": { "_id": 1 } }];
        let found = self.collection().aggregate(stages).hint(Hint::Name(index.to_owned()));
        let found: Vec<Document> = found.max_time(mongo::MAX_TIME).timed().await?.try_collect().await?;
        found.into_iter().map(|document| document.get_object_id("_id").map_err(Error::internal)).collect()
    }

    /// Deletes all documents of the owner, batch by batch. After an error, some may have been deleted.
    pub async fn delete_all(&self) -> Result<(), Error> {
        // Tombstones too, because a deleted user has no clients that could sync.
        let all = doc! { "owner_id": self.owner_id };
        let _rewriting = self.rewriting();
        loop {
            let found =
                self.collection().find(all.clone()).projection(doc! { "_id": 1 }).limit(DELETED_AT_ONCE);
            let found: Vec<Document> = found.max_time(mongo::MAX_TIME).timed().await?.try_collect().await?;
            if found.is_empty() {
                return Ok(());
            }
            let ids: Vec<_> = found.iter().filter_map(|found| found.get("_id").cloned()).collect();
            let batch = self.owned_filter(doc! { "_id": { "$in": ids } });
            self.collection().delete_many(batch).hint(Hint::Name("_id_".to_owned())).timed().await?;
        }
    }

    pub(super) fn objects(&self) -> &OwnedCollection<T> {
        self.objects
    }

    /// How often this process has changed or removed documents of the owner.
    pub fn rewrites(&self) -> u64 {
        self.objects.rewrites.count(self.owner_id)
    }

    pub(super) fn rewriting(&self) -> Rewriting<'_> {
        self.objects.rewrites.of(self.owner_id)
    }

    pub(super) fn cascades(&self) -> &Cascades {
        &self.objects.cascades
    }

    pub(super) fn collection(&self) -> &Collection<Document> {
        &self.objects.collection
    }

    pub(super) fn stored(&self) -> Collection<RawDocumentBuf> {
        // Raw bytes are decoded directly, without a `Document` in between.
        self.objects.collection.clone_with_type()
    }

    /// The projection of a read of many documents, if one is worth its cost.
    pub(super) fn without_left_out(&self) -> Option<Document> {
        let fields = || T::LEFT_OUT.iter().map(|field| ((*field).to_owned(), Bson::Int32(0))).collect();
        self.objects.left_out.may_have(self.owner_id).then(fields)
    }

    /// Reads a document without the fields that reads of many documents leave out.
    pub(super) fn read_part(&self, stored: &RawDocument) -> Result<T, Error> {
        let mut object = T::read(stored)?;
        if object.leave_out() {
            self.objects.left_out.remember(self.owner_id);
        }
        Ok(object)
    }

    pub(super) fn owned_filter(&self, mut filter: Document) -> Document {
        // `insert` replaces an existing key, so no filter can name another owner.
        filter.insert("owner_id", self.owner_id);
        filter
    }
}
