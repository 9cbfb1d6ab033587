//! Updates that wait for a majority, as commands of the database.

use bson::{Document, doc};
use mongodb::{Collection, Database};

use super::MAX_TIME;
use super::error::{may_have_been_applied, reply_code};
use super::metrics::record;
use crate::error::Error;

/// Every statement must be safe to repeat. The caller must check the reply for `writeErrors` and `writeConcernError`.
pub async fn update<T: Send + Sync>(
    collection: &Collection<T>,
    updates: Vec<Document>,
) -> Result<Document, Error> {
    let mut update = update_command(collection, updates);
    update.insert("writeConcern", write_concern());
    // A failed statement is no error of the command.
    let sent = async || record("update", database(collection).run_command(update.clone())).await;
    match sent().await {
        // Once, as the driver does with updates of one document.
        Err(error) if may_have_been_applied(&error) => Ok(sent().await?),
        reply => Ok(reply?),
    }
}

/// Returns how many documents have changed. Fails if any of the updates fails. Others may have been made.
pub async fn update_all<T: Send + Sync>(
    collection: &Collection<T>,
    updates: Vec<Document>,
) -> Result<u64, Error> {
    let reply = update(collection, updates).await?;
    match (reply_code(&reply), reply.get_i32("nModified")) {
        (None, Ok(modified)) => Ok(u64::from(modified.unsigned_abs())),
        _ => Err(Error::unavailable(format!("a batch failed: {reply}"))),
    }
}

pub(super) fn update_command<T: Send + Sync>(collection: &Collection<T>, updates: Vec<Document>) -> Document {
    doc! { "update": collection.name(), "updates": updates, "ordered": false, "maxTimeMS": max_time_ms() }
}

pub(super) fn write_concern() -> Document {
    // The same as in `connect`, because the driver does not add the write concern of a client to commands.
    doc! { "w": "majority", "j": true, "wtimeout": max_time_ms() }
}

pub(super) fn max_time_ms() -> i64 {
    i64::try_from(MAX_TIME.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn database<T: Send + Sync>(collection: &Collection<T>) -> Database {
    collection.client().database(&collection.namespace().db)
}
