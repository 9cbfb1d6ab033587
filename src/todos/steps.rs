//! What a step of a recurring todo does to its subtasks, and how it is undone.
//!
//! **Invariant:** before a step changes a subtask, the subtask notes its state under the id of the step, in the same write. A
//! repetition finds the note and changes nothing.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::due::Due;
use super::history::{Shift, UNDO_MAX};
use super::index::Index;
use super::model::Todo;
use super::store::UserTodos;
use crate::error::Error;
use crate::owned::{Selection, State};

impl UserTodos<'_> {
    /// Reopens the completed ones among `subtasks` and moves their due dates.
    pub async fn advance_subtasks(
        &self,
        subtasks: &[ObjectId],
        step: ObjectId,
        shift: Shift,
        now: DateTime,
    ) -> Result<(), Error> {
        let mut dated = unnoted(subtasks, step);
        // A subtask that recurs has a series of its own.
        dated.extend(doc! { "due_local": { "$ne": null }, "recurrence": null });
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
            self.update_each(unnoted(&ids, step), set, now).await?;
        }
        let mut completed = unnoted(subtasks, step);
        completed.insert("completed", true);
        self.update_each(completed, with_note(step, reopened), now).await?;
        Ok(())
    }

    /// Completes the open ones among `subtasks`.
    pub async fn end_subtasks(
        &self,
        subtasks: &[ObjectId],
        step: ObjectId,
        now: DateTime,
    ) -> Result<(), Error> {
        let mut open = unnoted(subtasks, step);
        open.insert("completed", false);
        let set = with_note(step, doc! { "completed": true, "completed_at": now });
        self.update_each(open, set, now).await?;
        Ok(())
    }

    /// Takes `subtasks` back to what they were before the step.
    pub async fn undo_subtasks(
        &self,
        subtasks: &[ObjectId],
        step: ObjectId,
        now: DateTime,
    ) -> Result<(), Error> {
        let mut noted = doc! { "_id": { "$in": subtasks } };
        noted.extend(doc! { "state": { "$ne": State::Gone.word() }, "steps.id": step });
        let is_it = |operator: &str| doc! { operator: ["$$this.id", step] };
        let note = doc! { "$first": { "$filter": { "input": "$steps", "cond": is_it("$eq") } } };
        let field = |name: &str| {
            let value = doc! { "$ifNull": [format!("$$note.{name}"), null_literal()] };
            doc! { "$let": { "vars": { "note": note.clone() }, "in": value } }
        };
        let mut set: Document =
            FIELDS.iter().map(|name| ((*name).to_owned(), Bson::Document(field(name)))).collect();
        set.insert("steps", doc! { "$filter": { "input": "$steps", "cond": is_it("$ne") } });
        self.update_each(noted, set, now).await?;
        Ok(())
    }
}

/// What a subtask notes.
const FIELDS: [&str; 5] = ["completed", "completed_at", "due", "due_local", "due_at"];

fn unnoted(subtasks: &[ObjectId], step: ObjectId) -> Document {
    // Records of completed occurrences stay as they are.
    doc! {
        "_id": { "$in": subtasks }, "state": State::Live.word(), "occurrence_of": null, "steps.id": { "$ne": step },
    }
}

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
