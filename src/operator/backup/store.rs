//! All collections of the database, as raw documents. Must not know of any document more than what a restore changes.
//!
//! A restore changes three things, since the state that it brings back is older than what clients have seen:
//!
//! - Stamps become those of this replica set: whoever reads changes here compares them with its logical time.
//! - Every session is over. Refresh tokens need a session, and none is in a backup: else tokens that were replaced or
//!   logged out since would be good again, and those that replaced them would look like copies. Access tokens end by an
//!   entry in the blacklist for each user and a raised epoch, higher than any that was counted up to since.
//! - The database gets a new lineage, so that sync tokens of what is undone are told from its own: see
//!   [`crate::sync::lineage::Lineage`].

use std::time::Duration;

use bson::raw::RawBsonRef;
use bson::{DateTime, Document, RawDocument, RawDocumentBuf, Timestamp, doc};
use futures_util::TryStreamExt;
use mongodb::ClientSession;
use mongodb::error::Error as DriverError;

use crate::error::OperatorError;
use crate::mongo::{self, Db};

/// What is of no use in another database: heartbeats of instances, sessions, and what tells this database from others.
const LEFT_OUT: [&str; 3] = ["fences", "lineage", "sessions"];
/// Where documents have a stamp, `changed`.
const STAMPED: [&str; 3] = ["blacklist", "lists", "todos"];
/// How many documents are read at a time.
const READ_BATCH: u32 = 1_000;
/// How many documents are written at a time.
const BATCH: usize = 1_000;
/// How many bytes are written at a time, and one document.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// How long the entries are kept that end access tokens: longer than `ACCESS_TOKEN_TTL` may be, which is an hour.
const REVOKED_FOR: Duration = Duration::from_hours(2);

/// The database as it was at one moment.
pub struct Snapshot<'a> {
    db: &'a Db,
    session: ClientSession,
    names: Vec<String>,
}

impl<'a> Snapshot<'a> {
    /// Settles the moment, which is now.
    ///
    /// # Errors
    /// There is nothing in the database, collections are just being made, or it cannot be read.
    pub async fn take(db: &'a Db) -> Result<Self, OperatorError> {
        let names = of_use(db).await?;
        let Some(first) = names.first() else {
            return Err(OperatorError("there is nothing in the database that MONGODB_URI names".to_owned()));
        };
        let first = db.collection::<Document>(first);
        let mut session = first.client().start_session().snapshot(true).await.map_err(failed)?;
        // The first read of the session settles the moment for all that follow.
        first.find_one(doc! {}).session(&mut session).await.map_err(failed)?;
        if of_use(db).await? != names {
            return Err(OperatorError("collections are being made at this moment: try again".to_owned()));
        }
        Ok(Self { db, session, names })
    }

    /// The names of the collections: all that there are, for a later version or the operator may have made some, but
    /// those that are of no use elsewhere.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    /// About how many documents there are.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn estimate(&self) -> Result<u64, OperatorError> {
        let mut documents = 0;
        for name in &self.names {
            let count = self.db.collection::<Document>(name).estimated_document_count().await;
            documents += count.map_err(failed)?;
        }
        Ok(documents)
    }

    /// Hands every document of a collection to `each`.
    ///
    /// # Errors
    /// They cannot be read; those of `each`.
    pub async fn read(
        &mut self,
        name: &str,
        mut each: impl FnMut(&RawDocument) -> Result<(), OperatorError>,
    ) -> Result<(), OperatorError> {
        let documents = self.db.collection::<RawDocumentBuf>(name);
        let found = documents.find(doc! {}).batch_size(READ_BATCH).session(&mut self.session).await;
        let mut cursor = found.map_err(failed)?;
        while cursor.advance(&mut self.session).await.map_err(failed)? {
            each(cursor.current())?;
        }
        Ok(())
    }
}

/// A database that is being filled.
pub struct Filling<'a> {
    db: &'a Db,
    /// The collections that may have documents by now; the last is the one that is filled.
    names: Vec<String>,
    batch: Vec<RawDocumentBuf>,
    bytes: usize,
}

impl<'a> Filling<'a> {
    /// Begins with a database that must have no documents.
    ///
    /// # Errors
    /// It has some, or cannot be read.
    pub async fn begin(db: &'a Db) -> Result<Self, OperatorError> {
        for name in collections(db).await? {
            if has_documents(db, &name).await? {
                return Err(OperatorError(format!(
                    "the database has documents, in the collection `{name}`, and is only restored into when it has \
                     none: stop the service, and drop the database or name another one in MONGODB_URI"
                )));
            }
        }
        Ok(Self { db, names: Vec::new(), batch: Vec::new(), bytes: 0 })
    }

    /// Refuses a database that a service has begun to use.
    ///
    /// # Errors
    /// One has, or the database cannot be read.
    pub async fn require_no_service(&self) -> Result<(), OperatorError> {
        if has_documents(self.db, "fences").await? {
            return Err(OperatorError("a service was started on the database meanwhile: stop it".to_owned()));
        }
        Ok(())
    }

    /// Goes on with the collection `name`.
    ///
    /// # Errors
    /// See [`Filling::flush`].
    pub async fn go_on_with(&mut self, name: String) -> Result<(), OperatorError> {
        self.flush().await?;
        self.names.push(name);
        Ok(())
    }

    /// Adds a document to the collection.
    ///
    /// # Errors
    /// See [`Filling::flush`].
    pub async fn add(&mut self, document: RawDocumentBuf) -> Result<(), OperatorError> {
        let stamped = self.names.last().is_some_and(|name| STAMPED.contains(&name.as_str()));
        let document = if stamped { unstamped(document)? } else { document };
        self.bytes += document.as_bytes().len();
        self.batch.push(document);
        if self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Writes what has been added.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn flush(&mut self) -> Result<(), OperatorError> {
        let (batch, Some(name)) = (std::mem::take(&mut self.batch), self.names.last()) else { return Ok(()) };
        self.bytes = 0;
        if !batch.is_empty() {
            let inserted = self.db.collection::<RawDocumentBuf>(name).insert_many(batch).await;
            inserted.map_err(failed)?;
        }
        Ok(())
    }

    /// Ends every session: see the head of this file.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn end_sessions(&mut self, now: DateTime) -> Result<(), OperatorError> {
        self.names.push("blacklist".to_owned());
        let users = self.db.collection::<Document>("users");
        // What the original wrote has no epoch yet, and no tokens of ours.
        let ours = doc! { "epoch": { "$exists": true } };
        // In seconds since 1970, where no counting gets to.
        let past_all = now.timestamp_millis() / 1_000;
        let raised = doc! { "$max": [{ "$add": ["$epoch", 1_i64] }, past_all] };
        let raise = users.update_many(ours.clone(), vec![doc! { "$set": { "epoch": raised } }]).await;
        raise.map_err(failed)?;
        let expires_at = now.saturating_add_duration(REVOKED_FOR);
        let entry = doc! {
            "_id": { "$concat": ["user:", { "$toString": "$_id" }] }, "epoch": "$epoch",
            "revoked_at": now, "expires_at": expires_at, "changed": "$$CLUSTER_TIME",
        };
        let merge = doc! { "$merge": { "into": "blacklist", "whenMatched": "replace" } };
        let entered = users.aggregate([doc! { "$match": ours }, doc! { "$project": entry }, merge]).await;
        entered.map_err(failed)?.try_collect::<Vec<_>>().await.map_err(failed)?;
        Ok(())
    }

    /// Removes everything again.
    ///
    /// # Errors
    /// It cannot be removed.
    pub async fn undo(self) -> Result<(), OperatorError> {
        for name in self.names {
            self.db.collection::<Document>(&name).drop().await.map_err(failed)?;
        }
        Ok(())
    }
}

/// The names of all collections in their order, without views and the server's own.
async fn collections(db: &Db) -> Result<Vec<String>, OperatorError> {
    let any = db.collection::<Document>("lineage");
    let database = any.client().database(&any.namespace().db);
    let mut names =
        database.list_collection_names().filter(doc! { "type": "collection" }).await.map_err(failed)?;
    names.retain(|name| !name.starts_with("system."));
    names.sort();
    Ok(names)
}

/// Those that a backup has.
async fn of_use(db: &Db) -> Result<Vec<String>, OperatorError> {
    let mut names = collections(db).await?;
    names.retain(|name| !LEFT_OUT.contains(&name.as_str()));
    Ok(names)
}

async fn has_documents(db: &Db, name: &str) -> Result<bool, OperatorError> {
    let any = db.collection::<Document>(name).find_one(doc! {}).projection(doc! { "_id": 1 }).await;
    Ok(any.map_err(failed)?.is_some())
}

/// A document whose stamp the server is to set when it is inserted, as it does with a timestamp of zero.
fn unstamped(document: RawDocumentBuf) -> Result<RawDocumentBuf, OperatorError> {
    if !matches!(document.get("changed"), Ok(Some(RawBsonRef::Timestamp(_)))) {
        return Ok(document);
    }
    let zero = RawBsonRef::Timestamp(Timestamp { time: 0, increment: 0 });
    let unstamped = document.iter().map(|element| {
        let (key, value) = element?;
        Ok((key, if key == "changed" { zero } else { value }))
    });
    unstamped
        .collect::<Result<RawDocumentBuf, bson::error::Error>>()
        .map_err(|error| OperatorError(format!("a document cannot be read: {error}")))
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` takes")]
fn failed(error: DriverError) -> OperatorError {
    OperatorError(match mongo::error_code(&error) {
        // SnapshotTooOld.
        Some(239) => "the backup took longer than MongoDB remembers a moment, which is 5 minutes unless set otherwise: \
                      db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 3600})"
            .to_owned(),
        // SnapshotUnavailable.
        Some(246) => "collections or indexes are being made at this moment: try again".to_owned(),
        _ => format!("MongoDB: {}", mongo::one_line(&error)),
    })
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    #[test]
    fn only_the_stamp_of_a_document_is_taken_off() {
        let stamp = |time| Timestamp { time, increment: time };
        let stamped =
            |time| rawdoc! { "_id": 1, "changed": stamp(time), "in": { "changed": stamp(7) }, "z": [true] };
        assert_eq!(unstamped(stamped(9)).unwrap(), stamped(0));
        for other in
            [rawdoc! { "_id": 1 }, rawdoc! { "changed": "text" }, rawdoc! { "in": { "changed": stamp(7) } }]
        {
            assert_eq!(unstamped(other.clone()).unwrap(), other);
        }
    }
}
