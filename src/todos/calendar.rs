//! What calendar clients have given a todo: its UID, the name of its resource, and the text that they sent.
//!
//! A todo that no such client has written has its id for a UID and a name made of its id, so that nothing is stored for it.

use bson::oid::ObjectId;
use bson::{Document, doc};
use serde::{Deserialize, Serialize};

/// Places that a todo remembers having left, for clients that have not heard of it.
pub const LEFT_MAX: usize = 8;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CalendarNames {
    /// Unique for each owner, also in the trash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The list in which `name` is valid. In another list, where another surface has moved the todo, the name may be taken.
    #[serde(default)]
    pub list: Option<ObjectId>,
    /// Unique for each owner and `list`, also in the trash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The UID of the parent, which the todo gets as soon as there is such a todo in its list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// An iCalendar text (RFC 5545) as a client has sent it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalendarText {
    pub text: String,
    /// The version of the todo that has the same content. A later version differs in some fields.
    pub version: i64,
}

/// A resource that a todo was and no longer is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Left {
    #[serde(default)]
    pub list: Option<ObjectId>,
    /// `None` for the name that is made of the id.
    #[serde(default)]
    pub name: Option<String>,
}

pub fn default_name(id: ObjectId) -> String {
    format!("{id}.ics")
}

/// The same as `Todo::leave` as an expression, for a todo that gets another list.
pub(super) fn left_after_leaving() -> Document {
    left_after("$")
}

/// For a todo with the id of a removed one, whose tombstone says where it was: clients may not have heard of the removal.
pub(super) fn left_after_removal() -> Document {
    let is_known = doc! { "$eq": [{ "$type": "$was" }, "object"] };
    doc! { "$cond": [is_known, left_after("$was."), "$$REMOVE"] }
}

fn left_after(before: &str) -> Document {
    let or_null = |field: &str| doc! { "$ifNull": [format!("{before}{field}"), null] };
    let is_valid = doc! { "$eq": [or_null("calendar.list"), or_null("list_id")] };
    let name = doc! { "$cond": [is_valid, or_null("calendar.name"), null] };
    let left = doc! { "list": or_null("list_id"), "name": name };
    let all = doc! { "$concatArrays": [{ "$ifNull": [format!("{before}left"), []] }, [left]] };
    doc! { "$slice": [all, -i64::try_from(LEFT_MAX).unwrap_or(i64::MAX)] }
}
