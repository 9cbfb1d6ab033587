//! What every API surface can do with lists.
//!
//! A list goes to the trash before its todos do, and is restored before them, because the write of the list stores the
//! side effect: see [`crate::owned::update`]. Removal for good works the other way round, todos first.

use std::collections::HashMap;
use std::slice;
use std::sync::Arc;

use bson::doc;
use bson::oid::ObjectId;

use super::model::{List, ListInput, TodosFollow};
use super::store::{self, UserLists};
use crate::error::{Error, Violation};
use crate::http::pagination::PAGE_BYTES_MAX;
use crate::owned::note::Note;
use crate::owned::siblings::Siblings;
use crate::owned::update::{self, Accept, Context, Step, Timing, update};
use crate::owned::{Conflict, Precondition, State};
use crate::todos::hierarchy::Beside;
use crate::todos::store::kept;
use crate::workspace::Workspace;

/// Per user, not counting the trash. As many again fit in the trash.
pub const LISTS_MAX: u64 = 500;

impl Workspace {
    pub(crate) fn lists(&self) -> UserLists<'_> {
        self.owned(|stores| &stores.lists)
    }

    pub async fn list(&self, id: ObjectId) -> Result<List, Error> {
        self.lists().get(id).await
    }

    pub async fn list_page(
        &self,
        states: &[State],
        last: Option<&(String, ObjectId)>,
        limit: i64,
    ) -> Result<Vec<List>, Error> {
        // One more list than a page of this size can hold shows whether another page follows.
        self.lists().page(states, last, limit, PAGE_BYTES_MAX).await
    }

    /// The number of open todos by list. Lists without open todos are missing.
    pub async fn open_counts(&self, lists: &[List]) -> Result<HashMap<ObjectId, i64>, Error> {
        self.todos().open_counts(lists.iter().map(|list| list.id).collect()).await
    }

    /// Fails with [`Error::IdTaken`] if another user has a list with this id.
    pub async fn create_list(&self, id: ObjectId, input: ListInput) -> Result<List, Error> {
        match self.insert_list(id, input).await? {
            Some(list) => Ok(list),
            // `id` was generated for this creation, so a list of this user with this id comes from an earlier attempt.
            None => self.lists().get_durable(id).await,
        }
    }

    pub async fn put_list(
        &self,
        id: ObjectId,
        input: ListInput,
        precondition: &Precondition,
    ) -> Result<(List, bool), Conflict<List>> {
        let change = async || self.change_list(id, input.clone(), precondition).await;
        let insert = async || self.insert_list(id, input.clone()).await;
        update::put(self, id, precondition, change, insert).await
    }

    pub async fn change_list(
        &self,
        id: ObjectId,
        input: ListInput,
        precondition: &Precondition,
    ) -> Result<List, Conflict<List>> {
        self.change_list_with(id, input, precondition, |_| {}).await
    }

    /// Like [`Workspace::change_list`]; `finish` can change more.
    pub(crate) async fn change_list_with(
        &self,
        id: ObjectId,
        input: ListInput,
        precondition: &Precondition,
        finish: impl Fn(&mut List) + Sync,
    ) -> Result<List, Conflict<List>> {
        let apply = async |before: List| {
            self.assert_unchanged(&before, &input).await?;
            let mut after = before.clone();
            after.apply(input.clone());
            finish(&mut after);
            Ok(if after == before { Step::Unchanged } else { Step::Replace(after, Vec::new()) })
        };
        Ok(update(self, id, Accept::Live, precondition, apply).await?.after)
    }

    pub async fn move_list(
        &self,
        id: ObjectId,
        beside: Option<Beside>,
        precondition: &Precondition,
    ) -> Result<List, Conflict<List>> {
        let reorder = async |before: List| {
            let sibling = match beside.map(Beside::named) {
                Some((field, sibling)) => Some(self.sibling_list(id, sibling, field).await?),
                None => None,
            };
            let point = Beside::insertion_point(beside, sibling.as_ref());
            let (filter, index) = store::siblings();
            let siblings = Siblings { filter, index, except: id, current: Some(before.position.clone()) };
            let position = siblings.position(&self.lists(), &point, self.order_keys(), self.now).await?;
            let Some(position) = position else { return Ok(Step::StartOver) };
            let after = List { position, ..before.clone() };
            Ok(if after == before { Step::Unchanged } else { Step::Replace(after, Vec::new()) })
        };
        Ok(update(self, id, Accept::Live, precondition, reorder).await?.after)
    }

    pub async fn trash_list(
        &self,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<List, Conflict<List>> {
        let trash = async |before: List| {
            if before.state == State::Trash {
                return Ok(Step::Unchanged);
            }
            self.assert_room_for_list(State::Trash).await?;
            self.assert_room_for_followers(&before, State::Trash).await?;
            let after = List { state: State::Trash, deleted_at: Some(self.now), ..before };
            Ok(Step::Replace(after, vec![TodosFollow]))
        };
        Ok(update(self, id, Accept::KeptOrConfirmedGone, precondition, trash).await?.after)
    }

    pub async fn restore_list(
        &self,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<List, Conflict<List>> {
        let restore = async |before: List| {
            if before.state == State::Live {
                return Ok(Step::Unchanged);
            }
            self.assert_room_for_list(State::Live).await?;
            self.assert_room_for_followers(&before, State::Live).await?;
            let after = List { state: State::Live, deleted_at: None, ..before };
            Ok(Step::Replace(after, vec![TodosFollow]))
        };
        Ok(update(self, id, Accept::Kept, precondition, restore).await?.after)
    }

    pub async fn remove_list(&self, id: ObjectId, precondition: &Precondition) -> Result<(), Conflict<List>> {
        update::remove::<List>(self, id, precondition).await
    }

    async fn insert_list(&self, id: ObjectId, input: ListInput) -> Result<Option<List>, Error> {
        self.insert_list_with(id, input, |_| {}).await
    }

    /// Adds a list after all others. `None` if the id, or the name for calendar clients, is taken.
    pub(crate) async fn insert_list_with(
        &self,
        id: ObjectId,
        input: ListInput,
        finish: impl Fn(&mut List) + Sync,
    ) -> Result<Option<List>, Error> {
        self.assert_room_for_list(State::Live).await?;
        let position = self.order_keys().last(self.now);
        let mut list = List::blank(id, self.owner_id, position, self.now);
        list.apply(input.clone());
        finish(&mut list);
        input.sent_back.assert_unchanged(|name| list.shown(name, 0))?;
        self.assert_in_time()?;
        let version = self.lists().insert(&list).await?;
        Ok(version.map(|version| List { version, ..list }))
    }

    async fn assert_unchanged(&self, list: &List, input: &ListInput) -> Result<(), Error> {
        // The number of open todos costs a round trip.
        let counts = if input.sent_back.contains("open_count") {
            self.open_counts(slice::from_ref(list)).await?
        } else {
            HashMap::new()
        };
        let open_count = counts.get(&list.id).copied().unwrap_or_default();
        input.sent_back.assert_unchanged(|name| list.shown(name, open_count))
    }

    async fn assert_room_for_list(&self, state: State) -> Result<(), Error> {
        // Counts at most `LISTS_MAX` index entries, so lists need no count in memory.
        let count = self.lists().count_in(state, LISTS_MAX).await?;
        match state {
            _ if count < LISTS_MAX => Ok(()),
            State::Live => Err(Error::LimitReached(LISTS_MAX)),
            State::Trash | State::Gone => Err(Error::TrashFull(LISTS_MAX)),
        }
    }

    async fn sibling_list(&self, id: ObjectId, sibling: ObjectId, field: &str) -> Result<List, Error> {
        let found = self.lists().find(sibling).await?;
        let found = found.filter(|sibling| sibling.state == State::Live && sibling.id != id);
        let violation = || Violation::of(field, "not_a_sibling", "Must be another list.");
        found.ok_or_else(|| Error::Invalid(vec![violation()]))
    }
}

impl Context<List> for Workspace {
    fn documents(&self) -> UserLists<'_> {
        self.lists()
    }

    fn running(&self, note: ObjectId) -> Option<Arc<Note>> {
        self.todos().running(note)
    }

    async fn apply(&self, list: &List, effects: &[TodosFollow], note: &Arc<Note>) -> Result<(), Error> {
        // The state of the list says what its todos do, so several effects are the same as the last one.
        if effects.is_empty() { Ok(()) } else { self.todos_follow(list, note).await }
    }

    async fn dependents(&self, id: ObjectId) -> Result<Vec<ObjectId>, Error> {
        self.todos().in_list(id, doc! { "state": kept() }).await
    }

    async fn remove_dependents(
        &self,
        list_id: ObjectId,
        ids: Vec<ObjectId>,
        note: &Arc<Note>,
    ) -> Result<(), Error> {
        let only = doc! { "$eq": ["$list_id", list_id] };
        self.todos().remove_each(ids, only, self.now, note).await
    }
}
