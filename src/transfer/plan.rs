//! What an import would create: lists and todos as they will be stored, and what the file says that they cannot hold.

use bson::DateTime;
use bson::oid::ObjectId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::time_zone::Zone;
use crate::error::Violation;
use crate::lists::model::List;
use crate::mongo::object_id;
use crate::todos::model::Todo;

/// In one file: the live todos of a user, as many in the trash, and old records of occurrences.
pub const TODOS_MAX: usize = 50_000;
/// Of these, without records of occurrences: more than this, no account can hold.
pub const TODOS_WITHOUT_RECORDS_MAX: usize = 20_000;
/// In one file: the lists of a user, and as many in the trash.
pub const LISTS_MAX: usize = 1_000;
/// Further warnings are only counted.
pub const WARNINGS_MAX: usize = 100;
const WARNING_MAX_CHARS: usize = 300;

/// What reading a file needs to know.
#[derive(Clone, Copy)]
pub struct Origin {
    pub owner_id: ObjectId,
    pub now: DateTime,
    /// In which times without a zone are read.
    pub zone: Zone,
}

impl Origin {
    /// The id of an object that another service knows by `source`.
    pub fn id(&self, source: &str) -> ObjectId {
        object_id::derived(self.owner_id, source)
    }

    /// An imported time, which must not be in the future: nothing can have happened there.
    pub fn past(&self, time: DateTime) -> DateTime {
        time.min(self.now)
    }
}

/// An object, and where the file has it.
#[derive(Debug, Clone)]
pub struct Planned<T> {
    /// The line, or the number of the object in JSON, counted from 1.
    pub line: usize,
    pub value: T,
}

/// What was not taken over as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportWarning)]
pub struct Warning {
    /// The line of the file, or the number of the object in JSON, counted from 1.
    pub line: u32,
    /// What happened, for people.
    pub detail: String,
}

#[derive(Debug, Clone, Default)]
pub struct Warnings {
    pub first: Vec<Warning>,
    pub count: usize,
}

impl Warnings {
    pub fn add(&mut self, line: usize, detail: impl Into<String>) {
        self.count += 1;
        if self.first.len() < WARNINGS_MAX {
            let mut detail = detail.into();
            crate::error::cut(&mut detail, WARNING_MAX_CHARS);
            self.first.push(Warning { line: u32::try_from(line).unwrap_or(u32::MAX), detail });
        }
    }
}

/// The settings of the account that an export holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    pub email: Option<String>,
    pub time_zone: Option<String>,
}

/// Todos without a position come in their order after all others.
#[derive(Debug, Default)]
pub struct Plan {
    pub settings: Settings,
    pub lists: Vec<Planned<List>>,
    pub todos: Vec<Planned<Todo>>,
    pub warnings: Warnings,
    records: usize,
}

impl Plan {
    pub fn add_list(&mut self, line: usize, list: List) -> Result<(), Violation> {
        if self.lists.len() >= LISTS_MAX {
            return Err(too_many("lists", LISTS_MAX));
        }
        self.lists.push(Planned { line, value: list });
        Ok(())
    }

    pub fn add_todo(&mut self, line: usize, todo: Todo) -> Result<(), Violation> {
        if self.todos.len() >= TODOS_MAX {
            return Err(too_many("todos", TODOS_MAX));
        }
        if todo.occurrence_of.is_some() {
            self.records += 1;
        } else if self.todos.len() - self.records >= TODOS_WITHOUT_RECORDS_MAX {
            let what = "todos that are no records of completed occurrences";
            return Err(too_many(what, TODOS_WITHOUT_RECORDS_MAX));
        }
        self.todos.push(Planned { line, value: todo });
        Ok(())
    }
}

impl Plan {
    /// About how much memory the plan takes, in bytes.
    pub fn size(&self) -> usize {
        let texts = |todo: &Todo| {
            let ical = todo.ical.as_ref().map_or(0, |ical| ical.text.len());
            todo.name.len() + todo.description.len() + ical
        };
        let todos = self.todos.iter().map(|todo| size_of::<Planned<Todo>>() + texts(&todo.value));
        todos.sum::<usize>() + self.lists.len() * size_of::<Planned<List>>()
    }

    /// Removes texts that a preview does not show.
    pub fn drop_texts(&mut self) {
        for Planned { value: todo, .. } in &mut self.todos {
            (todo.ical, todo.description) = (None, String::new());
        }
    }
}

fn too_many(what: &str, max: usize) -> Violation {
    Violation::of_whole("too_many", format!("A file can have at most {max} {what}."))
}
