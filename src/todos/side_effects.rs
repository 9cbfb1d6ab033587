//! Trash, restore and removal of todos, and what any change of a todo means for its subtasks: they go to the trash and
//! come back with it, are completed with it, and follow it to another list. Also what a change of a list means for the
//! todos in the list.
//!
//! [`crate::owned::update`] stores the side effects of a change and has them applied here.
//!
//! **Invariant:** every step can be repeated from any point, because it changes only todos that it has not changed yet.

use std::collections::HashSet;
use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::calendar::left_after_leaving;
use super::model::{LEVELS_MAX, Placement, SideEffect, Todo};
use super::steps;
use super::store::UserTodos;
use crate::error::Error;
use crate::lists::model::List;
use crate::owned::bulk::BulkChange;
use crate::owned::note::Note;
use crate::owned::update::{self, Accept, Context, Step, update};
use crate::owned::{Conflict, Precondition, State};
use crate::workspace::Workspace;

// Moves at the same time can exceed `LEVELS_MAX` for a moment.
pub(super) const DEPTH: usize = 2 * LEVELS_MAX;

impl Workspace {
    pub async fn trash_todo(
        &self,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<Todo, Conflict<Todo>> {
        self.to_trash(id, precondition, true).await
    }

    /// `is_limited` is false for a todo that must not stay where it is.
    pub(super) async fn to_trash(
        &self,
        id: ObjectId,
        precondition: &Precondition,
        is_limited: bool,
    ) -> Result<Todo, Conflict<Todo>> {
        let trash = async |before: Todo| {
            if before.state == State::Trash {
                return Ok(Step::Unchanged);
            }
            if is_limited {
                let live = doc! { "state": State::Live.word() };
                self.assert_room_with_subtasks(State::Trash, &before, live).await?;
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
            let with = before.trashed_with.unwrap_or(id);
            let following = doc! { "state": State::Trash.word(), "trashed_with": with };
            self.assert_room_with_subtasks(State::Live, &before, following).await?;
            let (Placement { list_id, parent_id }, _) = self.live_placement(&before).await?;
            let mut effects = vec![SideEffect::Restore(with)];
            if list_id != before.list_id {
                effects.push(SideEffect::Relist);
            }
            let (state, deleted_at, trashed_with) = (State::Live, None, None);
            let after = Todo { list_id, parent_id, state, deleted_at, trashed_with, ..before.clone() };
            effects.extend(SideEffect::of_opening(&before, &after));
            Ok(Step::Replace(after, effects))
        };
        Ok(update(self, id, Accept::Kept, precondition, restore).await?.after)
    }

    /// Restores a todo and leaves its subtasks in the trash.
    pub(crate) async fn restore_alone(&self, id: ObjectId) -> Result<Todo, Conflict<Todo>> {
        let restore = async |before: Todo| {
            if before.state == State::Live {
                return Ok(Step::Unchanged);
            }
            self.assert_room_for_todos(1).await?;
            let (Placement { list_id, parent_id }, _) = self.live_placement(&before).await?;
            let (state, deleted_at, trashed_with) = (State::Live, None, None);
            let after = Todo { list_id, parent_id, state, deleted_at, trashed_with, ..before.clone() };
            let effects = SideEffect::of_opening(&before, &after).into_iter().collect();
            Ok(Step::Replace(after, effects))
        };
        Ok(update(self, id, Accept::Kept, &Precondition::Any, restore).await?.after)
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

    async fn change_subtasks(
        &self,
        ids: &[ObjectId],
        effect: &SideEffect,
        root: &Todo,
        note: &Arc<Note>,
    ) -> Result<(), Error> {
        let todos = self.todos();
        match effect {
            SideEffect::Advance { step, shift } => {
                todos.advance_subtasks(ids, *step, *shift, self.now, note).await
            }
            SideEffect::End { step } => {
                todos.change_each(ids.to_vec(), steps::end(*step, self.now), self.now, note).await
            }
            SideEffect::Undo { step } => {
                self.remove_record(root.id, *step).await?;
                todos.change_each(ids.to_vec(), steps::undo(*step), self.now, note).await
            }
            effect => match change_of_subtasks(effect, root, self.now) {
                Some(change) => todos.change_each(ids.to_vec(), change, self.now, note).await,
                None => Ok(()),
            },
        }
    }

    pub(crate) async fn todos_follow(&self, list: &List, note: &Arc<Note>) -> Result<(), Error> {
        // Among the documents that wait, some do not follow.
        let is_for_all = !self.todos().has_waiting();
        let ids = self.todos().in_list(list.id, following(list)).await?;
        let is_in_list = doc! { "$eq": ["$list_id", list.id] };
        let (all, set) = match list.state {
            State::Live => (vec![is_in_list, is(State::Trash), went_with(list.id)], restored()),
            _ => (vec![is_in_list, is(State::Live)], trashed(list.id, self.now)),
        };
        let change = BulkChange { only: doc! { "$and": all }, set, is_for_all };
        self.todos().change_each(ids, change, self.now, note).await
    }
}

impl Context<Todo> for Workspace {
    fn documents(&self) -> UserTodos<'_> {
        self.todos()
    }

    fn running(&self, note: ObjectId) -> Option<Arc<Note>> {
        self.todos().running(note)
    }

    async fn apply(&self, root: &Todo, effects: &[SideEffect], note: &Arc<Note>) -> Result<(), Error> {
        let mut subtasks = None;
        for effect in effects {
            match effect {
                SideEffect::Record(record) => self.insert_record(record).await?,
                SideEffect::ReopenParents => self.reopen_parents(root, note).await?,
                SideEffect::Retag { from, to } => self.retag(from, to.as_deref(), note).await?,
                effect => {
                    let ids = match subtasks.take() {
                        Some(ids) => ids,
                        None => self.subtask_levels(root.id).await?.concat(),
                    };
                    self.change_subtasks(&ids, effect, root, note).await?;
                    subtasks = Some(ids);
                }
            }
        }
        Ok(())
    }

    async fn dependents(&self, id: ObjectId) -> Result<Vec<ObjectId>, Error> {
        let mut levels = self.subtask_levels(id).await?;
        // After a crash, a repetition finds the rest through their parents.
        levels.reverse();
        Ok(levels.concat())
    }

    async fn remove_dependents(
        &self,
        _: ObjectId,
        ids: Vec<ObjectId>,
        note: &Arc<Note>,
    ) -> Result<(), Error> {
        let all = doc! { "$literal": true };
        self.todos().remove_each(ids, all, self.now, note).await
    }
}

/// What a side effect of a change of `root` does to a subtask. `None` if it does nothing to subtasks.
fn change_of_subtasks(effect: &SideEffect, root: &Todo, now: DateTime) -> Option<BulkChange> {
    // Each expression excludes todos that already have the effect, so that a repetition changes nothing.
    let (all, set) = match effect {
        SideEffect::Trash => (vec![is(State::Live)], trashed(root.trashed_with.unwrap_or(root.id), now)),
        SideEffect::Restore(with) => (vec![is(State::Trash), went_with(*with)], restored()),
        SideEffect::Complete => {
            let is_open = doc! { "$eq": ["$completed", false] };
            (vec![is(State::Live), is_open], doc! { "completed": true, "completed_at": now })
        }
        SideEffect::Reopen => {
            let is_completed = doc! { "$eq": ["$completed", true] };
            // Records of completed occurrences stay completed.
            let is_no_record = doc! { "$eq": [or_null("$occurrence_of"), Bson::Null] };
            let set = doc! { "completed": false, "completed_at": null };
            (vec![is(State::Live), is_completed, is_no_record], set)
        }
        SideEffect::Relist => {
            let is_elsewhere = doc! { "$ne": [or_null("$list_id"), root.list_id] };
            let is_kept = doc! { "$ne": ["$state", State::Gone.word()] };
            (vec![is_kept, is_elsewhere], doc! { "list_id": root.list_id, "left": left_after_leaving() })
        }
        _ => return None,
    };
    let is_for_all = matches!(effect, SideEffect::Trash);
    Some(BulkChange { only: doc! { "$and": all }, set, is_for_all })
}

/// The todos of a list that follow the list into its present state.
pub(super) fn following(list: &List) -> Document {
    if list.state == State::Live {
        // Todos that the user had deleted before the list stay in the trash.
        doc! { "state": State::Trash.word(), "trashed_with": list.id }
    } else {
        doc! { "state": State::Live.word() }
    }
}

fn is(state: State) -> Document {
    doc! { "$eq": ["$state", state.word()] }
}

fn went_with(id: ObjectId) -> Document {
    doc! { "$eq": ["$trashed_with", id] }
}

/// A field that is null where it is missing, because expressions distinguish the two.
fn or_null(field: &str) -> Document {
    doc! { "$ifNull": [field, null] }
}

fn trashed(with: ObjectId, now: DateTime) -> Document {
    doc! { "state": State::Trash.word(), "deleted_at": now, "trashed_with": with }
}

fn restored() -> Document {
    doc! { "state": State::Live.word(), "deleted_at": null, "trashed_with": null }
}
