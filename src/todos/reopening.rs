//! An open subtask reopens the completed todos above it.
//!
//! **Invariant:** no todo is completed while a subtask of it is open, except until the side effects of a change are applied.
//! Completing a todo completes its open subtasks.

use std::sync::Arc;

use bson::doc;

use super::model::{SideEffect, Todo};
use super::side_effects::DEPTH;
use crate::error::Error;
use crate::owned::State;
use crate::owned::bulk::BulkChange;
use crate::owned::note::Note;
use crate::workspace::Workspace;

impl SideEffect {
    /// The effect of a change that makes a todo an open subtask of its parent.
    pub fn of_opening(before: &Todo, after: &Todo) -> Option<Self> {
        let was_open_there =
            !before.completed && before.state == State::Live && before.parent_id == after.parent_id;
        // Always, not only if the parent is completed now, because another request may complete it at this moment.
        (after.parent_id.is_some() && !after.completed && !was_open_there).then_some(Self::ReopenParents)
    }
}

impl Workspace {
    pub(super) async fn reopen_parents(&self, subtask: &Todo, note: &Arc<Note>) -> Result<(), Error> {
        // The subtask may have been completed before an interrupted change is resumed.
        if subtask.completed || subtask.state != State::Live {
            return Ok(());
        }
        let (mut completed, mut next) = (Vec::new(), subtask.parent_id);
        for _ in 0..DEPTH {
            let Some(id) = next else { break };
            let Some(parent) = self.todos().find(id).await? else { break };
            next = parent.parent_id;
            if parent.completed {
                completed.push(id);
            }
        }
        if completed.is_empty() {
            return Ok(());
        }
        let only = doc! { "$and": [
            { "$eq": ["$state", State::Live.word()] }, { "$eq": ["$completed", true] },
        ] };
        let set = doc! { "completed": false, "completed_at": null };
        let change = BulkChange { only, set, is_for_all: false };
        self.todos().change_each(completed, change, self.now, note).await
    }
}
