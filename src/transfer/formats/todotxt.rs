//! todo.txt: a line for each task, `x 2026-11-01 2026-10-30 (A) text +list @tag due:2026-12-01`.

use super::lists::Draft;
use super::{Refusal, dates, texts};
use crate::clock::time_zone::Zone;
use crate::error::Violation;
use crate::todos::due::Due;
use crate::todos::model::{Priority, Todo};
use crate::todos::recurrence::Basis;
use crate::transfer::plan::{Origin, Plan};

pub fn read(file: &[u8], origin: Origin) -> Result<Plan, Refusal> {
    let text = std::str::from_utf8(file).map_err(|error| {
        let line = file[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        Violation::of_whole("malformed", format!("Line {line} is not UTF-8."))
    })?;
    let mut draft = Draft::new(origin);
    for (number, line) in text.lines().enumerate() {
        let task = line.trim();
        if task.is_empty() {
            continue;
        }
        let id = draft.id_of_content(format!("todo.txt:{task}"));
        let todo = Todo::blank(id, origin.owner_id, String::new(), origin.now);
        let (todo, list) = read_task(task, todo, number + 1, origin, &mut draft.plan);
        let list_id = match list {
            Some(name) => Some(draft.list(number + 1, &format!("todo.txt:list:{name}"), &name)?),
            None => None,
        };
        draft.plan.add_todo(number + 1, Todo { list_id, ..todo })?;
    }
    Ok(draft.plan)
}

/// Whether the start of a file is text with tasks, as far as that shows.
pub fn recognises(file: &[u8]) -> bool {
    let head = super::head(file);
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character can be cut at the end.
        Err(error) if error.valid_up_to() + 4 > head.len() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_text = !valid.chars().any(|c| c.is_control() && !c.is_whitespace());
    let is_json_or_xml = valid.trim_start().starts_with(['{', '[', '<']) || valid.starts_with("BEGIN:");
    is_text && !is_json_or_xml && !valid.trim().is_empty() && !looks_like_table(valid)
}

/// A table whose header is unknown must not be taken for tasks.
fn looks_like_table(text: &str) -> bool {
    let first = text.trim_start().lines().next().unwrap_or_default();
    first.starts_with('"') || [',', ';', '\t'].iter().any(|separator| first.matches(*separator).count() > 1)
}

fn read_task(
    task: &str,
    mut todo: Todo,
    line: usize,
    origin: Origin,
    plan: &mut Plan,
) -> (Todo, Option<String>) {
    let mut words: Vec<&str> = task.split(' ').collect();
    let take_date = |words: &mut Vec<&str>| {
        let date = words.first().and_then(|word| if word.len() == 10 { dates::date(word) } else { None })?;
        words.remove(0);
        Some(origin.past(Zone::UTC.instant_of(date.and_hms_opt(12, 0, 0)?)))
    };
    if words[0] == "x" {
        words.remove(0);
        todo.completed = true;
    }
    let mut priority = words.first().and_then(|word| letter(word));
    if priority.is_some() {
        words.remove(0);
    }
    let first = take_date(&mut words);
    let second = take_date(&mut words);
    // Some programs write the priority after the dates.
    if priority.is_none()
        && first.is_some()
        && let Some(found) = words.first().and_then(|word| letter(word))
    {
        priority = Some(found);
        words.remove(0);
    }
    // A completed task has the date of its completion first.
    let (completed_at, created_at) = if todo.completed { (first, second) } else { (None, first) };
    todo.created_at = created_at.or(completed_at).unwrap_or(origin.now);
    todo.updated_at = completed_at.unwrap_or(todo.created_at);
    todo.completed_at = todo.completed.then(|| completed_at.unwrap_or(todo.created_at));
    let (mut kept, mut list, mut tags, mut rule) = (Vec::new(), None, Vec::new(), None);
    for word in words {
        let after = |mark: char| word.strip_prefix(mark).filter(|rest| !rest.is_empty());
        match (after('+'), after('@'), word.split_once(':')) {
            (Some(project), ..) if list.is_none() => list = Some(project.to_owned()),
            // A todo has one list, so further projects become tags.
            (Some(project), ..) => tags.push(project),
            (_, Some(context), _) => tags.push(context),
            (_, _, Some(("due", date))) if dates::date(date).is_some() => {
                todo.due = dates::date(date).map(Due::Date);
            }
            (_, _, Some(("pri", pri))) if letter(&format!("({pri})")).is_some() => {
                priority = letter(&format!("({pri})"));
            }
            (_, _, Some(("rec", every))) if repetition(every).is_some() => rule = repetition(every),
            _ => kept.push(word),
        }
    }
    todo.priority = priority.unwrap_or_default();
    let name = if kept.iter().all(|word| word.is_empty()) { task.to_owned() } else { kept.join(" ") };
    texts::set(&mut todo, &name, "", line, &mut plan.warnings);
    todo.tags = texts::tags(tags, line, &mut plan.warnings);
    if let Some((rule, basis)) = rule {
        texts::repeat(&mut todo, &rule, basis, line, &mut plan.warnings);
    }
    (todo, list)
}

/// `(A)` is high, `(B)` medium, and every other letter low.
fn letter(word: &str) -> Option<Priority> {
    let letter = word.strip_prefix('(')?.strip_suffix(')')?;
    match letter.as_bytes() {
        [b'A'] => Some(Priority::High),
        [b'B'] => Some(Priority::Medium),
        [letter] if letter.is_ascii_uppercase() => Some(Priority::Low),
        _ => None,
    }
}

/// `rec:1w` counts from the completion, and `rec:+1w` from the due date.
fn repetition(text: &str) -> Option<(String, Basis)> {
    let (text, basis) = text.strip_prefix('+').map_or((text, Basis::Completion), |text| (text, Basis::Due));
    let unit = text.chars().last()?;
    let count: u32 = text[..text.len() - unit.len_utf8()].parse().ok().filter(|count| *count > 0)?;
    let (frequency, more) = match unit {
        'd' => ("DAILY", ""),
        'w' => ("WEEKLY", ""),
        'm' => ("MONTHLY", ""),
        'y' => ("YEARLY", ""),
        'b' => ("WEEKLY", ";BYDAY=MO,TU,WE,TH,FR"),
        _ => return None,
    };
    let interval = if unit == 'b' { 1 } else { count };
    Some((format!("FREQ={frequency};INTERVAL={interval}{more}"), basis))
}
