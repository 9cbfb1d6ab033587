//! The collection `todos`: its indexes, and the queries that lists do not need.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use mongodb::options::IndexOptions;

use super::index::Index;
use super::model::{Placement, SideEffect, Todo};
use crate::error::Error;
use crate::mongo::{self, PrepareError};
use crate::owned::collection::{OwnedBy, OwnedCollection};
use crate::owned::{Precondition, State};

pub type Todos = OwnedCollection<Todo>;

pub type UserTodos<'a> = OwnedBy<'a, Todo>;

pub async fn ensure_indexes(todos: &Todos) -> Result<(), PrepareError> {
    let model = |index: &Index| {
        let fields = std::iter::once("owner_id").chain(index.fields().iter().copied());
        let keys = fields.map(|field| (field.to_owned(), Bson::Int32(1))).collect();
        mongo::index(keys, IndexOptions::builder().name(index.name().to_owned()).build())
    };
    todos.ensure_indexes(Index::ALL.iter().map(model)).await
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
        // No side effects: the todo does not recur, has none pending, and to complete it, never had subtasks.
        simple.extend(doc! { "recurrence": null, "unfinished": null, "updated_at": { "$lte": now } });
        if done {
            simple.insert("is_parent", doc! { "$ne": true });
        }
        match condition {
            Precondition::Any => {}
            Precondition::Versions(versions) => {
                simple.insert("version", doc! { "$in": versions });
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

    pub async fn live_count(&self, limit: u64) -> Result<u64, Error> {
        self.count(live(), Index::ByPosition.name(), limit).await
    }

    /// The ids of all direct subtasks of `parents`, live or in the trash.
    pub async fn subtasks(&self, parents: &[ObjectId]) -> Result<Vec<ObjectId>, Error> {
        let filter = doc! { "parent_id": { "$in": parents }, "state": { "$ne": State::Gone.word() } };
        // The index contains both fields and `_id`, so MongoDB fetches no document.
        self.ids(filter, Index::ByParent.name()).await
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

    /// Applies a side effect of a change of `root` to the todos that match `filter`, and returns how many changed.
    pub async fn apply(
        &self,
        filter: Document,
        act: &SideEffect,
        root: &Todo,
        now: DateTime,
    ) -> Result<u64, Error> {
        // Each filter excludes todos that already have the effect, so that a repetition changes nothing.
        let (only, set) = match act {
            SideEffect::Trash => (live(), trashed(root.trashed_with.unwrap_or(root.id), now)),
            SideEffect::Restore(with) => {
                (doc! { "state": State::Trash.word(), "trashed_with": with }, restored())
            }
            SideEffect::Complete => {
                let only = doc! { "state": State::Live.word(), "completed": false };
                (only, doc! { "completed": true, "completed_at": now })
            }
            SideEffect::Reopen => {
                // Records of completed occurrences stay completed.
                let only = doc! { "state": State::Live.word(), "completed": true, "occurrence_of": null };
                (only, doc! { "completed": false, "completed_at": null })
            }
            SideEffect::Relist => {
                let only =
                    doc! { "state": { "$ne": State::Gone.word() }, "list_id": { "$ne": root.list_id } };
                (only, doc! { "list_id": root.list_id })
            }
            SideEffect::Record(_)
            | SideEffect::Advance { .. }
            | SideEffect::End { .. }
            | SideEffect::Undo { .. } => return Ok(0),
        };
        let mut filter = filter;
        filter.extend(only);
        self.update_each(filter, set, now).await
    }
}

pub fn siblings(place: Placement) -> (Document, &'static str) {
    let Placement { list_id, parent_id } = place;
    (doc! { "state": State::Live.word(), "list_id": list_id, "parent_id": parent_id }, Index::ByList.name())
}

fn live() -> Document {
    doc! { "state": State::Live.word() }
}

/// The update that moves a todo to the trash because `with`, a todo or a list, was deleted.
pub fn trashed(with: ObjectId, now: DateTime) -> Document {
    doc! { "state": State::Trash.word(), "deleted_at": now, "trashed_with": with }
}

pub fn restored() -> Document {
    doc! { "state": State::Live.word(), "deleted_at": null, "trashed_with": null }
}
