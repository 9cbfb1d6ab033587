//! Replaces the search words that earlier versions stored by the words that this version stores. They are fewer.
//!
//! **Invariant:** clients cannot see words, so neither version nor change stamp changes.

use bson::oid::ObjectId;
use bson::{Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::Hint;

use crate::mongo::{self, Db, PrepareError};
use crate::owned::{Owned, State};
use crate::todos::model::Todo;

// With the longest texts and words, a batch has 20 MB.
const BATCH: i64 = 100;

/// Every todo is changed by one update whose filter has the version that was read. A todo that is written at the same time
/// keeps the words of that write. A run may be interrupted and repeated, and several runs may overlap, because a todo
/// with the right words is left alone.
pub(super) async fn run(db: &Db) -> Result<(), PrepareError> {
    let todos = db.collection::<RawDocumentBuf>(Todo::COLLECTION);
    let (mut last, mut changed) = (ObjectId::from_bytes([0; 12]), 0_u64);
    loop {
        let found = todos.find(doc! { "_id": { "$gt": last } }).sort(doc! { "_id": 1 }).limit(BATCH);
        let found = found.hint(Hint::Name("_id_".to_owned())).max_time(mongo::MAX_TIME);
        let found: Vec<RawDocumentBuf> = found.await?.try_collect().await?;
        let Some(end) = found.last().and_then(|todo| todo.get_object_id("_id").ok()) else { break };
        let updates = found.iter().filter_map(replacement).collect::<Vec<_>>();
        changed += u64::try_from(updates.len()).unwrap_or_default();
        write(&todos, updates).await?;
        last = end;
    }
    if changed > 0 {
        tracing::info!(todos = changed, "replaced the search words of todos");
    }
    Ok(())
}

/// The filter and the update for a todo with other words than this version stores. `None` also for a document that
/// cannot be read as a todo, such as a tombstone.
fn replacement(stored: &RawDocumentBuf) -> Option<(Document, Document)> {
    let todo = Todo::read(stored).ok()?;
    let words = todo.derived().remove("words")?;
    let stored: Document = bson::deserialize_from_slice(stored.as_bytes()).ok()?;
    if todo.state == State::Gone || stored.get("words") == Some(&words) {
        return None;
    }
    let unchanged = doc! { "_id": todo.id, "version": todo.version, "state": { "$ne": State::Gone.word() } };
    Some((unchanged, doc! { "$set": { "words": words } }))
}

async fn write(
    todos: &Collection<RawDocumentBuf>,
    updates: Vec<(Document, Document)>,
) -> Result<(), PrepareError> {
    if updates.is_empty() {
        return Ok(());
    }
    let statement =
        |(filter, update): (Document, Document)| doc! { "q": filter, "u": update, "hint": "_id_" };
    let reply = mongo::commands::update(todos, updates.into_iter().map(statement).collect()).await;
    let reply = reply.map_err(|error| PrepareError::Unavailable(error.to_string()))?;
    match (reply.get("writeErrors"), reply.get("writeConcernError")) {
        (None, None) => Ok(()),
        _ => Err(PrepareError::Unavailable(format!("a batch failed: {reply}"))),
    }
}
