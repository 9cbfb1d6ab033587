//! Google Tasks: `Tasks.json` of Takeout, alone or in its archive.

use serde::Deserialize;

use super::budget::{self, Bounded};
use super::{Refusal, archive, dates, texts};
use crate::lists::model::List;
use crate::todos::due::Due;
use crate::todos::model::Todo;
use crate::transfer::plan::{Origin, Plan};

pub const KIND: &str = "tasks#taskLists";

#[derive(Deserialize)]
struct TaskLists {
    #[serde(default)]
    items: Bounded<TaskList>,
}

#[derive(Deserialize)]
struct TaskList {
    #[serde(default)]
    id: String,
    #[serde(default)]
    title: String,
    // A list without tasks has none.
    #[serde(default)]
    items: Bounded<Task>,
}

#[derive(Deserialize)]
struct Task {
    #[serde(default)]
    id: String,
    #[serde(default)]
    title: String,
    notes: Option<String>,
    status: Option<String>,
    due: Option<String>,
    completed: Option<String>,
    created: Option<String>,
    updated: Option<String>,
    parent: Option<String>,
    #[serde(default)]
    deleted: bool,
}

pub fn read(file: &[u8], origin: Origin) -> Result<Plan, Refusal> {
    if !archive::is_archive(file) {
        return read_json(file, origin);
    }
    let files = archive::files(file, is_tasks)?;
    read_json(files.first().map_or(&[][..], |file| &file.bytes), origin)
}

pub fn is_tasks(name: &str) -> bool {
    name.ends_with("Tasks.json")
}

fn read_json(file: &[u8], origin: Origin) -> Result<Plan, Refusal> {
    let TaskLists { items } = budget::read(file)?;
    let mut plan = Plan::default();
    let mut number = 0;
    for (place, list) in items.0.into_iter().enumerate() {
        let key = if list.id.is_empty() { list.title.clone() } else { list.id };
        let list_id = origin.id(&format!("google:list:{key}"));
        let mut created = List::blank(list_id, origin.owner_id, String::new(), origin.now);
        let (name, whole) = texts::name(&list.title, place + 1, &mut plan.warnings);
        (created.name, created.description) = (name, whole.unwrap_or_default());
        plan.add_list(place + 1, created)?;
        for task in list.items.0 {
            number += 1;
            if task.deleted {
                plan.warnings.add(number, "A deleted task was left out.");
                continue;
            }
            let mut todo = todo(&task, number, origin, &mut plan);
            todo.list_id = Some(list_id);
            plan.add_todo(number, todo)?;
        }
    }
    Ok(plan)
}

fn todo(task: &Task, line: usize, origin: Origin, plan: &mut Plan) -> Todo {
    let id = |id: &str| origin.id(&format!("google:{id}"));
    let key = if task.id.is_empty() { format!("{line}:{}", task.title) } else { task.id.clone() };
    let mut todo = Todo::blank(id(&key), origin.owner_id, String::new(), origin.now);
    texts::set(&mut todo, &task.title, task.notes.as_deref().unwrap_or_default(), line, &mut plan.warnings);
    todo.parent_id = task.parent.as_deref().map(id);
    // The time of a due date is always midnight in UTC and has no meaning.
    todo.due = task.due.as_deref().and_then(dates::date).map(Due::Date);
    if todo.due.is_none()
        && let Some(due) = &task.due
    {
        plan.warnings.add(line, format!("The due date `{due}` cannot be read."));
    }
    let time = |text: &Option<String>| text.as_deref().and_then(dates::instant).map(|time| origin.past(time));
    todo.updated_at = time(&task.updated).unwrap_or(origin.now);
    todo.created_at = time(&task.created).unwrap_or(todo.updated_at);
    todo.completed = task.status.as_deref() == Some("completed");
    todo.completed_at = todo.completed.then(|| time(&task.completed).unwrap_or(todo.updated_at));
    todo
}
