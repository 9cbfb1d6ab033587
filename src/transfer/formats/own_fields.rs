//! The fields of an export of this service: its account, lists and todos.

use bson::DateTime;
use bson::oid::ObjectId;

use super::own_calendar::{CalendarFields, CollectionFields};
use crate::error::Violation;
use crate::http::fields::{Fields, FromFields};
use crate::lists::model::List;
use crate::owned::State;
use crate::owned::order_key;
use crate::owned::text::{COLOR, INSTANT, TAGS_SENT_MAX};
use crate::todos::due::{Due, DuePatch};
use crate::todos::model::{Priority, Todo};
use crate::todos::recurrence::SavedRecurrence;
use crate::transfer::plan::Settings;

pub(super) struct UserFields(pub(super) Settings);

impl FromFields for UserFields {
    fn take(input: &mut Fields) -> Option<Self> {
        // The name belongs to the account.
        input.optional_text("username");
        let email = input.optional_text("email").flatten();
        let time_zone = input.optional_text("time_zone").flatten();
        Some(Self(Settings { email, time_zone }))
    }
}

fn time(input: &mut Fields, name: &str) -> Option<DateTime> {
    input.nullable(name, &INSTANT).flatten()
}

/// Absent for an object without one.
fn position(input: &mut Fields) -> String {
    let position = input.optional_text("position").flatten().unwrap_or_default();
    let is_valid =
        position.len() <= order_key::LENGTH_MAX && position.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let violation = || {
        let detail = format!("A position has at most {} letters and digits.", order_key::LENGTH_MAX);
        Violation::of("position", "malformed", detail)
    };
    input.check(is_valid.then_some(position), violation).unwrap_or_default()
}

const fn state_of(deleted_at: Option<DateTime>) -> State {
    if deleted_at.is_some() { State::Trash } else { State::Live }
}

const NOBODY: ObjectId = ObjectId::from_bytes([0; 12]);

pub(super) struct ListFields(pub(super) List);

impl FromFields for ListFields {
    fn take(input: &mut Fields) -> Option<Self> {
        let (id, name) = (input.required_id("id"), input.text("name"));
        let description = input.optional_text("description").flatten().unwrap_or_default();
        let color = input.nullable("color", &COLOR).flatten();
        let position = position(input);
        let created_at = time(input, "created_at").unwrap_or(DateTime::MAX);
        let updated_at = time(input, "updated_at").unwrap_or(created_at);
        let deleted_at = time(input, "deleted_at");
        let calendar = input.object("calendar").flatten().map(|CollectionFields(calendar)| calendar);
        let list = List::blank(id?, NOBODY, position, created_at);
        let state = state_of(deleted_at);
        let list = List { description, color, updated_at, state, deleted_at, calendar, ..list };
        Some(Self(List { name: name?, ..list }))
    }
}

pub(super) struct TodoFields {
    pub(super) todo: Todo,
    pub(super) recurrence: Option<SavedRecurrence>,
    pub(super) tags: Vec<String>,
}

impl FromFields for TodoFields {
    fn take(input: &mut Fields) -> Option<Self> {
        let (id, name) = (input.required_id("id"), input.text("name"));
        let description = input.optional_text("description").flatten().unwrap_or_default();
        let tags =
            input.array::<String>("tags", TAGS_SENT_MAX, "not_texts", "Tags must be an array of strings.");
        let recurrence = input.object::<SavedRecurrence>("recurrence").flatten();
        let due = due(input);
        let completed = input.flag("completed").flatten().unwrap_or_default();
        let completed_at = time(input, "completed_at");
        let priority = input.nullable("priority", &Priority::FORMAT).flatten().unwrap_or_default();
        let position = position(input);
        let (list_id, parent_id) = (input.id("list_id").flatten(), input.id("parent_id").flatten());
        let occurrence_of = input.id("occurrence_of").flatten();
        let created_at = time(input, "created_at").unwrap_or(DateTime::MAX);
        let updated_at = time(input, "updated_at").unwrap_or(created_at);
        let (deleted_at, trashed_with) = (time(input, "deleted_at"), input.id("deleted_with").flatten());
        let calendar = input.object::<CalendarFields>("calendar").flatten();
        let (calendar, ical) = calendar.map_or((None, None), |CalendarFields { names, text }| (names, text));
        let todo = Todo::blank(id?, NOBODY, position, created_at);
        let state = state_of(deleted_at);
        let trashed_with = trashed_with.filter(|_| state == State::Trash);
        let completed_at = completed_at.filter(|_| completed);
        let places = Todo { list_id, parent_id, occurrence_of, trashed_with, calendar, ical, ..todo };
        let todo = Todo {
            name: name?,
            description,
            completed,
            completed_at,
            due,
            priority,
            updated_at,
            deleted_at,
            state,
            ..places
        };
        Some(Self { todo, recurrence, tags: tags.flatten().unwrap_or_default() })
    }
}

fn due(input: &mut Fields) -> Option<Due> {
    let patch = input.object::<DuePatch>("due").flatten()?;
    patch.apply(None).map_err(|violations| input.reject_all::<()>(violations)).ok()
}
