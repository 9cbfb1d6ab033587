//! Microsoft To Do: the JSON of Microsoft Graph, which export tools write. Either lists with their tasks, or one list of tasks.

use serde::Deserialize;

use super::budget::{self, Bounded};
use super::lists::Draft;
use super::{Refusal, dates, html, texts};
use crate::todos::due::Due;
use crate::todos::model::{Priority, Todo};
use crate::todos::recurrence::Basis;
use crate::transfer::plan::{Origin, Plan};

// The name of the list for tasks without one.
const TASKS: &str = "Microsoft To Do";

/// Graph calls the array `value`; some tools call it `lists`.
#[derive(Deserialize)]
struct File {
    #[serde(default, alias = "lists")]
    value: Bounded<Entry>,
}

/// A list with its tasks, or a task: a list has a display name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: Option<String>,
    display_name: Option<String>,
    #[serde(default)]
    tasks: Bounded<Entry>,
    title: Option<String>,
    status: Option<String>,
    importance: Option<String>,
    body: Option<Body>,
    due_date_time: Option<Moment>,
    completed_date_time: Option<Moment>,
    created_date_time: Option<String>,
    last_modified_date_time: Option<String>,
    recurrence: Option<Recurrence>,
    #[serde(default)]
    checklist_items: Bounded<Item>,
    #[serde(default)]
    categories: Bounded<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    content: String,
    #[serde(default)]
    content_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Moment {
    date_time: String,
    #[serde(default)]
    time_zone: String,
}

#[derive(Deserialize)]
struct Recurrence {
    pattern: Pattern,
    range: Option<Range>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pattern {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    interval: u32,
    #[serde(default)]
    month: u32,
    #[serde(default)]
    day_of_month: u32,
    #[serde(default)]
    days_of_week: Bounded<String>,
    index: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Range {
    #[serde(rename = "type")]
    kind: Option<String>,
    number_of_occurrences: Option<u32>,
    end_date: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    is_checked: bool,
}

pub fn read(file: &[u8], origin: Origin) -> Result<Plan, Refusal> {
    let entries = match file.trim_ascii_start().first() {
        Some(b'[') => budget::read(file)?,
        _ => budget::read::<File>(file)?.value,
    };
    let mut reader = Reader { draft: Draft::new(origin), line: 0 };
    for entry in entries.0 {
        if let Some(name) = entry.display_name {
            reader.list(&entry.id.unwrap_or_else(|| name.clone()), &name, entry.tasks.0)?;
        } else {
            reader.list(TASKS, TASKS, vec![entry])?;
        }
    }
    Ok(reader.draft.plan)
}

struct Reader {
    draft: Draft,
    line: usize,
}

impl Reader {
    fn list(&mut self, key: &str, name: &str, tasks: Vec<Entry>) -> Result<(), Refusal> {
        let key = format!("microsoft:list:{key}");
        let list_id = self.draft.list(self.line + 1, &key, name)?;
        for task in tasks {
            self.line += 1;
            let mut todo = self.todo(&task, name);
            todo.list_id = Some(list_id);
            let parent = todo.clone();
            self.draft.plan.add_todo(self.line, todo)?;
            for (number, item) in task.checklist_items.0.iter().enumerate() {
                let id = self.draft.origin.id(&format!("microsoft:item:{}:{number}", parent.id));
                let mut step = Todo::blank(id, parent.owner_id, String::new(), parent.created_at);
                texts::set(&mut step, &item.display_name, "", self.line, &mut self.draft.plan.warnings);
                (step.parent_id, step.list_id) = (Some(parent.id), parent.list_id);
                step.completed = item.is_checked || parent.completed;
                step.completed_at =
                    step.completed.then_some(parent.completed_at.unwrap_or(parent.created_at));
                self.draft.plan.add_todo(self.line, step)?;
            }
        }
        Ok(())
    }

    fn todo(&mut self, task: &Entry, list: &str) -> Todo {
        let title = task.title.as_deref().unwrap_or_default();
        let key = task.id.clone().unwrap_or_else(|| format!("{list}\0{title}"));
        let id = self.draft.id_of_content(format!("microsoft:{key}"));
        let (origin, line, warnings) = (self.draft.origin, self.line, &mut self.draft.plan.warnings);
        let mut todo = Todo::blank(id, origin.owner_id, String::new(), origin.now);
        let notes = task.body.as_ref().map_or_else(String::new, |body| match &*body.content_type {
            "html" => html::text(&body.content),
            _ => html::text_if_html(&body.content),
        });
        texts::set(&mut todo, title, notes.trim(), line, warnings);
        todo.tags = texts::tags(task.categories.0.iter().map(String::as_str), line, warnings);
        todo.priority = match task.importance.as_deref() {
            Some("high") => Priority::High,
            Some("low") => Priority::Low,
            _ => Priority::None,
        };
        let time =
            |text: &Option<String>| text.as_deref().and_then(dates::instant).map(|time| origin.past(time));
        todo.created_at = time(&task.created_date_time).unwrap_or(origin.now);
        todo.updated_at = time(&task.last_modified_date_time).unwrap_or(todo.created_at);
        todo.completed = task.status.as_deref() == Some("completed");
        let completed =
            task.completed_date_time.as_ref().and_then(|moment| dates::instant(&moment.date_time));
        todo.completed_at =
            todo.completed.then(|| completed.map_or(todo.updated_at, |time| origin.past(time)));
        // A due date of this service is a day, whatever its time says.
        todo.due = task.due_date_time.as_ref().and_then(|moment| day(moment, origin)).map(Due::Date);
        if let Some(recurrence) = &task.recurrence {
            let kind = &recurrence.pattern.kind;
            let rule = rule(recurrence).unwrap_or_else(|| kind.clone());
            texts::repeat(&mut todo, &rule, Basis::Due, line, warnings);
        }
        todo
    }
}

/// Midnight of the day in the named zone. Midnight of the user is sent in UTC by some tools.
fn day(moment: &Moment, origin: Origin) -> Option<chrono::NaiveDate> {
    let is_midnight = moment.date_time.get(11..19) == Some("00:00:00");
    if is_midnight || moment.time_zone != "UTC" {
        return dates::date(&moment.date_time);
    }
    dates::instant(&moment.date_time).map(|instant| dates::day_in(instant, origin.zone))
}

/// A pattern of Graph (`patternedRecurrence`) as a rule.
fn rule(Recurrence { pattern, range }: &Recurrence) -> Option<String> {
    let Pattern { kind, interval, month, day_of_month: day, days_of_week, index } = pattern;
    let days = days_of_week.0.iter().map(|day| day.get(..2).map(str::to_uppercase));
    let days = days.collect::<Option<Vec<_>>>()?.join(",");
    let index = match index.as_deref() {
        Some("second") => 2,
        Some("third") => 3,
        Some("fourth") => 4,
        Some("last") => -1,
        _ => 1,
    };
    let rule = match &**kind {
        "daily" => "FREQ=DAILY".to_owned(),
        "weekly" => format!("FREQ=WEEKLY;BYDAY={days}"),
        "absoluteMonthly" => format!("FREQ=MONTHLY;BYMONTHDAY={day}"),
        "relativeMonthly" => format!("FREQ=MONTHLY;BYDAY={days};BYSETPOS={index}"),
        "absoluteYearly" => format!("FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={day}"),
        "relativeYearly" => format!("FREQ=YEARLY;BYMONTH={month};BYDAY={days};BYSETPOS={index}"),
        _ => return None,
    };
    let interval = if *interval > 1 { format!(";INTERVAL={interval}") } else { String::new() };
    let end = match range.as_ref().map(|range| (range.kind.as_deref(), range)) {
        Some((Some("numbered"), range)) => format!(";COUNT={}", range.number_of_occurrences?),
        Some((Some("endDate"), range)) => {
            format!(";UNTIL={}", range.end_date.as_ref()?.get(..10)?.replace('-', ""))
        }
        _ => String::new(),
    };
    Some(rule + &interval + &end)
}
