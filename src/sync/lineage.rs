//! The lineage of the database: which restore it comes from, and whether that restore is complete.

use bson::{DateTime, Document, doc};
use mongodb::Collection;
use mongodb::error::Error as DriverError;
use tokio::sync::OnceCell;

use crate::crypto::random_id::RandomId;
use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db};

pub const COLLECTION: &str = "lineage";

/// A random id that each restore creates, so that tokens of a state that a restore has undone are rejected. A database
/// that was never restored has none.
///
/// A restore writes the lineage document without an id before anything else, and adds the id after everything else. So
/// a document without an id means that the database is incomplete.
pub struct Lineage {
    documents: Collection<Document>,
    cached: OnceCell<Option<RandomId>>,
}

impl Lineage {
    pub fn new(db: &Db) -> Self {
        Self { documents: db.collection(COLLECTION), cached: OnceCell::new() }
    }

    pub async fn id(&self) -> Result<Option<RandomId>, Error> {
        let read = async || {
            let found =
                self.documents.find_one(doc! { "_id": "lineage" }).max_time(mongo::MAX_TIME).timed().await?;
            let Some(found) = found else { return Ok(None) };
            found.get_str("id").map_err(Error::internal)?.parse().map(Some).map_err(Error::internal)
        };
        // Once per process, because a restore needs a database that no service uses.
        self.cached.get_or_try_init(read).await.copied()
    }

    pub async fn is_unfinished(&self) -> Result<bool, DriverError> {
        // The restore may still be running, or have failed.
        let unfinished = doc! { "_id": "lineage", "id": { "$exists": false } };
        Ok(self.documents.find_one(unfinished).max_time(mongo::MAX_TIME).timed().await?.is_some())
    }

    /// Returns `false`, and changes nothing, if the database has a lineage already.
    pub async fn begin(&self, now: DateTime) -> Result<bool, Error> {
        match self.documents.insert_one(doc! { "_id": "lineage", "begun_at": now }).timed().await {
            Ok(_) => Ok(true),
            Err(error) if mongo::is_duplicate_key(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub async fn finish(&self, now: DateTime) -> Result<(), Error> {
        let complete = doc! { "id": RandomId::new().to_string(), "restored_at": now };
        self.documents.replace_one(doc! { "_id": "lineage" }, complete).timed().await?;
        Ok(())
    }

    /// For a failed restore that has emptied the database again.
    pub async fn give_up(&self) -> Result<(), Error> {
        self.documents.delete_one(doc! { "_id": "lineage" }).timed().await?;
        Ok(())
    }
}
