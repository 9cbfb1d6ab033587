//! The collection `imports`: what each import of a user has done, for its progress and its undo.
//!
//! **Invariant:** every query contains the owner's id.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Binary, DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::{IndexOptions, ReturnDocument};

use super::model::{Import, ImportState};
use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db, PrepareError};

pub const COLLECTION: &str = "imports";

/// Per user. The oldest are forgotten first.
pub const IMPORTS_MAX: u64 = 20;

#[derive(Clone)]
pub struct Imports(Collection<Import>);

impl Imports {
    pub fn new(db: &Db) -> Self {
        Self(db.collection(COLLECTION))
    }

    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let ttl = IndexOptions::builder().expire_after(Duration::ZERO).build();
        let indexes = [
            mongo::index(doc! { "owner_id": 1 }, IndexOptions::default()),
            mongo::index(doc! { "expires_at": 1 }, ttl),
        ];
        mongo::ensure_indexes(&self.0, indexes).await
    }

    pub async fn find(&self, id: ObjectId, owner_id: ObjectId) -> Result<Option<Import>, Error> {
        let own = doc! { "_id": id, "owner_id": owner_id };
        Ok(self.0.find_one(own).max_time(mongo::MAX_TIME).timed().await?)
    }

    /// The newest first, without the ids of what they have created.
    pub async fn all_of(&self, owner_id: ObjectId) -> Result<Vec<Import>, Error> {
        let fields = doc! { "created_lists": 0, "created_todos": 0 };
        let found = self.0.find(doc! { "owner_id": owner_id }).sort(doc! { "started_at": -1, "_id": 1 });
        Ok(found.projection(fields).max_time(mongo::MAX_TIME).timed().await?.try_collect().await?)
    }

    /// Stores an import that begins, in place of an earlier attempt.
    pub async fn begin(&self, import: &Import) -> Result<(), Error> {
        let own = doc! { "_id": import.id, "owner_id": import.owner_id };
        self.0.replace_one(own, import).upsert(true).timed().await?;
        Ok(())
    }

    /// Makes room for another import of the user.
    pub async fn forget_oldest(&self, owner_id: ObjectId) -> Result<(), Error> {
        let of_user = doc! { "owner_id": owner_id };
        let stored = self.0.clone_with_type::<Document>();
        let old = stored.find(of_user).sort(doc! { "started_at": -1 }).skip(IMPORTS_MAX - 1);
        let old: Vec<Document> =
            old.projection(doc! { "_id": 1 }).max_time(mongo::MAX_TIME).timed().await?.try_collect().await?;
        let ids: Vec<_> = old.iter().filter_map(|import| import.get("_id").cloned()).collect();
        self.0.delete_many(doc! { "_id": { "$in": ids }, "owner_id": owner_id }).timed().await?;
        Ok(())
    }

    pub async fn set_written(&self, import: &Import, written: i64, now: DateTime) -> Result<(), Error> {
        let set = doc! { "$set": { "written": written, "updated_at": now } };
        self.0.update_one(running(import), set).timed().await?;
        Ok(())
    }

    /// Returns the import as it is then.
    pub async fn set_state(
        &self,
        import: &Import,
        state: ImportState,
        now: DateTime,
    ) -> Result<Option<Import>, Error> {
        let state = bson::serialize_to_bson(&state).map_err(Error::internal)?;
        let set = doc! { "$set": { "state": state, "updated_at": now } };
        let own = doc! { "_id": import.id, "owner_id": import.owner_id };
        let set = self.0.find_one_and_update(own, set).return_document(ReturnDocument::After);
        Ok(set.max_time(mongo::MAX_TIME).timed().await?)
    }

    pub async fn delete_all_of(&self, owner_id: ObjectId) -> Result<(), Error> {
        self.0.delete_many(doc! { "owner_id": owner_id }).timed().await?;
        Ok(())
    }
}

fn running(import: &Import) -> Document {
    doc! { "_id": import.id, "owner_id": import.owner_id, "state": "running" }
}

/// The ids of both, each once.
pub fn united(earlier: Option<&Binary>, ids: impl IntoIterator<Item = ObjectId>) -> Binary {
    let mut all = super::model::unpacked(earlier);
    all.extend(ids);
    all.sort_unstable();
    all.dedup();
    super::model::packed(all)
}
