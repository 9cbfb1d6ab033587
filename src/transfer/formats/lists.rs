//! Lists and parents that the todos of a file name, and texts that occur more than once.

use std::collections::HashMap;

use bson::oid::ObjectId;

use super::texts;
use crate::error::Violation;
use crate::lists::model::List;
use crate::transfer::plan::{Origin, Plan};

/// A plan that grows while a file is read.
pub struct Draft {
    pub origin: Origin,
    pub plan: Plan,
    lists: HashMap<String, ObjectId>,
    occurrences: Occurrences,
}

impl Draft {
    pub fn new(origin: Origin) -> Self {
        Self { origin, plan: Plan::default(), lists: HashMap::new(), occurrences: Occurrences::default() }
    }

    /// The list that is known by `key` in the source, which is created when it is first named.
    pub fn list(&mut self, line: usize, key: &str, name: &str) -> Result<ObjectId, Violation> {
        if let Some(id) = self.lists.get(key) {
            return Ok(*id);
        }
        let id = self.origin.id(key);
        let mut list = List::blank(id, self.origin.owner_id, String::new(), self.origin.now);
        let (name, whole) = texts::name(name, line, &mut self.plan.warnings);
        (list.name, list.description) = (name, whole.unwrap_or_default());
        self.plan.add_list(line, list)?;
        self.lists.insert(key.to_owned(), id);
        Ok(id)
    }

    /// The id of a todo that the file identifies only by its content.
    pub fn id_of_content(&mut self, content: String) -> ObjectId {
        self.origin.id(&self.occurrences.numbered(content))
    }
}

/// Subtasks that name their parents by ids of the file, before or after the parents.
#[derive(Default)]
pub struct NamedParents {
    ids: HashMap<String, ObjectId>,
    /// The place of a todo in the plan, and the id of its parent in the file.
    named: Vec<(usize, String)>,
}

impl NamedParents {
    /// Notes the next todo of the plan. Either text is empty if the file has none.
    pub fn note(&mut self, plan: &Plan, id: ObjectId, id_in_file: &str, parent: &str) {
        if !id_in_file.is_empty() {
            self.ids.insert(id_in_file.to_owned(), id);
        }
        if !parent.is_empty() {
            self.named.push((plan.todos.len(), parent.to_owned()));
        }
    }

    /// Sets the parents. A todo whose parent is not in the file gets a warning.
    pub fn resolve(self, plan: &mut Plan, warning: impl Fn(&str) -> String) {
        for (place, parent) in self.named {
            let todo = &mut plan.todos[place];
            todo.value.parent_id = self.ids.get(&parent).copied();
            if todo.value.parent_id.is_none() {
                plan.warnings.add(todo.line, warning(&parent));
            }
        }
    }
}

/// Tells equal texts of a file apart, so that each gets an id of its own.
#[derive(Default)]
struct Occurrences(HashMap<u64, usize>);

impl Occurrences {
    /// The text with the number of its earlier occurrences.
    fn numbered(&mut self, text: String) -> String {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let count = self.0.entry(hasher.finish()).or_default();
        *count += 1;
        if *count == 1 { text } else { format!("{text}\0{count}") }
    }
}
