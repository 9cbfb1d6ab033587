//! Todos in the format of todo.txt. It cannot hold descriptions, times of the day, the order, subtasks, repetitions that are no
//! plain interval, and the trash. Spaces in the names of lists and tags become `_`.

use super::{Account, Append, ListNames, Part, Rendering};
use crate::clock::rfc3339;
use crate::error::Error;
use crate::icalendar::Uids;
use crate::owned::State;
use crate::todos::due::Due;
use crate::todos::model::{Priority, Todo};

pub const RENDERING: Rendering = Rendering {
    name: "todo.txt",
    media_type: "text/plain; charset=utf-8",
    extension: "txt",
    head: |_: Account| Ok(Vec::new()),
    append: appending,
    tail: b"",
    has_calendar_texts: false,
};

const DATE_CHARS: usize = 10;

fn appending(_: Uids) -> Append {
    let mut lists = ListNames::default();
    Box::new(move |text, part| {
        match part {
            Part::List(list) => lists.add(*list),
            Part::Todo(todo) if todo.state == State::Live => {
                text.extend(line(&todo, lists.of(&todo)).into_bytes());
            }
            Part::Todos | Part::Todo(_) => {}
        }
        Ok::<_, Error>(())
    })
}

fn line(todo: &Todo, list: &str) -> String {
    let day = |time| rfc3339(time).to_string().chars().take(DATE_CHARS).collect::<String>();
    let letter = match todo.priority {
        Priority::High => Some("A"),
        Priority::Medium => Some("B"),
        Priority::Low => Some("C"),
        Priority::None => None,
    };
    let mut words = Vec::new();
    if todo.completed {
        words.push("x".to_owned());
        words.push(day(todo.completed_at.unwrap_or(todo.updated_at)));
    } else {
        words.extend(letter.map(|letter| format!("({letter})")));
    }
    words.push(day(todo.created_at));
    words.push(todo.name.split_whitespace().collect::<Vec<_>>().join(" "));
    let word = |text: &str| text.split_whitespace().collect::<Vec<_>>().join("_");
    words.extend((!list.is_empty()).then(|| format!("+{}", word(list))));
    words.extend(todo.tags.iter().map(|tag| format!("@{}", word(tag))));
    words.extend(todo.due.as_ref().map(|due: &Due| format!("due:{}", &due.local_key()[..DATE_CHARS])));
    // A completed task has no priority of its own in this format.
    words.extend(letter.filter(|_| todo.completed).map(|letter| format!("pri:{letter}")));
    words.join(" ") + "\n"
}
