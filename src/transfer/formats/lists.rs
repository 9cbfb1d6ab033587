//! Lists of a file that are named by their todos.

use std::collections::HashMap;

use bson::oid::ObjectId;

use super::texts;
use crate::error::Violation;
use crate::lists::model::List;
use crate::transfer::plan::{Origin, Plan};

#[derive(Default)]
pub struct NamedLists(HashMap<String, ObjectId>);

impl NamedLists {
    /// The list that is known by `key` in the source, which is created when it is first named.
    pub fn id(
        &mut self,
        plan: &mut Plan,
        origin: Origin,
        line: usize,
        key: &str,
        name: &str,
    ) -> Result<ObjectId, Violation> {
        if let Some(id) = self.0.get(key) {
            return Ok(*id);
        }
        let id = origin.id(key);
        let mut list = List::blank(id, origin.owner_id, String::new(), origin.now);
        let (name, whole) = texts::name(name, line, &mut plan.warnings);
        (list.name, list.description) = (name, whole.unwrap_or_default());
        plan.add_list(line, list)?;
        self.0.insert(key.to_owned(), id);
        Ok(id)
    }
}

/// Tells equal texts of a file apart, so that each gets an id of its own.
#[derive(Default)]
pub struct Occurrences(HashMap<u64, usize>);

impl Occurrences {
    /// The text with the number of its earlier occurrences.
    pub fn numbered(&mut self, text: String) -> String {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let count = self.0.entry(hasher.finish()).or_default();
        *count += 1;
        if *count == 1 { text } else { format!("{text}\0{count}") }
    }
}
