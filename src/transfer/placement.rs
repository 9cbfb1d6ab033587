//! Where the todos of a plan belong in the account: under which ids, in which lists, below which parents.

use std::collections::{HashMap, HashSet};

use bson::oid::ObjectId;

use super::plan::{Plan, Planned};
use super::preparation::Known;
use super::structure::relist;
use crate::error::Error;
use crate::owned::State;
use crate::owned::batch::Holder;
use crate::todos::model::{LEVELS_MAX, Todo};
use crate::workspace::Workspace;

const NO_LIST: &str = "The list does not exist or is in the trash, so the todo is in the inbox.";
const NO_PARENT: &str =
    "The parent does not exist, is in the trash or is too deep, so the todo is at the top level.";

impl Workspace {
    /// Gives todos the ids, lists and parents that they have in the account. Parents come first. Returns the todos of the
    /// account that get subtasks.
    pub(super) async fn place_planned(
        &self,
        plan: &mut Plan,
        lists: &Known,
        todos: &Known,
    ) -> Result<HashSet<ObjectId>, Error> {
        let new_lists: HashSet<_> = plan.lists.iter().map(|list| list.value.id).collect();
        // The level and the list of each todo that can be a parent.
        let mut places: HashMap<ObjectId, (usize, Option<ObjectId>)> = HashMap::new();
        let mut parents = HashSet::new();
        for Planned { line, value: todo } in &mut plan.todos {
            rename(todo, lists, todos);
            let is_new = |id: &ObjectId| new_lists.contains(id);
            if todo.list_id.is_some_and(|id| !is_new(&id) && !is_usable(lists.holders.get(&id), todo.state)) {
                relist(todo, None);
                plan.warnings.add(*line, NO_LIST);
            }
            let mut level = 0;
            if let Some(parent) = todo.parent_id {
                if let Some(list_id) = list_of_live(todos.holders.get(&parent))
                    && !places.contains_key(&parent)
                {
                    places.insert(parent, (self.level_of(parent).await?, list_id));
                    parents.insert(parent);
                }
                if let Some((above, list_id)) =
                    places.get(&parent).filter(|(above, _)| above + 1 < LEVELS_MAX)
                {
                    level = above + 1;
                    attach(todo, *list_id);
                } else {
                    todo.parent_id = None;
                    plan.warnings.add(*line, NO_PARENT);
                }
            }
            places.insert(todo.id, (level, todo.list_id));
        }
        Ok(parents)
    }

    /// The level of a stored todo, from 0.
    async fn level_of(&self, id: ObjectId) -> Result<usize, Error> {
        let (mut level, mut next) = (0, self.todos().find(id).await?.and_then(|todo| todo.parent_id));
        while let Some(id) = next.filter(|_| level < LEVELS_MAX) {
            level += 1;
            next = self.todos().find(id).await?.and_then(|todo| todo.parent_id);
        }
        Ok(level)
    }
}

/// A todo with a parent is in the list of the parent, and waits for no other.
fn attach(todo: &mut Todo, list_id: Option<ObjectId>) {
    relist(todo, list_id);
    if let Some(names) = &mut todo.calendar {
        names.parent = None;
    }
}

/// Gives a todo and what it refers to the ids that they have in the account.
fn rename(todo: &mut Todo, lists: &Known, todos: &Known) {
    let with = |id| if lists.ids.contains_key(&id) { lists.id(id) } else { todos.id(id) };
    todo.id = todos.id(todo.id);
    todo.list_id = todo.list_id.map(|id| lists.id(id));
    if let Some(names) = &mut todo.calendar {
        names.list = names.list.map(|id| lists.id(id));
    }
    todo.parent_id = todo.parent_id.map(|id| todos.id(id));
    todo.occurrence_of = todo.occurrence_of.map(|id| todos.id(id));
    todo.trashed_with = todo.trashed_with.map(with);
}

/// The list of a live todo of the account.
fn list_of_live(holder: Option<&Holder>) -> Option<Option<ObjectId>> {
    match holder {
        Some(Holder::ThisUser { state: State::Live, list_id, .. }) => Some(*list_id),
        _ => None,
    }
}

fn is_usable(holder: Option<&Holder>, state: State) -> bool {
    match holder {
        Some(Holder::ThisUser { state: of_list, .. }) => state != State::Live || *of_list == State::Live,
        _ => false,
    }
}
