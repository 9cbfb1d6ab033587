//! Database commands with a time limit, for operations for which the driver offers none, and for writes that defer their
//! wait for a majority. The driver does not retry these commands.

use bson::{Bson, Document, Timestamp, doc};
use mongodb::Collection;
use mongodb::error::Result as DriverResult;

use super::deferred::Deferred;
use super::error::{codes, is_retryable_write, is_transient_write, may_have_been_applied, reply_code};
use super::majority::{self, database, max_time_ms, write_concern};
use super::metrics::record;
use crate::error::Error;

/// Returns `false` if the result is uncertain: the id is taken, or the connection or the primary was lost, so the
/// document may or may not be stored.
pub async fn insert<T: Send + Sync>(
    collection: &Collection<T>,
    document: Document,
    deferred: Option<&Deferred>,
) -> Result<bool, Error> {
    // The server replaces every top-level timestamp of 0 with its logical time.
    let insert = doc! { "insert": collection.name(), "documents": [document], "maxTimeMS": max_time_ms() };
    // The caller tries again, which a deferred write must not.
    let may_try_again = deferred.is_none();
    let reply = match send("insert", collection, insert, deferred).await {
        Ok(reply) => reply,
        Err(error) if may_try_again && may_have_been_applied(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    match reply_code(&reply) {
        None => Ok(true),
        Some(codes::DUPLICATE_KEY) => Ok(false),
        Some(code) if may_try_again && is_retryable_write(code) => Ok(false),
        Some(_) => Err(Error::unavailable(format!("an insert failed: {reply}"))),
    }
}

/// Inserts those of the documents whose ids are free. Returns how many were not inserted.
pub async fn insert_free<T: Send + Sync>(
    collection: &Collection<T>,
    documents: Vec<Document>,
) -> Result<usize, Error> {
    let insert = doc! {
        "insert": collection.name(),
        "documents": documents,
        "ordered": false,
        "maxTimeMS": max_time_ms(),
    };
    let reply = match send("insert", collection, insert.clone(), None).await {
        // The second attempt finds what the first one has inserted.
        Err(error) if may_have_been_applied(&error) => send("insert", collection, insert, None).await?,
        reply => reply?,
    };
    let errors = reply.get_array("writeErrors").map(Vec::as_slice).unwrap_or_default();
    let is_taken = |error: &Bson| {
        error
            .as_document()
            .is_some_and(|error| error.get_i32("code").is_ok_and(|code| code == codes::DUPLICATE_KEY))
    };
    if reply.contains_key("writeConcernError") || !errors.iter().all(is_taken) {
        return Err(Error::unavailable(format!("an insert of several documents failed: {reply}")));
    }
    Ok(errors.len())
}

/// After an error, some documents may have been updated. [`Error::Internal`] means that one of the documents cannot be
/// updated, for example because a field has another type.
pub async fn update_many<T: Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
    pipeline: Vec<Document>,
    deferred: Option<&Deferred>,
) -> Result<u64, Error> {
    // `filter` names the documents by their ids. Without the hint, MongoDB would compare other indexes.
    let statement = doc! { "q": filter, "u": pipeline, "multi": true, "hint": "_id_" };
    let reply = update(collection, vec![statement], deferred).await?;
    match (reply_code(&reply), reply.get_i32("nModified")) {
        (None, Ok(modified)) => Ok(u64::from(modified.unsigned_abs())),
        (Some(code), _) if !is_transient_write(code) => {
            Err(Error::internal(format!("a document cannot be updated: {reply}")))
        }
        _ => Err(Error::unavailable(format!("a bulk update failed: {reply}"))),
    }
}

async fn update<T: Send + Sync>(
    collection: &Collection<T>,
    updates: Vec<Document>,
    deferred: Option<&Deferred>,
) -> Result<Document, Error> {
    match deferred {
        Some(deferred) => {
            Ok(Box::pin(deferred.send("update", majority::update_command(collection, updates))).await?)
        }
        None => majority::update(collection, updates).await,
    }
}

/// Returns whether the document matched. `None` if the update would give it a unique value of another document.
pub async fn update_one<T: Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
    pipeline: Vec<Document>,
    deferred: &Deferred,
) -> Result<Option<bool>, Error> {
    let statement = doc! { "q": filter, "u": pipeline, "hint": "_id_" };
    let reply = update(collection, vec![statement], Some(deferred)).await?;
    match (reply_code(&reply), reply.get_i32("n")) {
        (None, Ok(matched)) => Ok(Some(matched > 0)),
        (Some(codes::DUPLICATE_KEY), _) => Ok(None),
        _ => Err(Error::unavailable(format!("an update failed: {reply}"))),
    }
}

/// Returns the updated document without the fields that `projection` leaves out, or `None` if none matched.
pub async fn find_one_and_update<T: Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
    pipeline: Vec<Document>,
    projection: Option<Document>,
    deferred: &Deferred,
) -> Result<Option<Document>, Error> {
    let mut update = doc! {
        "findAndModify": collection.name(),
        "query": filter,
        "update": pipeline,
        "new": true,
        "hint": "_id_",
        "maxTimeMS": max_time_ms(),
    };
    update.extend(projection.map(|fields| ("fields".to_owned(), fields.into())));
    let mut reply = deferred.send("findAndModify", update).await?;
    match reply.remove("value") {
        Some(Bson::Document(updated)) => Ok(Some(updated)),
        Some(Bson::Null) | None => Ok(None),
        Some(_) => Err(Error::internal("findAndModify returned no document")),
    }
}

/// The logical time of the last majority-committed write. `no_match` is a cheap filter that should match no document.
pub async fn committed_time<T: Send + Sync>(
    collection: &Collection<T>,
    no_match: Document,
) -> Result<Timestamp, Error> {
    // With read concern majority, the time is that of the snapshot that the read used.
    let majority = doc! { "readConcern": { "level": "majority" } };
    Ok(find_first(collection, no_match, majority).await?.1)
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
    find_first(collection, filter, doc! { "sort": sort, "projection": projection, "hint": key }).await
}

/// The first document that matches, and the logical time of the read, which the methods of the driver do not return.
async fn find_first<T: Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
    how: Document,
) -> Result<(Option<Document>, Timestamp), Error> {
    let mut find = doc! {
        "find": collection.name(),
        "filter": filter,
        "limit": 1,
        "singleBatch": true,
        "maxTimeMS": max_time_ms(),
    };
    find.extend(how);
    let mut reply = record("find", database(collection).run_command(find)).await?;
    let at = reply.get_timestamp("operationTime").map_err(Error::internal)?;
    let found = reply.get_document_mut("cursor").and_then(|cursor| cursor.get_array_mut("firstBatch"));
    let first = found.map_err(Error::internal)?.pop();
    Ok((first.and_then(|first| first.as_document().cloned()), at))
}

async fn send<T: Send + Sync>(
    name: &'static str,
    collection: &Collection<T>,
    mut command: Document,
    deferred: Option<&Deferred>,
) -> DriverResult<Document> {
    if let Some(deferred) = deferred {
        return Box::pin(deferred.send(name, command)).await;
    }
    command.insert("writeConcern", write_concern());
    record(name, database(collection).run_command(command)).await
}
