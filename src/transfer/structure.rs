//! The structure of a plan: parents before their subtasks, no circles, at most [`LEVELS_MAX`] levels, one list for a todo
//! and its subtasks, and nothing live inside of what is in the trash.
//!
//! **Invariant:** references to objects outside of the plan stay, because the account may have them.

use std::collections::{HashMap, HashSet};

use bson::oid::ObjectId;

use super::plan::{Plan, Planned};
use crate::error::{Violation, Violations};
use crate::owned::State;
use crate::todos::model::{LEVELS_MAX, Todo};

/// Whether a broken structure is an error, or is repaired with a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    Refuse,
    Repair,
}

struct Structure<'a> {
    plan: &'a mut Plan,
    care: Care,
    violations: Violations,
    places: HashMap<ObjectId, usize>,
}

pub fn complete(plan: &mut Plan, care: Care) -> Result<(), Vec<Violation>> {
    remove_repeated(plan, care)?;
    let places = plan.todos.iter().enumerate().map(|(place, todo)| (todo.value.id, place)).collect();
    let mut structure = Structure { plan, care, violations: Violations::default(), places };
    let levels = structure.levels();
    if !structure.violations.all().is_empty() {
        return Err(structure.violations.into_vec());
    }
    sort_by_level(plan, &levels);
    inherit(plan);
    Ok(())
}

fn remove_repeated(plan: &mut Plan, care: Care) -> Result<(), Vec<Violation>> {
    let (mut seen, mut violations) = (HashSet::new(), Violations::default());
    let warnings = &mut plan.warnings;
    let mut is_first = |id: ObjectId, line: usize, kind: &str| {
        let is_first = seen.insert(id);
        if !is_first && care == Care::Refuse {
            let field = format!("{kind}/{}/id", line - 1);
            violations.push(Violation::of(&field, "repeated", "Another object has the same id."));
        } else if !is_first {
            warnings.add(line, "The same object occurs twice; the second was left out.");
        }
        is_first
    };
    plan.lists.retain(|list| is_first(list.value.id, list.line, "lists"));
    plan.todos.retain(|todo| is_first(todo.value.id, todo.line, "todos"));
    if care == Care::Refuse {
        let mut uids = HashSet::new();
        for Planned { line, value: todo } in &plan.todos {
            let uid = todo.calendar.as_ref().and_then(|names| names.uid.as_deref());
            if uid.is_some_and(|uid| !uids.insert(uid)) {
                let field = format!("todos/{}/calendar/uid", line - 1);
                violations.push(Violation::of(&field, "repeated", "Another todo has the same UID."));
            }
        }
    }
    if violations.all().is_empty() { Ok(()) } else { Err(violations.into_vec()) }
}

impl Structure<'_> {
    /// The level of each todo, from 0. Detaches todos that are in a circle or too deep.
    fn levels(&mut self) -> Vec<usize> {
        let mut levels: Vec<Option<usize>> = vec![None; self.plan.todos.len()];
        let mut is_on_path = vec![false; levels.len()];
        for start in 0..levels.len() {
            let mut path = Vec::new();
            let mut next = Some(start);
            while let Some(place) = next.filter(|place| levels[*place].is_none()) {
                if is_on_path[place] {
                    // The last one becomes a root, so that the others get their levels from it.
                    let last = path.last().copied().unwrap_or(place);
                    self.detach(last, "circle", "A todo must not be its own ancestor.");
                    break;
                }
                is_on_path[place] = true;
                path.push(place);
                next = self.parent(place);
            }
            while let Some(place) = path.pop() {
                let above = self.parent(place).and_then(|parent| levels[parent]);
                let mut level = above.map_or(0, |above| above + 1);
                if level >= LEVELS_MAX {
                    level = self.lift(place, &levels);
                }
                levels[place] = Some(level);
                is_on_path[place] = false;
            }
        }
        levels.into_iter().map(Option::unwrap_or_default).collect()
    }

    fn parent(&self, place: usize) -> Option<usize> {
        let parent = self.plan.todos[place].value.parent_id?;
        self.places.get(&parent).copied()
    }

    fn report(&mut self, place: usize, code: &'static str, detail: &str) {
        let line = self.plan.todos[place].line;
        if self.care == Care::Refuse {
            self.violations.push(Violation::of(&format!("todos/{}/parent_id", line - 1), code, detail));
        } else {
            self.plan.warnings.add(line, detail);
        }
    }

    fn detach(&mut self, place: usize, code: &'static str, detail: &str) {
        self.plan.todos[place].value.parent_id = None;
        self.report(place, code, detail);
    }

    /// Moves a todo that is too deep beside its parent.
    fn lift(&mut self, place: usize, levels: &[Option<usize>]) -> usize {
        let above = self.parent(place).and_then(|parent| self.plan.todos[parent].value.parent_id);
        self.plan.todos[place].value.parent_id = above;
        let detail = format!(
            "Subtasks are at most {LEVELS_MAX} levels deep; this one became a sibling of its parent."
        );
        self.report(place, "too_deep", &detail);
        self.parent(place).and_then(|parent| levels[parent]).map_or(0, |level| level + 1)
    }
}

fn sort_by_level(plan: &mut Plan, levels: &[usize]) {
    let mut keyed: Vec<_> = std::mem::take(&mut plan.todos).into_iter().zip(levels.iter().copied()).collect();
    keyed.sort_by_key(|(_, level)| *level);
    plan.todos = keyed.into_iter().map(|(todo, _)| todo).collect();
}

/// Puts a todo into another list, with the name that calendar clients know.
pub fn relist(todo: &mut Todo, list_id: Option<ObjectId>) {
    if let Some(names) = todo.calendar.as_mut().filter(|names| names.list == todo.list_id) {
        names.list = list_id;
    }
    todo.list_id = list_id;
}

/// Subtasks are where their parents are. Parents come first.
fn inherit(plan: &mut Plan) {
    let lists: HashMap<_, _> =
        plan.lists.iter().map(|list| (list.value.id, (list.value.state, list.value.deleted_at))).collect();
    let parents: HashSet<_> = plan.todos.iter().filter_map(|todo| todo.value.parent_id).collect();
    let mut above: HashMap<ObjectId, Todo> = HashMap::new();
    for Planned { value: todo, .. } in &mut plan.todos {
        todo.is_parent = parents.contains(&todo.id);
        let parent = todo.parent_id.and_then(|id| above.get(&id));
        if let Some(parent) = parent {
            relist(todo, parent.list_id);
        }
        let trashed = match parent {
            Some(parent) if parent.state == State::Trash => Some((parent.deleted_at, parent.trashed_with)),
            _ => todo.list_id.and_then(|id| {
                let (state, deleted_at) = lists.get(&id)?;
                (*state == State::Trash).then_some((*deleted_at, Some(id)))
            }),
        };
        if let Some((deleted_at, with)) = trashed.filter(|_| todo.state == State::Live) {
            (todo.state, todo.deleted_at, todo.trashed_with) = (State::Trash, deleted_at, with);
        }
        if todo.is_parent {
            // Only the place and the state matter.
            let mut place = Todo::blank(todo.id, todo.owner_id, String::new(), todo.created_at);
            (place.list_id, place.state) = (todo.list_id, todo.state);
            (place.deleted_at, place.trashed_with) = (todo.deleted_at, todo.trashed_with);
            above.insert(todo.id, place);
        }
    }
}

/// Reopens completed todos that have open subtasks, because an open subtask must be seen.
pub fn reopen_parents_of_open_todos(plan: &mut Plan) {
    let mut open: HashSet<ObjectId> = HashSet::new();
    // Subtasks come after their parents.
    for Planned { line, value: todo } in plan.todos.iter_mut().rev() {
        if todo.completed && open.contains(&todo.id) {
            (todo.completed, todo.completed_at) = (false, None);
            plan.warnings.add(*line, "The todo was completed and has open subtasks, so it is open.");
        }
        if !todo.completed && todo.state == State::Live {
            open.extend(todo.parent_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use bson::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn id(number: usize) -> ObjectId {
        let mut bytes = [0; 12];
        bytes[8..].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
        ObjectId::from_bytes(bytes)
    }

    fn plan(parents: &[Option<usize>]) -> Plan {
        let mut plan = Plan::default();
        for (number, parent) in parents.iter().enumerate() {
            let mut todo = Todo::blank(id(number), id(0), String::new(), DateTime::from_millis(0));
            todo.parent_id = parent.map(id);
            plan.add_todo(number + 1, todo).unwrap();
        }
        plan
    }

    fn pairs(plan: &Plan) -> Vec<(ObjectId, Option<ObjectId>)> {
        plan.todos.iter().map(|todo| (todo.value.id, todo.value.parent_id)).collect()
    }

    #[test]
    fn parents_come_before_their_subtasks() {
        let mut plan = plan(&[Some(1), Some(2), None]);
        complete(&mut plan, Care::Refuse).unwrap();
        assert_eq!(pairs(&plan), [(id(2), None), (id(1), Some(id(2))), (id(0), Some(id(1)))]);
        assert_eq!(
            plan.todos.iter().map(|todo| todo.value.is_parent).collect::<Vec<_>>(),
            [true, true, false]
        );
    }

    #[test]
    fn circles_and_deep_chains_are_refused_or_repaired() {
        let deep: Vec<_> = (0..9_usize).map(|number| number.checked_sub(1)).collect();
        for (parents, code) in
            [(vec![Some(1), Some(0)], "circle"), (vec![Some(0)], "circle"), (deep, "too_deep")]
        {
            let violations = complete(&mut plan(&parents), Care::Refuse).unwrap_err();
            assert_eq!(violations[0].code, code);
            let mut repaired = plan(&parents);
            complete(&mut repaired, Care::Repair).unwrap();
            assert!(repaired.warnings.count > 0);
            assert!(complete(&mut repaired, Care::Refuse).is_ok());
        }
    }

    proptest! {
        #[test]
        fn any_structure_is_repaired_in_one_pass(parents in prop::collection::vec(prop::option::of(0..40_usize), 1..40)) {
            let mut plan = plan(&parents);
            complete(&mut plan, Care::Repair).unwrap();
            prop_assert_eq!(plan.todos.len(), parents.len());
            prop_assert!(complete(&mut plan, Care::Refuse).is_ok());
        }
    }
}
