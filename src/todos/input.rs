//! A validated change of a todo, and how it is applied.

use bson::DateTime;
use bson::oid::ObjectId;

use serde_json::Value;

use super::due::{Due, DuePatch};
use super::model::{Priority, Todo};
use super::recurrence::{Recurrence, RecurrencePatch};
use crate::clock::rfc3339;
use crate::error::Violation;
use crate::owned::sent_back::SentBack;

/// A merge patch (RFC 7396), or a whole todo. `None` is a field that the client did not send; an inner `None` is null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TodoInput {
    /// Whether fields that the client did not send return to their defaults. Otherwise they stay.
    pub whole: bool,
    pub name: Option<String>,
    pub description: Option<String>,
    pub completed: Option<bool>,
    /// When the todo was completed, for API surfaces whose clients know it. Otherwise it is the time of the request.
    pub completed_at: Option<DateTime>,
    pub due: Option<Option<DuePatch>>,
    pub recurrence: Option<Option<RecurrencePatch>>,
    pub priority: Option<Priority>,
    pub tags: Option<Vec<String>>,
    pub list_id: Option<Option<ObjectId>>,
    pub parent_id: Option<Option<ObjectId>>,
    pub sent_back: SentBack,
}

impl TodoInput {
    /// The wanted `completed`, if the client asks for no other change.
    pub fn completion(&self) -> Option<bool> {
        let nothing_else = Self { completed: self.completed, ..Self::default() };
        self.completed.filter(|_| *self == nothing_else)
    }
}

impl Todo {
    /// The value of a field that only the service sets, as a response shows it.
    pub fn shown(&self, name: &str) -> Value {
        let time = |at: Option<DateTime>| at.map(|at| rfc3339(at).to_string()).into();
        match name {
            "id" => self.id.to_hex().into(),
            "completed_at" => time(self.completed_at),
            "position" => self.position.as_str().into(),
            "occurrence_of" => self.occurrence_of.map(ObjectId::to_hex).into(),
            "version" => self.version.into(),
            "created_at" => time(Some(self.created_at)),
            "updated_at" => time(Some(self.updated_at)),
            "deleted_at" => time(self.deleted_at),
            _ => Value::Null,
        }
    }

    /// Applies the input except for the list and the parent, which depend on other todos.
    pub fn apply(&mut self, input: TodoInput, now: DateTime) -> Result<(), Vec<Violation>> {
        let TodoInput {
            whole,
            name,
            description,
            completed,
            completed_at,
            due,
            recurrence,
            priority,
            tags,
            list_id: _,
            parent_id: _,
            sent_back: _,
        } = input;
        let due = match due {
            None if whole => None,
            None => self.due,
            Some(None) => None,
            Some(Some(patch)) => Some(patch.apply(self.due.as_ref().filter(|_| !whole))?),
        };
        let recurrence = self.recurring(recurrence, due.as_ref(), whole)?;
        if (&recurrence, &due) != (&self.recurrence, &self.due) {
            // After a change of the series, an earlier occurrence of it cannot come back.
            self.history = None;
        }
        (self.recurrence, self.due) = (recurrence, due);
        // A whole todo always has a name.
        replace(&mut self.name, name, false);
        replace(&mut self.description, description, whole);
        replace(&mut self.priority, priority, whole);
        replace(&mut self.tags, tags, whole);
        let was_completed = self.completed;
        replace(&mut self.completed, completed, whole);
        // A repeated completion keeps the time of the first.
        if self.completed != was_completed || completed_at.is_some() {
            self.completed_at = self.completed.then(|| completed_at.unwrap_or(now));
        }
        Ok(())
    }

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
            let detail = "A recurring todo must have a due date.";
            return Err(vec![Violation::of(
                if patch.is_some() { "recurrence" } else { "due" },
                "required",
                detail,
            )]);
        };
        let moved_from = self.due.as_ref().filter(|before| *before != due);
        match (patch, current, moved_from) {
            (Some(patch), _, _) => patch.apply(current, whole, due, moved_from.is_some()).map(Some),
            (None, Some(current), Some(before)) => Ok(Some(current.clone().moved(before, due))),
            (None, current, _) => Ok(current.cloned()),
        }
    }
}

fn replace<T: Default>(field: &mut T, given: Option<T>, is_cleared: bool) {
    if let Some(value) = given.or_else(|| is_cleared.then(T::default)) {
        *field = value;
    }
}
