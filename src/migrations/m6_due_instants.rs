//! Computes the instants of due dates again, because the time zone database has changed.
//!
//! **Invariant:** clients do not see the instant, so neither version nor change stamp of a todo changes.

use bson::{Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;

use crate::mongo::{Db, PrepareError};
use crate::todos::due::Due;

pub(super) async fn run(db: &Db) -> Result<(), PrepareError> {
    let todos = db.collection::<Document>("todos");
    let zoned = doc! { "due.time_zone": { "$type": "string" } };
    let found = todos.find(zoned).projection(doc! { "due": 1, "due_at": 1 }).await?;
    found.map_err(PrepareError::from).try_for_each_concurrent(16, |todo| correct(&todos, todo)).await
}

async fn correct(todos: &Collection<Document>, todo: Document) -> Result<(), PrepareError> {
    let (Ok(id), Ok(stored)) = (todo.get_object_id("_id"), todo.get_document("due")) else { return Ok(()) };
    let Ok(due) = bson::deserialize_from_document::<Due>(stored.clone()) else { return Ok(()) };
    let instant = due.instant();
    if todo.get_datetime("due_at").ok().copied() != instant {
        // A todo whose due date has changed since has another instant.
        let same = doc! { "_id": id, "due": stored };
        todos.update_one(same, doc! { "$set": { "due_at": instant } }).await?;
    }
    Ok(())
}
