//! How a recurring todo goes on to its next occurrence, and how it goes back.

use bson::DateTime;
use bson::oid::ObjectId;

use super::history::{Shift, Step, UNDO_MAX};
use super::model::Todo;
use super::recurrence::Reason;
use crate::clock::time_zone::Zone;

impl Todo {
    /// Moves a recurring todo to its next occurrence, open. At the end of the series the todo is completed, and the result is
    /// `None`.
    pub fn advance(&mut self, id: ObjectId, reason: Reason, now: DateTime, zone: Zone) -> Option<Shift> {
        let (recurrence, from) = (self.recurrence.take()?, self.due?);
        let next = recurrence.next(&from, now, zone, reason);
        let step = Step { id, from, progress: recurrence.progress(), to: next.as_ref().map(|(to, _)| *to) };
        let steps = &mut self.history.get_or_insert_default().steps;
        if steps.len() >= UNDO_MAX {
            steps.remove(0);
        }
        steps.push(step);
        let Some((to, advanced)) = next else {
            self.recurrence = Some(recurrence);
            (self.completed, self.completed_at) = (true, self.completed_at.or(Some(now)));
            return None;
        };
        (self.due, self.recurrence) = (Some(to), Some(advanced));
        (self.completed, self.completed_at) = (false, None);
        Some(Shift { from, to })
    }

    /// The record of a completed occurrence.
    pub fn record(&self, id: ObjectId, position: String, now: DateTime) -> Self {
        Self {
            id,
            recurrence: None,
            position,
            occurrence_of: Some(self.id),
            version: 1,
            created_at: now,
            updated_at: now,
            is_parent: false,
            history: None,
            calendar: None,
            left: Vec::new(),
            ical: None,
            pending_effects: None,
            ..self.clone()
        }
    }

    /// Takes the last completion or skip back and returns its id. `None` if there is none, or if the series was changed since.
    pub fn go_back(&mut self, attempt: Option<ObjectId>) -> Option<ObjectId> {
        let mut history = self.history.take()?;
        let Step { id, from, progress, to } = history.steps.pop()?;
        // An older release of the service changes a series without clearing the history.
        let is_unchanged = match to {
            Some(to) => self.due == Some(to) && !self.completed,
            None => self.due == Some(from) && self.completed,
        };
        let recurrence = self.recurrence.take().filter(|_| is_unchanged)?;
        (self.due, self.recurrence) = (Some(from), Some(recurrence.back_at(progress)));
        (self.completed, self.completed_at) = (false, None);
        history.undone_by = attempt;
        self.history = Some(history);
        Some(id)
    }

    /// Whether the request `attempt` has already made a step, after which others may have followed.
    pub fn has_advanced(&self, attempt: Option<ObjectId>) -> bool {
        let mut steps = self.history.iter().flat_map(|history| &history.steps);
        attempt.is_some_and(|attempt| steps.any(|step| step.id == attempt))
    }

    /// Whether the request `attempt` was the last to take a step back.
    pub fn has_gone_back(&self, attempt: Option<ObjectId>) -> bool {
        attempt.is_some() && self.history.as_ref().and_then(|history| history.undone_by) == attempt
    }
}
