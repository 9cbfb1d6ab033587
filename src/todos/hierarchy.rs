//! Where a todo stands: its list, its parent, its position. Must keep subtasks in the list of their parent, without
//! circles, and not too deep.
//!
//! These rules lie across several documents, and two moves at once could each be right and break one together. So a move
//! looks before it writes, and again after: whoever sees that a rule is broken takes its own move back.

use bson::oid::ObjectId;

use super::input::TodoInput;
use super::model::{LEVELS_MAX, Placement, SideEffect, Todo};
use super::store;
use crate::error::{Error, Violation};
use crate::owned::siblings::{InsertionPoint, Siblings};
use crate::owned::update::{Accept, Step, Updated, update};
use crate::owned::{Conflict, Precondition, State};
use crate::workspace::Workspace;

/// Where a client wants a todo to be.
#[derive(Debug, Clone, Default)]
pub struct Move {
    /// Into this list; `Some(None)` is the inbox.
    pub list_id: Option<Option<ObjectId>>,
    /// Under this todo; `Some(None)` is the top level.
    pub parent_id: Option<Option<ObjectId>>,
    /// Beside this sibling; behind all without one.
    pub beside: Option<Beside>,
}

/// Beside which sibling.
#[derive(Debug, Clone, Copy)]
pub enum Beside {
    /// Right before it.
    Before(ObjectId),
    /// Right behind it.
    Behind(ObjectId),
}

impl Beside {
    /// The member that names the sibling, and the sibling.
    #[must_use]
    pub fn named(self) -> (&'static str, ObjectId) {
        match self {
            Self::Before(id) => ("before", id),
            Self::Behind(id) => ("after", id),
        }
    }

    /// The place beside the sibling that was found; behind all without one.
    #[must_use]
    pub fn target<T>(beside: Option<Self>, sibling: Option<&T>) -> InsertionPoint<'_, T> {
        match (beside, sibling) {
            (Some(Self::Before(_)), Some(sibling)) => InsertionPoint::Before(sibling),
            (Some(Self::Behind(_)), Some(sibling)) => InsertionPoint::Behind(sibling),
            _ => InsertionPoint::End,
        }
    }
}

impl Workspace<'_> {
    /// Moves a todo into another list, under another parent, or beside a sibling, with its subtasks. Moved to another
    /// list alone, a subtask leaves its parent.
    ///
    /// # Errors
    /// As [`Workspace::change`].
    pub async fn move_todo(
        &self,
        id: ObjectId,
        wanted: &Move,
        condition: &Precondition,
    ) -> Result<Todo, Conflict<Todo>> {
        let relocate = async |before: Todo| {
            let mut after = before.clone();
            let leaves =
                wanted.parent_id.is_none() && wanted.list_id.is_some_and(|list| list != before.list_id);
            let parent_id = if leaves { Some(None) } else { wanted.parent_id };
            self.locate(&mut after, wanted.list_id, parent_id).await?;
            let (filter, index) = store::siblings(after.place());
            let siblings = Siblings { filter, index, but: id };
            let sibling = self.sibling(&after, wanted.beside).await?;
            let target = Beside::target(wanted.beside, sibling.as_ref());
            let position = siblings.position(&self.todos, &target, &self.planner.positions, self.now).await?;
            let Some(position) = position else { return Ok(Step::StartOver) };
            after.position = position;
            let effects = if after.list_id == before.list_id { vec![] } else { vec![SideEffect::Relist] };
            Ok(Step::Replace(after, effects))
        };
        let updated = update(self, id, Accept::Live, condition, relocate).await?;
        Ok(self.undo_invalid_move(updated).await?)
    }

    /// The sibling that a move names, which must be one where the todo will be.
    async fn sibling(&self, moved: &Todo, beside: Option<Beside>) -> Result<Option<Todo>, Error> {
        let Some((field, id)) = beside.map(Beside::named) else { return Ok(None) };
        let found = self.todos.find(id).await?.filter(|sibling| {
            sibling.state == State::Live && sibling.place() == moved.place() && sibling.id != moved.id
        });
        let detail = "This must be another todo in the same list and under the same parent.";
        found.map(Some).ok_or_else(|| Error::Invalid(vec![Violation::of(field, "not_a_sibling", detail)]))
    }

    /// Gives a todo the place that a client says.
    pub(super) async fn relocate(&self, todo: &mut Todo, input: &TodoInput) -> Result<(), Error> {
        let parent_id = input.parent_id.or(input.whole.then_some(None));
        let follows = matches!(parent_id, Some(Some(_)));
        let list_id = input.list_id.or((input.whole && !follows).then_some(None));
        self.locate(todo, list_id, parent_id).await
    }

    /// Gives a todo a list and a parent, if it may have them; what is `None` stays, but that a todo is in the list of
    /// its parent.
    async fn locate(
        &self,
        todo: &mut Todo,
        list_id: Option<Option<ObjectId>>,
        parent_id: Option<Option<ObjectId>>,
    ) -> Result<(), Error> {
        let wanted = Placement {
            list_id: list_id.unwrap_or(todo.list_id),
            parent_id: parent_id.unwrap_or(todo.parent_id),
        };
        if wanted == todo.place() {
            return Ok(());
        }
        if let Some(parent_id) = wanted.parent_id {
            let parent = self.parent(todo, parent_id).await?;
            if list_id.is_some_and(|list_id| list_id != parent.list_id) {
                let detail = "A subtask is in the list of its parent.";
                return Err(Error::Invalid(vec![Violation::of("list_id", "not_the_parents", detail)]));
            }
            if !parent.is_parent {
                self.todos.becomes_parent(parent_id).await?;
            }
            (todo.list_id, todo.parent_id) = (parent.list_id, Some(parent_id));
            return Ok(());
        }
        if let Some(list_id) = wanted.list_id.filter(|_| wanted.list_id != todo.list_id) {
            let list = self.lists.find(list_id).await?.filter(|list| list.state == State::Live);
            list.ok_or_else(|| {
                Error::Invalid(vec![Violation::of("list_id", "unknown", "There is no such list.")])
            })?;
        }
        (todo.list_id, todo.parent_id) = (wanted.list_id, None);
        Ok(())
    }

    /// A todo as the parent of another, if it may be.
    async fn parent(&self, todo: &Todo, parent_id: ObjectId) -> Result<Todo, Error> {
        let fault = |code, detail: String| Error::Invalid(vec![Violation::of("parent_id", code, detail)]);
        let parent = self.todos.find(parent_id).await?.filter(|parent| parent.state == State::Live);
        let parent = parent.ok_or_else(|| fault("unknown", "There is no such todo.".to_owned()))?;
        if todo.parent_id == Some(parent_id) {
            return Ok(parent);
        }
        match self.levels_with(todo, &parent).await? {
            None => Err(fault("circle", "A todo cannot be a part of itself.".to_owned())),
            Some(levels) if levels > LEVELS_MAX => {
                Err(fault("too_deep", format!("Subtasks go at most {LEVELS_MAX} levels deep.")))
            }
            Some(_) => Ok(parent),
        }
    }

    /// How many levels there are from the topmost todo over `parent` down to the last subtask of `todo`; `None` when
    /// `todo` is above `parent`.
    async fn levels_with(&self, todo: &Todo, parent: &Todo) -> Result<Option<usize>, Error> {
        let (mut above, mut next) = (1, parent.parent_id);
        if parent.id == todo.id {
            return Ok(None);
        }
        while let Some(id) = next {
            if id == todo.id || above > 2 * LEVELS_MAX {
                return Ok(None);
            }
            above += 1;
            next = self.todos.find(id).await?.and_then(|ancestor| ancestor.parent_id);
        }
        let below = self.levels_under(todo.id).await?.len();
        Ok(Some(above + 1 + below))
    }

    /// Checks the new parent again after the write, because another move at the same time may have made it invalid.
    /// If it is invalid, moves the todo back and fails.
    pub(super) async fn undo_invalid_move(&self, updated: Updated<Todo>) -> Result<Todo, Error> {
        let Updated { before, after } = updated;
        let Some(parent_id) = after.parent_id.filter(|_| after.parent_id != before.parent_id) else {
            return Ok(after);
        };
        let detached = Todo { parent_id: None, ..after.clone() };
        let Err(violation) = self.parent(&detached, parent_id).await else { return Ok(after) };
        let move_back = async |current: Todo| {
            let Todo { list_id, parent_id, ref position, .. } = before;
            let back = Todo { list_id, parent_id, position: position.clone(), ..current };
            Ok(Step::Replace(back, vec![SideEffect::Relist]))
        };
        update(self, after.id, Accept::Kept, &Precondition::Any, move_back).await?;
        Err(violation)
    }

    /// A todo that has just been made; if its list or its parent went into the trash meanwhile, it goes after them.
    pub(super) async fn settled(&self, todo: Todo) -> Result<Todo, Error> {
        if todo.list_id.is_none() && todo.parent_id.is_none() {
            return Ok(todo);
        }
        if self.surviving_place(&todo).await? == todo.place() {
            return Ok(todo);
        }
        Ok(self.trash(todo.id, &Precondition::Any).await?)
    }

    /// The place of a todo without what is not in use any more.
    pub(super) async fn surviving_place(&self, todo: &Todo) -> Result<Placement, Error> {
        let parent = match todo.parent_id {
            Some(id) => self.todos.find(id).await?.filter(|parent| parent.state == State::Live),
            None => None,
        };
        if let Some(parent) = parent {
            return Ok(Placement { list_id: parent.list_id, parent_id: Some(parent.id) });
        }
        let list = match todo.list_id {
            Some(id) => self.lists.find(id).await?.filter(|list| list.state == State::Live),
            None => None,
        };
        Ok(Placement { list_id: list.map(|list| list.id), parent_id: None })
    }
}
