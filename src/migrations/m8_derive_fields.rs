//! Computes the fields for indexes again that earlier versions stored in another form or did not have: the words of a
//! search, the sort key of the name, and the instant of the due date.
//!
//! **Invariant:** clients cannot see these fields, so neither version nor change stamp changes.

use bson::oid::ObjectId;
use bson::{Document, RawDocumentBuf, doc};
use futures_util::{TryStreamExt, stream};
use mongodb::Collection;
use mongodb::options::Hint;

use crate::mongo::{self, Db, PrepareError};
use crate::owned::{Owned, State};
use crate::todos::model::Todo;

// With the longest texts and words, a batch has 20 MB.
const BATCH: i64 = 100;
// Batches that are written while the next one is read. Further ones would take the disk from the instances that serve.
const AT_A_TIME: usize = 4;

/// Every todo is changed by one update whose filter has the version that was read. A todo that is written at the same time
/// keeps the fields of that write. A run may be interrupted and repeated, and several runs may overlap, because a todo
/// with the right fields is left alone.
pub(super) async fn run(db: &Db) -> Result<(), PrepareError> {
    let todos = db.collection::<RawDocumentBuf>(Todo::COLLECTION);
    let start = (todos.clone(), ObjectId::from_bytes([0; 12]));
    let batches = stream::try_unfold(start, |(todos, last)| async move {
        let batch = read(&todos, last).await?;
        let end = batch.last().and_then(|todo| todo.get_object_id("_id").ok());
        Ok::<_, PrepareError>(end.map(|end| (batch, (todos, end))))
    });
    // A task of its own, so that computing the fields of one batch does not delay others.
    let written = batches.map_ok(|batch| {
        let task = tokio::spawn(correct(todos.clone(), batch));
        async { task.await.map_err(|error| PrepareError::Unavailable(error.to_string()))? }
    });
    let changed: u64 =
        written.try_buffer_unordered(AT_A_TIME).try_fold(0, async |sum, changed| Ok(sum + changed)).await?;
    if changed > 0 {
        tracing::info!(todos = changed, "derived the fields of todos again");
    }
    Ok(())
}

async fn read(
    todos: &Collection<RawDocumentBuf>,
    last: ObjectId,
) -> Result<Vec<RawDocumentBuf>, PrepareError> {
    let found = todos.find(doc! { "_id": { "$gt": last } }).sort(doc! { "_id": 1 }).limit(BATCH);
    let found = found.hint(Hint::Name("_id_".to_owned())).max_time(mongo::MAX_TIME);
    Ok(found.await?.try_collect().await?)
}

/// Returns the number of todos that are changed.
async fn correct(todos: Collection<RawDocumentBuf>, batch: Vec<RawDocumentBuf>) -> Result<u64, PrepareError> {
    let updates: Vec<_> = batch.iter().filter_map(correction).collect();
    if updates.is_empty() {
        return Ok(0);
    }
    let count = u64::try_from(updates.len()).unwrap_or_default();
    let written = mongo::majority::update_all(&todos, updates).await;
    written.map(|_| count).map_err(|error| PrepareError::Unavailable(error.to_string()))
}

/// The update of a todo with other fields than this version stores. `None` also for a document that cannot be read as a
/// todo, such as a tombstone.
fn correction(stored: &RawDocumentBuf) -> Option<Document> {
    let todo = Todo::read(stored).ok()?;
    let document: Document = bson::deserialize_from_slice(stored.as_bytes()).ok()?;
    let differs = |(field, value): &(String, bson::Bson)| document.get(field) != Some(value);
    let derived: Document = todo.derived().into_iter().filter(differs).collect();
    if todo.state == State::Gone || derived.is_empty() {
        return None;
    }
    let unchanged = doc! { "_id": todo.id, "version": todo.version, "state": { "$ne": State::Gone.word() } };
    Some(doc! { "q": unchanged, "u": { "$set": derived }, "hint": "_id_" })
}
