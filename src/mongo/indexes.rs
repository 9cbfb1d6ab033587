//! Creating the indexes that stores need. Must not drop or change one that is there.

use bson::Document;
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};

use super::error::{DUPLICATE_KEY, PrepareError, code, plain};
use crate::error::OperatorError;

/// An index that a store needs.
#[must_use]
pub fn index(keys: Document, options: IndexOptions) -> IndexModel {
    IndexModel::builder().keys(keys).options(options).build()
}

/// Creates the indexes that are missing.
///
/// # Errors
/// [`PrepareError::Refused`] when another index is in the way, or the documents break a unique one.
pub async fn ensure_indexes<T: Send + Sync>(
    collection: &Collection<T>,
    indexes: impl IntoIterator<Item = IndexModel>,
) -> Result<(), PrepareError> {
    for index in indexes {
        let keys = index.keys.to_string();
        collection.create_index(index).await.map_err(|error| match code(&error) {
            Some(85 | 86) => PrepareError::Refused(OperatorError(format!(
                "the collection `{}` has an index on {keys} with other options or under another name; drop it \
                 (db.{}.dropIndex) and start again: the right one is then made",
                collection.name(),
                collection.name(),
            ))),
            Some(DUPLICATE_KEY) => PrepareError::Refused(OperatorError(format!(
                "the collection `{}` has documents that are the same in {keys}, which must be unique: {}",
                collection.name(),
                plain(&error),
            ))),
            _ => PrepareError::from(error),
        })?;
    }
    Ok(())
}
