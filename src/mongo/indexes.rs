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
    let indexes: Vec<_> = indexes.into_iter().collect();
    // One command reads the collection once for all missing indexes, and does nothing about those that exist.
    if collection.create_indexes(indexes.clone()).await.is_ok() {
        return Ok(());
    }
    // The error of the command does not say which index is at fault.
    for index in indexes {
        let keys = index.keys.to_string();
        let created = collection.create_index(index).await;
        created
            .map_err(|error| explained(&error, collection.name(), &keys).unwrap_or_else(|| error.into()))?;
    }
    Ok(())
}

/// The refusal that an operator can act on, if there is one.
fn explained(error: &DriverError, collection: &str, keys: &str) -> Option<PrepareError> {
    let text = match error_code(error)? {
        codes::INDEX_OPTIONS_CONFLICT | codes::INDEX_KEY_SPECS_CONFLICT => format!(
            "the collection `{collection}` has an index on {keys} with different options or another name; drop it \
             (db.{collection}.dropIndex) and start again, and the service creates the right index",
        ),
        codes::DUPLICATE_KEY => format!(
            "the collection `{collection}` has several documents with equal {keys}, which must be unique: {}",
            one_line(error),
        ),
        _ => return None,
    };
    Some(PrepareError::Refused(OperatorError(text)))
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
