//! What may be done with lists, for every face of the service. Must not know HTTP or JSON.
//!
//! A list goes into the trash before its todos do, and comes back before them; its note of what is left to do goes last.
//! For good, its todos are removed first: see [`crate::todos::side_effects`], whose rules these are.

use std::collections::HashMap;

use bson::doc;
use bson::oid::ObjectId;

use super::model::{List, ListInput, PendingEffects};
use super::store;
use crate::error::{Error, Violation};
use crate::owned::siblings::Siblings;
use crate::owned::{Conflict, Precondition, State, TRIES, too_busy};
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
        for _ in 0..TRIES {
            if let Some(current) = self.lists.find(id).await? {
                condition.check(current)?;
                return Ok((self.change_list(id, input, condition).await?, false));
            }
            if let Precondition::Versions(_) = condition {
                return Err(Conflict::Stale(None));
            }
            if let Some(made) = self.insert_list(id, input.clone()).await? {
                return Ok((made, true));
            }
            if self.lists.find(id).await?.is_none() {
                return Err(Error::IdTaken.into());
            }
        }
        Err(too_busy().into())
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
        for _ in 0..TRIES {
            let before = condition.check(self.usable_list(id).await?)?;
            let mut after = before.clone();
            after.apply(input.clone());
            if after == before {
                let Some(same) = self.unchanged_list(before).await? else { continue };
                return Ok(same);
            }
            if let Some(changed) = self.write_list(&before, after).await? {
                return Ok(changed);
            }
        }
        Err(too_busy().into())
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
        for _ in 0..TRIES {
            let before = condition.check(self.usable_list(id).await?)?;
            let sibling = match beside.map(Beside::named) {
                Some((field, sibling)) => Some(self.sibling_list(id, sibling, field).await?),
                None => None,
            };
            let target = Beside::target(beside, sibling.as_ref());
            let (filter, index) = store::siblings();
            let siblings = Siblings { filter, index, but: id };
            let position = siblings.position(&self.lists, &target, &self.planner.positions, self.now).await?;
            let Some(position) = position else { continue };
            if let Some(moved) = self.write_list(&before, List { position, ..before.clone() }).await? {
                return Ok(moved);
            }
        }
        Err(too_busy().into())
    }

    /// Puts a list into the trash with its todos. One that is there already stays there.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn trash_list(&self, id: ObjectId, condition: &Precondition) -> Result<List, Conflict<List>> {
        let after = |before: List| List { state: State::Trash, deleted_at: Some(self.now), ..before };
        self.turn_list(id, condition, State::Trash, after).await
    }

    /// Takes a list out of the trash with the todos that went into it along with it.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::LimitReached`]; [`Error::Unavailable`].
    pub async fn restore_list(&self, id: ObjectId, condition: &Precondition) -> Result<List, Conflict<List>> {
        if self.lists.get(id).await?.state == State::Trash {
            self.assert_room_for_list().await?;
        }
        let after = |before: List| List { state: State::Live, deleted_at: None, ..before };
        self.turn_list(id, condition, State::Live, after).await
    }

    /// Removes a list for good with its todos, in the trash or not.
    ///
    /// # Errors
    /// [`Conflict::Stale`]; [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn remove_list(&self, id: ObjectId, condition: &Precondition) -> Result<(), Conflict<List>> {
        for _ in 0..TRIES {
            let list = condition.check(self.lists.get_or_confirm_gone(id).await?)?;
            self.assert_in_time()?;
            self.todos.remove_each(doc! { "list_id": id }, self.now).await?;
            let same = doc! { "_id": id, "version": list.version };
            if self.lists.remove_each(same, self.now).await? > 0 {
                return Ok(());
            }
        }
        Err(too_busy().into())
    }

    /// Does what a list says is still to be done for its todos.
    pub(crate) async fn finish_list(&self, list: &List) -> Result<(), Error> {
        if list.unfinished.is_none() {
            return Ok(());
        }
        let (only, set) = match list.state {
            State::Live => (doc! { "state": State::Trash.word(), "trashed_with": list.id }, restored()),
            _ => (doc! { "state": State::Live.word() }, trashed(list.id, self.now)),
        };
        let mut filter = doc! { "list_id": list.id };
        filter.extend(only);
        self.todos.update_each(filter, set, self.now).await?;
        self.lists.clear_pending_effects(list.id, list.version).await
    }

    /// Puts a list into the trash or takes it out, and its todos after it.
    async fn turn_list(
        &self,
        id: ObjectId,
        condition: &Precondition,
        state: State,
        after: impl Fn(List) -> List,
    ) -> Result<List, Conflict<List>> {
        for _ in 0..TRIES {
            let before = condition.check(self.lists.get_or_confirm_gone(id).await?)?;
            if before.state == state {
                let Some(same) = self.unchanged_list(before).await? else { continue };
                return Ok(same);
            }
            let turned =
                List { unfinished: Some(PendingEffects { since: self.now }), ..after(before.clone()) };
            if let Some(turned) = self.write_list(&before, turned).await? {
                self.finish_list(&turned).await?;
                return Ok(turned);
            }
        }
        Err(too_busy().into())
    }

    /// As [`Workspace::unchanged`].
    async fn unchanged_list(&self, seen: List) -> Result<Option<List>, Error> {
        self.finish_list(&seen).await?;
        let seen = List { unfinished: None, ..seen };
        Ok(self.lists.is_durable(&seen).await?.then_some(seen))
    }

    async fn insert_list(&self, id: ObjectId, input: ListInput) -> Result<Option<List>, Error> {
        self.assert_room_for_list().await?;
        let position = self.planner.positions.last(self.now);
        let mut list = List::blank(id, self.owner_id, position, self.now);
        list.apply(input);
        let version = self.lists.insert(&list).await?;
        Ok(version.map(|version| List { version, ..list }))
    }

    async fn write_list(&self, before: &List, after: List) -> Result<Option<List>, Error> {
        self.assert_in_time()?;
        let after = List { version: before.version + 1, updated_at: self.now, ..after };
        Ok(self.lists.swap(&after, before.version).await?.then_some(after))
    }

    async fn usable_list(&self, id: ObjectId) -> Result<List, Error> {
        let list = self.lists.get(id).await?;
        if list.state == State::Live { Ok(list) } else { Err(Error::InTrash) }
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
