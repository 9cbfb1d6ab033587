//! The collections of objects that belong to users. Must not let anyone reach one without its owner, but for the
//! maintenance, which purges and ends what was cut off.
//!
//! Every write stamps `changed` with the replica set's logical time, in the one command that makes it visible and within
//! [`mongo::MAX_TIME`], so that a reader who reads a minute below the highest stamp that it has seen misses nothing.
//!
//! Repeating: an insert under the same id finds that it is there; a swap that is repeated finds the version raised; bulk
//! changes apply only to what is still in the state that they leave behind. Who finds nothing to write, because an
//! earlier try has written it, asks [`OwnedBy::is_durable`] before saying so.

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

/// How many the maintenance takes at a time.
const BATCH: i64 = 1_000;

/// A collection of objects that belong to users.
pub struct OwnedCollection<T: Owned>(Collection<Document>, PhantomData<fn() -> T>);

impl<T: Owned> Clone for OwnedCollection<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<T: Owned> OwnedCollection<T> {
    /// The objects of `db`.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self(db.collection(T::COLLECTION), PhantomData)
    }

    /// Creates the indexes that every kind needs, and `more`.
    ///
    /// # Errors
    /// See [`mongo::ensure_indexes`].
    pub async fn ensure_indexes(
        &self,
        more: impl IntoIterator<Item = IndexModel>,
    ) -> Result<(), PrepareError> {
        let only = |state: State| doc! { "state": state.word() };
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

    /// The objects of one user: the only door to any, but for the maintenance.
    #[must_use]
    pub fn of(&self, owner_id: ObjectId) -> OwnedBy<'_, T> {
        OwnedBy { objects: self, owner_id }
    }

    /// Turns what has been in the trash since before `deleted` into tombstones.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn purge(&self, deleted: DateTime, now: DateTime) -> Result<(), Error> {
        let old = doc! { "state": State::Trash.word(), "deleted_at": { "$lt": deleted } };
        loop {
            let found = self.0.find(old.clone()).projection(doc! { "_id": 1 }).limit(BATCH);
            let ids: Vec<Document> = found.max_time(mongo::MAX_TIME).await?.try_collect().await?;
            if ids.is_empty() {
                return Ok(());
            }
            let ids: Vec<_> = ids.into_iter().filter_map(|mut found| found.remove("_id")).collect();
            let mut filter = old.clone();
            filter.insert("_id", doc! { "$in": ids });
            self.update_many(filter, vec![tombstone(now)]).await?;
        }
    }

    /// What was left half done since before `since`, with its owner.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn with_pending_effects(&self, since: DateTime) -> Result<Vec<(ObjectId, T)>, Error> {
        let stored = self.0.clone_with_type::<RawDocumentBuf>();
        let found = stored.find(doc! { "unfinished.since": { "$lt": since } }).limit(BATCH);
        let mut found = found.max_time(mongo::MAX_TIME).await?;
        let mut left = Vec::new();
        while found.advance().await? {
            let owner_id = found.current().get_object_id("owner_id").map_err(Error::internal)?;
            left.push((owner_id, T::read(found.current())?));
        }
        Ok(left)
    }

    /// One bulk change by a pipeline, to which the stamp is added; says how many it changed.
    async fn update_many(&self, filter: Document, mut pipeline: Vec<Document>) -> Result<u64, Error> {
        pipeline.push(doc! { "$set": with_stamp(doc! {}) });
        commands::update_many(&self.0, filter, pipeline).await
    }
}

/// The fields that a change sets, with those that every change sets.
pub(super) fn with_next_version(mut set: Document, now: DateTime) -> Document {
    set.extend(doc! { "version": { "$add": ["$version", 1_i64] }, "updated_at": now });
    set
}

/// The fields with the stamp.
pub(super) fn with_stamp(mut fields: Document) -> Document {
    fields.insert("changed", "$$CLUSTER_TIME");
    fields
}

/// The stage that leaves of an object what sync has to remember.
fn tombstone(now: DateTime) -> Document {
    doc! { "$replaceWith": {
        "_id": "$_id", "owner_id": "$owner_id", "version": { "$add": ["$version", 1_i64] },
        "state": State::Gone.word(), "gone_at": now,
    } }
}

/// The objects of one user.
pub struct OwnedBy<'a, T: Owned> {
    objects: &'a OwnedCollection<T>,
    owner_id: ObjectId,
}

impl<T: Owned> OwnedBy<'_, T> {
    /// Whose they are.
    #[must_use]
    pub fn owner_id(&self) -> ObjectId {
        self.owner_id
    }

    /// Changes every object that `filter` names by the stages of a pipeline, one version up each, and says how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; some may have been changed then.
    pub async fn update_each(&self, filter: Document, set: Document, now: DateTime) -> Result<u64, Error> {
        self.objects
            .update_many(self.owned_filter(filter), vec![doc! { "$set": with_next_version(set, now) }])
            .await
    }

    /// Turns every object that `filter` names into a tombstone, and says how many.
    ///
    /// # Errors
    /// As [`OwnedBy::update_each`].
    pub async fn remove_each(&self, filter: Document, now: DateTime) -> Result<u64, Error> {
        let mut filter = self.owned_filter(filter);
        if !filter.contains_key("state") {
            filter.insert("state", doc! { "$ne": State::Gone.word() });
        }
        self.objects.update_many(filter, vec![tombstone(now)]).await
    }

    /// What a selection names, read as it is asked for. Each batch of the database is one round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`], before the first or after any.
    pub async fn stream(
        &self,
        selection: Selection,
    ) -> Result<impl Stream<Item = Result<T, Error>> + Send + use<T>, Error> {
        Ok(self.found(selection).await?.map(|stored| T::read(&stored?)))
    }

    /// As [`OwnedBy::stream`], all of it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn select(&self, selection: Selection) -> Result<Vec<T>, Error> {
        let (mut found, mut objects) = (self.found(selection).await?, Vec::new());
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

    /// How many `filter` names, counted by an index up to `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn count(&self, filter: Document, index: &str, limit: u64) -> Result<u64, Error> {
        let count = self.collection().count_documents(self.owned_filter(filter)).limit(limit);
        Ok(count.hint(Hint::Name(index.to_owned())).max_time(mongo::MAX_TIME).await?)
    }

    /// The documents that an aggregation makes of what `filter` names.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
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

    /// Removes everything, tombstones too: for the deletion of the user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_all(&self) -> Result<(), Error> {
        self.collection().delete_many(doc! { "owner_id": self.owner_id }).await?;
        Ok(())
    }

    pub(super) fn collection(&self) -> &Collection<Document> {
        &self.objects.0
    }

    /// The collection as bytes, for what is read without a document in between.
    pub(super) fn stored(&self) -> Collection<RawDocumentBuf> {
        self.objects.0.clone_with_type()
    }

    pub(super) fn owned_filter(&self, mut filter: Document) -> Document {
        filter.insert("owner_id", self.owner_id);
        filter
    }
}
