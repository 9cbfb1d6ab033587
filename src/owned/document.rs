//! One object of a user: adding it, reading it, changing it. Must stamp every change that anyone sees: see
//! [`crate::owned::collection`].

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, RawDocumentBuf, Timestamp, doc};
use mongodb::action::{Action, FindOne};
use mongodb::options::{Hint, ReadConcern, ReturnDocument};

use super::collection::{OwnedBy, with_next_version, with_stamp};
use super::{Owned, State};
use crate::error::Error;
use crate::mongo;
use crate::mongo::commands;

impl<T: Owned> OwnedBy<'_, T> {
    /// Adds an object, in the place of its own tombstone if there is one, and says its version; `None` when the id is
    /// taken, by this user or another.
    ///
    /// Mostly that is one plain insert, which costs the database a third less than an upsert. When it does not get
    /// through, an upsert finds out why: it takes the place of a tombstone, or finds what the insert left.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert(&self, object: &T) -> Result<Option<i64>, Error> {
        let mut document = document(object)?;
        // The server puts the logical time in the place of an empty timestamp, as it does with `$$CLUSTER_TIME`.
        document.insert("changed", Timestamp { time: 0, increment: 0 });
        if commands::insert(self.collection(), document).await? {
            return Ok(Some(object.version()));
        }
        let (gone, put) = self.addition(object)?;
        let put = self.collection().find_one_and_update(gone, put).hint(by_id());
        let put = put.upsert(true).return_document(ReturnDocument::After);
        match put.projection(doc! { "_id": 0, "version": 1 }).max_time(mongo::MAX_TIME).await {
            Ok(Some(made)) => made.get_i64("version").map(Some).map_err(Error::internal),
            Ok(None) => Err(Error::internal("an upsert gave nothing back")),
            Err(error) if mongo::is_duplicate_key(&error) => {
                Ok(self.is_durable(object).await?.then_some(object.version()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The upsert that adds an object: its filter, which finds a tombstone at most, and its pipeline.
    pub(super) fn addition(&self, object: &T) -> Result<(Document, Vec<Document>), Error> {
        let gone = doc! { "_id": object.id(), "owner_id": self.owner_id(), "state": State::Gone.word() };
        let raised = doc! { "$add": [{ "$ifNull": ["$version", 0_i64] }, 1_i64] };
        Ok((gone, vec![doc! { "$replaceWith": whole(object, raised)? }]))
    }

    /// One object, live or in the trash.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id, or it is someone else's; [`Error::Unavailable`].
    pub async fn get(&self, id: ObjectId) -> Result<T, Error> {
        self.find(id).await?.ok_or(Error::NotFound(T::RESOURCE))
    }

    /// As [`OwnedBy::get`], for who wants it gone: that it is, is said once a majority has that.
    ///
    /// # Errors
    /// As [`OwnedBy::get`].
    pub async fn get_or_confirm_gone(&self, id: ObjectId) -> Result<T, Error> {
        let found = match self.find(id).await? {
            None => self.find_durable(id).await?,
            found => found,
        };
        found.ok_or(Error::NotFound(T::RESOURCE))
    }

    /// As [`OwnedBy::get`], `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find(&self, id: ObjectId) -> Result<Option<T>, Error> {
        self.look_up(id, None).await
    }

    /// What an earlier try has made under an id that nothing else has, once a majority has it: until then it may be lost.
    ///
    /// # Errors
    /// [`Error::Unavailable`], also when there is none.
    pub async fn get_durable(&self, id: ObjectId) -> Result<T, Error> {
        let found = self.find_durable(id).await?;
        found.ok_or_else(|| Error::unavailable("it is not known to last"))
    }

    /// Whether an object is as it was `seen`, once a majority has that, and everything that was written before: whoever
    /// has nothing to write because an earlier try has written it must ask this before saying so.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_durable(&self, seen: &T) -> Result<bool, Error> {
        let found = self.find_durable(seen.id()).await?;
        Ok(found.is_some_and(|found| found == *seen))
    }

    /// As [`OwnedBy::find`], once a majority has that, and everything that was written before.
    async fn find_durable(&self, id: ObjectId) -> Result<Option<T>, Error> {
        self.look_up(id, Some(ReadConcern::linearizable())).await
    }

    async fn look_up(&self, id: ObjectId, concern: Option<ReadConcern>) -> Result<Option<T>, Error> {
        let found = self.find_stored(id, concern).await?;
        let found =
            found.filter(|stored| !stored.get_str("state").is_ok_and(|state| state == State::Gone.word()));
        found.map(|stored| T::read(&stored)).transpose()
    }

    /// What is stored under an id, a tombstone too, if it is this user's. MongoDB looks up an id alone without a plan,
    /// for a quarter less than an id and more; so whose it is, is looked at here.
    async fn find_stored(
        &self,
        id: ObjectId,
        concern: Option<ReadConcern>,
    ) -> Result<Option<RawDocumentBuf>, Error> {
        let stored = self.stored();
        let found = stored.find_one(doc! { "_id": id }).optional(concern, FindOne::read_concern);
        let found = found.max_time(mongo::MAX_TIME).await?;
        Ok(found.filter(|stored| {
            stored.get_object_id("owner_id").is_ok_and(|owner_id| owner_id == self.owner_id())
        }))
    }

    /// Whether there is, or was, an object of this id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_used(&self, id: ObjectId) -> Result<bool, Error> {
        Ok(self.find_stored(id, None).await?.is_some())
    }

    /// Replaces an object if its stored version is still `seen`, and says whether it was.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn swap(&self, object: &T, seen: i64) -> Result<bool, Error> {
        let same = doc! {
            "_id": object.id(), "owner_id": self.owner_id(), "version": seen, "state": { "$ne": State::Gone.word() },
        };
        // What the document has beyond this, another version of the service may need.
        let over = doc! { "$replaceWith": { "$mergeObjects": ["$$ROOT", whole(object, object.version())?] } };
        let swap = self.collection().find_one_and_update(same, vec![over]);
        let swap = swap.projection(doc! { "_id": 1 }).hint(by_id());
        Ok(swap.max_time(mongo::MAX_TIME).await?.is_some())
    }

    /// Sets fields of one object in one round trip, one version up, and gives the object as it is then; it stays as it is
    /// where the expression `is_so` holds. `None` when the object is not as `filter` says, or there is none. Fields that
    /// are [derived](Owned::derived) must not depend on it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn set(
        &self,
        id: ObjectId,
        filter: Document,
        is_so: Document,
        set: Document,
        now: DateTime,
    ) -> Result<Option<T>, Error> {
        let mut filter = self.owned_filter(filter);
        filter.insert("_id", id);
        let changed = doc! { "$mergeObjects": ["$$ROOT", with_stamp(with_next_version(set, now))] };
        let change = doc! { "$replaceWith": { "$cond": [is_so, "$$ROOT", changed] } };
        let stored = self.stored();
        let set = stored.find_one_and_update(filter, vec![change]).return_document(ReturnDocument::After);
        let set = set.hint(by_id()).max_time(mongo::MAX_TIME).await?;
        set.map(|stored| T::read(&stored)).transpose()
    }

    /// Notes that nothing is left half done, if the version is still `seen`. No change that anyone sees.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn clear_pending_effects(&self, id: ObjectId, seen: i64) -> Result<(), Error> {
        self.note(id, doc! { "version": seen }, doc! { "$unset": { "unfinished": "" } }).await
    }

    /// Changes what is only for the service itself in an object that is as `filter` says.
    pub(crate) async fn note(&self, id: ObjectId, filter: Document, update: Document) -> Result<(), Error> {
        let mut filter = self.owned_filter(filter);
        filter.insert("_id", id);
        self.collection().update_one(filter, update).hint(by_id()).await?;
        Ok(())
    }
}

/// The expression for an object as it is stored, under a version that is an expression.
fn whole<T: Owned>(object: &T, version: impl Into<Bson>) -> Result<Document, Error> {
    let document = document(object)?;
    let stamp = with_stamp(doc! { "version": version.into() });
    // Values of clients are values, whatever they look like.
    Ok(doc! { "$mergeObjects": [{ "$literal": document }, stamp] })
}

/// An object as it is stored, but for the stamp.
fn document<T: Owned>(object: &T) -> Result<Document, Error> {
    let mut document = bson::serialize_to_document(object).map_err(Error::internal)?;
    document.extend(object.derived());
    Ok(document)
}

/// The hint that keeps the planner from weighing all indexes that begin with the owner.
fn by_id() -> Hint {
    Hint::Name("_id_".to_owned())
}
