//! Compares a plan with what the user has: what is missing, under which ids, in which lists, and whether it fits.

use std::collections::{BTreeMap, HashMap, HashSet};

use bson::DateTime;
use bson::oid::ObjectId;

use super::model::Counts;
use super::plan::{Plan, Planned, Warnings};
use crate::error::Error;
use crate::lists::model::List;
use crate::lists::operations::LISTS_MAX;
use crate::mongo::object_id;
use crate::owned::batch::{BATCH_MAX, Holder};
use crate::owned::collection::OwnedBy;
use crate::owned::{Owned, State};
use crate::tags::model::{key, merged};
use crate::todos::history::RECORD_COUNTS_MILLIS;
use crate::todos::model::Todo;
use crate::workspace::Workspace;

/// Per user: old records of occurrences, which do not count as todos, after an import.
pub const OLD_RECORDS_MAX: u64 = 30_000;
// Another user can have an id, and then somebody can have taken the next one on purpose.
const ID_TRIES: usize = 4;
const SPELLINGS_AT_A_TIME: usize = 200;

/// Whether objects keep their ids, so that only those are created that the account does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Missing,
    /// Every object gets another id, which is always the same.
    Copy,
}

/// What is to be written: parents before their subtasks.
pub struct Prepared {
    pub lists: Vec<List>,
    pub todos: Vec<Todo>,
    /// Todos of the account that get subtasks.
    pub parents: HashSet<ObjectId>,
    /// Of the live todos of the file, also of those that the account has. Other todos can wait for them.
    pub uids: Vec<String>,
    pub list_counts: Counts,
    pub todo_counts: Counts,
    pub warnings: Warnings,
    pub is_account_empty: bool,
}

/// Where the objects of a plan are in the account.
pub(super) struct Known {
    pub(super) ids: HashMap<ObjectId, ObjectId>,
    pub(super) holders: HashMap<ObjectId, Holder>,
}

impl Known {
    pub(super) fn id(&self, id: ObjectId) -> ObjectId {
        self.ids.get(&id).copied().unwrap_or(id)
    }

    fn holder(&self, id: ObjectId) -> Option<Holder> {
        self.holders.get(&self.id(id)).copied()
    }
}

impl Workspace {
    pub(super) async fn prepare_import(&self, mut plan: Plan, mode: Mode) -> Result<Prepared, Error> {
        if mode == Mode::Missing {
            self.recognise_uids(&mut plan).await?;
        }
        let lists = known(&self.lists(), &plan.lists, mode, references(&plan, |todo| todo.list_id)).await?;
        let todos = known(&self.todos(), &plan.todos, mode, references(&plan, |todo| todo.parent_id)).await?;
        let live = plan.todos.iter().filter(|todo| todo.value.state == State::Live);
        let uids = live.map(|todo| todo.value.uid()).collect();
        let (list_counts, todo_counts) = (counts(&plan.lists, &lists), counts(&plan.todos, &todos));
        plan.lists.retain(|list| lists.holder(list.value.id).is_none());
        plan.todos.retain(|todo| todos.holder(todo.value.id).is_none());
        for list in &mut plan.lists {
            list.value.id = lists.id(list.value.id);
        }
        let parents = self.place_planned(&mut plan, &lists, &todos).await?;
        let is_account_empty = self.is_empty().await?;
        if !is_account_empty {
            self.respell(&mut plan.todos).await?;
        }
        unify_spellings(&mut plan.todos);
        self.assert_room_for_import(&plan).await?;
        self.free_calendar_names(&mut plan).await?;
        self.give_positions(&mut plan);
        Ok(Prepared {
            lists: plan.lists.into_iter().map(|list| list.value).collect(),
            todos: plan.todos.into_iter().map(|todo| todo.value).collect(),
            parents,
            uids,
            list_counts,
            todo_counts,
            warnings: plan.warnings,
            is_account_empty,
        })
    }

    async fn is_empty(&self) -> Result<bool, Error> {
        for state in [State::Live, State::Trash] {
            if self.todos().count_in(state, 1).await? + self.lists().count_in(state, 1).await? > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives tags the spelling that the user's todos have.
    async fn respell(&self, todos: &mut [Planned<Todo>]) -> Result<(), Error> {
        let mut tags: BTreeMap<String, String> = BTreeMap::new();
        for tag in todos.iter().flat_map(|todo| &todo.value.tags) {
            tags.entry(key(tag)).or_insert_with(|| tag.clone());
        }
        let all: Vec<String> = tags.into_values().collect();
        let mut known = HashMap::new();
        for some in all.chunks(SPELLINGS_AT_A_TIME) {
            let spelled = self.in_known_spelling(&[], some.to_vec()).await?;
            known.extend(spelled.into_iter().map(|tag| (key(&tag), tag)));
        }
        spell(todos, &mut known);
        Ok(())
    }

    async fn assert_room_for_import(&self, plan: &Plan) -> Result<(), Error> {
        for state in [State::Live, State::Trash] {
            let lists = count(&plan.lists, |list| list.state == state);
            if lists > 0 && self.lists().count_in(state, LISTS_MAX).await? + lists > LISTS_MAX {
                return Err(if state == State::Live {
                    Error::LimitReached(LISTS_MAX)
                } else {
                    Error::TrashFull(LISTS_MAX)
                });
            }
        }
        let counted = |state| count(&plan.todos, |todo| todo.state == state && !self.is_old_record(todo));
        let (live, trash) = (counted(State::Live), counted(State::Trash));
        if live > 0 {
            self.assert_room_for_todos(live).await?;
        }
        if trash > 0 {
            self.assert_room_in_trash(trash).await?;
        }
        let old = count(&plan.todos, |todo| self.is_old_record(todo));
        if old > 0 && self.todos().count_old_records(self.now).await? + old > OLD_RECORDS_MAX {
            return Err(Error::LimitReached(OLD_RECORDS_MAX));
        }
        Ok(())
    }

    fn is_old_record(&self, todo: &Todo) -> bool {
        let before = self.now.saturating_add_millis(-RECORD_COUNTS_MILLIS);
        todo.occurrence_of.is_some() && todo.completed_at.is_some_and(|at| DateTime::MIN < at && at < before)
    }

    /// Objects without a position come after all others, in the order of the file.
    fn give_positions(&self, plan: &mut Plan) {
        let mut lists: Vec<_> = plan.lists.iter_mut().filter(|list| list.value.position.is_empty()).collect();
        lists.sort_by_key(|list| list.line);
        for list in lists {
            list.value.position = self.order_keys().last(self.now);
        }
        let mut todos: Vec<_> = plan.todos.iter_mut().filter(|todo| todo.value.position.is_empty()).collect();
        todos.sort_by_key(|todo| todo.line);
        for todo in todos {
            todo.value.position = self.order_keys().last(self.now);
        }
    }
}

fn references(plan: &Plan, of: impl Fn(&Todo) -> Option<ObjectId>) -> Vec<ObjectId> {
    let unique: HashSet<_> = plan.todos.iter().filter_map(|todo| of(&todo.value)).collect();
    unique.into_iter().collect()
}

/// Finds out who has the ids of a plan and of what it refers to, and chooses other ids for those that other users have.
async fn known<T: Owned>(
    documents: &OwnedBy<'_, T>,
    planned: &[Planned<T>],
    mode: Mode,
    references: Vec<ObjectId>,
) -> Result<Known, Error> {
    let mut known = Known { ids: HashMap::new(), holders: HashMap::new() };
    let derived =
        |id: ObjectId, purpose: &str| object_id::derived(documents.owner_id(), &format!("{purpose}:{id}"));
    for id in planned.iter().map(|object| object.value.id()) {
        known.ids.insert(id, if mode == Mode::Copy { derived(id, "copy") } else { id });
    }
    let own: HashSet<_> = known.ids.keys().copied().collect();
    let outside = references.into_iter().filter(|id| !own.contains(id));
    let mut open: Vec<(ObjectId, ObjectId)> = known.ids.iter().map(|(id, to)| (*id, *to)).collect();
    open.extend(outside.map(|id| (id, id)));
    for _ in 0..ID_TRIES {
        let mut taken = Vec::new();
        for some in open.chunks(BATCH_MAX) {
            let ids: Vec<_> = some.iter().map(|(_, id)| *id).collect();
            let holders = documents.holders(&ids).await?;
            taken.extend(
                some.iter()
                    .filter(|(id, to)| holders.get(to) == Some(&Holder::OtherUser) && own.contains(id))
                    .copied(),
            );
            known.holders.extend(holders);
        }
        if taken.is_empty() {
            return Ok(known);
        }
        open = taken.into_iter().map(|(id, to)| (id, derived(to, "instead of"))).collect();
        known.ids.extend(open.iter().copied());
    }
    Err(Error::IdTaken)
}

fn counts<T: Owned>(planned: &[Planned<T>], known: &Known) -> Counts {
    let mut counts = Counts { found: planned.len() as u64, ..Counts::default() };
    for object in planned {
        match known.holder(object.value.id()) {
            Some(Holder::ThisUser { state, .. }) => {
                counts.existing += 1;
                counts.existing_in_trash += u64::from(state == State::Trash);
            }
            _ => counts.created += 1,
        }
    }
    counts
}

fn count<T>(planned: &[Planned<T>], is_counted: impl Fn(&T) -> bool) -> u64 {
    planned.iter().filter(|object| is_counted(&object.value)).count() as u64
}

/// One spelling for each tag, that of its first todo.
fn unify_spellings(todos: &mut [Planned<Todo>]) {
    spell(todos, &mut HashMap::new());
}

fn spell(todos: &mut [Planned<Todo>], known: &mut HashMap<String, String>) {
    for todo in todos {
        let tags = std::mem::take(&mut todo.value.tags);
        todo.value.tags = merged(tags, |key, tag| known.entry(key.to_owned()).or_insert(tag).clone());
    }
}
