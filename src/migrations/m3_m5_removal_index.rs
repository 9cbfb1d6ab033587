//! Drops the TTL index on `gone_at` that earlier versions created, because MongoDB does not change the options of an
//! existing index. That index removed tombstones too early and had an entry for every document that is not a
//! tombstone. The start of the service creates the current index.
//!
//! **Invariant:** no document is touched.

use bson::Document;

use crate::lists::model::List;
use crate::mongo::{self, Db, PrepareError};
use crate::owned::Owned;
use crate::todos::model::Todo;

const INDEX: &str = "gone_at_1";

pub(super) async fn run(db: &Db) -> Result<(), PrepareError> {
    // Only these two collections have ever had the old index. A later kind of object does not belong here.
    for name in [Todo::COLLECTION, List::COLLECTION] {
        mongo::drop_index(&db.collection::<Document>(name), INDEX).await?;
    }
    Ok(())
}
