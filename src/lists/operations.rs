//! What may be done with lists, for every face of the service. Must not know HTTP or JSON.
//!
//! A list goes into the trash before its todos do, and comes back before them; its note of what is left to do goes last.
//! For good, its todos are removed first: see [`crate::todos::side_effects`], whose rules these are.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{DateTime, doc};

use super::model::{List, ListInput, TodosFollow};
use super::store::{self, UserLists};
use crate::error::{Error, Violation};
use crate::owned::siblings::Siblings;
use crate::owned::update::{self, Accept, Context, Step, update};
use crate::owned::{Conflict, Precondition, State};
use crate::todos::hierarchy::Beside;
use crate::todos::store::{restored, trashed};
use crate::workspace::{LISTS_MAX, Workspace};

impl Workspace<'_> {
    /// One list, live or in the trash.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id, or it is someone else's; [`Error::Unavailable`].
    pub async fn list(&self, id: ObjectId) -> Result<List, Error> {
        self.lists.get(id).await
    }

    /// Lists in `states` in the user's order, behind `last`, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn lists(
        &self,
        states: &[State],
        last: Option<&(String, ObjectId)>,
        limit: i64,
    ) -> Result<Vec<List>, Error> {
        self.lists.page(states, last, limit).await
    }

    /// How many open todos each of these lists has, if it has any.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open_counts(&self, lists: &[List]) -> Result<HashMap<ObjectId, i64>, Error> {
        self.todos.open_counts(lists.iter().map(|list| list.id).collect()).await
    }

    /// Makes a list under an id that was made for this very creation: what is there already is an earlier try's.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Unavailable`].
    pub async fn create_list(&self, id: ObjectId, input: ListInput) -> Result<List, Error> {
        match self.insert_list(id, input).await? {
            Some(list) => Ok(list),
            None => self.lists.get_durable(id).await,
        }
    }

    /// Makes a list what a client says, or makes it under the client's id; and says whether it was made.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::IdTaken`] when the id is someone else's; else as [`Workspace::change_list`].
    pub async fn put_list(
        &self,
        id: ObjectId,
        input: ListInput,
        condition: &Precondition,
    ) -> Result<(List, bool), Conflict<List>> {
        let change = async || self.change_list(id, input.clone(), condition).await;
        let insert = async || self.insert_list(id, input.clone()).await;
        update::put(self, id, condition, change, insert).await
    }

    /// Changes a list by what a client says.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::InTrash`]; [`Error::Unavailable`].
    pub async fn change_list(
        &self,
        id: ObjectId,
        input: ListInput,
        condition: &Precondition,
    ) -> Result<List, Conflict<List>> {
        let apply = async |before: List| {
            let mut after = before.clone();
            after.apply(input.clone());
            Ok(if after == before { Step::Unchanged } else { Step::Replace(after, Vec::new()) })
        };
        Ok(update(self, id, Accept::Live, condition, apply).await?.after)
    }

    /// Moves a list beside another, or behind all.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a list beside itself or one that is not there; else as [`Workspace::change_list`].
    pub async fn move_list(
        &self,
        id: ObjectId,
        beside: Option<Beside>,
        condition: &Precondition,
    ) -> Result<List, Conflict<List>> {
        let reorder = async |before: List| {
            let sibling = match beside.map(Beside::named) {
                Some((field, sibling)) => Some(self.sibling_list(id, sibling, field).await?),
                None => None,
            };
            let target = Beside::target(beside, sibling.as_ref());
            let (filter, index) = store::siblings();
            let siblings = Siblings { filter, index, but: id };
            let position = siblings.position(&self.lists, &target, &self.planner.positions, self.now).await?;
            let Some(position) = position else { return Ok(Step::StartOver) };
            Ok(Step::Replace(List { position, ..before }, Vec::new()))
        };
        Ok(update(self, id, Accept::Live, condition, reorder).await?.after)
    }

    /// Puts a list into the trash with its todos. One that is there already stays there.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn trash_list(&self, id: ObjectId, condition: &Precondition) -> Result<List, Conflict<List>> {
        let trash = async |before: List| {
            if before.state == State::Trash {
                return Ok(Step::Unchanged);
            }
            let after = List { state: State::Trash, deleted_at: Some(self.now), ..before };
            Ok(Step::Replace(after, vec![TodosFollow]))
        };
        Ok(update(self, id, Accept::KeptOrConfirmedGone, condition, trash).await?.after)
    }

    /// Takes a list out of the trash with the todos that went into it along with it.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::LimitReached`]; [`Error::Unavailable`].
    pub async fn restore_list(&self, id: ObjectId, condition: &Precondition) -> Result<List, Conflict<List>> {
        let restore = async |before: List| {
            if before.state == State::Live {
                return Ok(Step::Unchanged);
            }
            self.assert_room_for_list().await?;
            let after = List { state: State::Live, deleted_at: None, ..before };
            Ok(Step::Replace(after, vec![TodosFollow]))
        };
        Ok(update(self, id, Accept::Kept, condition, restore).await?.after)
    }

    /// Removes a list for good with its todos, in the trash or not.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn remove_list(&self, id: ObjectId, condition: &Precondition) -> Result<(), Conflict<List>> {
        update::remove(self, id, condition).await
    }

    async fn insert_list(&self, id: ObjectId, input: ListInput) -> Result<Option<List>, Error> {
        self.assert_room_for_list().await?;
        let position = self.planner.positions.last(self.now);
        let mut list = List::blank(id, self.owner_id, position, self.now);
        list.apply(input);
        let version = self.lists.insert(&list).await?;
        Ok(version.map(|version| List { version, ..list }))
    }

    async fn sibling_list(&self, id: ObjectId, sibling: ObjectId, field: &str) -> Result<List, Error> {
        let found = self.lists.find(sibling).await?;
        let found = found.filter(|sibling| sibling.state == State::Live && sibling.id != id);
        let fault = Violation::of(field, "not_a_sibling", "This must be another list.");
        found.ok_or_else(|| Error::Invalid(vec![fault]))
    }

    async fn assert_room_for_list(&self) -> Result<(), Error> {
        if self.lists.live_count(LISTS_MAX).await? < LISTS_MAX {
            Ok(())
        } else {
            Err(Error::LimitReached(LISTS_MAX))
        }
    }
}

impl Context<List> for Workspace<'_> {
    fn documents(&self) -> &UserLists<'_> {
        &self.lists
    }

    fn now(&self) -> DateTime {
        self.now
    }

    fn assert_in_time(&self) -> Result<(), Error> {
        self.assert_in_time()
    }

    async fn apply(&self, list: &List, _: &[TodosFollow]) -> Result<(), Error> {
        let (only, set) = match list.state {
            State::Live => (doc! { "state": State::Trash.word(), "trashed_with": list.id }, restored()),
            _ => (doc! { "state": State::Live.word() }, trashed(list.id, self.now)),
        };
        let mut filter = doc! { "list_id": list.id };
        filter.extend(only);
        self.todos.update_each(filter, set, self.now).await?;
        Ok(())
    }

    async fn remove_dependents(&self, list: &List) -> Result<(), Error> {
        self.todos.remove_each(doc! { "list_id": list.id }, self.now).await?;
        Ok(())
    }
}
