//! Which restore the database comes from, and whether it is whole. Must not decide what follows from it.

use bson::{DateTime, Document, doc};
use mongodb::Collection;
use mongodb::error::Error as DriverError;
use tokio::sync::OnceCell;

use crate::crypto::random_id::RandomId;
use crate::error::Error;
use crate::mongo::{self, Db};

pub const COLLECTION: &str = "lineage";

/// What tells the present state of the database from one that a restore has undone: a random id, which each restore
/// makes. A database that was never restored has none. It is read once: a restore needs a database without a service.
///
/// It tells, too, whether the database is whole: a restore writes the document without an id before anything else, and
/// the id when nothing else is left to write.
pub struct Lineage {
    documents: Collection<Document>,
    read: OnceCell<Option<RandomId>>,
}

impl Lineage {
    /// The lineage of `db`.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self { documents: db.collection(COLLECTION), read: OnceCell::new() }
    }

    /// The id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn id(&self) -> Result<Option<RandomId>, Error> {
        let read = async || {
            let found = self.documents.find_one(doc! { "_id": "lineage" }).max_time(mongo::MAX_TIME).await?;
            let Some(found) = found else { return Ok(None) };
            found.get_str("id").map_err(Error::internal)?.parse().map(Some).map_err(Error::internal)
        };
        self.read.get_or_try_init(read).await.copied()
    }

    /// Whether there is a restore that did not end, or has not yet.
    ///
    /// # Errors
    /// The driver's.
    pub async fn is_unfinished(&self) -> Result<bool, DriverError> {
        let unfinished = doc! { "_id": "lineage", "id": { "$exists": false } };
        Ok(self.documents.find_one(unfinished).max_time(mongo::MAX_TIME).await?.is_some())
    }

    /// Marks the database as one that is being restored; `false` when it has a lineage already, which stays as it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin(&self, now: DateTime) -> Result<bool, Error> {
        match self.documents.insert_one(doc! { "_id": "lineage", "begun_at": now }).await {
            Ok(_) => Ok(true),
            Err(error) if mongo::is_duplicate_key(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the restored database its id, which takes the mark away.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn finish(&self, now: DateTime) -> Result<(), Error> {
        let new = doc! { "id": RandomId::new().to_string(), "restored_at": now };
        self.documents.replace_one(doc! { "_id": "lineage" }, new).await?;
        Ok(())
    }

    /// Takes the mark away from a database that has been emptied again.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn give_up(&self) -> Result<(), Error> {
        self.documents.delete_one(doc! { "_id": "lineage" }).await?;
        Ok(())
    }
}
