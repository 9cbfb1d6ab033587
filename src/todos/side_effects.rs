//! What a change of one todo means for others: subtasks that go into the trash with it, come back, are completed, follow
//! into another list. Must be safe to repeat from any point.
//!
//! The first step is always the one write that changes the todo itself, and it notes what is left to do
//! ([`crate::todos::model::PendingEffects`]). The rest follows, and the note goes last. After a crash in between, the next
//! change of the same todo or the maintenance does the rest; each step applies only to what it has not yet changed. Only
//! a removal for good goes the other way, from the leaves to the root, because nothing of the root is left afterwards to
//! find the leaves by: whoever repeats it finds the root still there.

use std::collections::HashSet;

use bson::oid::ObjectId;
use bson::{DateTime, doc};

use super::model::{LEVELS_MAX, Placement, SideEffect, Todo};
use super::store::UserTodos;
use crate::error::Error;
use crate::owned::update::{self, Accept, Context, Step, update};
use crate::owned::{Conflict, Precondition, State, TRASH_MILLIS};
use crate::workspace::{Workspace, Workspaces};

/// How deep subtasks are followed: races may for a moment make more levels than are allowed.
const DEPTH: usize = 2 * LEVELS_MAX;

impl Workspace<'_> {
    /// Puts a todo into the trash with its subtasks. One that is there already stays there.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn trash(&self, id: ObjectId, condition: &Precondition) -> Result<Todo, Conflict<Todo>> {
        let trash = async |before: Todo| {
            if before.state == State::Trash {
                return Ok(Step::Unchanged);
            }
            let (state, deleted_at, trashed_with) = (State::Trash, Some(self.now), Some(id));
            let after = Todo { state, deleted_at, trashed_with, ..before };
            Ok(Step::Replace(after, vec![SideEffect::Trash]))
        };
        Ok(update(self, id, Accept::KeptOrConfirmedGone, condition, trash).await?.after)
    }

    /// Takes a todo out of the trash with what went into it along with it. Where its list or its parent is not in use
    /// any more, it comes back to the inbox or the top level.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::LimitReached`]; [`Error::Unavailable`].
    pub async fn restore(&self, id: ObjectId, condition: &Precondition) -> Result<Todo, Conflict<Todo>> {
        let restore = async |before: Todo| {
            if before.state == State::Live {
                return Ok(Step::Unchanged);
            }
            self.assert_room().await?;
            let Placement { list_id, parent_id } = self.surviving_place(&before).await?;
            let mut effects = vec![SideEffect::Restore(before.trashed_with.unwrap_or(id))];
            if list_id != before.list_id {
                effects.push(SideEffect::Relist);
            }
            let (state, deleted_at, trashed_with) = (State::Live, None, None);
            let after = Todo { list_id, parent_id, state, deleted_at, trashed_with, ..before };
            Ok(Step::Replace(after, effects))
        };
        Ok(update(self, id, Accept::Kept, condition, restore).await?.after)
    }

    /// Removes a todo for good with its subtasks, in the trash or not.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn remove(&self, id: ObjectId, condition: &Precondition) -> Result<(), Conflict<Todo>> {
        update::remove(self, id, condition).await
    }

    /// The ids of all subtasks of a todo, level by level, live or in the trash.
    pub(super) async fn levels_under(&self, id: ObjectId) -> Result<Vec<Vec<ObjectId>>, Error> {
        let (mut seen, mut levels, mut level) = (HashSet::from([id]), Vec::new(), vec![id]);
        while levels.len() < DEPTH {
            level = self.todos.under(&level).await?;
            level.retain(|id| seen.insert(*id));
            if level.is_empty() {
                break;
            }
            levels.push(level.clone());
        }
        Ok(levels)
    }
}

impl Context<Todo> for Workspace<'_> {
    fn documents(&self) -> &UserTodos<'_> {
        &self.todos
    }

    fn now(&self) -> DateTime {
        self.now
    }

    fn assert_in_time(&self) -> Result<(), Error> {
        self.assert_in_time()
    }

    async fn apply(&self, root: &Todo, effects: &[SideEffect]) -> Result<(), Error> {
        let levels = self.levels_under(root.id).await?;
        for effect in effects {
            if let SideEffect::Record(record) = effect {
                self.todos.insert(record).await?;
                continue;
            }
            for level in &levels {
                self.todos.apply(doc! { "_id": { "$in": level } }, effect, root, self.now).await?;
            }
        }
        Ok(())
    }

    async fn remove_dependents(&self, root: &Todo) -> Result<(), Error> {
        for level in self.levels_under(root.id).await?.into_iter().rev() {
            self.todos.remove_each(doc! { "_id": { "$in": level } }, self.now).await?;
        }
        Ok(())
    }
}

/// After what time something half done is not under way any more, in milliseconds: longer than any request.
const CUT_OFF_MILLIS: i64 = 60_000;

impl Workspaces {
    /// Ends what was cut off half-way, and purges the trash, for all users. Several instances may do so at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tidy(&self) -> Result<(), Error> {
        let now = self.now();
        let since = now.saturating_add_millis(-CUT_OFF_MILLIS);
        for (owner_id, mut todo) in self.todos.with_pending_effects(since).await? {
            update::finish(&self.of(owner_id), &mut todo).await?;
        }
        for (owner_id, mut list) in self.lists.with_pending_effects(since).await? {
            update::finish(&self.of(owner_id), &mut list).await?;
        }
        let deleted = now.saturating_add_millis(-TRASH_MILLIS);
        self.lists.purge(deleted, now).await?;
        self.todos.purge(deleted, now).await
    }
}
