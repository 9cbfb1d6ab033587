//! The formats of an export: each writes lists and todos as text, one object at a time.

pub mod csv;
pub mod ics;
pub mod json;
pub mod todotxt;

use std::collections::HashMap;

use bson::DateTime;
use bson::oid::ObjectId;

use crate::error::Error;
use crate::icalendar::Uids;
use crate::lists::model::List;
use crate::todos::model::Todo;

/// The parts of an export in their order: first all lists, then all todos.
pub enum Part {
    List(Box<List>),
    /// All lists were written.
    Todos,
    Todo(Box<Todo>),
}

/// What the head of an export says about the account. No secrets.
pub struct Account {
    pub username: String,
    pub email: Option<String>,
    pub time_zone: String,
    pub exported_at: DateTime,
}

pub type Append = Box<dyn FnMut(&mut Vec<u8>, Part) -> Result<(), Error> + Send>;

/// A row of [`RENDERINGS`].
#[derive(Debug)]
pub struct Rendering {
    /// The value of the parameter `format`.
    pub name: &'static str,
    pub media_type: &'static str,
    pub extension: &'static str,
    pub head: fn(Account) -> Result<Vec<u8>, Error>,
    pub append: fn(Uids) -> Append,
    pub tail: &'static [u8],
    /// Whether it needs what calendar clients have sent. Otherwise it gets no UIDs.
    pub has_calendar_texts: bool,
}

pub static RENDERINGS: [Rendering; 4] = [json::RENDERING, ics::RENDERING, csv::RENDERING, todotxt::RENDERING];

impl Rendering {
    pub fn by_name(name: &str) -> Option<&'static Self> {
        RENDERINGS.iter().find(|rendering| rendering.name == name)
    }
}

/// The names of the lists that were written, for formats that name the list of a todo.
#[derive(Default)]
pub struct ListNames(HashMap<ObjectId, String>);

impl ListNames {
    pub fn add(&mut self, list: List) {
        self.0.insert(list.id, list.name);
    }

    pub fn of(&self, todo: &Todo) -> &str {
        todo.list_id.and_then(|id| self.0.get(&id)).map_or("", String::as_str)
    }
}
