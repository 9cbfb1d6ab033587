//! What may be done with todos, for every face of the service: making, reading, changing. Must not know HTTP or JSON.
//!
//! A change reads the todo, makes of it what it is to become, and swaps it in if nobody came between; else it tries
//! anew, as long as its client waits. So concurrent changes of different fields all survive. What a change means for other todos is noted in the
//! same write and done right after: see [`crate::todos::side_effects`].

use bson::oid::ObjectId;
use chrono_tz::Tz;
use futures_util::Stream;

use super::input::TodoInput;
use super::model::{SideEffect, Todo};
use super::query::{SortKey, TodoQuery};
use crate::error::{Error, Resource};
use crate::owned::update::{self, Accept, Step, update};
use crate::owned::{Conflict, Precondition, Selection, State};
use crate::workspace::{TODOS_MAX, Workspace};

impl Workspace<'_> {
    /// One todo, live or in the trash.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id, or it is someone else's; [`Error::Unavailable`].
    pub async fn todo(&self, id: ObjectId) -> Result<Todo, Error> {
        self.todos.get(id).await
    }

    /// One todo outside the trash.
    ///
    /// # Errors
    /// As [`Workspace::todo`].
    pub async fn live_todo(&self, id: ObjectId) -> Result<Todo, Error> {
        let todo = self.todos.get(id).await?;
        if todo.state == State::Live { Ok(todo) } else { Err(Error::NotFound(Resource::Todo)) }
    }

    /// Every live todo, oldest first, read as it is asked for.
    ///
    /// # Errors
    /// [`Error::Unavailable`], before the first todo or after any.
    pub async fn oldest_first(
        &self,
    ) -> Result<impl Stream<Item = Result<Todo, Error>> + Send + use<>, Error> {
        self.todos.oldest_first().await
    }

    /// The todos that `query` shows behind `last`, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn page(
        &self,
        query: &TodoQuery,
        last: Option<&SortKey>,
        limit: i64,
    ) -> Result<Vec<Todo>, Error> {
        let zone = if query.due_before.or(query.due_after).is_some() { self.zone().await? } else { Tz::UTC };
        let (mut found, mut left) = (Vec::new(), limit);
        for selection in query.selections(zone, last) {
            found.extend(self.todos.select(Selection { limit: left, ..selection }).await?);
            left = limit - i64::try_from(found.len()).unwrap_or(limit);
            if left <= 0 {
                break;
            }
        }
        Ok(found)
    }

    /// Makes a todo under an id that was made for this very creation: what is there already is an earlier try's.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::LimitReached`]; [`Error::Unavailable`]: whether the todo was made is unknown.
    pub async fn create(&self, id: ObjectId, input: TodoInput) -> Result<Todo, Error> {
        match self.insert(id, input).await? {
            Some(todo) => Ok(todo),
            None => self.todos.get_durable(id).await,
        }
    }

    /// Makes a todo what a client says, or makes it under the client's id; and says whether it was made.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::IdTaken`] when the id is someone else's; else as [`Workspace::change`].
    pub async fn put(
        &self,
        id: ObjectId,
        input: TodoInput,
        condition: &Precondition,
    ) -> Result<(Todo, bool), Conflict<Todo>> {
        let change = async || self.change(id, input.clone(), condition).await;
        let insert = async || self.insert(id, input.clone()).await;
        update::put(self, id, condition, change, insert).await
    }

    /// Changes a todo by what a client says. A recurring one that is completed moves on to its next occurrence.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::InTrash`]; [`Error::Invalid`]; [`Error::Unavailable`].
    pub async fn change(
        &self,
        id: ObjectId,
        input: TodoInput,
        condition: &Precondition,
    ) -> Result<Todo, Conflict<Todo>> {
        if let Some(done) = input.completion()
            && let Some(changed) = self.todos.complete(id, done, condition, self.now).await?
        {
            return Ok(changed);
        }
        let apply = async |before: Todo| {
            let mut after = before.clone();
            after.apply(input.clone(), self.now).map_err(Error::Invalid)?;
            self.relocate(&mut after, &input).await?;
            let effects = if after == before { None } else { self.consequences(&before, &mut after).await? };
            Ok(effects.map_or(Step::Unchanged, |effects| Step::Replace(after, effects)))
        };
        let updated = update(self, id, Accept::Live, condition, apply).await?;
        Ok(self.undo_invalid_move(updated).await?)
    }

    /// What a change means for other todos; moves a recurring todo on. `None` when this very request has done that
    /// already: the record of the occurrence bears its id.
    async fn consequences(&self, before: &Todo, after: &mut Todo) -> Result<Option<Vec<SideEffect>>, Error> {
        let mut acts = Vec::new();
        if after.list_id != before.list_id {
            acts.push(SideEffect::Relist);
        }
        if after.completed && !before.completed {
            let zone = if after.needs_zone() { self.zone().await? } else { Tz::UTC };
            let position = self.planner.positions.last(self.now);
            let record_id = self.attempt.unwrap_or_default();
            match after.advance(record_id, position, self.now, zone) {
                Some(_) if self.has_recorded(before, record_id).await? => return Ok(None),
                Some(record) => acts.extend([SideEffect::Record(Box::new(record)), SideEffect::Reopen]),
                None => acts.push(SideEffect::Complete),
            }
        }
        Ok(Some(acts))
    }

    /// Whether the record of an occurrence was made, or is about to be.
    async fn has_recorded(&self, todo: &Todo, record_id: ObjectId) -> Result<bool, Error> {
        let mut pending = todo.pending_effects.iter().flat_map(|pending| &pending.effects);
        let is_pending =
            pending.any(|effect| matches!(effect, SideEffect::Record(record) if record.id == record_id));
        Ok(is_pending || (self.attempt.is_some() && self.todos.is_used(record_id).await?))
    }

    /// Adds a todo behind all others; `None` when the id is taken.
    async fn insert(&self, id: ObjectId, input: TodoInput) -> Result<Option<Todo>, Error> {
        self.assert_room().await?;
        let position = self.planner.positions.last(self.now);
        let mut todo = Todo::blank(id, self.owner_id, position, self.now);
        todo.apply(input.clone(), self.now).map_err(Error::Invalid)?;
        self.relocate(&mut todo, &input).await?;
        let Some(version) = self.todos.insert(&todo).await? else { return Ok(None) };
        todo.version = version;
        self.settled(todo).await.map(Some)
    }

    /// Refuses one more todo outside the trash when there are as many as may be.
    pub(crate) async fn assert_room(&self) -> Result<(), Error> {
        let count = || self.todos.live_count(TODOS_MAX);
        self.planner.todo_quota.admit(self.owner_id, self.now, count).await
    }
}
