//! Reading stored todos, of which a page has many: straight from the bytes. Must give what serde makes of the same bytes.

use bson::oid::ObjectId;
use bson::{DateTime, RawBsonRef, RawDocument};
use serde::de::DeserializeOwned;

use super::due::Due;
use super::model::{Priority, Todo};
use crate::error::Error;
use crate::owned::State;

impl Todo {
    /// The todo that a document holds.
    ///
    /// # Errors
    /// [`Error::Internal`] when a field is of another type than it should be.
    pub fn from_stored(stored: &RawDocument) -> Result<Self, Error> {
        let nobody = ObjectId::from_bytes([0; 12]);
        let mut todo = Self::blank(nobody, nobody, String::new(), DateTime::from_millis(0));
        for field in stored {
            let (name, value) = field.map_err(Error::internal)?;
            let wrong = || Error::internal(format!("the field {name} of a todo is of a wrong type"));
            match name.as_str() {
                "_id" => todo.id = value.as_object_id().ok_or_else(wrong)?,
                "owner_id" => todo.owner_id = value.as_object_id().ok_or_else(wrong)?,
                "list_id" => todo.list_id = given(value, RawBsonRef::as_object_id, wrong)?,
                "parent_id" => todo.parent_id = given(value, RawBsonRef::as_object_id, wrong)?,
                "name" => value.as_str().ok_or_else(wrong)?.clone_into(&mut todo.name),
                "description" => value.as_str().ok_or_else(wrong)?.clone_into(&mut todo.description),
                "completed" => todo.completed = value.as_bool().ok_or_else(wrong)?,
                "completed_at" => todo.completed_at = given(value, RawBsonRef::as_datetime, wrong)?,
                "due" => todo.due = given(value, due, wrong)?,
                "recurrence" => todo.recurrence = rare(value)?,
                "priority" => todo.priority = whole::<i32>(value).map(Priority::from).ok_or_else(wrong)?,
                "tags" => todo.tags = tags(value).ok_or_else(wrong)?,
                "position" => value.as_str().ok_or_else(wrong)?.clone_into(&mut todo.position),
                "occurrence_of" => todo.occurrence_of = given(value, RawBsonRef::as_object_id, wrong)?,
                "version" => todo.version = whole(value).ok_or_else(wrong)?,
                "created_at" => todo.created_at = value.as_datetime().ok_or_else(wrong)?,
                "updated_at" => todo.updated_at = value.as_datetime().ok_or_else(wrong)?,
                "state" => todo.state = value.as_str().and_then(State::of).ok_or_else(wrong)?,
                "deleted_at" => todo.deleted_at = given(value, RawBsonRef::as_datetime, wrong)?,
                "trashed_with" => todo.trashed_with = given(value, RawBsonRef::as_object_id, wrong)?,
                "is_parent" => todo.is_parent = value.as_bool().ok_or_else(wrong)?,
                "unfinished" => todo.unfinished = rare(value)?,
                _ => {}
            }
        }
        Ok(todo)
    }
}

/// What may be null.
fn given<'a, T>(
    value: RawBsonRef<'a>,
    read: impl FnOnce(RawBsonRef<'a>) -> Option<T>,
    wrong: impl FnOnce() -> Error,
) -> Result<Option<T>, Error> {
    if value.as_null().is_some() { Ok(None) } else { read(value).map(Some).ok_or_else(wrong) }
}

/// What most todos do not have.
fn rare<T: DeserializeOwned>(value: RawBsonRef<'_>) -> Result<Option<T>, Error> {
    let read = |document: &RawDocument| bson::deserialize_from_slice(document.as_bytes());
    value.as_document().map(read).transpose().map_err(Error::internal)
}

/// A whole number of either width.
fn whole<T: TryFrom<i64>>(value: RawBsonRef<'_>) -> Option<T> {
    let number = value.as_i64().or_else(|| value.as_i32().map(i64::from))?;
    T::try_from(number).ok()
}

fn due(value: RawBsonRef<'_>) -> Option<Due> {
    let stored = value.as_document()?;
    let text = |name| stored.get(name).ok().flatten().and_then(RawBsonRef::as_str);
    Due::of_texts(text("date"), text("at"), text("time_zone"))
}

fn tags(value: RawBsonRef<'_>) -> Option<Vec<String>> {
    value.as_array()?.into_iter().map(|tag| tag.ok()?.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use bson::{RawDocumentBuf, doc};

    use super::*;
    use crate::owned::Owned;

    fn stored(document: &bson::Document) -> RawDocumentBuf {
        RawDocumentBuf::try_from(document).unwrap()
    }

    /// Todos of every form, as documents.
    fn todos() -> Vec<bson::Document> {
        let [id, other] = [1, 2].map(|byte| ObjectId::from_bytes([byte; 12]));
        let time = DateTime::from_millis(1_764_576_000_123);
        let mut blank = Todo::blank(id, other, "a1".to_owned(), time);
        blank.name = "name".to_owned();
        let mut todos = vec![blank.clone()];
        for due in ["2026-12-01", "2026-12-01T09:00", "2026-12-01T09:00:07"] {
            let (date, at) = if due.contains('T') { (None, Some(due)) } else { (Some(due), None) };
            for zone in [None, Some("Europe/Berlin")] {
                todos.push(Todo { due: Due::of_texts(date, at, zone), ..blank.clone() });
            }
        }
        for priority in Priority::ALL {
            todos.push(Todo {
                priority,
                tags: vec!["a".to_owned(), "\u{1f34f}".to_owned()],
                ..blank.clone()
            });
        }
        for state in [State::Live, State::Trash] {
            todos.push(Todo {
                list_id: Some(other),
                parent_id: Some(other),
                completed: true,
                completed_at: Some(time),
                occurrence_of: Some(other),
                version: i64::MAX,
                state,
                deleted_at: Some(time),
                trashed_with: Some(id),
                is_parent: true,
                ..blank.clone()
            });
        }
        let mut documents: Vec<_> =
            todos.iter().map(|todo| bson::serialize_to_document(todo).unwrap()).collect();
        let mut full = documents[1].clone();
        full.extend(doc! {
            "recurrence": { "rule": "FREQ=DAILY", "basis": "due", "start": { "date": "2026-12-01" }, "left": 3_i64 },
            "unfinished": { "since": time, "acts": ["complete", { "record": documents[0].clone() }] },
            "version": 3_i32, "words": ["name"], "field_of_the_operator": { "x": 1 },
        });
        documents.push(full);
        documents
    }

    #[test]
    fn what_is_read_is_what_serde_makes_of_it() {
        for document in todos() {
            let bytes = stored(&document);
            let by_serde =
                bson::deserialize_from_slice::<Todo>(bytes.as_bytes()).map_err(|error| error.to_string());
            let read = Todo::read(&bytes).map_err(|error| error.to_string());
            assert_eq!(read, by_serde, "{document}");
            assert!(read.is_ok(), "{document}");
        }
    }

    #[test]
    fn a_field_of_a_wrong_type_is_refused() {
        let right = todos().remove(0);
        for name in right.keys().filter(|name| !["recurrence", "unfinished"].contains(&name.as_str())) {
            let mut wrong = right.clone();
            wrong.insert(
                name,
                bson::Regex { pattern: "x".try_into().unwrap(), options: "".try_into().unwrap() },
            );
            assert!(Todo::read(&stored(&wrong)).is_err(), "{name}");
        }
    }
}
