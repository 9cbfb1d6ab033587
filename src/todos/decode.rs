//! Decodes stored todos straight from the bytes, because a page reads many of them.
//!
//! **Invariant:** the result equals what serde would read from the same bytes.

use bson::RawBsonRef;
use bson::oid::ObjectId;
use serde::de::DeserializeOwned;

use super::due::Due;
use crate::error::Error;

/// Reads every listed field into a local and ends with one struct literal, so that a field of the struct that is not
/// listed does not compile. `required` fields must be stored; a `default` field that is not stored has its type's default.
macro_rules! decode {
    ($stored:ident as $struct:ident { $($name:literal => $field:ident: $presence:ident $read:expr,)+ }) => {{
        $(let mut $field = None;)+
        for element in $stored.iter_elements() {
            let element = element.map_err($crate::error::Error::internal)?;
            match element.key().as_str() {
                $($name => {
                    let value = element.value().ok().and_then($read);
                    $field = Some(value.ok_or_else(|| $crate::todos::decode::unreadable($name))?);
                })+
                // The derived fields, `changed`, and fields that an operator has added: their values are not parsed.
                _ => {}
            }
        }
        Ok($struct { $($field: decode!(@$presence $field, $name),)+ })
    }};
    (@required $field:ident, $name:literal) => { $field.ok_or_else(|| $crate::todos::decode::unreadable($name))? };
    (@default $field:ident, $name:literal) => { $field.unwrap_or_default() };
}
pub(super) use decode;

#[cold]
pub(super) fn unreadable(name: &str) -> Error {
    Error::internal(format!("the field {name} of a todo is missing or of a wrong type"))
}

pub(super) fn nullable<'a, T>(
    read: impl Fn(RawBsonRef<'a>) -> Option<T>,
) -> impl Fn(RawBsonRef<'a>) -> Option<Option<T>> {
    move |value| if value.as_null().is_some() { Some(None) } else { read(value).map(Some) }
}

pub(super) fn object_id(value: RawBsonRef<'_>) -> Option<ObjectId> {
    value.as_object_id()
}

pub(super) fn string(value: RawBsonRef<'_>) -> Option<String> {
    value.as_str().map(str::to_owned)
}

pub(super) fn strings(value: RawBsonRef<'_>) -> Option<Vec<String>> {
    value.as_array()?.into_iter().map(|element| string(element.ok()?)).collect()
}

pub(super) fn integer<T: TryFrom<i64>>(value: RawBsonRef<'_>) -> Option<T> {
    // Tools such as mongosh store a small number in 32 bits. serde also accepts both widths.
    let number = value.as_i64().or_else(|| value.as_i32().map(i64::from))?;
    T::try_from(number).ok()
}

pub(super) fn subdocument<T: DeserializeOwned>(value: RawBsonRef<'_>) -> Option<T> {
    // Most todos have no subdocument, so the cost of serde does not matter here.
    bson::deserialize_from_slice(value.as_document()?.as_bytes()).ok()
}

pub(super) fn documents<T: DeserializeOwned>(value: RawBsonRef<'_>) -> Option<Vec<T>> {
    value.as_array()?.into_iter().map(|element| subdocument(element.ok()?)).collect()
}

pub(super) fn due_date(value: RawBsonRef<'_>) -> Option<Due> {
    let stored = value.as_document()?;
    let text = |name| stored.get(name).ok().flatten().and_then(RawBsonRef::as_str);
    Due::of_texts(text("date"), text("at"), text("time_zone"))
}

#[cfg(test)]
mod tests {
    use bson::{DateTime, RawDocumentBuf, doc};

    use super::*;
    use crate::owned::{Owned, State};
    use crate::todos::model::{Priority, Todo};

    fn stored(document: &bson::Document) -> RawDocumentBuf {
        RawDocumentBuf::try_from(document).unwrap()
    }

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
            "recurrence": { "rule": "FREQ=DAILY", "basis": "due", "start": { "date": "2026-12-01" }, "left": 3_i64,
                "occurrence": { "date": "2026-12-05" } },
            "history": { "steps": [{ "id": other, "from": { "date": "2026-12-04" }, "progress": { "left": 4_i64 },
                "to": { "date": "2026-12-05" } }], "undone_by": null },
            "unfinished": { "since": time, "acts": ["complete", { "record": documents[0].clone() }] },
            "version": 3_i32, "words": ["name"], "field_of_the_operator": { "x": 1 },
        });
        documents.push(full);
        documents
    }

    #[test]
    fn a_todo_is_decoded_as_serde_would() {
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
        let right = todos().pop().unwrap();
        let derived = ["words", "field_of_the_operator"];
        for name in right.keys().filter(|name| !derived.contains(&name.as_str())) {
            let mut wrong = right.clone();
            wrong.insert(
                name,
                bson::Regex { pattern: "x".try_into().unwrap(), options: "".try_into().unwrap() },
            );
            assert!(Todo::read(&stored(&wrong)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_missing_field_is_treated_as_serde_would() {
        let whole = todos().pop().unwrap();
        for name in whole.keys() {
            let mut without = whole.clone();
            without.remove(name);
            let bytes = stored(&without);
            let by_serde = bson::deserialize_from_slice::<Todo>(bytes.as_bytes()).ok();
            assert_eq!(Todo::read(&bytes).ok(), by_serde, "{name}");
        }
    }
}
