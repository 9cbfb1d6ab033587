//! What every API surface can do with todos: read, create, replace, change. Moves are in [`crate::todos::hierarchy`];
//! trash, restore and removal are in [`crate::todos::side_effects`].
//!
//! Every change is an optimistic update: see [`crate::owned::update`].

use bson::oid::ObjectId;
use futures_util::Stream;

use super::input::TodoInput;
use super::model::{SideEffect, Todo};
use super::query::{SortKey, TodoQuery};
use super::store::UserTodos;
use crate::error::{Error, Resource};
use crate::owned::update::{self, Accept, Step, update};
use crate::owned::{Conflict, Precondition, Selection, State};
use crate::time_zone::Zone;
use crate::workspace::Workspace;

impl Workspace {
    pub(crate) fn todos(&self) -> UserTodos<'_> {
        self.owned(|stores| &stores.todos)
    }

    pub async fn todo(&self, id: ObjectId) -> Result<Todo, Error> {
        self.todos().get(id).await
    }

    pub async fn live_todo(&self, id: ObjectId) -> Result<Todo, Error> {
        let todo = self.todo(id).await?;
        if todo.state == State::Live { Ok(todo) } else { Err(Error::NotFound(Resource::Todo)) }
    }

    pub async fn todos_oldest_first(
        &self,
    ) -> Result<impl Stream<Item = Result<Todo, Error>> + Send + use<>, Error> {
        self.todos().oldest_first().await
    }

    pub async fn todo_page(
        &self,
        query: &TodoQuery,
        last: Option<&SortKey>,
        limit: i64,
    ) -> Result<Vec<Todo>, Error> {
        // The zone costs a round trip, so it is read only for the filters that need it.
        let zone =
            if query.due_before.or(query.due_after).is_some() { self.zone().await? } else { Zone::UTC };
        let (mut found, mut left) = (Vec::new(), limit);
        for selection in query.selections(zone, last) {
            found.extend(self.todos().select(Selection { limit: left, ..selection }).await?);
            left = limit - i64::try_from(found.len()).unwrap_or(limit);
            if left <= 0 {
                break;
            }
        }
        Ok(found)
    }

    pub async fn create_todo(&self, id: ObjectId, input: TodoInput) -> Result<Todo, Error> {
        match self.insert_todo(id, input).await? {
            Some(todo) => Ok(todo),
            // `id` was generated for this creation, so a todo with this id comes from an earlier attempt.
            None => self.todos().get_durable(id).await,
        }
    }

    pub async fn put_todo(
        &self,
        id: ObjectId,
        input: TodoInput,
        precondition: &Precondition,
    ) -> Result<(Todo, bool), Conflict<Todo>> {
        let change = async || self.change_todo(id, input.clone(), precondition).await;
        let insert = async || self.insert_todo(id, input.clone()).await;
        update::put(self, id, precondition, change, insert).await
    }

    /// Changes a todo. Completing a recurring todo advances it to its next occurrence.
    pub async fn change_todo(
        &self,
        id: ObjectId,
        input: TodoInput,
        precondition: &Precondition,
    ) -> Result<Todo, Conflict<Todo>> {
        // Completing is the most frequent change. One write is enough if it has no side effects.
        if let Some(completed) = input.completion()
            && let Some(todo) = self.todos().complete(id, completed, precondition, self.now).await?
        {
            return Ok(todo);
        }
        let apply = async |before: Todo| {
            let mut after = before.clone();
            after.apply(input.clone(), self.now).map_err(Error::Invalid)?;
            self.apply_placement(&mut after, &input).await?;
            if after == before {
                return Ok(Step::Unchanged);
            }
            let mut effects = Vec::new();
            if after.list_id != before.list_id {
                effects.push(SideEffect::Relist);
            }
            if after.completed && !before.completed {
                let Some(more) = self.complete(&before, &mut after).await? else {
                    return Ok(Step::Unchanged);
                };
                effects.extend(more);
            }
            Ok(Step::Replace(after, effects))
        };
        let updated = update(self, id, Accept::Live, precondition, apply).await?;
        Ok(self.undo_invalid_move(updated).await?)
    }

    /// The side effects of completing `before`. If the todo recurs, `after` becomes the next occurrence. `None` if an
    /// earlier attempt of the same request has already done this.
    async fn complete(&self, before: &Todo, after: &mut Todo) -> Result<Option<Vec<SideEffect>>, Error> {
        let zone = if after.needs_zone() { self.zone().await? } else { Zone::UTC };
        let position = self.order_keys().last(self.now);
        // The id of the request makes a repetition recognizable. Without one, `ObjectId::default` generates an id.
        let record_id = self.attempt.unwrap_or_default();
        Ok(match after.advance(record_id, position, self.now, zone) {
            Some(_) if self.is_recorded(before, record_id).await? => None,
            Some(record) => Some(vec![SideEffect::Record(Box::new(record)), SideEffect::Reopen]),
            None => Some(vec![SideEffect::Complete]),
        })
    }

    async fn is_recorded(&self, todo: &Todo, record_id: ObjectId) -> Result<bool, Error> {
        let mut pending = todo.pending_effects.iter().flat_map(|pending| &pending.effects);
        let is_pending =
            pending.any(|effect| matches!(effect, SideEffect::Record(record) if record.id == record_id));
        Ok(is_pending || (self.attempt.is_some() && self.todos().is_used(record_id).await?))
    }

    /// Adds a todo after all others. `None` if the id is taken.
    async fn insert_todo(&self, id: ObjectId, input: TodoInput) -> Result<Option<Todo>, Error> {
        self.assert_room_for_todo().await?;
        let position = self.order_keys().last(self.now);
        let mut todo = Todo::blank(id, self.owner_id, position, self.now);
        todo.apply(input.clone(), self.now).map_err(Error::Invalid)?;
        self.apply_placement(&mut todo, &input).await?;
        // The version is above 1 if the todo replaces the tombstone of an earlier todo with this id.
        let Some(version) = self.todos().insert(&todo).await? else { return Ok(None) };
        todo.version = version;
        self.follow_into_trash(todo).await.map(Some)
    }
}
