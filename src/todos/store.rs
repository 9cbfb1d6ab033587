//! The collection `todos`: its indexes, and the queries that lists do not need.

use std::collections::{BTreeSet, HashMap};

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use mongodb::IndexModel;
use mongodb::options::IndexOptions;

use super::history::RECORD_COUNTS_MILLIS;
use super::index::{Index, RETIRED};
use super::model::{Placement, Todo};
use crate::error::Error;
use crate::mongo::{self, PrepareError};
use crate::owned::Selection;
use crate::owned::collection::{OwnedBy, OwnedCollection};
use crate::owned::{Precondition, State};

const UNLIMITED: u64 = u64::MAX >> 1;

pub type Todos = OwnedCollection<Todo>;

pub type UserTodos<'a> = OwnedBy<'a, Todo>;

pub async fn ensure_indexes(todos: &Todos) -> Result<(), PrepareError> {
    let model = |index: &Index| {
        let fields = std::iter::once("owner_id").chain(index.fields().iter().copied());
        let keys = fields.map(|field| (field.to_owned(), Bson::Int32(1))).collect();
        let options = IndexOptions::builder().name(index.name().to_owned());
        mongo::index(keys, options.partial_filter_expression(index.condition()).build())
    };
    todos.ensure_indexes(Index::ALL.iter().map(model).chain(of_calendars())).await
}

pub(super) const BY_UID: &str = "by_uid";
pub(super) const BY_RESOURCE: &str = "by_resource";
pub(super) const BY_WANTED_PARENT: &str = "by_wanted_parent";

// Partial, because only todos that a calendar client has written are in them.
fn of_calendars() -> impl Iterator<Item = IndexModel> {
    let index = |name: &str, fields: &[&str], is_unique: bool| {
        let keys = std::iter::once("owner_id").chain(fields.iter().copied());
        let keys = keys.map(|field| (field.to_owned(), Bson::Int32(1))).collect();
        let last = fields.last().copied().unwrap_or_default();
        let options = IndexOptions::builder().name(name.to_owned()).unique(is_unique);
        mongo::index(keys, options.partial_filter_expression(doc! { last: { "$gte": "" } }).build())
    };
    [
        index(BY_UID, &["calendar.uid"], true),
        index(BY_RESOURCE, &["calendar.list", "calendar.name"], true),
        index(BY_WANTED_PARENT, &["calendar.parent"], false),
    ]
    .into_iter()
}

/// Drops the indexes of earlier versions, none of which may still run.
pub async fn drop_retired_indexes(todos: &Todos) -> Result<(), Error> {
    for name in RETIRED {
        todos.drop_index(name).await?;
    }
    Ok(())
}

impl UserTodos<'_> {
    /// Completes or reopens a live todo in one update. `None` if that has side effects, or if there is no such todo.
    pub async fn complete(
        &self,
        id: ObjectId,
        done: bool,
        condition: &Precondition,
        now: DateTime,
    ) -> Result<Option<Todo>, Error> {
        // A document that changed after this request arrived is left alone: the client may have repeated the request and
        // then changed the todo again.
        let mut simple = live();
        // No side effects: the todo does not recur, has none pending, never had subtasks if it is completed, and has no parent if
        // it is reopened.
        simple.extend(doc! { "recurrence": null, "unfinished": null, "updated_at": { "$lte": now } });
        if done {
            simple.insert("is_parent", doc! { "$ne": true });
        } else {
            simple.insert("parent_id", Bson::Null);
        }
        match condition {
            Precondition::Any | Precondition::Exists => {}
            Precondition::Versions(versions) => {
                simple.insert("version", doc! { "$in": versions });
            }
            Precondition::Except(versions) => {
                simple.insert("version", doc! { "$nin": versions });
            }
            Precondition::Absent => return Ok(None),
        }
        let (is_so, since) = (doc! { "$eq": ["$completed", done] }, done.then_some(now));
        self.set(id, simple, is_so, doc! { "completed": done, "completed_at": since }, now).await
    }

    pub async fn becomes_parent(&self, id: ObjectId) -> Result<(), Error> {
        // Clients cannot see this change, so it gets no version and no stamp.
        self.note(id, doc! {}, doc! { "$set": { "is_parent": true } }).await
    }

    /// Counts up to `limit`.
    pub async fn count_in(&self, state: State, limit: u64) -> Result<u64, Error> {
        self.count(doc! { "state": state.word() }, Index::ByPosition.name(), limit).await
    }

    /// Counts the todos that count towards a limit. The result is exact below `limit`.
    pub async fn count_towards(&self, limit: u64, state: State, now: DateTime) -> Result<u64, Error> {
        let counted = self.count_in(state, limit).await?;
        if counted < limit {
            return Ok(counted);
        }
        let mut old = old_record(now);
        old.insert("state", state.word());
        // The index contains every field of the filter, so MongoDB fetches no document.
        let old = self.count(old, Index::ByCompleted.name(), UNLIMITED).await?;
        Ok(if old == 0 { counted } else { self.count_in(state, UNLIMITED).await?.saturating_sub(old) })
    }

    /// Old records of occurrences, which do not count towards a limit.
    pub async fn count_old_records(&self, now: DateTime) -> Result<u64, Error> {
        let mut old = old_record(now);
        old.insert("state", kept());
        self.count(old, Index::ByCompleted.name(), UNLIMITED).await
    }

    /// The number of direct subtasks of `parents` that match.
    pub async fn count_subtasks(&self, parents: &[ObjectId], mut filter: Document) -> Result<u64, Error> {
        filter.insert("parent_id", doc! { "$in": parents });
        self.count(filter, Index::ByParent.name(), UNLIMITED).await
    }

    pub async fn count_in_list(&self, list_id: ObjectId, mut filter: Document) -> Result<u64, Error> {
        filter.insert("list_id", list_id);
        self.count(filter, Index::ByList.name(), UNLIMITED).await
    }

    /// The ids of all direct subtasks of `parents`, live or in the trash.
    pub async fn subtasks(&self, parents: &[ObjectId]) -> Result<Vec<ObjectId>, Error> {
        let filter = doc! { "parent_id": { "$in": parents }, "state": { "$ne": State::Gone.word() } };
        // No change of many todos changes their parents. The index contains both fields and `_id`, so MongoDB fetches no
        // document.
        self.stored_ids(filter, Index::ByParent.name()).await
    }

    /// Lists without open todos are missing in the result.
    pub async fn open_counts(&self, lists: Vec<ObjectId>) -> Result<HashMap<ObjectId, i64>, Error> {
        let mut open = live();
        open.extend(doc! { "list_id": { "$in": lists }, "completed": false });
        let count = doc! { "$group": { "_id": "$list_id", "open": { "$sum": 1_i64 } } };
        let counted = self.aggregate(open, vec![count], Index::ByList.name()).await?;
        let pair =
            |counted: &Document| Some((counted.get_object_id("_id").ok()?, counted.get_i64("open").ok()?));
        Ok(counted.iter().filter_map(pair).collect())
    }

    /// The ids of the todos in a list that match, and of todos that wait for a change.
    pub async fn in_list(&self, list_id: ObjectId, mut filter: Document) -> Result<Vec<ObjectId>, Error> {
        filter.insert("list_id", list_id);
        self.candidates(filter, Index::ByList.name()).await
    }

    /// The ids of all todos that have the tag with this key, live or in the trash, and of todos that wait for a change.
    pub async fn tagged(&self, key: &str) -> Result<Vec<ObjectId>, Error> {
        self.candidates(with_tag(key), Index::ByTag.name()).await
    }

    /// The tags of any todo that has one of the tags with these keys.
    pub async fn tags_of_one_with(&self, keys: &BTreeSet<String>) -> Result<Option<Vec<String>>, Error> {
        let one_of = doc! { "$in": keys.iter().collect::<Vec<_>>() };
        let (filter, index, fields) = (with_tag(one_of), Index::ByTag.name(), doc! { "_id": 0, "tags": 1 });
        let found = if self.has_waiting() {
            let stages = vec![doc! { "$limit": 1 }, doc! { "$project": fields }];
            self.aggregate(filter, stages, index).await?
        } else {
            // Costs MongoDB less than an aggregation.
            let selection = Selection { filter, sort: doc! {}, index, limit: 1 };
            self.project(selection, fields).await?
        };
        Ok(found.into_iter().next().map(|found| texts(found.get("tags"))))
    }

    /// All tags of the todos that have the tag with this key and have it in none of these spellings.
    pub async fn tags_of_others_with(&self, key: &str, spellings: &[String]) -> Result<Vec<String>, Error> {
        let stages = vec![
            doc! { "$match": { "tags": { "$nin": spellings.to_vec() } } },
            doc! { "$unwind": "$tags" },
            doc! { "$group": { "_id": "$tags" } },
        ];
        let found = self.aggregate(with_tag(key), stages, Index::ByTag.name()).await?;
        Ok(found.iter().filter_map(|found| found.get_str("_id").ok()).map(str::to_owned).collect())
    }
}

fn with_tag(key: impl Into<Bson>) -> Document {
    doc! { "state": kept(), "tag_keys": key.into() }
}

fn texts(array: Option<&Bson>) -> Vec<String> {
    let elements = array.and_then(Bson::as_array).into_iter().flatten();
    elements.filter_map(|element| element.as_str().map(str::to_owned)).collect()
}

/// Records of occurrences that do not count towards a limit any more.
pub fn old_record(now: DateTime) -> Document {
    let before = now.saturating_add_millis(-RECORD_COUNTS_MILLIS);
    doc! {
        "completed_at": { "$gt": DateTime::MIN, "$lt": before },
        "occurrence_of": { "$gte": ObjectId::from_bytes([0; 12]) },
    }
}

pub fn siblings(place: Placement) -> (Document, &'static str) {
    let Placement { list_id, parent_id } = place;
    (doc! { "state": State::Live.word(), "list_id": list_id, "parent_id": parent_id }, Index::ByList.name())
}

pub(super) fn live() -> Document {
    doc! { "state": State::Live.word() }
}

/// The condition on the state that matches all todos except for tombstones, and that an index can use.
pub fn kept() -> Document {
    doc! { "$in": [State::Live.word(), State::Trash.word()] }
}
