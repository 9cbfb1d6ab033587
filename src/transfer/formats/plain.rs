//! Any table in CSV whose header names its columns, and the tables that this service exports.

use std::borrow::Cow;

use super::lists::{Draft, NamedParents};
use super::phrases;
use super::table::{Row, Table};
use super::{Refusal, dates, texts};
use crate::todos::model::{Priority, Todo};
use crate::todos::recurrence::Basis;
use crate::transfer::plan::{Origin, Plan};

const NAMES: [&str; 8] = ["name", "title", "task", "todo", "subject", "summary", "content", "aufgabe"];
const DESCRIPTIONS: [&str; 5] = ["description", "notes", "note", "body", "notiz"];
const LISTS: [&str; 4] = ["list", "project", "category", "liste"];
const DUES: [&str; 5] = ["due", "due date", "due_date", "deadline", "fällig"];
const TAGS: [&str; 3] = ["tags", "labels", "tag"];
const DONE: [&str; 4] = ["completed", "done", "status", "erledigt"];

pub fn recognises(file: &[u8]) -> bool {
    named(file).is_some()
}

/// The table, if its first line is a header with a name and another column that is known.
fn named(file: &[u8]) -> Option<(Table<'_>, &'static str)> {
    let line = file.split(|byte| *byte == b'\n').next()?;
    NAMES.into_iter().find_map(|name| {
        // Only the first line can be the header.
        Table::read(line, &[name]).ok()?;
        let table = Table::read(file, &[name]).ok()?;
        let others =
            [&DESCRIPTIONS[..], &LISTS, &DUES, &TAGS, &DONE, &["priority", "id", "parent", "parent_id"]];
        others.concat().iter().any(|other| table.has(other)).then_some((table, name))
    })
}

pub fn read(file: &[u8], origin: Origin) -> Result<Plan, Refusal> {
    let (mut table, name) = match named(file) {
        Some(found) => found,
        None => (Table::read(file, &[NAMES[0]])?, NAMES[0]),
    };
    let mut reader = Reader { draft: Draft::new(origin), parents: NamedParents::default() };
    while let Some(row) = table.next_row()? {
        reader.row(&row, name)?;
    }
    reader
        .parents
        .resolve(&mut reader.draft.plan, |parent| format!("The parent `{parent}` is not in the file."));
    Ok(reader.draft.plan)
}

struct Reader {
    draft: Draft,
    parents: NamedParents,
}

impl Reader {
    fn row(&mut self, row: &Row<'_>, name: &str) -> Result<(), Refusal> {
        let (origin, line) = (self.draft.origin, row.line);
        let (name, list) = (unguarded(row.get(name)), unguarded(row.first(&LISTS)));
        let key = match row.get("id") {
            "" => format!("csv:{list}\0{name}\0{}", row.first(&DESCRIPTIONS)),
            id => format!("csv:id:{id}"),
        };
        let id = self.draft.id_of_content(key);
        let mut todo = Todo::blank(id, origin.owner_id, String::new(), origin.now);
        let warnings = &mut self.draft.plan.warnings;
        texts::set(&mut todo, name, unguarded(row.first(&DESCRIPTIONS)), line, warnings);
        todo.tags = texts::tags(row.first(&TAGS).split([',', ';', '|']).map(str::trim), line, warnings);
        todo.priority = priority(row.get("priority"));
        let time = |name| dates::instant(row.get(name)).map(|time| origin.past(time));
        todo.created_at = time("created_at").or_else(|| time("created")).unwrap_or(origin.now);
        todo.updated_at = time("updated_at").unwrap_or(todo.created_at);
        let done = row.first(&DONE).to_lowercase();
        let at = time("completed_at").or_else(|| dates::instant(&done).map(|time| origin.past(time)));
        todo.completed = at.is_some()
            || ["true", "yes", "1", "x", "done", "completed", "ja", "erledigt"].contains(&&*done);
        todo.completed_at = todo.completed.then(|| at.unwrap_or(todo.updated_at));
        self.due(row, &mut todo);
        if !list.is_empty() && !list.eq_ignore_ascii_case("inbox") {
            let key = format!("csv:list:{list}");
            todo.list_id = Some(self.draft.list(line, &key, list)?);
        }
        self.parents.note(&self.draft.plan, id, row.get("id"), row.first(&["parent_id", "parent"]));
        Ok(self.draft.plan.add_todo(line, todo)?)
    }

    fn due(&mut self, row: &Row<'_>, todo: &mut Todo) {
        let (text, line) = (row.first(&DUES), row.line);
        let zone = dates::zone(row.first(&["time_zone", "timezone"])).unwrap_or(self.draft.origin.zone);
        if let Some(when) = phrases::read(text, dates::day_in(self.draft.origin.now, zone), zone) {
            todo.due = Some(when.due);
            if let Some(rule) = when.rule {
                texts::repeat(todo, &rule, when.basis, line, &mut self.draft.plan.warnings);
            }
        } else if !text.is_empty() {
            texts::note(todo, &format!("Due: {text}"), line, &mut self.draft.plan.warnings);
            self.draft
                .plan
                .warnings
                .add(line, format!("The due date `{text}` was noted in the description."));
        }
        let rule = row.first(&["recurrence", "rrule", "repeat"]);
        if !rule.is_empty() {
            texts::repeat(todo, rule, Basis::Due, line, &mut self.draft.plan.warnings);
        }
    }
}

/// What a spreadsheet could take for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A text that no spreadsheet takes for a formula.
pub fn guarded(text: &str) -> Cow<'_, str> {
    if text.starts_with(FORMULA) { format!("'{text}").into() } else { text.into() }
}

fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA)).unwrap_or(text)
}

fn priority(text: &str) -> Priority {
    match text.to_lowercase().as_str() {
        "high" | "urgent" | "a" | "hoch" => Priority::High,
        "medium" | "normal" | "b" | "mittel" => Priority::Medium,
        "low" | "c" | "niedrig" => Priority::Low,
        _ => Priority::None,
    }
}
