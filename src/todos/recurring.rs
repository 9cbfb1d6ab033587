//! Completing a recurring todo, skipping an occurrence, and undoing both.
//!
//! The id of a request that the client may repeat becomes the id of the step that it makes, so that a repetition is
//! recognized.

use std::iter;

use bson::doc;
use bson::oid::ObjectId;

use super::model::{SideEffect, Todo};
use super::recurrence::{Reason, Recurrence};
use crate::clock::time_zone::Zone;
use crate::error::{Error, Violation};
use crate::mongo::object_id;
use crate::owned::document::IdUse;
use crate::owned::note::Note;
use crate::owned::update::{Accept, Step, update};
use crate::owned::{Conflict, Precondition};
use crate::workspace::Workspace;

impl Workspace {
    /// The side effects of completing `before`. If the todo recurs, `after` becomes the next occurrence. `None` if an
    /// earlier attempt of the same request has already done this.
    pub(super) async fn complete(
        &self,
        before: &Todo,
        after: &mut Todo,
    ) -> Result<Option<Vec<SideEffect>>, Error> {
        if after.recurrence.is_none() {
            return Ok(Some(vec![SideEffect::Complete]));
        }
        let (step, zone) = (self.step(), self.zone_of(after).await?);
        if before.has_advanced(self.attempt) || self.is_recorded(before, step).await? {
            return Ok(None);
        }
        let record = after.record(step, self.order_keys().last(self.now), self.now);
        // A client may tell later than the todo was completed.
        let completed_at = after.completed_at.map_or(self.now, |at| at.min(self.now));
        let shift = after.advance(step, Reason::Completed, completed_at, zone);
        if shift.is_some() {
            // The record counts as a todo. To complete without a record would lose what was done.
            self.assert_room_for_todos(1).await?;
        }
        let record = shift.map(|_| SideEffect::Record(Box::new(record)));
        let subtasks = before.is_parent.then(|| SideEffect::of_step(step, shift));
        Ok(Some(record.into_iter().chain(subtasks).collect()))
    }

    /// Moves a recurring todo to its next occurrence without a record. After the last occurrence, the todo is completed.
    pub async fn skip_todo(&self, id: ObjectId, precondition: &Precondition) -> Result<Todo, Conflict<Todo>> {
        let skip = async |before: Todo| {
            if before.has_advanced(self.attempt) {
                return Ok(Step::Unchanged);
            }
            if before.recurrence.is_none() {
                return Err(Error::Invalid(vec![not_recurring()]));
            }
            if before.completed {
                let detail = "A completed todo has no next occurrence.";
                return Err(Error::Invalid(vec![Violation::of("completed", "conflict", detail)]));
            }
            let (step, zone) = (self.step(), self.zone_of(&before).await?);
            let mut after = before.clone();
            let shift = after.advance(step, Reason::Skipped, self.now, zone);
            let subtasks = before.is_parent.then(|| SideEffect::of_step(step, shift));
            Ok(Step::Replace(after, subtasks.into_iter().collect()))
        };
        Ok(update(self, id, Accept::Live, precondition, skip).await?.after)
    }

    /// Takes the last completion or skip of a recurring todo back.
    pub async fn undo_todo(&self, id: ObjectId, precondition: &Precondition) -> Result<Todo, Conflict<Todo>> {
        let undo = async |before: Todo| {
            if before.has_gone_back(self.attempt) {
                return Ok(Step::Unchanged);
            }
            let mut after = before.clone();
            let step = after.go_back(self.attempt).ok_or(Error::NothingToUndo)?;
            let reopening = SideEffect::of_opening(&before, &after);
            Ok(Step::Replace(after, iter::once(SideEffect::Undo { step }).chain(reopening).collect()))
        };
        Ok(update(self, id, Accept::Live, precondition, undo).await?.after)
    }

    fn step(&self) -> ObjectId {
        self.attempt.unwrap_or_else(|| object_id::generate(self.now))
    }

    async fn zone_of(&self, todo: &Todo) -> Result<Zone, Error> {
        // The zone costs a round trip.
        let needs_zone = todo.recurrence.as_ref().is_some_and(Recurrence::needs_zone);
        if needs_zone { self.zone().await } else { Ok(Zone::UTC) }
    }

    async fn is_recorded(&self, todo: &Todo, record_id: ObjectId) -> Result<bool, Error> {
        let mut pending = todo.pending_effects.iter().flat_map(|pending| &pending.effects);
        let is_pending =
            pending.any(|effect| matches!(effect, SideEffect::Record(record) if record.id == record_id));
        if is_pending || self.attempt.is_none() {
            return Ok(is_pending);
        }
        for id in record_ids(record_id) {
            match self.todos().id_use(id).await? {
                IdUse::Free => return Ok(false),
                IdUse::ThisUser => return Ok(true),
                IdUse::OtherUser => {}
            }
        }
        Ok(false)
    }

    /// Safe to repeat. If another user has the id of the record, the record gets an alternative id.
    pub(super) async fn insert_record(&self, record: &Todo) -> Result<(), Error> {
        let (todos, mut record) = (self.todos(), record.clone());
        for id in record_ids(record.id) {
            record.id = id;
            // If an earlier attempt inserted the record, this changes nothing.
            let is_inserted = todos.insert(&record).await?.is_some();
            if is_inserted || todos.id_use(id).await? == IdUse::ThisUser {
                return Ok(());
            }
        }
        Err(Error::unavailable("other users have every id of a record"))
    }

    pub(super) async fn remove_record(&self, of: ObjectId, step: ObjectId) -> Result<(), Error> {
        let ids: Vec<_> = record_ids(step).collect();
        let only = doc! { "$eq": ["$occurrence_of", of] };
        self.todos().remove_each(ids, only, self.now, &Note::none()).await
    }
}

// One is enough unless another user has the id.
const RECORD_IDS_MAX: usize = 4;

/// The ids that the record of a step can have, in the order in which they are tried.
fn record_ids(step: ObjectId) -> impl Iterator<Item = ObjectId> {
    iter::successors(Some(step), |id| Some(object_id::alternative(*id))).take(RECORD_IDS_MAX)
}

pub(super) fn not_recurring() -> Violation {
    Violation::of("recurrence", "required", "Only a recurring todo can be skipped.")
}
