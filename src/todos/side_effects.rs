//! What a change of one todo means for others: subtasks that go into the trash with it, come back, are completed, follow
//! into another list. Must be safe to repeat from any point.
//!
//! The first step is always the one write that changes the todo itself, and it notes what is left to do
//! ([`crate::todos::model::PendingEffects`]). The rest follows, and the note goes last. After a crash in between, the next
//! change of the same todo or the maintenance does the rest; each step applies only to what it has not yet changed. Only
//! a removal for good goes the other way, from the leaves to the root, because nothing of the root is left afterwards to
//! find the leaves by: whoever repeats it finds the root still there.

use std::collections::HashSet;

use bson::doc;
use bson::oid::ObjectId;

use super::model::{LEVELS_MAX, SideEffect, Todo};
use crate::error::Error;
use crate::owned::{Conflict, Precondition, State, TRASH_MILLIS, TRIES, too_busy};
use crate::workspace::{Workspace, Workspaces};

/// How deep subtasks are followed: races may for a moment make more levels than are allowed.
const DEPTH: usize = 2 * LEVELS_MAX;

impl Workspace<'_> {
    /// Puts a todo into the trash with its subtasks. One that is there already stays there.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn trash(&self, id: ObjectId, condition: &Precondition) -> Result<Todo, Conflict<Todo>> {
        for _ in 0..TRIES {
            let before = condition.check(self.todos.get_or_confirm_gone(id).await?)?;
            if before.state == State::Trash {
                let Some(same) = self.unchanged(before).await? else { continue };
                return Ok(same);
            }
            let after = Todo {
                state: State::Trash,
                deleted_at: Some(self.now),
                trashed_with: Some(id),
                ..before.clone()
            };
            if let Some(trashed) = self.write(&before, after, vec![SideEffect::Trash]).await? {
                return Ok(trashed);
            }
        }
        Err(too_busy().into())
    }

    /// Takes a todo out of the trash with what went into it along with it. Where its list or its parent is not in use
    /// any more, it comes back to the inbox or the top level.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::LimitReached`]; [`Error::Unavailable`].
    pub async fn restore(&self, id: ObjectId, condition: &Precondition) -> Result<Todo, Conflict<Todo>> {
        for _ in 0..TRIES {
            let before = condition.check(self.todos.get(id).await?)?;
            if before.state == State::Live {
                let Some(same) = self.unchanged(before).await? else { continue };
                return Ok(same);
            }
            self.assert_room().await?;
            let place = self.surviving_place(&before).await?;
            let mut acts = vec![SideEffect::Restore(before.trashed_with.unwrap_or(id))];
            if place.list_id != before.list_id {
                acts.push(SideEffect::Relist);
            }
            let after = Todo {
                state: State::Live,
                deleted_at: None,
                trashed_with: None,
                list_id: place.list_id,
                parent_id: place.parent_id,
                ..before.clone()
            };
            if let Some(restored) = self.write(&before, after, acts).await? {
                return Ok(restored);
            }
        }
        Err(too_busy().into())
    }

    /// Removes a todo for good with its subtasks, in the trash or not.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn remove(&self, id: ObjectId, condition: &Precondition) -> Result<(), Conflict<Todo>> {
        for _ in 0..TRIES {
            let root = condition.check(self.todos.get_or_confirm_gone(id).await?)?;
            self.assert_in_time()?;
            for level in self.levels_under(id).await?.into_iter().rev() {
                self.todos.remove_each(doc! { "_id": { "$in": level } }, self.now).await?;
            }
            let same = doc! { "_id": id, "version": root.version };
            if self.todos.remove_each(same, self.now).await? > 0 {
                return Ok(());
            }
        }
        Err(too_busy().into())
    }

    /// Does what a todo says is still to be done for others.
    pub(crate) async fn finish(&self, todo: &mut Todo) -> Result<(), Error> {
        let Some(unfinished) = todo.unfinished.take() else { return Ok(()) };
        let levels = self.levels_under(todo.id).await?;
        for act in &unfinished.acts {
            if let SideEffect::Record(record) = act {
                self.todos.insert(record).await?;
                continue;
            }
            for level in &levels {
                self.todos.apply(doc! { "_id": { "$in": level } }, act, todo, self.now).await?;
            }
        }
        self.todos.clear_pending_effects(todo.id, todo.version).await
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
            self.of(owner_id).finish(&mut todo).await?;
        }
        for (owner_id, list) in self.lists.with_pending_effects(since).await? {
            self.of(owner_id).finish_list(&list).await?;
        }
        let deleted = now.saturating_add_millis(-TRASH_MILLIS);
        self.lists.purge(deleted, now).await?;
        self.todos.purge(deleted, now).await
    }
}
