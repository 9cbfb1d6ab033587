//! Reads and writes all collections as raw documents.
//!
//! The restored state is older than what clients have seen. Therefore a restore changes documents in four ways, and
//! copies everything else byte for byte:
//!
//! - Change stamps are set again by the server, because readers of changes compare them with the logical time of this
//!   replica set.
//! - Every session ends. Refresh tokens need a session, and a backup contains no sessions. With sessions, refresh tokens
//!   that were rotated or logged out after the backup would be valid again, and their successors would look like stolen
//!   copies. Access tokens end by an entry in the blacklist for each user, and by an epoch that is higher than any epoch
//!   that was reached after the backup.
//! - Every personal access token ends, because a backup contains none. A token that was ended after the backup would be
//!   valid again.
//! - The database gets a new lineage, so that sync tokens of the undone state are rejected: see
//!   [`crate::sync::lineage::Lineage`].

use std::time::Duration;

use bson::raw::RawBsonRef;
use bson::{DateTime, Document, RawDocument, RawDocumentBuf, Timestamp, doc};
use futures_util::TryStreamExt;
use mongodb::ClientSession;
use mongodb::error::Error as DriverError;

use crate::access_tokens::store as access_token;
use crate::auth::revocation::store as revocation;
use crate::auth::store as session;
use crate::error::OperatorError;
use crate::mongo::{self, Db, codes};
use crate::sync::kind::Kind;
use crate::sync::lineage;
use crate::users::store as user;

// Not in a backup: heartbeats of instances, the identity of the database, and credentials.
const EXCLUDED: [&str; 4] =
    [revocation::FENCES, lineage::COLLECTION, session::COLLECTION, access_token::COLLECTION];
const READ_BATCH: u32 = 1_000;
const WRITE_BATCH: usize = 1_000;
// Far below the 48 MB that MongoDB accepts in one message.
const WRITE_BATCH_BYTES: usize = 8 * 1024 * 1024;
// Longer than the maximum of `ACCESS_TOKEN_TTL`, one hour, because the entries end access tokens.
const REVOCATION_TTL: Duration = Duration::from_hours(2);

const COLLECTIONS_CHANGING: &str = "collections or indexes are being created at this moment; try again";

pub struct Snapshot<'a> {
    db: &'a Db,
    session: ClientSession,
    names: Vec<String>,
}

impl<'a> Snapshot<'a> {
    /// Refuses an empty database, and a database in which collections are being created.
    pub async fn take(db: &'a Db) -> Result<Self, OperatorError> {
        let names = backed_up_collections(db).await?;
        let Some(first) = names.first() else {
            return Err(OperatorError(
                "the database of MONGODB_URI is empty, so there is nothing to back up".to_owned(),
            ));
        };
        let first = db.collection::<Document>(first);
        let mut session = first.client().start_session().snapshot(true).await.map_err(failed)?;
        // The first read of a snapshot session determines the point in time of all reads of the session.
        first.find_one(doc! {}).session(&mut session).await.map_err(failed)?;
        if backed_up_collections(db).await? != names {
            return Err(OperatorError(COLLECTIONS_CHANGING.to_owned()));
        }
        Ok(Self { db, session, names })
    }

    /// All collections except for `EXCLUDED`, including collections that this version does not know.
    pub fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    pub async fn estimate(&self) -> Result<u64, OperatorError> {
        let mut documents = 0;
        for name in &self.names {
            let count = self.db.collection::<Document>(name).estimated_document_count().await;
            documents += count.map_err(failed)?;
        }
        Ok(documents)
    }

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

pub struct Loader<'a> {
    db: &'a Db,
    /// The collections that may contain documents. The last one is being loaded.
    names: Vec<String>,
    batch: Vec<RawDocumentBuf>,
    bytes: usize,
}

impl<'a> Loader<'a> {
    pub async fn new(db: &'a Db) -> Result<Self, OperatorError> {
        for name in collections(db).await? {
            if has_documents(db, &name).await? {
                return Err(OperatorError(format!(
                    "the database is not empty: the collection `{name}` contains documents; stop the service, and drop \
                     the database or set MONGODB_URI to an empty one"
                )));
            }
        }
        Ok(Self { db, names: Vec::new(), batch: Vec::new(), bytes: 0 })
    }

    pub async fn require_no_service(&self) -> Result<(), OperatorError> {
        // Every running service writes its heartbeat there.
        if has_documents(self.db, revocation::FENCES).await? {
            return Err(OperatorError(
                "a service was started on the database during the restore; stop the service".to_owned(),
            ));
        }
        Ok(())
    }

    pub async fn start_collection(&mut self, name: String) -> Result<(), OperatorError> {
        self.flush().await?;
        self.names.push(name);
        Ok(())
    }

    pub async fn add(&mut self, document: RawDocumentBuf) -> Result<(), OperatorError> {
        let is_stamped = self.names.last().is_some_and(|name| is_stamped(name));
        let document = if is_stamped { with_stamp_reset(document)? } else { document };
        self.bytes += document.as_bytes().len();
        self.batch.push(document);
        if self.batch.len() >= WRITE_BATCH || self.bytes >= WRITE_BATCH_BYTES {
            self.flush().await
        } else {
            Ok(())
        }
    }

    pub async fn flush(&mut self) -> Result<(), OperatorError> {
        let (batch, Some(name)) = (std::mem::take(&mut self.batch), self.names.last()) else { return Ok(()) };
        self.bytes = 0;
        if !batch.is_empty() {
            let inserted = self.db.collection::<RawDocumentBuf>(name).insert_many(batch).await;
            inserted.map_err(failed)?;
        }
        Ok(())
    }

    pub async fn end_sessions(&mut self, now: DateTime) -> Result<(), OperatorError> {
        self.names.push(revocation::BLACKLIST.to_owned());
        let users = self.db.collection::<Document>(user::COLLECTION);
        // A user that only the original service has written has no epoch yet, and no tokens of this service.
        let with_epoch = doc! { "epoch": { "$exists": true } };
        // Epochs count password changes and the like one by one, so none reaches the seconds since 1970.
        let above_all = now.timestamp_millis() / 1_000;
        let raised = doc! { "$max": [{ "$add": ["$epoch", 1_i64] }, above_all] };
        let raise = users.update_many(with_epoch.clone(), vec![doc! { "$set": { "epoch": raised } }]).await;
        raise.map_err(failed)?;
        let expires_at = now.saturating_add_duration(REVOCATION_TTL);
        let entry = doc! {
            "_id": { "$concat": ["user:", { "$toString": "$_id" }] }, "epoch": "$epoch",
            "revoked_at": now, "expires_at": expires_at, "changed": "$$CLUSTER_TIME",
        };
        let merge = doc! { "$merge": { "into": revocation::BLACKLIST, "whenMatched": "replace" } };
        let entered =
            users.aggregate([doc! { "$match": with_epoch }, doc! { "$project": entry }, merge]).await;
        entered.map_err(failed)?.try_collect::<Vec<_>>().await.map_err(failed)?;
        Ok(())
    }

    pub async fn roll_back(self) -> Result<(), OperatorError> {
        for name in self.names {
            self.db.collection::<Document>(&name).drop().await.map_err(failed)?;
        }
        Ok(())
    }
}

/// The names of all collections in alphabetical order, without views and system collections.
async fn collections(db: &Db) -> Result<Vec<String>, OperatorError> {
    let any = db.collection::<Document>(lineage::COLLECTION);
    let database = any.client().database(&any.namespace().db);
    let mut names =
        database.list_collection_names().filter(doc! { "type": "collection" }).await.map_err(failed)?;
    names.retain(|name| !name.starts_with("system."));
    names.sort();
    Ok(names)
}

async fn backed_up_collections(db: &Db) -> Result<Vec<String>, OperatorError> {
    let mut names = collections(db).await?;
    names.retain(|name| !EXCLUDED.contains(&name.as_str()));
    Ok(names)
}

async fn has_documents(db: &Db, name: &str) -> Result<bool, OperatorError> {
    let first = db.collection::<Document>(name).find_one(doc! {}).projection(doc! { "_id": 1 }).await;
    Ok(first.map_err(failed)?.is_some())
}

fn is_stamped(name: &str) -> bool {
    // Every kind of owned document has a change stamp.
    name == revocation::BLACKLIST || Kind::by_collection(name).is_some()
}

fn with_stamp_reset(document: RawDocumentBuf) -> Result<RawDocumentBuf, OperatorError> {
    if !matches!(document.get("changed"), Ok(Some(RawBsonRef::Timestamp(_)))) {
        return Ok(document);
    }
    // The server replaces a top-level timestamp of 0 with its logical time on insert.
    let zero = RawBsonRef::Timestamp(Timestamp { time: 0, increment: 0 });
    let reset = document.iter().map(|element| {
        let (key, value) = element?;
        Ok((key, if key == "changed" { zero } else { value }))
    });
    reset
        .collect::<Result<RawDocumentBuf, bson::error::Error>>()
        .map_err(|error| OperatorError(format!("a document of the backup is not valid BSON: {error}")))
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes the error by value")]
fn failed(error: DriverError) -> OperatorError {
    OperatorError(match mongo::error_code(&error) {
        Some(codes::SNAPSHOT_TOO_OLD) => "the backup took longer than MongoDB keeps snapshots (5 minutes by default); \
                                          raise the limit and try again: \
                                          db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 3600})"
            .to_owned(),
        Some(codes::SNAPSHOT_UNAVAILABLE) => COLLECTIONS_CHANGING.to_owned(),
        _ => format!("MongoDB: {}", mongo::one_line(&error)),
    })
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    #[test]
    fn only_the_top_level_stamp_is_reset() {
        let stamp = |time| Timestamp { time, increment: time };
        let stamped =
            |time| rawdoc! { "_id": 1, "changed": stamp(time), "in": { "changed": stamp(7) }, "z": [true] };
        assert_eq!(with_stamp_reset(stamped(9)).unwrap(), stamped(0));
        for other in
            [rawdoc! { "_id": 1 }, rawdoc! { "changed": "text" }, rawdoc! { "in": { "changed": stamp(7) } }]
        {
            assert_eq!(with_stamp_reset(other.clone()).unwrap(), other);
        }
    }
}
