//! Gives todos that have only a name and a description the rest: a state, a position in the order of creation, the words
//! by which they are found. Must change nothing that is there.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;

use crate::mongo::{Db, PrepareError};
use crate::owned::Owned;
use crate::owned::order_key;
use crate::todos::model::Todo;

/// Each document is changed by one update that applies only while it has no state, so that runs may be cut off,
/// repeated, and go on side by side.
pub(super) async fn run(db: &Db) -> Result<(), PrepareError> {
    let todos = db.collection::<Document>("todos");
    let left = doc! { "state": { "$exists": false } };
    let count = todos.count_documents(left.clone()).await?;
    if count > 0 {
        tracing::info!(todos = count, "giving todos their full shape");
    }
    let found = todos.find(left).await?.map_err(PrepareError::from);
    found.try_for_each_concurrent(16, |todo| complete(&todos, todo)).await
}

async fn complete(todos: &Collection<Document>, old: Document) -> Result<(), PrepareError> {
    let Ok(id) = old.get_object_id("_id") else { return Ok(()) };
    let Some(defaults) = defaults(id, &old) else { return Ok(()) };
    let missing: Document = defaults.into_iter().filter(|(field, _)| !old.contains_key(field)).collect();
    let change = doc! { "$replaceWith": {
        "$mergeObjects": ["$$ROOT", { "$literal": missing }, { "changed": "$$CLUSTER_TIME" }]
    } };
    todos.update_one(doc! { "_id": id, "state": { "$exists": false } }, vec![change]).await?;
    Ok(())
}

/// A todo as it would be stored now, had it been made with this name and description; nothing for a document that no
/// user owns.
fn defaults(id: ObjectId, old: &Document) -> Option<Document> {
    let owner_id = old.get_object_id("owner_id").ok()?;
    let created_at: DateTime = old.get_datetime("created_at").ok().copied().unwrap_or_else(|| id.timestamp());
    let mut todo = Todo::blank(id, owner_id, order_key::migrated(created_at, id), created_at);
    old.get_str("name").unwrap_or_default().clone_into(&mut todo.name);
    old.get_str("description").unwrap_or_default().clone_into(&mut todo.description);
    let mut document = bson::serialize_to_document(&todo).ok()?;
    document.extend(todo.derived());
    Some(document)
}
