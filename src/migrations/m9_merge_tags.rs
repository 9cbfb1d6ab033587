//! Stores the keys of tags, and merges tags of a user that differ only in case, such as `Work` and `work`. The oldest todo gives
//! the spelling.
//!
//! Clients see a change of tags, which therefore changes version and change stamp of the todo. They do not see keys.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;

use bson::oid::ObjectId;
use bson::{Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::error::Error as DriverError;
use serde::Deserialize;

use crate::mongo::{Db, PrepareError, majority};
use crate::owned::Owned;
use crate::tags::model;
use crate::todos::model::Todo;
use crate::todos::store::kept;

// With the longest tags, a batch has 5 MB.
const BATCH: usize = 100;

#[derive(Deserialize)]
struct Tagged {
    #[serde(rename = "_id")]
    id: ObjectId,
    version: i64,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

/// Every todo is changed by one update whose filter has the version that was read. A run may be interrupted and repeated, and
/// several runs may overlap, because all of them choose the same spellings.
pub(super) async fn run(db: &Db) -> Result<(), PrepareError> {
    let todos = db.collection::<Document>(Todo::COLLECTION);
    // An instance of an earlier version may have removed the tags and left the keys.
    let has = |field: &str| doc! { format!("{field}.0"): { "$exists": true } };
    let tagged = doc! { "state": kept(), "$or": [has("tags"), has("tag_keys")] };
    let owners = [doc! { "$match": tagged.clone() }, doc! { "$group": { "_id": "$owner_id" } }];
    let owners: Vec<Document> = todos.aggregate(owners).await?.try_collect().await?;
    let mut changed = 0;
    for owner_id in owners.iter().filter_map(|owner| owner.get_object_id("_id").ok()) {
        let mut of_owner = tagged.clone();
        of_owner.insert("owner_id", owner_id);
        let keys = ambiguous_keys(&todos, of_owner.clone()).await?;
        changed += merge(&todos, of_owner, &keys).await?;
    }
    if changed > 0 {
        tracing::info!(todos = changed, "stored the keys of tags");
    }
    Ok(())
}

/// The keys of tags that todos have in several spellings.
async fn ambiguous_keys(
    todos: &Collection<Document>,
    of_owner: Document,
) -> Result<HashSet<String>, PrepareError> {
    // Hashes, because a user may have half a million tags.
    let (hasher, mut by_key, mut ambiguous) = (RandomState::new(), HashMap::new(), HashSet::new());
    let mut spellings = HashSet::new();
    let mut found = todos.find(of_owner).projection(doc! { "tags": 1, "version": 1 }).await?;
    while let Some(todo) = found.try_next().await? {
        for tag in read(todo).into_iter().flat_map(|todo| todo.tags) {
            let spelling = hasher.hash_one(&tag);
            if spellings.insert(spelling) {
                let key = model::key(&tag);
                if *by_key.entry(hasher.hash_one(&key)).or_insert(spelling) != spelling {
                    ambiguous.insert(key);
                }
            }
        }
    }
    Ok(ambiguous)
}

/// Returns the number of todos that are changed.
async fn merge(
    todos: &Collection<Document>,
    of_owner: Document,
    keys: &HashSet<String>,
) -> Result<usize, PrepareError> {
    let oldest_first = doc! { "created_at": 1, "_id": 1 };
    let fields = doc! { "tags": 1, "tag_keys": 1, "version": 1 };
    let found = todos.find(of_owner).projection(fields).sort(oldest_first);
    let found = found.allow_disk_use(true).await?;
    let mut spellings = BTreeMap::new();
    let updates = found.map_ok(|todo| read(todo).and_then(|todo| update(&todo, keys, &mut spellings)));
    let updates = updates.try_filter_map(async |update| Ok::<_, DriverError>(update));
    let batches = updates.map_err(PrepareError::from).try_chunks(BATCH).map_err(|error| error.1);
    batches
        .try_fold(0, async |sum, batch| {
            let count = batch.len();
            let written = majority::update_all(todos, batch).await;
            written.map_err(|error| PrepareError::Unavailable(error.to_string()))?;
            Ok(sum + count)
        })
        .await
}

/// `None` for a document that cannot be read as a todo.
fn read(stored: Document) -> Option<Tagged> {
    bson::deserialize_from_document(stored).ok()
}

fn update(
    todo: &Tagged,
    keys: &HashSet<String>,
    spellings: &mut BTreeMap<String, String>,
) -> Option<Document> {
    let merged = model::merged(todo.tags.clone(), |key, tag| {
        if keys.contains(key) { spellings.entry(key.to_owned()).or_insert(tag).clone() } else { tag }
    });
    let keys = model::keys(&merged);
    let mut set = doc! { "tag_keys": { "$literal": keys.clone() } };
    if merged != todo.tags {
        set.extend(doc! {
            "tags": { "$literal": merged },
            "version": { "$add": ["$version", 1_i64] },
            "updated_at": "$$NOW",
            "changed": "$$CLUSTER_TIME",
        });
    } else if keys == todo.tag_keys {
        return None;
    }
    let unchanged = doc! { "_id": todo.id, "version": todo.version, "state": kept() };
    Some(doc! { "q": unchanged, "u": [{ "$set": set }], "hint": "_id_" })
}
