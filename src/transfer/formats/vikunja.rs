//! Vikunja: the archive of its data export, with the projects and their tasks in `data.json`.

use serde::{Deserialize, de};

use super::budget::{self, Bounded};
use super::{Refusal, archive, dates, html, texts};
use crate::error::Violation;
use crate::lists::model::List;
use crate::owned::text::COLOR;
use crate::todos::model::{Priority, Todo};
use crate::todos::recurrence::Basis;
use crate::transfer::plan::{Origin, Plan};

pub const DATA: &str = "data.json";
const DAY_SECONDS: u64 = 24 * 60 * 60;

#[derive(Deserialize)]
struct Project {
    #[serde(default)]
    id: i64,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    hex_color: String,
    #[serde(default)]
    tasks: Bounded<Task>,
    // Releases before 0.21 have namespaces with lists.
    #[serde(default)]
    lists: Bounded<Project>,
    #[serde(default)]
    child_projects: Bounded<Project>,
}

#[derive(Deserialize)]
struct Task {
    #[serde(default)]
    id: i64,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    done: bool,
    done_at: Option<String>,
    due_date: Option<String>,
    start_date: Option<String>,
    created: Option<String>,
    updated: Option<String>,
    #[serde(default)]
    repeat_after: u64,
    #[serde(default)]
    repeat_mode: u8,
    #[serde(default)]
    priority: i64,
    #[serde(default)]
    labels: Bounded<Label>,
    related_tasks: Option<RelatedTasks>,
    #[serde(default)]
    comments: Bounded<Comment>,
    #[serde(default)]
    attachments: Bounded<de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Label {
    #[serde(default)]
    title: String,
}

/// The relations that matter here.
#[derive(Deserialize)]
struct RelatedTasks {
    #[serde(default, rename = "parenttask")]
    parents: Bounded<Related>,
}

#[derive(Deserialize)]
struct Related {
    #[serde(default)]
    id: i64,
}

#[derive(Deserialize)]
struct Comment {
    #[serde(default)]
    comment: String,
}

pub fn read(file: &[u8], origin: Origin) -> Result<Plan, Refusal> {
    let data = archive::files(file, |name| name == DATA)?.pop().ok_or_else(|| {
        Violation::of_whole(
            "malformed",
            format!("The archive has no `{DATA}`. Choose the archive of the data export."),
        )
    })?;
    let projects: Bounded<Project> = budget::read(&data.bytes)?;
    let mut reader = Reader { origin, plan: Plan::default(), line: 0 };
    reader.projects(projects)?;
    Ok(reader.plan)
}

struct Reader {
    origin: Origin,
    plan: Plan,
    line: usize,
}

impl Reader {
    fn projects(&mut self, projects: Bounded<Project>) -> Result<(), Refusal> {
        for project in projects.0 {
            let Project { id, title, description, hex_color, tasks, lists, child_projects } = project;
            // A namespace is no list.
            let has_own = lists.0.is_empty() || !tasks.0.is_empty();
            let list_id = self.origin.id(&format!("vikunja:list:{id}"));
            if has_own {
                self.line += 1;
                let mut list = List::blank(list_id, self.origin.owner_id, String::new(), self.origin.now);
                let (name, whole) = texts::name(&title, self.line, &mut self.plan.warnings);
                let notes = [whole.unwrap_or_default(), html::text_if_html(&description)].join("\n");
                (list.name, list.description) =
                    (name, texts::description(notes.trim().to_owned(), self.line, &mut self.plan.warnings));
                list.color = COLOR.read(&format!("#{}", hex_color.trim_start_matches('#')));
                self.plan.add_list(self.line, list)?;
            }
            for task in tasks.0 {
                self.line += 1;
                let mut todo = self.todo(&task);
                todo.list_id = Some(list_id);
                self.plan.add_todo(self.line, todo)?;
            }
            self.projects(lists)?;
            self.projects(child_projects)?;
        }
        Ok(())
    }

    fn todo(&mut self, task: &Task) -> Todo {
        let (origin, line, warnings) = (self.origin, self.line, &mut self.plan.warnings);
        let id = |id: i64| origin.id(&format!("vikunja:{id}"));
        let mut todo = Todo::blank(id(task.id), origin.owner_id, String::new(), origin.now);
        texts::set(&mut todo, &task.title, &html::text_if_html(&task.description), line, warnings);
        for comment in &task.comments.0 {
            texts::note(&mut todo, &html::text_if_html(&comment.comment), line, warnings);
        }
        if !task.attachments.0.is_empty() {
            warnings.add(line, format!("{} attachments were left out.", task.attachments.0.len()));
        }
        todo.tags = texts::tags(task.labels.0.iter().map(|label| &*label.title), line, warnings);
        todo.priority = priority(task.priority);
        let time = |text: &Option<String>| text.as_deref().and_then(dates::instant);
        todo.due = time(&task.due_date)
            .or_else(|| time(&task.start_date))
            .map(|due| dates::time_in(due, origin.zone));
        todo.created_at = time(&task.created).map_or(origin.now, |time| origin.past(time));
        todo.updated_at = time(&task.updated).map_or(todo.created_at, |time| origin.past(time));
        todo.completed = task.done;
        todo.completed_at =
            task.done.then(|| time(&task.done_at).map_or(todo.updated_at, |time| origin.past(time)));
        let parents = task.related_tasks.as_ref().map(|related| &related.parents.0);
        todo.parent_id = parents.and_then(|parents| parents.first()).map(|parent| id(parent.id));
        if task.repeat_after > 0 || task.repeat_mode == 1 {
            let (rule, basis) = repetition(task);
            texts::repeat(&mut todo, &rule, basis, line, warnings);
        }
        todo
    }
}

// 0 is unset, 1 low, 2 medium, 3 high, 4 urgent, 5 do now.
fn priority(priority: i64) -> Priority {
    match priority {
        1 => Priority::Low,
        2 => Priority::Medium,
        3.. => Priority::High,
        _ => Priority::None,
    }
}

/// Mode 1 repeats every month, mode 2 counts from the completion.
fn repetition(task: &Task) -> (String, Basis) {
    let basis = if task.repeat_mode == 2 { Basis::Completion } else { Basis::Due };
    let (unit, seconds) = match task.repeat_after {
        _ if task.repeat_mode == 1 => return ("FREQ=MONTHLY".to_owned(), Basis::Due),
        after if after % (7 * DAY_SECONDS) == 0 => ("WEEKLY", 7 * DAY_SECONDS),
        after if after % DAY_SECONDS == 0 => ("DAILY", DAY_SECONDS),
        after if after % 3_600 == 0 => ("HOURLY", 3_600),
        _ => ("MINUTELY", 60),
    };
    (format!("FREQ={unit};INTERVAL={}", (task.repeat_after / seconds).max(1)), basis)
}
