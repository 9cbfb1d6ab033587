//! What every API surface can do with todos: read, create, replace, change. Moves are in [`crate::todos::hierarchy`];
//! trash, restore and removal are in [`crate::todos::side_effects`].
//!
//! Every change is an optimistic update: see [`crate::owned::update`].

use bson::oid::ObjectId;
use futures_util::{Stream, stream};

use super::input::TodoInput;
use super::model::{SideEffect, Todo};
use super::query::{Deleted, TodoQuery};
use super::sort_order::{Sort, SortKey};
use super::store::UserTodos;
use crate::clock::time_zone::Zone;
use crate::error::{Error, Resource};
use crate::mongo::object_id;
use crate::owned::update::{self, Accept, Step, Timing, update};
use crate::owned::{Conflict, PendingEffects, Precondition, State};
use crate::workspace::Workspace;

// Of the list of all todos: how many todos, and about how many bytes, are in memory for one client.
const BATCH: usize = 1_000;
pub const BATCH_BYTES: usize = 256 * 1024;

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

    /// Gives at most `limit` todos after `last` to `take`, until it refuses one. Returns the sort key of the last todo that
    /// `take` accepted before it refused one, and `None` if it refused none.
    pub async fn todo_page(
        &self,
        query: &TodoQuery,
        last: Option<&SortKey>,
        limit: i64,
        take: impl FnMut(Todo) -> Result<bool, Error> + Send,
    ) -> Result<Option<SortKey>, Error> {
        // The zone costs a round trip, so it is read only for the filters that need it.
        let zone = if query.needs_zone() { self.zone().await? } else { Zone::UTC };
        if let Some(search) = &query.search {
            return self.search_page(query, search, zone, last, limit, take).await;
        }
        let last = self.todos().read_page(query.selections(zone, self.now, last), limit, take).await?;
        last.map(|last| query.sort.key(&last)).transpose()
    }

    /// All todos in these states, the oldest first, in batches. Reads a batch only when it is asked for, and holds no cursor in
    /// between, so that a client that reads slowly takes up one batch.
    pub fn todos_oldest_first(
        self,
        deleted: Deleted,
    ) -> impl Stream<Item = Result<Vec<Todo>, Error>> + Send + use<> {
        stream::try_unfold(
            (self, Some(None)),
            move |(workspace, next): (Self, Option<Option<SortKey>>)| async move {
                let Some(last) = next else { return Ok(None) };
                let (todos, last) = workspace.oldest_after(deleted, last.as_ref()).await?;
                Ok((!todos.is_empty()).then_some((todos, (workspace, last.map(Some)))))
            },
        )
    }

    async fn oldest_after(
        &self,
        deleted: Deleted,
        last: Option<&SortKey>,
    ) -> Result<(Vec<Todo>, Option<SortKey>), Error> {
        let query = TodoQuery { deleted, sort: Sort::CreatedAt, ..TodoQuery::default() };
        let (mut todos, mut size) = (Vec::new(), 0);
        let take = |todo: Todo| {
            if todos.len() == BATCH || size >= BATCH_BYTES {
                return Ok(false);
            }
            size += todo.name.len() + todo.description.len();
            todos.push(todo);
            Ok(true)
        };
        let fetch = i64::try_from(BATCH).unwrap_or(i64::MAX).saturating_add(1);
        let last = self.todo_page(&query, last, fetch, take).await?;
        Ok((todos, last))
    }

    pub async fn create_todo_with_new_id(&self, input: TodoInput) -> Result<Todo, Error> {
        let create = async || self.create_todo(object_id::generate(self.now), input.clone()).await;
        object_id::until_free(create).await
    }

    /// Fails with [`Error::IdTaken`] if another user has a todo with this id.
    pub async fn create_todo(&self, id: ObjectId, input: TodoInput) -> Result<Todo, Error> {
        if let Some(created) = self.insert_todo(id, input).await? {
            return Ok(created);
        }
        // `id` was generated for this creation, so a todo of this user with this id comes from an earlier attempt.
        let mut todo = self.todos().get_durable(id).await?;
        update::finish(self, &mut todo).await?;
        Ok(todo)
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
        self.change_todo_with(id, input, precondition, |_, _| Vec::new()).await
    }

    /// Like [`Workspace::change_todo`]; `finish` knows the todo before the change, can change more, and returns further side
    /// effects.
    pub(crate) async fn change_todo_with(
        &self,
        id: ObjectId,
        input: TodoInput,
        precondition: &Precondition,
        finish: impl Fn(&Todo, &mut Todo) -> Vec<SideEffect> + Sync,
    ) -> Result<Todo, Conflict<Todo>> {
        let apply = async |before: Todo| {
            input.sent_back.assert_unchanged(|name| before.shown(name))?;
            let (mut after, input) = (before.clone(), self.in_known_tags(&before, input.clone()).await?);
            after.apply(input.clone(), self.now).map_err(Error::Invalid)?;
            self.apply_placement(&mut after, &input).await?;
            let more = finish(&before, &mut after);
            self.step_to(&before, after, more).await
        };
        let updated = update(self, id, Accept::Live, precondition, apply).await?;
        Ok(self.undo_invalid_move(updated).await?)
    }

    async fn step_to(
        &self,
        before: &Todo,
        mut after: Todo,
        mut effects: Vec<SideEffect>,
    ) -> Result<Step<Todo>, Error> {
        if after == *before {
            return Ok(Step::Unchanged);
        }
        if after.list_id != before.list_id {
            effects.push(SideEffect::Relist);
        }
        effects.extend(SideEffect::of_opening(before, &after));
        if after.completed && !before.completed {
            let Some(more) = self.complete(before, &mut after).await? else {
                return Ok(Step::Unchanged);
            };
            effects.extend(more);
        }
        Ok(Step::Replace(after, effects))
    }

    async fn insert_todo(&self, id: ObjectId, input: TodoInput) -> Result<Option<Todo>, Error> {
        self.insert_todo_with(id, input, |_| {}).await
    }

    /// Adds a todo after all others. `None` if the id, or another value that must be unique, is taken.
    pub(crate) async fn insert_todo_with(
        &self,
        id: ObjectId,
        input: TodoInput,
        finish: impl Fn(&mut Todo) + Sync,
    ) -> Result<Option<Todo>, Error> {
        self.assert_room_for_todos(1).await?;
        let position = self.order_keys().last(self.now);
        let mut todo = Todo::blank(id, self.owner_id, position, self.now);
        let input = self.in_known_tags(&todo, input).await?;
        todo.apply(input.clone(), self.now).map_err(Error::Invalid)?;
        let parent = self.apply_placement(&mut todo, &input).await?;
        finish(&mut todo);
        if !todo.completed && parent.is_some_and(|parent| parent.completed) {
            let (since, id) = (self.now, Some(object_id::generate(self.now)));
            todo.pending_effects =
                Some(PendingEffects { since, id, effects: vec![SideEffect::ReopenParents] });
        }
        input.sent_back.assert_unchanged(|name| todo.shown(name))?;
        self.assert_in_time()?;
        // The version is above 1 if the todo replaces the tombstone of an earlier todo with this id.
        let todos = self.todos();
        let _at_once = if todo.pending_effects.is_some() { todos.wait_at_once().await? } else { None };
        let Some(version) = todos.insert(&todo).await? else { return Ok(None) };
        todo.version = version;
        update::finish(self, &mut todo).await?;
        self.follow_into_trash(todo).await.map(Some)
    }

    /// The input with its tags in the spelling that the user's todos have, this one first.
    async fn in_known_tags(&self, todo: &Todo, mut input: TodoInput) -> Result<TodoInput, Error> {
        if let Some(tags) = input.tags.take() {
            input.tags = Some(self.in_known_spelling(&todo.tags, tags).await?);
        }
        Ok(input)
    }
}
