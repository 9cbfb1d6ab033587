//! Trash, restore and removal of todos, and what any change of a todo means for its subtasks: they go to the trash and
//! come back with it, are completed with it, and follow it to another list. Also what a change of a list means for the
//! todos in the list.
//!
//! [`crate::owned::update`] stores the side effects of a change and has them applied here.
//!
//! **Invariant:** every step can be repeated from any point, because it matches only todos that it has not changed yet.

use std::collections::HashSet;

use bson::doc;
use bson::oid::ObjectId;

use super::model::{LEVELS_MAX, Placement, SideEffect, Todo};
use super::store::{UserTodos, restored, trashed};
use crate::error::Error;
use crate::lists::model::List;
use crate::owned::update::{self, Accept, Context, Step, update};
use crate::owned::{Conflict, Precondition, State};
use crate::workspace::Workspace;

// Moves at the same time can exceed `LEVELS_MAX` for a moment.
const DEPTH: usize = 2 * LEVELS_MAX;

impl Workspace {
    pub async fn trash_todo(
        &self,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<Todo, Conflict<Todo>> {
        let trash = async |before: Todo| {
            if before.state == State::Trash {
                return Ok(Step::Unchanged);
            }
            let (state, deleted_at, trashed_with) = (State::Trash, Some(self.now), Some(id));
            let after = Todo { state, deleted_at, trashed_with, ..before };
            Ok(Step::Replace(after, vec![SideEffect::Trash]))
        };
        Ok(update(self, id, Accept::KeptOrConfirmedGone, precondition, trash).await?.after)
    }

    /// Restores a todo together with the todos that went to the trash with it. If its list or parent is no longer live,
    /// the todo comes back to the inbox or to the top level.
    pub async fn restore_todo(
        &self,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<Todo, Conflict<Todo>> {
        let restore = async |before: Todo| {
            if before.state == State::Live {
                return Ok(Step::Unchanged);
            }
            self.assert_room_for_todo().await?;
            let Placement { list_id, parent_id } = self.live_placement(&before).await?;
            let mut effects = vec![SideEffect::Restore(before.trashed_with.unwrap_or(id))];
            if list_id != before.list_id {
                effects.push(SideEffect::Relist);
            }
            let (state, deleted_at, trashed_with) = (State::Live, None, None);
            let after = Todo { list_id, parent_id, state, deleted_at, trashed_with, ..before };
            Ok(Step::Replace(after, effects))
        };
        Ok(update(self, id, Accept::Kept, precondition, restore).await?.after)
    }

    pub async fn remove_todo(&self, id: ObjectId, precondition: &Precondition) -> Result<(), Conflict<Todo>> {
        update::remove::<Todo>(self, id, precondition).await
    }

    /// The ids of all subtasks of a todo, level by level, live or in the trash.
    pub(super) async fn subtask_levels(&self, id: ObjectId) -> Result<Vec<Vec<ObjectId>>, Error> {
        let (mut seen, mut levels, mut level) = (HashSet::from([id]), Vec::new(), vec![id]);
        while levels.len() < DEPTH {
            level = self.todos().subtasks(&level).await?;
            // Moves at the same time can make a circle.
            level.retain(|id| seen.insert(*id));
            if level.is_empty() {
                break;
            }
            levels.push(level.clone());
        }
        Ok(levels)
    }

    pub(crate) async fn todos_follow(&self, list: &List) -> Result<(), Error> {
        let (only, set) = match list.state {
            // Todos that the user had deleted before the list stay in the trash.
            State::Live => (doc! { "state": State::Trash.word(), "trashed_with": list.id }, restored()),
            _ => (doc! { "state": State::Live.word() }, trashed(list.id, self.now)),
        };
        let mut filter = doc! { "list_id": list.id };
        filter.extend(only);
        self.todos().update_each(filter, set, self.now).await?;
        Ok(())
    }

    pub(crate) async fn remove_todos_in(&self, list: &List) -> Result<(), Error> {
        self.todos().remove_each(doc! { "list_id": list.id }, self.now).await?;
        Ok(())
    }
}

impl Context<Todo> for Workspace {
    fn documents(&self) -> UserTodos<'_> {
        self.todos()
    }

    async fn apply(&self, root: &Todo, effects: &[SideEffect]) -> Result<(), Error> {
        let (todos, levels) = (self.todos(), self.subtask_levels(root.id).await?);
        for effect in effects {
            if let SideEffect::Record(record) = effect {
                self.insert_record(record).await?;
                continue;
            }
            if let SideEffect::Undo { step } = effect {
                self.remove_record(root.id, *step).await?;
            }
            for level in &levels {
                match effect {
                    SideEffect::Advance { step, shift } => {
                        todos.advance_subtasks(level, *step, *shift, self.now).await?;
                    }
                    SideEffect::End { step } => todos.end_subtasks(level, *step, self.now).await?,
                    SideEffect::Undo { step } => todos.undo_subtasks(level, *step, self.now).await?,
                    effect => {
                        todos.apply(doc! { "_id": { "$in": level } }, effect, root, self.now).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn remove_dependents(&self, root: &Todo) -> Result<(), Error> {
        // Leaves first: after a crash, a repetition still finds the others through their parents.
        for level in self.subtask_levels(root.id).await?.into_iter().rev() {
            self.todos().remove_each(doc! { "_id": { "$in": level } }, self.now).await?;
        }
        Ok(())
    }
}
