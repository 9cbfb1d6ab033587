//! Commands with a time limit, where the driver's own operations know none. The driver does not retry them. Must not know
//! any collection.

use bson::{Document, Timestamp, doc};
use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::{Collection, Database};

use super::MAX_TIME;
use super::error::{DUPLICATE_KEY, code};
use crate::error::Error;

/// The server's codes of errors after which a write may be tried again: another node may be primary by then
/// (specification of retryable writes, "Determining Retryable Errors").
const TRY_AGAIN: [i32; 12] = [6, 7, 89, 91, 189, 262, 9_001, 10_107, 11_600, 11_602, 13_435, 13_436];

/// Adds a document, and says whether that is known: `false` when its id is taken, or when the connection or the primary
/// was lost meanwhile, so that it may be there or not. [`Timestamp`]s of 0 become the logical time.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn insert<T: Send + Sync>(collection: &Collection<T>, document: Document) -> Result<bool, Error> {
    let insert = doc! {
        "insert": collection.name(),
        "documents": [document],
        "maxTimeMS": limit_millis(),
        "writeConcern": write_concern(),
    };
    let reply = match database(collection).run_command(insert).await {
        Ok(reply) => reply,
        Err(error) if may_be_tried_again(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    match fault(&reply) {
        None => Ok(true),
        Some(code) if code == DUPLICATE_KEY || TRY_AGAIN.contains(&code) => Ok(false),
        Some(_) => Err(Error::unavailable(format!("an insert failed: {reply}"))),
    }
}

/// The code of what an answer to a write says went wrong.
fn fault(reply: &Document) -> Option<i32> {
    let error = reply.get_array("writeErrors").ok().and_then(|errors| errors.first()?.as_document());
    let error = error.or_else(|| reply.get_document("writeConcernError").ok())?;
    Some(error.get_i32("code").unwrap_or_default())
}

fn may_be_tried_again(error: &DriverError) -> bool {
    let is_network = matches!(*error.kind, ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. });
    is_network || code(error).is_some_and(|code| TRY_AGAIN.contains(&code))
}

/// A bulk change by a pipeline. Says how many documents it changed.
///
/// # Errors
/// [`Error::Unavailable`]; some documents may have been changed then.
pub async fn update_many<T: Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
    pipeline: Vec<Document>,
) -> Result<u64, Error> {
    let change = doc! { "q": filter, "u": pipeline, "multi": true };
    let done = update(collection, vec![change]).await?;
    match (done.get("writeErrors"), done.get("writeConcernError"), done.get_i32("nModified")) {
        (None, None, Ok(changed)) => Ok(u64::from(changed.unsigned_abs())),
        _ => Err(Error::unavailable(format!("a bulk change failed: {done}"))),
    }
}

/// The command `update`, each part on its own, and its answer.
///
/// # Errors
/// [`Error::Unavailable`]; what the answer says of its parts is the caller's to read.
pub async fn update<T: Send + Sync>(
    collection: &Collection<T>,
    updates: Vec<Document>,
) -> Result<Document, Error> {
    let update = doc! {
        "update": collection.name(),
        "updates": updates,
        "ordered": false,
        "maxTimeMS": limit_millis(),
        "writeConcern": write_concern(),
    };
    Ok(database(collection).run_command(update).await?)
}

/// The logical time of the last write that a majority had, by a look-up of `none`, which should find nothing.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn committed_time<T: Send + Sync>(
    collection: &Collection<T>,
    none: Document,
) -> Result<Timestamp, Error> {
    let look_up = doc! {
        "find": collection.name(),
        "filter": none,
        "limit": 1,
        "singleBatch": true,
        "readConcern": { "level": "majority" },
        "maxTimeMS": limit_millis(),
    };
    let reply = database(collection).run_command(look_up).await?;
    // Of a read with read concern majority, this is the time of what it could see.
    reply.get_timestamp("operationTime").map_err(Error::internal)
}

/// [`MAX_TIME`] as commands take it.
fn limit_millis() -> i64 {
    i64::try_from(MAX_TIME.as_millis()).unwrap_or(i64::MAX)
}

/// As [`super::connect`] has it for the driver's own writes.
fn write_concern() -> Document {
    doc! { "w": "majority", "j": true, "wtimeout": limit_millis() }
}

fn database<T: Send + Sync>(collection: &Collection<T>) -> Database {
    collection.client().database(&collection.namespace().db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_what_went_wrong() {
        assert_eq!(fault(&doc! { "n": 1, "ok": 1.0 }), None);
        assert_eq!(fault(&doc! { "n": 0, "writeErrors": [{ "index": 0, "code": 11_000 }] }), Some(11_000));
        assert_eq!(fault(&doc! { "n": 1, "writeConcernError": { "code": 64 } }), Some(64));
    }
}
