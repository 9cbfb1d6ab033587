//! A todo with what its text needs from other todos.

use std::collections::HashMap;

use bson::oid::ObjectId;

use super::order::order_of;
use super::render::{Shown, Stored, render};
use crate::todos::calendar::CalendarText;
use crate::todos::model::Todo;

/// A todo and what its text needs beside it.
#[derive(Debug, Clone)]
pub struct Member {
    pub todo: Todo,
    uid: String,
    parent_uid: Option<String>,
    series_uid: Option<String>,
}

/// The UIDs that clients have given todos. Other todos have their ids for UIDs.
pub type Uids = HashMap<ObjectId, String>;

impl Member {
    /// `uids` has those of the parent and of the series of the todo.
    pub fn among(todo: Todo, uids: &Uids) -> Self {
        let uid_of = |id: ObjectId| uids.get(&id).cloned().unwrap_or_else(|| id.to_hex());
        let wanted = || todo.calendar.as_ref().and_then(|names| names.parent.clone());
        let parent_uid = todo.parent_id.map(uid_of).or_else(wanted);
        let series_uid = todo.occurrence_of.map(uid_of);
        Self { uid: todo.uid(), parent_uid, series_uid, todo }
    }

    pub fn text(&self) -> String {
        render(&self.shown(), self.stored().as_ref())
    }

    pub fn shown(&self) -> Shown<'_> {
        Shown {
            todo: &self.todo,
            uid: &self.uid,
            parent_uid: self.parent_uid.as_deref(),
            series_uid: self.series_uid.as_deref(),
            order: Some(order_of(&self.todo.position)),
        }
    }

    pub fn stored(&self) -> Option<Stored<'_>> {
        self.todo.ical.as_ref().map(|CalendarText { text, version }| Stored { text, version: *version })
    }
}
