//! Todos as a table, for spreadsheets. It cannot hold lists without todos, their colors and descriptions, the trash, and where
//! a series stands.

use csv::{QuoteStyle, Terminator, WriterBuilder};

use super::{Account, Append, ListNames, Part, Rendering};
use crate::clock::rfc3339;
use crate::error::Error;
use crate::icalendar::Uids;
use crate::owned::State;
use crate::todos::due::Due;
use crate::todos::model::Todo;
use crate::todos::recurrence::Recurrence;
use crate::transfer::formats::plain::guarded;

pub const RENDERING: Rendering = Rendering {
    name: "csv",
    media_type: "text/csv; charset=utf-8",
    extension: "csv",
    head,
    append: appending,
    tail: b"",
    has_calendar_texts: false,
};

const COLUMNS: [&str; 15] = [
    "id",
    "parent_id",
    "list",
    "name",
    "description",
    "completed",
    "completed_at",
    "due",
    "time_zone",
    "recurrence",
    "priority",
    "tags",
    "occurrence_of",
    "created_at",
    "updated_at",
];

fn head(_: Account) -> Result<Vec<u8>, Error> {
    // The mark tells spreadsheets that the table is in UTF-8.
    let mut head = "\u{feff}".as_bytes().to_vec();
    head.extend(row(COLUMNS)?);
    Ok(head)
}

fn appending(_: Uids) -> Append {
    let mut lists = ListNames::default();
    Box::new(move |csv, part| {
        match part {
            Part::List(list) => lists.add(*list),
            Part::Todo(todo) if todo.state == State::Live => {
                csv.extend(row(cells(&todo, &lists).each_ref().map(String::as_str))?);
            }
            Part::Todos | Part::Todo(_) => {}
        }
        Ok(())
    })
}

fn cells(todo: &Todo, lists: &ListNames) -> [String; 15] {
    let time = |time| rfc3339(time).to_string();
    let id = |id: Option<bson::oid::ObjectId>| id.map_or_else(String::new, bson::oid::ObjectId::to_hex);
    let zone = match todo.due {
        Some(Due::At { time_zone: Some(zone), .. }) => zone.name(),
        _ => "",
    };
    [
        todo.id.to_hex(),
        id(todo.parent_id),
        guarded(lists.of(todo)).into_owned(),
        guarded(&todo.name).into_owned(),
        guarded(&todo.description).into_owned(),
        todo.completed.to_string(),
        todo.completed_at.map_or_else(String::new, time),
        todo.due.as_ref().map_or_else(String::new, Due::local_key),
        zone.to_owned(),
        todo.recurrence.as_ref().map_or("", Recurrence::rule).to_owned(),
        todo.priority.word().to_owned(),
        guarded(&todo.tags.join(", ")).into_owned(),
        id(todo.occurrence_of),
        time(todo.created_at),
        time(todo.updated_at),
    ]
}

/// A line of a table (RFC 4180).
fn row<const N: usize>(cells: [&str; N]) -> Result<Vec<u8>, Error> {
    let mut writer = WriterBuilder::new();
    writer.terminator(Terminator::CRLF).quote_style(QuoteStyle::Necessary);
    let mut writer = writer.from_writer(Vec::new());
    writer.write_record(cells).map_err(Error::internal)?;
    writer.into_inner().map_err(|error| Error::internal(error.to_string()))
}
