//! The UIDs and names that calendar clients have given the todos and lists of a plan: which the account has already.

use std::collections::{HashMap, HashSet};

use bson::oid::ObjectId;

use super::plan::{Plan, Planned};
use crate::error::Error;
use crate::lists::model::List;
use crate::owned::batch::BATCH_MAX;
use crate::todos::calendar::CalendarNames;
use crate::todos::model::Todo;
use crate::workspace::Workspace;

impl Workspace {
    /// A todo of the plan is the todo of the account that has its UID.
    pub(super) async fn recognise_uids(&self, plan: &mut Plan) -> Result<(), Error> {
        let held = self.held_uids(texts_of(plan, |names| [&names.uid, &names.parent])).await?;
        if held.is_empty() {
            return Ok(());
        }
        let planned: HashSet<_> = plan.todos.iter().map(|todo| todo.value.id).collect();
        let mut same: HashMap<ObjectId, ObjectId> = HashMap::new();
        for Planned { value: todo, .. } in &mut plan.todos {
            let Some(names) = &todo.calendar else { continue };
            let holder = |uid: &Option<String>| uid.as_ref().and_then(|uid| held.get(uid)).copied();
            if let Some(id) = holder(&names.uid).filter(|id| !planned.contains(id)) {
                same.insert(todo.id, id);
            }
            let is_outside = todo.parent_id.is_some_and(|id| !planned.contains(&id));
            if let Some(id) = holder(&names.parent).filter(|_| is_outside) {
                todo.parent_id = Some(id);
            }
        }
        for Planned { value: todo, .. } in &mut plan.todos {
            let known = |id: &mut ObjectId| *id = same.get(id).copied().unwrap_or(*id);
            known(&mut todo.id);
            let others = [&mut todo.parent_id, &mut todo.occurrence_of, &mut todo.trashed_with];
            others.into_iter().flatten().for_each(known);
        }
        Ok(())
    }

    async fn held_uids(&self, uids: Vec<String>) -> Result<HashMap<String, ObjectId>, Error> {
        let mut held = HashMap::new();
        for some in uids.chunks(BATCH_MAX) {
            let found = self.todos().with_uids(some).await?;
            held.extend(found.into_iter().map(|(id, uid)| (uid, id)));
        }
        Ok(held)
    }

    /// Removes UIDs and names that others of the account have. The todos and lists get those that are made of their ids.
    pub(super) async fn free_calendar_names(&self, plan: &mut Plan) -> Result<(), Error> {
        self.free_names_of_lists(&mut plan.lists).await?;
        let held = self.held_uids(texts_of(plan, |names| [&names.uid, &None])).await?;
        let mut in_lists: HashMap<Option<ObjectId>, Vec<String>> = HashMap::new();
        for names in plan.todos.iter().filter_map(|todo| todo.value.calendar.as_ref()) {
            in_lists.entry(names.list).or_default().extend(names.name.clone());
        }
        let mut taken = HashSet::new();
        for (list, names) in in_lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            for some in names.chunks(BATCH_MAX) {
                let held = self.todos().name_holders(list, some).await?;
                taken.extend(held.into_iter().map(|(name, _)| (list, name)));
            }
        }
        let mut uids: HashSet<_> = held.into_keys().collect();
        for Planned { value: Todo { calendar, .. }, .. } in &mut plan.todos {
            let Some(names) = calendar else { continue };
            names.uid.take_if(|uid| !uids.insert(uid.clone()));
            names.name.take_if(|name| !taken.insert((names.list, name.clone())));
        }
        Ok(())
    }

    async fn free_names_of_lists(&self, lists: &mut [Planned<List>]) -> Result<(), Error> {
        let mut taken = HashSet::new();
        for calendar in lists.iter_mut().filter_map(|list| list.value.calendar.as_mut()) {
            let Some(name) = &calendar.name else { continue };
            let is_taken = !taken.insert(name.clone()) || self.lists().find_by_name(name).await?.is_some();
            calendar.name.take_if(|_| is_taken);
        }
        Ok(())
    }
}

/// Each text once.
fn texts_of(plan: &Plan, of: fn(&CalendarNames) -> [&Option<String>; 2]) -> Vec<String> {
    let names = plan.todos.iter().filter_map(|todo| todo.value.calendar.as_ref());
    let texts: HashSet<&String> = names.flat_map(of).flatten().collect();
    texts.into_iter().cloned().collect()
}
