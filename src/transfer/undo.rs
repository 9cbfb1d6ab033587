//! Takes an import back: what it created goes to the trash.

use std::collections::{HashMap, HashSet};

use bson::doc;
use bson::oid::ObjectId;

use crate::error::Error;
use crate::owned::batch::{BATCH_MAX, Holder};
use crate::owned::bulk::BulkChange;
use crate::owned::note::Note;
use crate::owned::{Precondition, State};
use crate::workspace::Workspace;

type Parents = HashMap<ObjectId, (Option<ObjectId>, Option<ObjectId>)>;

impl Workspace {
    /// A created list stays if it has other todos by now. Repeating this changes nothing more.
    pub(super) async fn undo_import(&self, lists: Vec<ObjectId>, todos: Vec<ObjectId>) -> Result<(), Error> {
        let created: HashSet<_> = todos.iter().copied().collect();
        let mut trashed = HashSet::new();
        for list in lists {
            let is_live = self.lists().find(list).await?.is_some_and(|list| list.state == State::Live);
            let live = doc! { "state": State::Live.word() };
            if is_live && self.todos().in_list(list, live).await?.iter().all(|id| created.contains(id)) {
                self.trash_list(list, &Precondition::Any).await?;
                trashed.insert(list);
            }
        }
        let mut left = self.live_places(&todos).await?;
        left.retain(|_, (list, _)| !list.is_some_and(|list| trashed.contains(&list)));
        self.add_subtasks(&mut left).await?;
        self.assert_room_in_trash(left.len() as u64).await?;
        self.trash_with_roots(&left).await
    }

    /// The list and the parent of each live todo.
    async fn live_places(&self, ids: &[ObjectId]) -> Result<Parents, Error> {
        let mut places = HashMap::new();
        for some in ids.chunks(BATCH_MAX) {
            let held = self.todos().holders(some).await?;
            places.extend(held.into_iter().filter_map(|(id, holder)| match holder {
                Holder::ThisUser { state: State::Live, list_id, parent_id } => {
                    Some((id, (list_id, parent_id)))
                }
                _ => None,
            }));
        }
        Ok(places)
    }

    /// Subtasks that were added since go with their parents.
    async fn add_subtasks(&self, places: &mut Parents) -> Result<(), Error> {
        let mut level: Vec<_> = places.keys().copied().collect();
        while !level.is_empty() {
            let mut next = Vec::new();
            for some in level.chunks(BATCH_MAX) {
                next.extend(self.todos().subtasks(some).await?);
            }
            next.retain(|id| !places.contains_key(id));
            let found = self.live_places(&next).await?;
            level = found.keys().copied().collect();
            places.extend(found);
        }
        Ok(())
    }

    /// Todos go to the trash with the topmost todo above them, and come back with it.
    async fn trash_with_roots(&self, places: &Parents) -> Result<(), Error> {
        let (mut roots, mut children) = (Vec::new(), Vec::new());
        let mut deeper: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
        for id in places.keys() {
            let (mut root, mut depth) = (*id, 0);
            while let Some(parent) =
                places[&root].1.filter(|parent| places.contains_key(parent) && depth < 99)
            {
                (root, depth) = (parent, depth + 1);
            }
            match depth {
                0 => roots.push(*id),
                1 => children.push(*id),
                _ => deeper.entry(root).or_default().push(*id),
            }
        }
        // The deepest first, so that a repetition after a crash still finds the rest.
        for (root, ids) in deeper {
            self.trash_each(ids, root).await?;
        }
        self.trash_each(children, "$parent_id").await?;
        self.trash_each(roots, "$_id").await
    }

    async fn trash_each(&self, ids: Vec<ObjectId>, with: impl Into<bson::Bson>) -> Result<(), Error> {
        let only = doc! { "$eq": ["$state", State::Live.word()] };
        let set = doc! { "state": State::Trash.word(), "deleted_at": self.now, "trashed_with": with.into() };
        let change = BulkChange { only, set, is_for_all: true };
        self.todos().change_each(ids, change, self.now, &Note::none()).await
    }
}
