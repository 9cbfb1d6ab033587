//! Database commands with a time limit, for operations for which the driver offers none. The driver does not retry
//! these commands.

use bson::{Document, Timestamp, doc};
use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::{Collection, Database};

use super::MAX_TIME;
use super::error::{codes, error_code, is_retryable_write, is_transient_write};
use super::metrics::record;
use crate::error::Error;

/// Returns `false` if the result is uncertain: the id is taken, or the connection or the primary was lost, so the
/// document may or may not be stored.
pub async fn insert<T: Send + Sync>(collection: &Collection<T>, document: Document) -> Result<bool, Error> {
    // The server replaces every top-level timestamp of 0 with its logical time.
    let insert = doc! {
        "insert": collection.name(),
        "documents": [document],
        "maxTimeMS": max_time_ms(),
        "writeConcern": write_concern(),
    };
    let reply = match record("insert", database(collection).run_command(insert)).await {
        Ok(reply) => reply,
        Err(error) if may_have_been_applied(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    match reply_code(&reply) {
        None => Ok(true),
        Some(code) if code == codes::DUPLICATE_KEY || is_retryable_write(code) => Ok(false),
        Some(_) => Err(Error::unavailable(format!("an insert failed: {reply}"))),
    }
}

fn reply_code(reply: &Document) -> Option<i32> {
    // A command with failed writes replies `ok: 1`, so the driver reports no error.
    let error = reply.get_array("writeErrors").ok().and_then(|errors| errors.first()?.as_document());
    let error = error.or_else(|| reply.get_document("writeConcernError").ok())?;
    Some(error.get_i32("code").unwrap_or_default())
}

fn may_have_been_applied(error: &DriverError) -> bool {
    let is_network_error = matches!(*error.kind, ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. });
    is_network_error || error_code(error).is_some_and(is_retryable_write)
}

/// After an error, some documents may have been updated. [`Error::Internal`] means that one of the documents cannot be
/// updated, for example because a field has another type.
pub async fn update_many<T: Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
    pipeline: Vec<Document>,
) -> Result<u64, Error> {
    // `filter` names the documents by their ids. Without the hint, MongoDB would compare other indexes.
    let statement = doc! { "q": filter, "u": pipeline, "multi": true, "hint": "_id_" };
    let reply = update(collection, vec![statement]).await?;
    match (reply_code(&reply), reply.get_i32("nModified")) {
        (None, Ok(modified)) => Ok(u64::from(modified.unsigned_abs())),
        (Some(code), _) if !is_transient_write(code) => {
            Err(Error::internal(format!("a document cannot be updated: {reply}")))
        }
        _ => Err(Error::unavailable(format!("a bulk update failed: {reply}"))),
    }
}

/// The caller must check the reply for `writeErrors` and `writeConcernError`.
pub async fn update<T: Send + Sync>(
    collection: &Collection<T>,
    updates: Vec<Document>,
) -> Result<Document, Error> {
    let update = doc! {
        "update": collection.name(),
        "updates": updates,
        "ordered": false,
        "maxTimeMS": max_time_ms(),
        "writeConcern": write_concern(),
    };
    // A failed statement is no error of the command.
    let sent = async || record("update", database(collection).run_command(update.clone())).await;
    match sent().await {
        // Once, as the driver does with updates of one document. Every caller's statements can be repeated.
        Err(error) if may_have_been_applied(&error) => Ok(sent().await?),
        reply => Ok(reply?),
    }
}

/// Fails if any of the updates fails. Others may have been made.
pub async fn update_all<T: Send + Sync>(
    collection: &Collection<T>,
    updates: Vec<Document>,
) -> Result<(), Error> {
    let reply = update(collection, updates).await?;
    match reply_code(&reply) {
        None => Ok(()),
        Some(_) => Err(Error::unavailable(format!("a batch failed: {reply}"))),
    }
}

/// The logical time of the last majority-committed write. `no_match` is a cheap filter that should match no document.
pub async fn committed_time<T: Send + Sync>(
    collection: &Collection<T>,
    no_match: Document,
) -> Result<Timestamp, Error> {
    let find = doc! {
        "find": collection.name(),
        "filter": no_match,
        "limit": 1,
        "singleBatch": true,
        "readConcern": { "level": "majority" },
        "maxTimeMS": max_time_ms(),
    };
    let reply = record("find", database(collection).run_command(find)).await?;
    // With read concern majority, `operationTime` is the time of the snapshot that the read used.
    reply.get_timestamp("operationTime").map_err(Error::internal)
}

/// The first document in the order of an index, and the logical time of the read. `key` is the whole key of the index, and
/// `projection` has only fields of this key, so that MongoDB fetches no document.
pub async fn first_key<T: Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
    sort: Document,
    key: Document,
    projection: Document,
) -> Result<(Option<Document>, Timestamp), Error> {
    let find = doc! {
        "find": collection.name(),
        "filter": filter,
        "sort": sort,
        "projection": projection,
        "hint": key,
        "limit": 1,
        "singleBatch": true,
        "maxTimeMS": max_time_ms(),
    };
    let mut reply = record("find", database(collection).run_command(find)).await?;
    let at = reply.get_timestamp("operationTime").map_err(Error::internal)?;
    let found = reply.get_document_mut("cursor").and_then(|cursor| cursor.get_array_mut("firstBatch"));
    let first = found.map_err(Error::internal)?.pop();
    Ok((first.and_then(|first| first.as_document().cloned()), at))
}

fn max_time_ms() -> i64 {
    i64::try_from(MAX_TIME.as_millis()).unwrap_or(i64::MAX)
}

fn write_concern() -> Document {
    // The same as in `connect`, because the driver does not add the write concern of a client to commands.
    doc! { "w": "majority", "j": true, "wtimeout": max_time_ms() }
}

fn database<T: Send + Sync>(collection: &Collection<T>) -> Database {
    collection.client().database(&collection.namespace().db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_error_is_read_from_a_reply() {
        assert_eq!(reply_code(&doc! { "n": 1, "ok": 1.0 }), None);
        assert_eq!(
            reply_code(&doc! { "n": 0, "writeErrors": [{ "index": 0, "code": 11_000 }] }),
            Some(11_000)
        );
        assert_eq!(reply_code(&doc! { "n": 1, "writeConcernError": { "code": 64 } }), Some(64));
    }
}
