//! Drops the index by which earlier versions forgot removals: it forgot them too early, and then had an entry for what was
//! not removed, too. The one of this version is made at start. Must not touch a document.

use bson::Document;

use crate::lists::model::List;
use crate::mongo::{self, Db, PrepareError};
use crate::owned::Owned;
use crate::todos::model::Todo;

/// The index by which the database forgot removals.
const INDEX: &str = "gone_at_1";

/// Drops the index if it is there; twice is the same.
pub(super) async fn run(db: &Db) -> Result<(), PrepareError> {
    for name in [Todo::COLLECTION, List::COLLECTION] {
        match db.collection::<Document>(name).drop_index(INDEX).await {
            // There is no such collection, or no such index.
            Err(error) if !matches!(mongo::code(&error), Some(26 | 27)) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
