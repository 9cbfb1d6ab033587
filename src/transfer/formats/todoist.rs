//! Todoist: the table of a project, and the backup, which is an archive of such tables.

use bson::oid::ObjectId;
use serde::Deserialize;

use super::archive;
use super::lists::Draft;
use super::phrases::{self, When};
use super::table::{Row, Table};
use super::{Refusal, dates, texts};
use crate::todos::model::{Priority, Todo};
use crate::transfer::plan::{Origin, Plan};

pub const COLUMNS: [&str; 4] = ["TYPE", "CONTENT", "PRIORITY", "INDENT"];
// The name of the list for a table whose project is unknown.
const PROJECT: &str = "Todoist";
const INBOX: &str = "Inbox";

pub fn read(file: &[u8], origin: Origin) -> Result<Plan, Refusal> {
    let mut reader = Reader { draft: Draft::new(origin) };
    if !archive::is_archive(file) {
        reader.project(PROJECT, file)?;
        return Ok(reader.draft.plan);
    }
    for table in archive::files(file, is_table)? {
        reader.project(project_name(&table.name), &table.bytes)?;
    }
    Ok(reader.draft.plan)
}

pub fn recognises(file: &[u8]) -> bool {
    Table::read(file, &COLUMNS).is_ok()
}

pub fn is_table(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// `Work [2203306141].csv` is the project Work.
fn project_name(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    let name = name.get(..name.len().saturating_sub(4)).unwrap_or(name);
    name.rsplit_once(" [").map_or(name, |(name, _)| name).trim()
}

struct Reader {
    draft: Draft,
}

/// Where the next task of a table belongs.
#[derive(Default)]
struct Place {
    list_id: Option<ObjectId>,
    section: String,
    /// The todos above, by indent from 1, with their paths.
    above: Vec<(ObjectId, String)>,
}

impl Reader {
    fn project(&mut self, name: &str, file: &[u8]) -> Result<(), Refusal> {
        let mut table = Table::read(file, &COLUMNS)?;
        let mut place = Place::default();
        while let Some(row) = table.next_row()? {
            if place.list_id.is_none() && name != INBOX {
                let key = format!("todoist:project:{name}");
                place.list_id = Some(self.draft.list(row.line, &key, name)?);
            }
            match row.get("TYPE") {
                "task" => self.task(name, &row, &mut place)?,
                "section" => {
                    row.get("CONTENT").clone_into(&mut place.section);
                    place.above.clear();
                }
                "note" => self.note(&row),
                "project_note" => {
                    self.draft.plan.warnings.add(
                        row.line,
                        format!("A comment of the project was left out: {}", note_text(row.get("CONTENT"))),
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn task(&mut self, project: &str, row: &Row<'_>, place: &mut Place) -> Result<(), Refusal> {
        let line = row.line;
        let indent = row.get("INDENT").parse::<usize>().unwrap_or(1).max(1);
        place.above.truncate(indent - 1);
        let path = place.above.last().map_or(project, |(_, path)| path);
        let path = format!("{path}\0{}", row.get("CONTENT"));
        let id = self.draft.id_of_content(format!("todoist:{path}"));
        let mut todo = Todo::blank(id, self.draft.origin.owner_id, String::new(), self.draft.origin.now);
        let (name, labels) = without_labels(row.get("CONTENT"));
        texts::set(&mut todo, &name, row.get("DESCRIPTION"), line, &mut self.draft.plan.warnings);
        let section = (!place.section.is_empty()).then_some(place.section.as_str());
        let tags = labels.iter().map(String::as_str).chain(section);
        todo.tags = texts::tags(tags, line, &mut self.draft.plan.warnings);
        todo.list_id = place.list_id;
        todo.parent_id = place.above.last().map(|(id, _)| *id);
        todo.priority = priority(row.get("PRIORITY"));
        self.due(row, &mut todo);
        place.above.push((id, path));
        Ok(self.draft.plan.add_todo(line, todo)?)
    }

    fn due(&mut self, row: &Row<'_>, todo: &mut Todo) {
        let (text, line) = (row.get("DATE"), row.line);
        let zone = dates::zone(row.get("TIMEZONE")).unwrap_or(self.draft.origin.zone);
        let today = dates::day_in(self.draft.origin.now, zone);
        match phrases::read(text, today, zone) {
            Some(When { due, rule: None, .. }) => todo.due = Some(due),
            Some(When { due, rule: Some(rule), basis }) => {
                todo.due = Some(due);
                texts::repeat(todo, &rule, basis, line, &mut self.draft.plan.warnings);
            }
            None if text.is_empty() => {}
            None => {
                texts::note(todo, &format!("Date: {text}"), line, &mut self.draft.plan.warnings);
                self.draft
                    .plan
                    .warnings
                    .add(line, format!("The date `{text}` was noted in the description."));
            }
        }
        let deadline = row.get("DEADLINE");
        if todo.due.is_none() {
            todo.due = dates::any(deadline, zone);
        } else if !deadline.is_empty() {
            texts::note(todo, &format!("Deadline: {deadline}"), line, &mut self.draft.plan.warnings);
        }
    }

    /// A comment is added to the description of the task above it.
    fn note(&mut self, row: &Row<'_>) {
        let text = note_text(row.get("CONTENT"));
        if let Some(todo) = self.draft.plan.todos.last_mut() {
            texts::note(&mut todo.value, &text, row.line, &mut self.draft.plan.warnings);
        }
    }
}

// 1 is the highest in tables; the API of Todoist counts the other way.
fn priority(text: &str) -> Priority {
    match text {
        "1" => Priority::High,
        "2" => Priority::Medium,
        "3" => Priority::Low,
        _ => Priority::None,
    }
}

/// The text without `@label`, and the labels. An address such as `ann@example.org` has none.
fn without_labels(content: &str) -> (String, Vec<String>) {
    let (mut words, mut labels) = (Vec::new(), Vec::new());
    for word in content.split(' ') {
        match word.strip_prefix('@').filter(|label| !label.is_empty() && !label.contains('@')) {
            Some(label) => labels.push(label.to_owned()),
            None => words.push(word),
        }
    }
    let name = words.join(" ").trim().to_owned();
    // A task that is nothing but labels keeps its text.
    if name.is_empty() { (content.to_owned(), labels) } else { (name, labels) }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attachment {
    file_name: String,
    file_url: String,
}

/// A comment with its attachment, which is in the text as `[[file {…}]]`.
fn note_text(content: &str) -> String {
    let Some((text, file)) = content.split_once("[[file ") else { return content.to_owned() };
    let json = file.rsplit_once("]]").map_or(file, |(json, _)| json);
    let Attachment { file_name, file_url } = serde_json::from_str(json).unwrap_or_default();
    format!("{} {file_name} {file_url}", text.trim()).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_words_that_begin_with_an_at_sign() {
        let labels = |text| without_labels(text);
        assert_eq!(
            labels("Buy milk @shop @home"),
            ("Buy milk".to_owned(), vec!["shop".to_owned(), "home".to_owned()])
        );
        assert_eq!(labels("mail ann@example.org").1, [""; 0]);
        assert_eq!(labels("@only").0, "@only");
        assert_eq!(project_name("x/Work [2203306141].csv"), "Work");
        assert_eq!(
            note_text(r#"see [[file {"file_name":"a.pdf","file_url":"https://e.org/a"}]]"#),
            "see a.pdf https://e.org/a"
        );
    }
}
