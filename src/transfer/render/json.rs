//! The export that can be imported again without loss.
//!
//! **Invariant:** a field that is written here is read by [`crate::transfer::formats::own`], and the other way round.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Account, Append, Part, Rendering};
use crate::error::Error;
use crate::http::json::append;
use crate::icalendar::Uids;
use crate::lists::model::{CalendarCollection, DeadProperty, List};
use crate::openapi::schema::{Id, Time};
use crate::todos::calendar::CalendarNames;
use crate::todos::due::Due;
use crate::todos::model::{Priority, Todo};
use crate::todos::recurrence::SavedRecurrence;
use crate::transfer::formats::own::{FORMAT, VERSION};

pub const RENDERING: Rendering = Rendering {
    name: "todo-api",
    media_type: "application/json",
    extension: "json",
    head,
    append: appending,
    tail: b"\n]}\n",
    has_calendar_texts: true,
};

fn head(account: Account) -> Result<Vec<u8>, Error> {
    let Account { username, email, time_zone, exported_at } = account;
    let user = ExportedAccount { username, email, time_zone };
    let head = format!("{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"exported_at\":");
    let mut json = head.into_bytes();
    append(&mut json, &Time(exported_at))?;
    json.extend_from_slice(b",\"user\":");
    append(&mut json, &user)?;
    json.extend_from_slice(b",\n\"lists\":[");
    Ok(json)
}

fn appending(_: Uids) -> Append {
    // An object on each line, so that tools can compare two exports.
    let mut before: &[u8] = b"\n";
    Box::new(move |json, part| match part {
        Part::List(list) => {
            json.extend_from_slice(std::mem::replace(&mut before, b",\n"));
            append(json, &SavedList::from(*list))
        }
        Part::Todos => {
            json.extend_from_slice(b"\n],\n\"todos\":[");
            before = b"\n";
            Ok(())
        }
        Part::Todo(todo) => {
            json.extend_from_slice(std::mem::replace(&mut before, b",\n"));
            append(json, &SavedTodo::from(*todo))
        }
    })
}

/// An export.
#[derive(ToSchema)]
#[schema(as = Export)]
#[expect(dead_code, reason = "describes the parts that are written one by one")]
pub struct ExportBody {
    /// Always `todo-api/export`.
    format: String,
    /// The version of the format.
    version: u64,
    /// When the export was made.
    exported_at: Time,
    /// The account.
    user: ExportedAccount,
    /// All lists in their order, with the trash.
    lists: Vec<SavedList>,
    /// All todos by age, with the trash and the records of occurrences.
    todos: Vec<SavedTodo>,
}

/// What an export says about the account. It has no secrets.
#[derive(Serialize, ToSchema)]
pub struct ExportedAccount {
    /// The username.
    username: String,
    /// The e-mail address. Null if there is none.
    email: Option<String>,
    /// The time zone of the user.
    time_zone: String,
}

/// A list as an export holds it.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedList)]
pub struct SavedList {
    /// The id of the list.
    id: Id,
    /// The name of the list.
    name: String,
    /// Notes.
    description: String,
    /// The color of the list. Null if it has none.
    color: Option<String>,
    /// Sorts the list among the others.
    position: String,
    /// When the list was created.
    created_at: Time,
    /// When the list was last changed.
    updated_at: Time,
    /// When the list was moved to the trash. Null outside the trash.
    deleted_at: Option<Time>,
    /// What calendar clients have given the list. Null if none has.
    calendar: Option<SavedCollection>,
}

/// What calendar clients have given a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedCollection)]
pub struct SavedCollection {
    /// The last segment of the address of the list. Null is the id.
    name: Option<String>,
    /// Properties that the service keeps and does not understand.
    properties: Vec<SavedProperty>,
}

/// A property that a calendar client has given a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedProperty)]
pub struct SavedProperty {
    /// The XML namespace of the property.
    space: String,
    /// The name of the property.
    local: String,
    /// The content of the element.
    xml: String,
}

impl From<CalendarCollection> for SavedCollection {
    fn from(CalendarCollection { name, properties }: CalendarCollection) -> Self {
        let saved = |DeadProperty { space, local, xml }| SavedProperty { space, local, xml };
        Self { name, properties: properties.into_iter().map(saved).collect() }
    }
}

impl From<List> for SavedList {
    fn from(list: List) -> Self {
        Self {
            id: Id(list.id),
            name: list.name,
            description: list.description,
            color: list.color,
            position: list.position,
            created_at: Time(list.created_at),
            updated_at: Time(list.updated_at),
            deleted_at: list.deleted_at.map(Time),
            calendar: list.calendar.map(SavedCollection::from),
        }
    }
}

/// A todo as an export holds it. The fields are those of `Todo`.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedTodo)]
pub struct SavedTodo {
    /// The id of the todo.
    id: Id,
    /// The list of the todo. Null is the inbox.
    list_id: Option<Id>,
    /// The todo of which this one is a subtask. Null is the top level.
    parent_id: Option<Id>,
    /// What is to be done.
    name: String,
    /// Notes.
    description: String,
    /// Whether the todo is done.
    completed: bool,
    /// When it was completed. Null for an open todo.
    completed_at: Option<Time>,
    #[schema(value_type = Object)]
    due: Option<Due>,
    /// How the todo repeats, and where the series stands. Null if it does not repeat.
    recurrence: Option<SavedRecurrence>,
    /// How important the todo is.
    #[schema(value_type = Priority)]
    priority: &'static str,
    /// The tags of the todo.
    tags: Vec<String>,
    /// Sorts the todo among its siblings.
    position: String,
    /// For a completed occurrence: the recurring todo to which it belongs.
    occurrence_of: Option<Id>,
    /// When the todo was created.
    created_at: Time,
    /// When the todo was last changed.
    updated_at: Time,
    /// When the todo was moved to the trash. Null outside the trash.
    deleted_at: Option<Time>,
    /// The todo or list with which the todo went to the trash, and with which it comes back. Null outside the trash.
    deleted_with: Option<Id>,
    /// What calendar clients have given the todo. Null if none has.
    calendar: Option<SavedCalendar>,
}

/// What calendar clients have given a todo.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedCalendar)]
pub struct SavedCalendar {
    /// The UID of the todo. Null is the id.
    uid: Option<String>,
    /// The last segment of the address of the todo. Null is a name that is made of the id.
    name: Option<String>,
    /// The list in which the name is valid.
    list_id: Option<Id>,
    /// The UID of the parent, if there is no such todo yet.
    parent_uid: Option<String>,
    /// The iCalendar text, as a client has sent it.
    text: Option<String>,
    /// How many versions the todo is newer than the text. Null without a text.
    text_age: Option<i64>,
}

impl SavedCalendar {
    fn of(todo: &mut Todo) -> Option<Self> {
        let CalendarNames { uid, list, name, parent } = todo.calendar.take().unwrap_or_default();
        let text_age = todo.ical.as_ref().map(|text| (todo.version - text.version).max(0));
        let text = todo.ical.take().map(|text| text.text);
        let has_names = uid.is_some() || name.is_some() || parent.is_some();
        let list_id = list.filter(|_| has_names).map(Id);
        (has_names || text.is_some()).then_some(Self {
            uid,
            name,
            list_id,
            parent_uid: parent,
            text,
            text_age,
        })
    }
}

impl From<Todo> for SavedTodo {
    fn from(mut todo: Todo) -> Self {
        Self {
            calendar: SavedCalendar::of(&mut todo),
            id: Id(todo.id),
            list_id: todo.list_id.map(Id),
            parent_id: todo.parent_id.map(Id),
            completed: todo.completed,
            completed_at: todo.completed_at.map(Time),
            due: todo.due,
            recurrence: todo.recurrence.as_ref().map(SavedRecurrence::from),
            priority: todo.priority.word(),
            occurrence_of: todo.occurrence_of.map(Id),
            created_at: Time(todo.created_at),
            updated_at: Time(todo.updated_at),
            deleted_at: todo.deleted_at.map(Time),
            deleted_with: todo.trashed_with.map(Id),
            name: todo.name,
            description: todo.description,
            tags: todo.tags,
            position: todo.position,
        }
    }
}
