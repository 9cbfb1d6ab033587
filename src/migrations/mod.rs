//! Numbered changes of stored documents, recorded in the collection `migrations`. Each must be safe to repeat, to
//! interrupt, and to run on several instances at once.

mod m1_import_original;
mod m2_fill_in_todos;
mod m3_m5_removal_index;
mod m4_mark_parents;

use bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use crate::mongo::{Db, PrepareError};
use crate::users::password::Hasher;

/// Which migrations to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationScope {
    /// Those that are not recorded.
    Missing,
    /// All, for a database that the original wrote to after it was taken over.
    All,
}

/// The names, in their order; the first has number 1.
const NAMES: [&str; 5] = [
    "take over the original's database",
    "give todos their full shape",
    "remember removals a day longer",
    "note which todos have subtasks",
    "index removals alone",
];

/// The record that a migration is done.
#[derive(Serialize, Deserialize)]
struct MigrationRecord {
    #[serde(rename = "_id")]
    number: i32,
    name: String,
    at: DateTime,
}

/// Runs migrations, and records each when it is done.
///
/// # Errors
/// [`PrepareError::Refused`] for documents that an operator must mend first; nothing has been changed then.
pub async fn run(db: &Db, hasher: &Hasher, which: MigrationScope) -> Result<(), PrepareError> {
    let records = db.collection::<MigrationRecord>("migrations");
    for (number, name) in (1..).zip(NAMES) {
        if which == MigrationScope::Missing && records.find_one(doc! { "_id": number }).await?.is_some() {
            continue;
        }
        match number {
            1 => m1_import_original::run(db, hasher).await?,
            2 => m2_fill_in_todos::run(db).await?,
            3 | 5 => m3_m5_removal_index::run(db).await?,
            4 => m4_mark_parents::run(db).await?,
            _ => unreachable!("every name has its migration"),
        }
        let done = doc! { "$set": { "name": name }, "$currentDate": { "at": true } };
        records.update_one(doc! { "_id": number }, done).upsert(true).await?;
        tracing::info!(number, name, "migration done");
    }
    Ok(())
}
