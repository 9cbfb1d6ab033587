//! The resources that a walk through the changes of a list has met: which are there, and which are gone.

use std::collections::{BTreeMap, HashSet};

use bson::DateTime;
use bson::oid::ObjectId;

use super::objects::id_in;
use super::records;
use crate::error::Error;
use crate::owned::State;
use crate::todos::model::Todo;
use crate::workspace::Workspace;

/// The todos that have left each name.
type Leavers = BTreeMap<String, Vec<ObjectId>>;

/// What a walk has found out about each resource, by its name. A walk can meet a todo twice, if the todo changes meanwhile.
#[derive(Default)]
pub(super) struct Resources(BTreeMap<String, Found>);

#[derive(Default)]
struct Found {
    present: Option<Todo>,
    /// The todos that had the name and have it no longer.
    left_by: Vec<ObjectId>,
}

impl Resources {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn come(&mut self, todo: Option<Todo>) {
        if let Some(todo) = todo {
            self.0.insert(todo.resource_name(), Found { present: Some(todo), left_by: Vec::new() });
        }
    }

    pub(super) fn leave(&mut self, names: impl IntoIterator<Item = (String, ObjectId)>) {
        for (name, id) in names {
            let found = self.0.entry(name).or_default();
            found.present.take_if(|todo| todo.id == id);
            found.left_by.push(id);
        }
    }

    /// The todos that are present, and who has left the other names.
    pub(super) fn into_parts(self) -> (Vec<Todo>, Leavers) {
        let (mut present, mut left) = (Vec::new(), BTreeMap::new());
        for (name, found) in self.0 {
            match found.present {
                // A todo that left a name earlier remembers the name at each later change.
                Some(todo) => present.push(todo),
                None => drop(left.insert(name, found.left_by)),
            }
        }
        (present, left)
    }
}

impl Workspace {
    /// Those names in a list that no other todo has taken since their todos left. The todo that has a name now is reported by
    /// its own change, or was reported by an earlier sync.
    pub(super) async fn free_names(
        &self,
        list_id: Option<ObjectId>,
        left: Leavers,
        shown_since: DateTime,
    ) -> Result<Vec<String>, Error> {
        let names: Vec<_> = left.keys().cloned().collect();
        let mut holders = self.todos().name_holders(list_id, &names).await?;
        holders.extend(names.iter().filter_map(|name| Some((name.clone(), id_in(name)?))));
        holders.retain(|(name, id)| !left[name].contains(id));
        let mut taken = HashSet::new();
        for (name, id) in holders {
            // A rollback could give the name back, and a former primary could show a holder that has left.
            let holder = self.todos().find_durable(id).await?;
            if holder.is_some_and(|todo| is_in(list_id, &todo, shown_since) && todo.resource_name() == name) {
                taken.insert(name);
            }
        }
        Ok(names.into_iter().filter(|name| !taken.contains(name)).collect())
    }
}

pub(super) fn is_in(list_id: Option<ObjectId>, todo: &Todo, shown_since: DateTime) -> bool {
    todo.state == State::Live && todo.list_id == list_id && !records::has_left(todo, shown_since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::todos::calendar::CalendarNames;

    fn id(number: u8) -> ObjectId {
        ObjectId::from_bytes([number; 12])
    }

    /// Each step is the number of the todo that has the name from then on, or minus the number of one that leaves the name.
    fn after(steps: &[i8]) -> (Vec<ObjectId>, Vec<ObjectId>) {
        let mut resources = Resources::default();
        for step in steps {
            let number = id(step.unsigned_abs());
            if *step > 0 {
                let mut todo = Todo::blank(number, id(0), String::new(), DateTime::from_millis(0));
                todo.calendar =
                    Some(CalendarNames { name: Some("a.ics".into()), ..CalendarNames::default() });
                resources.come(Some(todo));
            } else {
                resources.leave([("a.ics".to_owned(), number)]);
            }
        }
        let (present, mut left) = resources.into_parts();
        (present.iter().map(|todo| todo.id).collect(), left.remove("a.ics").unwrap_or_default())
    }

    #[test]
    fn a_name_is_there_or_gone_as_the_walk_has_seen_last() {
        assert_eq!(after(&[1]), (vec![id(1)], vec![]));
        assert_eq!(after(&[-1]), (vec![], vec![id(1)]));
        assert_eq!(after(&[1, -1]), (vec![], vec![id(1)]), "left during the walk");
        assert_eq!(after(&[-1, 1]), (vec![id(1)], vec![]), "came back during the walk");
        assert_eq!(after(&[2, -1]), (vec![id(2)], vec![]), "another todo has the name since");
        assert_eq!(after(&[-1, 2, -1, -2]), (vec![], vec![id(1), id(2)]));
    }
}
