//! What a client may say of a todo, and what the todo becomes by it. Must not touch a database or a clock.

use bson::DateTime;
use bson::oid::ObjectId;

use super::due::{Due, DuePatch};
use super::model::{Priority, Todo};
use super::recurrence::{Recurrence, RecurrencePatch};
use crate::error::Violation;

/// What a client says of a todo, checked member by member: a merge patch (RFC 7396), or the whole.
#[derive(Debug, Clone, Default)]
pub struct TodoInput {
    /// Whether what is not said is cleared rather than kept.
    pub whole: bool,
    /// See [`Todo::name`].
    pub name: Option<String>,
    /// See [`Todo::description`].
    pub description: Option<String>,
    /// See [`Todo::completed`].
    pub completed: Option<bool>,
    /// See [`Todo::due`].
    pub due: Option<Option<DuePatch>>,
    /// See [`Todo::recurrence`].
    pub recurrence: Option<Option<RecurrencePatch>>,
    /// See [`Todo::priority`].
    pub priority: Option<Priority>,
    /// See [`Todo::tags`].
    pub tags: Option<Vec<String>>,
    /// See [`Todo::list_id`].
    pub list_id: Option<Option<ObjectId>>,
    /// See [`Todo::parent_id`].
    pub parent_id: Option<Option<ObjectId>>,
}

impl TodoInput {
    /// Whether a todo is to be completed or opened, if nothing else is said of it.
    #[must_use]
    pub fn completion(&self) -> Option<bool> {
        match self {
            Self {
                whole: false,
                name: None,
                description: None,
                completed,
                due: None,
                recurrence: None,
                priority: None,
                tags: None,
                list_id: None,
                parent_id: None,
            } => *completed,
            _ => None,
        }
    }
}

impl Todo {
    /// Takes over what a client says, but for the place, which depends on other todos.
    ///
    /// # Errors
    /// Every rule that shows only in what the todo would become.
    pub fn take(&mut self, input: TodoInput, now: DateTime) -> Result<(), Vec<Violation>> {
        let whole = input.whole;
        let due = match input.due {
            None if whole => None,
            None => self.due,
            Some(None) => None,
            Some(Some(patch)) => Some(patch.apply(self.due.as_ref().filter(|_| !whole))?),
        };
        self.recurrence = self.recurring(input.recurrence, due.as_ref(), whole)?;
        self.due = due;
        let cleared = |default: bool| whole.then_some(default);
        if let Some(name) = input.name {
            self.name = name;
        }
        if let Some(description) = input.description.or(whole.then(String::new)) {
            self.description = description;
        }
        if let Some(priority) = input.priority.or(whole.then_some(Priority::None)) {
            self.priority = priority;
        }
        if let Some(tags) = input.tags.or(whole.then(Vec::new)) {
            self.tags = tags;
        }
        if let Some(completed) = input.completed.or(cleared(false)).filter(|now| *now != self.completed) {
            self.completed = completed;
            self.completed_at = completed.then_some(now);
        }
        Ok(())
    }

    /// The recurrence that the todo will have with `due`.
    fn recurring(
        &self,
        patch: Option<Option<RecurrencePatch>>,
        due: Option<&Due>,
        whole: bool,
    ) -> Result<Option<Recurrence>, Vec<Violation>> {
        let current = self.recurrence.as_ref();
        let patch = match patch {
            Some(None) => return Ok(None),
            None if whole || current.is_none() => return Ok(None),
            None => None,
            Some(Some(patch)) => Some(patch),
        };
        let Some(due) = due else {
            let detail = "What comes again needs a due date to count from.";
            return Err(vec![Violation::of(
                if patch.is_some() { "recurrence" } else { "due" },
                "required",
                detail,
            )]);
        };
        let is_due_as_before = self.due.as_ref() == Some(due);
        let wanted = match patch {
            Some(patch) => Some(patch.apply(current.filter(|_| !whole), due)?),
            None => None,
        };
        // What is said again as it is goes on counting where it was.
        let same = |current: &&Recurrence| {
            wanted.as_ref().is_none_or(|new| new.rule() == current.rule() && new.basis() == current.basis())
        };
        Ok(match current.filter(same) {
            Some(current) if is_due_as_before => Some(current.clone()),
            Some(current) => Some(current.clone().rebased(due)),
            None => wanted,
        })
    }
}
