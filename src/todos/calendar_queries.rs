//! Queries for the todos that calendar clients know by a name, a UID or a text.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{DateTime, Document, RawDocument, doc};

use super::index::Index;
use super::model::Todo;
use super::store::{BY_RESOURCE, BY_UID, BY_WANTED_PARENT, UserTodos, kept, live};
use crate::error::Error;
use crate::owned::{Selection, State};

// Of ids, versions and UIDs.
const SMALL_BATCH: u32 = 1_000;

/// One version of a live todo.
pub struct Version {
    pub id: ObjectId,
    pub list_id: Option<ObjectId>,
    pub version: i64,
    pub occurrence_of: Option<ObjectId>,
    pub completed_at: Option<DateTime>,
}

impl UserTodos<'_> {
    /// The todo that has this UID because a calendar client has given it, live or in the trash.
    pub async fn find_by_uid(&self, uid: &str) -> Result<Option<Todo>, Error> {
        self.find_in(doc! { "calendar.uid": uid }, BY_UID).await
    }

    /// The todo to which a calendar client has given this name in this list. It may be in another list now, or in the trash.
    pub async fn find_by_resource(
        &self,
        list_id: Option<ObjectId>,
        name: &str,
    ) -> Result<Option<Todo>, Error> {
        self.find_in(doc! { "calendar.list": list_id, "calendar.name": name }, BY_RESOURCE).await
    }

    /// The live todos that wait for a parent with one of these UIDs.
    pub async fn wanting_parent(&self, uids: &[String]) -> Result<Vec<Todo>, Error> {
        let filter = doc! { "calendar.parent": { "$in": uids }, "state": State::Live.word() };
        self.select(Selection { filter, sort: doc! {}, index: BY_WANTED_PARENT, limit: 0 }).await
    }

    async fn find_in(&self, mut filter: Document, index: &'static str) -> Result<Option<Todo>, Error> {
        filter.insert("state", kept());
        let (mut found, selection) = (None, Selection { filter, sort: doc! {}, index, limit: 1 });
        let take = |todo, _: &RawDocument| {
            found = Some(todo);
            Ok(false)
        };
        self.visit_whole(selection, take).await?;
        Ok(found)
    }

    /// Gives all live todos of a list to `take`, without the texts of calendar clients.
    pub async fn each_in_list(
        &self,
        list_id: Option<ObjectId>,
        take: impl FnMut(Todo, &RawDocument) -> Result<bool, Error> + Send,
    ) -> Result<(), Error> {
        let filter = live_in(list_id);
        let selection = Selection { filter, sort: doc! {}, index: Index::ByList.name(), limit: 0 };
        self.visit(selection, take).await.map(drop)
    }

    pub async fn each_version(&self, take: impl FnMut(Version) + Send) -> Result<(), Error> {
        self.versions(live(), take).await
    }

    pub async fn each_version_in_list(
        &self,
        list_id: Option<ObjectId>,
        take: impl FnMut(Version) + Send,
    ) -> Result<(), Error> {
        self.versions(live_in(list_id), take).await
    }

    async fn versions(&self, filter: Document, mut take: impl FnMut(Version) + Send) -> Result<(), Error> {
        let selection = Selection { filter, sort: doc! {}, index: Index::ByList.name(), limit: 0 };
        if self.has_waiting() {
            let take = |todo: Todo, _: &RawDocument| {
                take(Version {
                    id: todo.id,
                    list_id: todo.list_id,
                    version: todo.version,
                    occurrence_of: todo.occurrence_of,
                    completed_at: todo.completed_at,
                });
                Ok(true)
            };
            self.visit(selection, take).await?;
            return Ok(());
        }
        let fields = doc! { "list_id": 1, "version": 1, "occurrence_of": 1, "completed_at": 1 };
        let take = |stored: &RawDocument| {
            let id = stored.get_object_id("_id").map_err(Error::internal)?;
            let version = stored.get_i64("version").map_err(Error::internal)?;
            let list_id = stored.get_object_id("list_id").ok();
            let occurrence_of = stored.get_object_id("occurrence_of").ok();
            let completed_at = stored.get_datetime("completed_at").ok();
            take(Version { id, list_id, version, occurrence_of, completed_at });
            Ok(true)
        };
        self.project_each(selection, fields, SMALL_BATCH, take).await
    }

    /// The records of occurrences that were completed from `from` until before `to`, in one list.
    pub async fn records_completed(
        &self,
        list_id: Option<ObjectId>,
        from: DateTime,
        to: DateTime,
    ) -> Result<Vec<Todo>, Error> {
        let mut filter = live_in(list_id);
        filter.insert("completed_at", doc! { "$gte": from, "$lt": to });
        filter.insert("occurrence_of", doc! { "$type": "objectId" });
        self.select(Selection { filter, sort: doc! {}, index: Index::ByCompleted.name(), limit: 0 }).await
    }

    /// The UIDs that calendar clients have given these todos.
    pub async fn uids_of(&self, ids: &[ObjectId]) -> Result<HashMap<ObjectId, String>, Error> {
        self.uids(doc! { "_id": { "$in": ids } }, Index::BY_ID).await
    }

    /// The todos to which calendar clients have given one of these UIDs, live or in the trash.
    pub async fn with_uids(&self, uids: &[String]) -> Result<HashMap<ObjectId, String>, Error> {
        self.uids(doc! { "calendar.uid": { "$in": uids } }, BY_UID).await
    }

    /// Which of these names calendar clients have given in this list, and to which todos, also in the trash.
    pub async fn name_holders(
        &self,
        list_id: Option<ObjectId>,
        names: &[String],
    ) -> Result<Vec<(String, ObjectId)>, Error> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let filter = doc! { "calendar.list": list_id, "calendar.name": { "$in": names } };
        let (mut holders, selection) =
            (Vec::new(), Selection { filter, sort: doc! {}, index: BY_RESOURCE, limit: 0 });
        let take = |stored: &RawDocument| {
            let id = stored.get_object_id("_id").map_err(Error::internal)?;
            let names = stored.get_document("calendar").map_err(Error::internal)?;
            holders.extend(names.get_str("name").ok().map(|name| (name.to_owned(), id)));
            Ok(true)
        };
        self.project_each(selection, doc! { "calendar.name": 1 }, SMALL_BATCH, take).await?;
        Ok(holders)
    }

    /// The UIDs that calendar clients have given todos.
    pub async fn all_uids(&self) -> Result<HashMap<ObjectId, String>, Error> {
        self.uids(doc! { "calendar.uid": { "$gte": "" } }, BY_UID).await
    }

    async fn uids(&self, filter: Document, index: &'static str) -> Result<HashMap<ObjectId, String>, Error> {
        let (mut uids, selection) = (HashMap::new(), Selection { filter, sort: doc! {}, index, limit: 0 });
        let take = |stored: &RawDocument| {
            let id = stored.get_object_id("_id").map_err(Error::internal)?;
            let names = stored.get_document("calendar").ok();
            if let Some(uid) = names.and_then(|names| names.get_str("uid").ok()) {
                uids.insert(id, uid.to_owned());
            }
            Ok(true)
        };
        self.project_each(selection, doc! { "calendar.uid": 1 }, SMALL_BATCH, take).await?;
        Ok(uids)
    }

    /// The todos to which calendar clients have given these names in this list, with their texts.
    pub async fn of_resources(&self, list_id: Option<ObjectId>, names: &[&str]) -> Result<Vec<Todo>, Error> {
        let one_of = doc! { "$in": names };
        let filter = doc! { "calendar.list": list_id, "calendar.name": one_of, "state": kept() };
        let mut todos = Vec::new();
        let take = |todo, _: &RawDocument| {
            todos.push(todo);
            Ok(true)
        };
        let selection = Selection { filter, sort: doc! {}, index: BY_RESOURCE, limit: 0 };
        self.visit_whole(selection, take).await?;
        Ok(todos)
    }

    /// The todos with these ids and the texts of calendar clients, live or in the trash.
    pub async fn with_texts(&self, ids: &[ObjectId]) -> Result<Vec<Todo>, Error> {
        let filter = doc! { "_id": { "$in": ids }, "state": kept() };
        let mut todos = Vec::new();
        let take = |todo, _: &RawDocument| {
            todos.push(todo);
            Ok(true)
        };
        self.visit_whole(Selection { filter, sort: doc! {}, index: Index::BY_ID, limit: 0 }, take).await?;
        Ok(todos)
    }

    /// Takes its name from a todo that is not where the name is valid, because another todo gets the name.
    pub async fn free_name(&self, id: ObjectId, name: &str) -> Result<(), Error> {
        self.note(id, doc! { "calendar.name": name }, doc! { "$unset": { "calendar.name": "" } }).await
    }
}

fn live_in(list_id: Option<ObjectId>) -> Document {
    let mut filter = live();
    filter.insert("list_id", list_id);
    filter
}
