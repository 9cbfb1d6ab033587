//! The backup of `TickTick`: a table after some lines of explanation.
//!
//! A day without a time is in the file as the instant at which it begins in the zone of the task.

use bson::oid::ObjectId;

use super::lists::{Draft, NamedParents};
use super::table::{Row, Table};
use super::{Refusal, dates, texts};
use crate::todos::due::Due;
use crate::todos::model::{Priority, Todo};
use crate::todos::recurrence::Basis;
use crate::transfer::plan::{Origin, Plan};

pub const COLUMNS: [&str; 3] = ["List Name", "Title", "Status"];
const INBOX: &str = "Inbox";
// Of checklists: an open and a completed item.
const OPEN: char = '▫';
const DONE: char = '▪';

pub fn read(file: &[u8], origin: Origin) -> Result<Plan, Refusal> {
    let mut table = Table::read(file, &COLUMNS)?;
    let mut reader = Reader::new(origin);
    while let Some(row) = table.next_row()? {
        reader.row(&row)?;
    }
    Ok(reader.finish())
}

struct Reader {
    draft: Draft,
    parents: NamedParents,
}

impl Reader {
    fn new(origin: Origin) -> Self {
        Self { draft: Draft::new(origin), parents: NamedParents::default() }
    }

    fn row(&mut self, row: &Row<'_>) -> Result<(), Refusal> {
        let line = row.line;
        let (title, content, task) = (row.get("Title"), row.get("Content"), row.get("taskId"));
        // Task ids start again in each backup, so the time of the creation makes them unique.
        let key = format!(
            "ticktick:{task}:{}:{}",
            row.get("Created Time"),
            if task.is_empty() { title } else { "" }
        );
        let id = self.draft.id_of_content(key);
        let mut todo = Todo::blank(id, self.draft.origin.owner_id, String::new(), self.draft.origin.now);
        todo.list_id = self.list(row)?;
        let is_checklist =
            row.get("Is Check list").eq_ignore_ascii_case("Y") || row.get("Kind") == "CHECKLIST";
        let (notes, items) = if is_checklist { checklist(content) } else { (content.to_owned(), Vec::new()) };
        let warnings = &mut self.draft.plan.warnings;
        match title {
            "" => texts::set(&mut todo, notes.lines().next().unwrap_or_default(), &notes, line, warnings),
            title => texts::set(&mut todo, title, &notes, line, warnings),
        }
        todo.tags = texts::tags(row.get("Tags").split(',').map(str::trim), line, warnings);
        todo.priority = priority(row.get("Priority"));
        self.times(row, &mut todo);
        self.state(row, &mut todo);
        if !row.get("Repeat").is_empty() {
            let rule = rule(row.get("Repeat"));
            texts::repeat(&mut todo, &rule, Basis::Due, line, &mut self.draft.plan.warnings);
        }
        self.parents.note(&self.draft.plan, id, task, row.get("parentId"));
        let parent = todo.clone();
        self.draft.plan.add_todo(line, todo)?;
        self.items(line, &parent, items)
    }

    fn list(&mut self, row: &Row<'_>) -> Result<Option<ObjectId>, Refusal> {
        let name = row.get("List Name");
        if name.is_empty() || name == INBOX {
            return Ok(None);
        }
        // Two folders can have lists of the same name.
        let key = format!("ticktick:list:{}\0{name}", row.get("Folder Name"));
        Ok(Some(self.draft.list(row.line, &key, name)?))
    }

    fn times(&mut self, row: &Row<'_>, todo: &mut Todo) {
        let text = row.first(&["Due Date", "Start Date"]);
        let zone = dates::zone(row.get("Timezone")).unwrap_or(self.draft.origin.zone);
        let is_true = |name| row.get(name).eq_ignore_ascii_case("true");
        let due = dates::instant(text).map(|instant| {
            let local = zone.local_of(instant);
            let time_zone = (!is_true("Is Floating")).then_some(zone);
            if is_true("Is All Day") { Due::Date(local.date()) } else { Due::At { local, time_zone } }
        });
        if due.is_none() && !text.is_empty() {
            self.draft.plan.warnings.add(row.line, format!("The due date `{text}` cannot be read."));
        }
        if !row.get("Timezone").is_empty() && dates::zone(row.get("Timezone")).is_none() {
            let detail = format!("The time zone `{}` is unknown; yours was used.", row.get("Timezone"));
            self.draft.plan.warnings.add(row.line, detail);
        }
        todo.due = due;
        if let Some(created) = dates::instant(row.get("Created Time")) {
            todo.created_at = self.draft.origin.past(created);
        }
    }

    fn state(&mut self, row: &Row<'_>, todo: &mut Todo) {
        let status = row.get("Status");
        // 1 is completed, 2 is completed and archived, -1 is what the user will not do.
        todo.completed = matches!(status, "1" | "2" | "-1");
        if status == "-1" {
            self.draft.plan.warnings.add(row.line, "The task is marked as won't do, so it is completed.");
        } else if !matches!(status, "" | "0" | "1" | "2") {
            self.draft
                .plan
                .warnings
                .add(row.line, format!("The status `{status}` is unknown, so the task is open."));
        }
        if todo.completed {
            let at = dates::instant(row.get("Completed Time")).unwrap_or(self.draft.origin.now);
            todo.completed_at = Some(self.draft.origin.past(at));
        }
    }

    /// The items of a checklist become subtasks.
    fn items(&mut self, line: usize, parent: &Todo, items: Vec<(bool, String)>) -> Result<(), Refusal> {
        for (number, (completed, text)) in items.into_iter().enumerate() {
            let id = self.draft.origin.id(&format!("ticktick:item:{}:{number}", parent.id));
            let mut item = Todo::blank(id, parent.owner_id, String::new(), parent.created_at);
            texts::set(&mut item, &text, "", line, &mut self.draft.plan.warnings);
            (item.list_id, item.parent_id) = (parent.list_id, Some(parent.id));
            item.completed = completed || parent.completed;
            item.completed_at = item.completed.then_some(parent.completed_at.unwrap_or(parent.created_at));
            self.draft.plan.add_todo(line, item)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Plan {
        let warning = |_: &str| "The parent is not in the file, so the task is at the top level.".to_owned();
        self.parents.resolve(&mut self.draft.plan, warning);
        self.draft.plan
    }
}

/// The notes around the items, and the items with whether they are done.
fn checklist(content: &str) -> (String, Vec<(bool, String)>) {
    let (mut notes, mut items) = (Vec::new(), Vec::new());
    // Items of some versions are not in lines of their own.
    let lines = content.split('\n').flat_map(split_before_marks);
    for line in lines {
        match line.trim().strip_prefix([OPEN, DONE]) {
            Some(item) if !item.trim().is_empty() => {
                items.push((line.trim().starts_with(DONE), item.trim().to_owned()));
            }
            Some(_) => {}
            None => notes.push(line),
        }
    }
    (notes.join("\n").trim().to_owned(), items)
}

/// The parts of a text, each of which begins with a mark, except for the first.
fn split_before_marks(text: &str) -> Vec<&str> {
    let starts = text.match_indices([OPEN, DONE]).map(|(at, _)| at).filter(|at| *at > 0);
    let cuts: Vec<_> = [0].into_iter().chain(starts).chain([text.len()]).collect();
    cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

fn priority(text: &str) -> Priority {
    match text {
        "1" => Priority::Low,
        "3" => Priority::Medium,
        "5" => Priority::High,
        _ => Priority::None,
    }
}

/// The rule without the parts that only `TickTick` knows.
fn rule(text: &str) -> String {
    let parts = text.split(';').filter(|part| !part.starts_with("TT_"));
    parts.collect::<Vec<_>>().join(";")
}

/// Whether the start of a file looks like a backup.
pub fn recognises(file: &[u8]) -> bool {
    Table::read(file, &COLUMNS).is_ok_and(|table| table.has("Folder Name") || table.has("taskId"))
}
