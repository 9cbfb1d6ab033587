//! What a step of a recurring todo does to its subtasks, and how it is undone.
//!
//! **Invariant:** before a step changes a subtask, the subtask notes its state under the id of the step, in the same write. A
//! repetition finds the note and changes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::due::Due;
use super::history::{Shift, UNDO_MAX};
use super::index::Index;
use super::model::Todo;
use super::store::UserTodos;
use crate::error::Error;
use crate::owned::bulk::BulkChange;
use crate::owned::note::Note;
use crate::owned::{Selection, State};

impl UserTodos<'_> {
    /// Reopens the completed ones among `subtasks` and moves their due dates.
    pub async fn advance_subtasks(
        &self,
        subtasks: &[ObjectId],
        step: ObjectId,
        shift: Shift,
        now: DateTime,
        note: &Arc<Note>,
    ) -> Result<(), Error> {
        let mut dated = doc! { "_id": { "$in": subtasks }, "steps.id": { "$ne": step } };
        // Records of completed occurrences stay as they are. A subtask that recurs has a series of its own.
        dated.extend(doc! { "state": State::Live.word(), "occurrence_of": null, "recurrence": null });
        dated.insert("due_local", doc! { "$ne": null });
        let sort = doc! { "_id": 1 };
        let found = self.select(Selection { filter: dated, sort, index: Index::BY_ID, limit: 0 }).await?;
        let mut by_due: HashMap<String, (Due, Vec<ObjectId>)> = HashMap::new();
        for Todo { id, due, .. } in found {
            let Some(due) = due else { continue };
            let key = format!("{} {:?}", due.local_key(), due.zone());
            by_due.entry(key).or_insert((due, Vec::new())).1.push(id);
        }
        let reopened = doc! { "completed": false, "completed_at": null };
        for (due, ids) in by_due.into_values() {
            let mut set = with_note(step, reopened.clone());
            set.extend(due_fields(shift.of(due).unwrap_or(due))?);
            self.change_each(ids, change(vec![is_unnoted(step)], set), now, note).await?;
        }
        let completed = vec![is_unnoted(step), doc! { "$eq": ["$completed", true] }];
        let reopen = change(completed, with_note(step, reopened));
        self.change_each(subtasks.to_vec(), reopen, now, note).await
    }
}

/// Completes open subtasks.
pub fn end(step: ObjectId, now: DateTime) -> BulkChange {
    let open = vec![is_unnoted(step), doc! { "$eq": ["$completed", false] }];
    change(open, with_note(step, doc! { "completed": true, "completed_at": now }))
}

/// Takes subtasks back to what they were before the step.
pub fn undo(step: ObjectId) -> BulkChange {
    let is_it = |operator: &str| doc! { operator: ["$$this.id", step] };
    let note = doc! { "$first": { "$filter": { "input": "$steps", "cond": is_it("$eq") } } };
    let field = |name: &str| {
        let value = doc! { "$ifNull": [format!("$$note.{name}"), null_literal()] };
        doc! { "$let": { "vars": { "note": note.clone() }, "in": value } }
    };
    let mut set: Document =
        FIELDS.iter().map(|name| ((*name).to_owned(), Bson::Document(field(name)))).collect();
    set.insert("steps", doc! { "$filter": { "input": "$steps", "cond": is_it("$ne") } });
    change(vec![doc! { "$ne": ["$state", State::Gone.word()] }, is_noted(step)], set)
}

fn change(all: Vec<Document>, set: Document) -> BulkChange {
    BulkChange { only: doc! { "$and": all }, set, is_for_all: false }
}

fn is_noted(step: ObjectId) -> Document {
    doc! { "$in": [step, { "$ifNull": ["$steps.id", []] }] }
}

fn is_unnoted(step: ObjectId) -> Document {
    let is_live = doc! { "$eq": ["$state", State::Live.word()] };
    // Records of completed occurrences stay as they are.
    let is_no_record = doc! { "$eq": [{ "$ifNull": ["$occurrence_of", null] }, null] };
    doc! { "$and": [is_live, is_no_record, { "$not": [is_noted(step)] }] }
}

/// What a subtask notes.
const FIELDS: [&str; 5] = ["completed", "completed_at", "due", "due_local", "due_at"];

fn with_note(step: ObjectId, mut set: Document) -> Document {
    let mut note = doc! { "id": step };
    note.extend(FIELDS.iter().map(|name| ((*name).to_owned(), Bson::String(format!("${name}")))));
    let notes = doc! { "$concatArrays": [{ "$ifNull": ["$steps", []] }, [note]] };
    set.insert("steps", doc! { "$slice": [notes, -i64::try_from(UNDO_MAX).unwrap_or(i64::MAX)] });
    set
}

fn due_fields(due: Due) -> Result<Document, Error> {
    let stored = bson::serialize_to_bson(&due).map_err(Error::internal)?;
    // Whole, because `$set` would merge an object into the current due date.
    Ok(doc! { "due": { "$literal": stored }, "due_local": due.local_key(), "due_at": due.instant() })
}

fn null_literal() -> Bson {
    Bson::Document(doc! { "$literal": null })
}
