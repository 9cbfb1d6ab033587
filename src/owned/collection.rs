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
use futures_util::TryStreamExt;
use mongodb::options::{Hint, IndexOptions};
use mongodb::{Collection, IndexModel};

use super::{Owned, State, TOMBSTONE_TTL};
use crate::error::Error;
use crate::mongo::commands;
use crate::mongo::{self, Db, PrepareError};

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

    pub(super) fn of_all(&self) -> &Collection<Document> {
        &self.0
    }

    pub(super) async fn update_many(
        &self,
        filter: Document,
        mut pipeline: Vec<Document>,
    ) -> Result<u64, Error> {
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

pub(super) fn tombstone(now: DateTime) -> Document {
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
