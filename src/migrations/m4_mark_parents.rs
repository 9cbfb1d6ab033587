//! Sets `is_parent` on every todo that has subtasks. No other field changes.

use bson::{Document, doc};

use crate::mongo::{Db, PrepareError};
use crate::owned::Owned;
use crate::todos::model::Todo;

pub(super) async fn run(db: &Db) -> Result<(), PrepareError> {
    // One aggregation inside the database. A second run gives the same result.
    let mark_parents = [
        doc! { "$match": { "parent_id": { "$type": "objectId" } } },
        doc! { "$group": { "_id": "$parent_id" } },
        doc! { "$set": { "is_parent": true } },
        // A subtask may outlive its parent's document. `discard` keeps the merge from creating a stub for that id.
        doc! { "$merge": { "into": Todo::COLLECTION, "on": "_id", "whenMatched": "merge", "whenNotMatched": "discard" } },
    ];
    db.collection::<Document>(Todo::COLLECTION).aggregate(mark_parents).await?;
    Ok(())
}
