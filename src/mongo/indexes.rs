//! Creates the indexes that stores need, and drops those that they no longer need.
//!
//! **Invariant:** an existing index is never changed.

use bson::Document;
use mongodb::error::Error as DriverError;
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};

use super::error::{PrepareError, codes, error_code, one_line};
use crate::error::OperatorError;

pub fn index(keys: Document, options: IndexOptions) -> IndexModel {
    IndexModel::builder().keys(keys).options(options).build()
}

/// Creates missing indexes. [`PrepareError::Refused`] means that another index has the same keys or name, or that
/// documents violate a unique index.
pub async fn ensure_indexes<T: Send + Sync>(
    collection: &Collection<T>,
    indexes: impl IntoIterator<Item = IndexModel>,
) -> Result<(), PrepareError> {
    let name = collection.name();
    for index in indexes {
        let keys = index.keys.to_string();
        // Does nothing if the same index exists.
        collection.create_index(index).await.map_err(|error| match error_code(&error) {
            Some(codes::INDEX_OPTIONS_CONFLICT | codes::INDEX_KEY_SPECS_CONFLICT) => {
                PrepareError::Refused(OperatorError(format!(
                    "the collection `{name}` has an index on {keys} with different options or another name; drop it \
                     (db.{name}.dropIndex) and start again, and the service creates the right index",
                )))
            }
            Some(codes::DUPLICATE_KEY) => PrepareError::Refused(OperatorError(format!(
                "the collection `{name}` has several documents with equal {keys}, which must be unique: {}",
                one_line(&error),
            ))),
            _ => PrepareError::from(error),
        })?;
    }
    Ok(())
}

/// Drops an index if it exists.
pub async fn drop_index<T: Send + Sync>(collection: &Collection<T>, name: &str) -> Result<(), DriverError> {
    match collection.drop_index(name).await {
        // A new database has neither the collection nor the index.
        Err(error)
            if matches!(error_code(&error), Some(codes::NAMESPACE_NOT_FOUND | codes::INDEX_NOT_FOUND)) =>
        {
            Ok(())
        }
        dropped => dropped,
    }
}
