//! Notes in every todo that has subtasks that it has. Must not change anything else.

use bson::{Document, doc};

use crate::mongo::{Db, PrepareError};
use crate::owned::Owned;
use crate::todos::model::Todo;

/// The database does it by itself; twice is the same.
pub(super) async fn run(db: &Db) -> Result<(), PrepareError> {
    let note = [
        doc! { "$match": { "parent_id": { "$type": "objectId" } } },
        doc! { "$group": { "_id": "$parent_id" } },
        doc! { "$set": { "is_parent": true } },
        doc! { "$merge": { "into": Todo::COLLECTION, "on": "_id", "whenMatched": "merge", "whenNotMatched": "discard" } },
    ];
    db.collection::<Document>(Todo::COLLECTION).aggregate(note).await?;
    Ok(())
}
