//! Numbered changes of stored documents, and the collection `migrations` that records which of them are done.
//! A migration is one file and one row of `MIGRATIONS`.
//!
//! **Invariant:** a migration can be repeated, interrupted at any point, and run on several instances at the same time.

mod m1_import_original;
mod m2_fill_in_todos;
mod m3_m5_removal_index;
mod m4_mark_parents;
mod m8_derive_fields;
mod m9_merge_tags;

use bson::{DateTime, doc};
use futures_util::future::{BoxFuture, ready};
use futures_util::{FutureExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::mongo::{Db, PrepareError};
use crate::users::password::Hasher;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationScope {
    Missing,
    /// Every migration, for a database that the original service wrote to after it was migrated.
    All,
}

type Run = for<'a> fn(&'a Db, &'a Hasher) -> BoxFuture<'a, Result<(), PrepareError>>;

/// `number` and `name` are stored in databases. Neither may change once a version with the migration was released.
struct Migration {
    number: i32,
    name: &'static str,
    run: Run,
}

const MIGRATIONS: [Migration; 9] = [
    Migration {
        number: 1,
        name: "take over the original's database",
        run: |db, hasher| m1_import_original::run(db, hasher).boxed(),
    },
    Migration {
        number: 2,
        name: "give todos their full shape",
        run: |db, _| m2_fill_in_todos::run(db).boxed(),
    },
    Migration {
        number: 3,
        name: "remember removals a day longer",
        run: |db, _| m3_m5_removal_index::run(db).boxed(),
    },
    Migration {
        number: 4,
        name: "note which todos have subtasks",
        run: |db, _| m4_mark_parents::run(db).boxed(),
    },
    // The definition of the index changed a second time, so databases that recorded number 3 drop it again.
    Migration { number: 5, name: "index removals alone", run: |db, _| m3_m5_removal_index::run(db).boxed() },
    // Number 8 does the work of these two, so that a database is read once.
    Migration {
        number: 6,
        name: "compute the instants of due dates again",
        run: |_, _| ready(Ok(())).boxed(),
    },
    Migration { number: 7, name: "store fewer and shorter search words", run: |_, _| ready(Ok(())).boxed() },
    Migration {
        number: 8,
        name: "derive the fields for search and sorting again",
        run: |db, _| m8_derive_fields::run(db).boxed(),
    },
    Migration {
        number: 9,
        name: "store the keys of tags, and merge tags that differ only in case",
        run: |db, _| m9_merge_tags::run(db).boxed(),
    },
];

// Instances of the version before write documents of the earlier form until they are replaced.
const REPEATED: [i32; 2] = [8, 9];

#[derive(Serialize, Deserialize)]
struct MigrationRecord {
    #[serde(rename = "_id")]
    number: i32,
    name: String,
    at: DateTime,
}

/// Runs migrations, and records each when it is done. [`PrepareError::Refused`] means that an operator must correct
/// documents first; no document was changed. Returns how many ran.
pub async fn run(db: &Db, hasher: &Hasher, scope: MigrationScope) -> Result<usize, PrepareError> {
    let mut count = 0;
    let records = db.collection::<MigrationRecord>("migrations");
    for Migration { number, name, run } in MIGRATIONS {
        if scope == MigrationScope::Missing && records.find_one(doc! { "_id": number }).await?.is_some() {
            continue;
        }
        run(db, hasher).await?;
        // Recorded only now, so that an interrupted migration runs again.
        let record = doc! { "$set": { "name": name }, "$currentDate": { "at": true } };
        records.update_one(doc! { "_id": number }, record).upsert(true).await?;
        tracing::info!(number, name, "migration done");
        count += 1;
    }
    Ok(count)
}

/// The numbers of migrations that the data of an earlier version, or of the original, still needs. None if there is no data.
pub async fn missing(db: &Db) -> Result<Vec<i32>, PrepareError> {
    if db.is_empty().await? {
        return Ok(Vec::new());
    }
    let records = db.collection::<MigrationRecord>("migrations");
    let done: Vec<_> = records.find(doc! {}).await?.map_ok(|record| record.number).try_collect().await?;
    let numbers = MIGRATIONS.iter().map(|migration| migration.number);
    Ok(numbers.filter(|number| !done.contains(number)).collect())
}

/// The last migration of a newer version, if there is one.
pub async fn newer(db: &Db) -> Result<Option<i32>, PrepareError> {
    let known = MIGRATIONS.iter().map(|migration| migration.number).max();
    let records = db.collection::<MigrationRecord>("migrations");
    let last = records.find_one(doc! { "_id": { "$gt": known } }).sort(doc! { "_id": -1 }).await?;
    Ok(last.map(|record| record.number))
}

/// Runs migrations again for what instances of the version before have written. Once, when none of these can be running.
pub async fn repeat(db: &Db, hasher: &Hasher) -> Result<(), PrepareError> {
    let records = db.collection::<MigrationRecord>("migrations");
    for Migration { number, name, run } in MIGRATIONS.into_iter().filter(|one| REPEATED.contains(&one.number))
    {
        let unrepeated = doc! { "_id": number, "repeated_at": null };
        if records.find_one(unrepeated.clone()).await?.is_none() {
            continue;
        }
        run(db, hasher).await?;
        let record = doc! { "$currentDate": { "repeated_at": true } };
        records.update_one(unrepeated, record).await?;
        tracing::info!(number, name, "migration repeated");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_in_ascending_order() {
        let numbers = MIGRATIONS.iter().map(|migration| migration.number);
        assert!(numbers.is_sorted_by(|a, b| a < b));
    }
}
