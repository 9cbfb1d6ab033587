//! Adds the fields that todos of early versions do not have: the state, the position (in order of creation), and the
//! search terms.
//!
//! **Invariant:** existing fields keep their values.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;

use crate::mongo::{Db, PrepareError};
use crate::owned::Owned;
use crate::owned::order_key;
use crate::todos::model::Todo;

/// Every todo is changed by one update with a filter that matches only a todo without a state. Therefore a run may be
/// interrupted and repeated, and several runs may overlap.
pub(super) async fn run(db: &Db) -> Result<(), PrepareError> {
    let todos = db.collection::<Document>("todos");
    let incomplete = doc! { "state": { "$exists": false } };
    let count = todos.count_documents(incomplete.clone()).await?;
    if count > 0 {
        tracing::info!(todos = count, "adding missing fields to todos");
    }
    let found = todos.find(incomplete).await?.map_err(PrepareError::from);
    found.try_for_each_concurrent(16, |todo| fill_in(&todos, todo)).await
}

async fn fill_in(todos: &Collection<Document>, old: Document) -> Result<(), PrepareError> {
    let Ok(id) = old.get_object_id("_id") else { return Ok(()) };
    let Some(defaults) = defaults(id, &old) else { return Ok(()) };
    let missing: Document = defaults.into_iter().filter(|(field, _)| !old.contains_key(field)).collect();
    // `$literal` keeps a name that begins with `$` from being read as an expression.
    let update = doc! { "$replaceWith": {
        "$mergeObjects": ["$$ROOT", { "$literal": missing }, { "changed": "$$CLUSTER_TIME" }]
    } };
    todos.update_one(doc! { "_id": id, "state": { "$exists": false } }, vec![update]).await?;
    Ok(())
}

/// The document that creating this todo now would store. `None` for a document without an owner.
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
