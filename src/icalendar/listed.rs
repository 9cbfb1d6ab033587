//! The list of a todo in a file that has the todos of several lists.

use bson::oid::ObjectId;

use super::component::Component;
use super::edits::Edits;
use super::line::{escaped, param_value, unescaped};
use super::object::Object;
use crate::mongo::object_id;

const LIST: &str = "X-TODO-API-LIST";
const ID: &str = "X-ID";

/// The list of a todo, as a file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: Option<ObjectId>,
    pub name: String,
}

/// The text with the list of its todo.
pub(super) fn with_list(text: &str, calendar: &Component, list: &Listed) -> String {
    let id = list.id.map(|id| format!(";{ID}={}", param_value(&id.to_hex())));
    let line = format!("{LIST}{}:{}", id.unwrap_or_default(), escaped(&list.name));
    let mut edits = Edits::of(text);
    calendar.children("VTODO").for_each(|todo| edits.set(todo, LIST, &line));
    edits.applied()
}

impl Object {
    /// The object without the line that names its list.
    pub fn without_list(self) -> (Self, Option<Listed>) {
        let Some(line) = self.main().first(LIST) else { return (self, None) };
        let id = line.content.param(ID).and_then(object_id::parse);
        let listed = Listed { id, name: unescaped(line.content.value.trim()) };
        let mut edits = Edits::of(self.text());
        self.calendar().children("VTODO").for_each(|todo| edits.remove(todo, LIST));
        match Self::stored(&edits.applied()) {
            Some(without) => (without, Some(listed)),
            None => (self, Some(listed)),
        }
    }
}
