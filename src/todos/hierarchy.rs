//! Where a todo belongs: its list, its parent, its position among its siblings.
//!
//! **Invariant:** a subtask is in the list of its parent, no todo is its own ancestor, and subtasks are at most
//! [`LEVELS_MAX`] levels deep. These rules span several documents, so two valid moves at the same time can break one
//! together. Therefore a move checks them before its write and again after it, and undoes itself if one is broken.

use bson::oid::ObjectId;

use super::input::TodoInput;
use super::model::{LEVELS_MAX, Placement, SideEffect, Todo};
use super::store;
use crate::error::{Error, Violation};
use crate::owned::note::Note;
use crate::owned::siblings::{InsertionPoint, Siblings};
use crate::owned::update::{Accept, Step, Updated, update};
use crate::owned::{Conflict, Precondition, State};
use crate::workspace::Workspace;

impl Todo {
    pub fn place(&self) -> Placement {
        Placement { list_id: self.list_id, parent_id: self.parent_id }
    }
}

/// Where a client wants a todo to be. A field that is `None` was not sent.
#[derive(Debug, Clone, Default)]
pub struct Move {
    /// `Some(None)` is the inbox.
    pub list_id: Option<Option<ObjectId>>,
    /// `Some(None)` is the top level.
    pub parent_id: Option<Option<ObjectId>>,
    pub beside: Option<Beside>,
}

#[derive(Debug, Clone, Copy)]
pub enum Beside {
    Before(ObjectId),
    After(ObjectId),
}

impl Beside {
    pub fn named(self) -> (&'static str, ObjectId) {
        match self {
            Self::Before(id) => ("before", id),
            Self::After(id) => ("after", id),
        }
    }

    pub fn insertion_point<T>(beside: Option<Self>, sibling: Option<&T>) -> InsertionPoint<'_, T> {
        match (beside, sibling) {
            (Some(Self::Before(_)), Some(sibling)) => InsertionPoint::Before(sibling),
            (Some(Self::After(_)), Some(sibling)) => InsertionPoint::After(sibling),
            _ => InsertionPoint::End,
        }
    }
}

impl Workspace {
    /// Moves a todo with its subtasks to another list, under another parent, or next to a sibling.
    pub async fn move_todo(
        &self,
        id: ObjectId,
        wanted: &Move,
        precondition: &Precondition,
    ) -> Result<Todo, Conflict<Todo>> {
        let relocate = async |before: Todo| {
            let mut after = before.clone();
            // A subtask that is moved to another list without a parent leaves its parent, because both must share a
            // list.
            let leaves_parent =
                wanted.parent_id.is_none() && wanted.list_id.is_some_and(|list| list != before.list_id);
            let parent_id = if leaves_parent { Some(None) } else { wanted.parent_id };
            self.place(&mut after, wanted.list_id, parent_id).await?;
            let (filter, index) = store::siblings(after.place());
            let current = (after.place() == before.place()).then(|| before.position.clone());
            let siblings = Siblings { filter, index, except: id, current };
            let sibling = self.sibling(&after, wanted.beside).await?;
            let point = Beside::insertion_point(wanted.beside, sibling.as_ref());
            let position = siblings.position(&self.todos(), &point, self.order_keys(), self.now).await?;
            let Some(position) = position else { return Ok(Step::StartOver) };
            after.position = position;
            if after == before {
                return Ok(Step::Unchanged);
            }
            let relist = (after.list_id != before.list_id).then_some(SideEffect::Relist);
            let effects = relist.into_iter().chain(SideEffect::of_opening(&before, &after)).collect();
            Ok(Step::Replace(after, effects))
        };
        let updated = update(self, id, Accept::Live, precondition, relocate).await?;
        Ok(self.undo_invalid_move(updated).await?)
    }

    async fn sibling(&self, moved: &Todo, beside: Option<Beside>) -> Result<Option<Todo>, Error> {
        let Some((field, id)) = beside.map(Beside::named) else { return Ok(None) };
        let found = self.todos().find(id).await?.filter(|sibling| {
            sibling.state == State::Live && sibling.place() == moved.place() && sibling.id != moved.id
        });
        let detail = "Must be another todo in the same list and under the same parent.";
        found.map(Some).ok_or_else(|| Error::Invalid(vec![Violation::of(field, "not_a_sibling", detail)]))
    }

    /// Returns the new parent, if the todo gets one.
    pub(super) async fn apply_placement(
        &self,
        todo: &mut Todo,
        input: &TodoInput,
    ) -> Result<Option<Todo>, Error> {
        let parent_id = input.parent_id.or(input.whole.then_some(None));
        let has_parent = matches!(parent_id, Some(Some(_)));
        // A whole todo without a list is in the list of its parent, otherwise in the inbox.
        let list_id = input.list_id.or((input.whole && !has_parent).then_some(None));
        self.place(todo, list_id, parent_id).await
    }

    /// Gives a todo a list and a parent after checking both. `None` keeps the current one, except that a todo with a
    /// parent always gets the list of the parent. Returns the new parent.
    async fn place(
        &self,
        todo: &mut Todo,
        list_id: Option<Option<ObjectId>>,
        parent_id: Option<Option<ObjectId>>,
    ) -> Result<Option<Todo>, Error> {
        let wanted = Placement {
            list_id: list_id.unwrap_or(todo.list_id),
            parent_id: parent_id.unwrap_or(todo.parent_id),
        };
        if wanted == todo.place() {
            return Ok(None);
        }
        if let Some(parent_id) = wanted.parent_id {
            let parent = self.valid_parent(todo, parent_id).await?;
            if list_id.is_some_and(|list_id| list_id != parent.list_id) {
                let detail = "A subtask must be in the list of its parent.";
                return Err(Error::Invalid(vec![Violation::of("list_id", "not_the_parents", detail)]));
            }
            self.confirm_written(parent_id).await?;
            // Marked before the subtask is attached: completing an unmarked todo does not look for subtasks.
            if !parent.is_parent {
                self.todos().becomes_parent(parent_id).await?;
            }
            (todo.list_id, todo.parent_id) = (parent.list_id, Some(parent_id));
            return Ok(Some(parent));
        }
        if let Some(list_id) = wanted.list_id.filter(|_| wanted.list_id != todo.list_id) {
            let list = self.lists().find(list_id).await?.filter(|list| list.state == State::Live);
            let unknown = || Violation::of("list_id", "unknown", "There is no list with this id.");
            list.ok_or_else(|| Error::Invalid(vec![unknown()]))?;
            self.confirm_written(list_id).await?;
        }
        (todo.list_id, todo.parent_id) = (wanted.list_id, None);
        Ok(None)
    }

    async fn valid_parent(&self, todo: &Todo, parent_id: ObjectId) -> Result<Todo, Error> {
        let violation = |code, detail: String| Error::Invalid(vec![Violation::of("parent_id", code, detail)]);
        let parent = self.todos().find(parent_id).await?.filter(|parent| parent.state == State::Live);
        let parent =
            parent.ok_or_else(|| violation("unknown", "There is no todo with this id.".to_owned()))?;
        // An unchanged parent was checked when it was set.
        if todo.parent_id == Some(parent_id) {
            return Ok(parent);
        }
        match self.levels_with(todo, &parent).await? {
            None => Err(violation("circle", "A todo must not be its own ancestor.".to_owned())),
            Some(levels) if levels > LEVELS_MAX => {
                Err(violation("too_deep", format!("Subtasks are at most {LEVELS_MAX} levels deep.")))
            }
            Some(_) => Ok(parent),
        }
    }

    /// The number of levels from the root above `parent` down to the deepest subtask of `todo`, if `todo` were under
    /// `parent`. `None` if `todo` is `parent` or one of its ancestors.
    async fn levels_with(&self, todo: &Todo, parent: &Todo) -> Result<Option<usize>, Error> {
        let (mut above, mut next) = (1, parent.parent_id);
        if parent.id == todo.id {
            return Ok(None);
        }
        while let Some(id) = next {
            // The bound ends the walk if a race has made a circle among the ancestors.
            if id == todo.id || above > 2 * LEVELS_MAX {
                return Ok(None);
            }
            above += 1;
            next = self.todos().find(id).await?.and_then(|ancestor| ancestor.parent_id);
        }
        let below = self.subtask_levels(todo.id).await?.len();
        Ok(Some(above + 1 + below))
    }

    /// Checks a new parent again after the write, because another move at the same time may have made it invalid. If it
    /// is invalid, moves the todo back and fails.
    pub(super) async fn undo_invalid_move(&self, updated: Updated<Todo>) -> Result<Todo, Error> {
        let Updated { before, after } = updated;
        let Some(parent_id) = after.parent_id.filter(|_| after.parent_id != before.parent_id) else {
            let is_elsewhere = after.list_id != before.list_id;
            return if is_elsewhere { self.follow_into_trash(after).await } else { Ok(after) };
        };
        // Without its parent, so that the check does not take the parent for unchanged.
        let detached = Todo { parent_id: None, ..after.clone() };
        let Err(violation) = self.valid_parent(&detached, parent_id).await else { return Ok(after) };
        let move_back = async |current: Todo| {
            let Todo { list_id, parent_id, ref position, .. } = before;
            let back = if current.version == after.version {
                let Todo { is_parent, pending_effects, .. } = current;
                Todo { is_parent, pending_effects, ..before.clone() }
            } else {
                // Only the place goes back, because another request has changed other fields since.
                Todo { list_id, parent_id, position: position.clone(), ..current }
            };
            Ok(Step::Replace(back, vec![SideEffect::Relist]))
        };
        // A todo that went to the trash since must be valid when it is restored.
        update(self, after.id, Accept::Kept, &Precondition::Any, move_back).await?;
        Err(violation)
    }

    /// Moves a todo to the trash if its list or its parent went there while the todo was created or moved. Reopens its
    /// parent if it was completed at the same time.
    pub(super) async fn follow_into_trash(&self, todo: Todo) -> Result<Todo, Error> {
        if todo.list_id.is_none() && todo.parent_id.is_none() {
            return Ok(todo);
        }
        let (place, parent) = self.live_placement(&todo).await?;
        if place == todo.place() {
            if parent.is_some_and(|parent| parent.completed) {
                self.reopen_parents(&todo, &Note::none()).await?;
            }
            return Ok(todo);
        }
        Ok(self.to_trash(todo.id, &Precondition::Any, false).await?)
    }

    /// The list and the parent of a todo, without those that are not live.
    pub(super) async fn live_placement(&self, todo: &Todo) -> Result<(Placement, Option<Todo>), Error> {
        let parent = match todo.parent_id {
            Some(id) => self.todos().find(id).await?.filter(|parent| parent.state == State::Live),
            None => None,
        };
        if let Some(parent) = parent {
            let place = Placement { list_id: parent.list_id, parent_id: Some(parent.id) };
            return Ok((place, Some(parent)));
        }
        let list = match todo.list_id {
            Some(id) => self.lists().find(id).await?.filter(|list| list.state == State::Live),
            None => None,
        };
        Ok((Placement { list_id: list.map(|list| list.id), parent_id: None }, None))
    }
}
