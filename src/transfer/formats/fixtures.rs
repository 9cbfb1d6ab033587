//! Reads every file of `tests/transfer` and compares the plan with the text beside it.
//!
//! The files were written for these tests, in the shapes that the services export.

use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use bson::DateTime;
use bson::oid::ObjectId;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{Format, Refusal, read};
use crate::clock::rfc3339;
use crate::clock::time_zone::Zone;
use crate::error::Violation;
use crate::icalendar::Uids;
use crate::todos::model::Todo;
use crate::transfer::plan::{Origin, Plan, Planned};
use crate::transfer::render::csv::RENDERING as CSV;
use crate::transfer::render::ics::RENDERING as ICALENDAR;
use crate::transfer::render::json::RENDERING as JSON;
use crate::transfer::render::todotxt::RENDERING as TODO_TXT;
use crate::transfer::render::{Account, Part, Rendering};

// A Saturday, 13:00 in Berlin.
const NOW: i64 = 1_795_867_200_000;

pub(super) fn origin() -> Origin {
    let zone = Zone::named("Europe/Berlin").unwrap();
    Origin { owner_id: ObjectId::from_bytes([7; 12]), now: DateTime::from_millis(NOW), zone }
}

pub(super) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A plan as text, in the order in which it is written.
pub(super) fn shown(read: Result<(&'static Format, Plan), Refusal>) -> String {
    let (format, plan) = match read {
        Ok(read) => read,
        Err(Refusal::Json(_)) => return "refused: malformed_json\n".to_owned(),
        Err(Refusal::Invalid(violations)) => {
            let line = |one: &Violation| format!("refused: {} {} {}\n", one.code, one.pointer, one.detail);
            return violations.iter().map(line).collect();
        }
    };
    let mut text = format!("format: {}\n", format.name);
    for list in &plan.lists {
        let color = list.value.color.as_deref().unwrap_or_default();
        let _ = writeln!(text, "list: {:?} {:?} {color}", list.value.name, list.value.description);
    }
    let list = |id| plan.lists.iter().find(|list| Some(list.value.id) == id).map(|list| &*list.value.name);
    let parent = |id| plan.todos.iter().find(|todo| Some(todo.value.id) == id).map(|todo| &*todo.value.name);
    for todo in &plan.todos {
        let line = todo.line;
        let todo = &todo.value;
        let _ = write!(text, "{line}: {} {:?}", if todo.completed { "[x]" } else { "[ ]" }, todo.name);
        let time = |time| rfc3339(time).to_string();
        let zone = todo.due.as_ref().map(|due| serde_json::to_string(due).unwrap());
        let rule = todo.recurrence.as_ref().map(|rule| format!("{} {:?}", rule.rule(), rule.basis()));
        let tags = (!todo.tags.is_empty()).then(|| todo.tags.join("|"));
        let priority = Some(todo.priority.word()).filter(|word| *word != "none").map(str::to_owned);
        let created = (todo.created_at.timestamp_millis() != NOW).then(|| time(todo.created_at));
        let description = (!todo.description.is_empty()).then(|| format!("{:?}", todo.description));
        for (name, value) in [
            ("in", list(todo.list_id).map(str::to_owned)),
            ("under", parent(todo.parent_id).map(str::to_owned)),
            ("due", zone),
            ("repeats", rule),
            ("priority", priority),
            ("tags", tags),
            ("done", todo.completed_at.map(time)),
            ("created", created),
            ("notes", description),
        ] {
            if let Some(value) = value {
                let _ = write!(text, " {name}={value}");
            }
        }
        text.push('\n');
    }
    for warning in &plan.warnings.first {
        let _ = writeln!(text, "warning {}: {}", warning.line, warning.detail);
    }
    text
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transfer");
    let mut files = Vec::new();
    for format in fs::read_dir(folder).unwrap() {
        let entries = fs::read_dir(format.unwrap().path()).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.retain(|file| file.extension().is_none_or(|extension| extension != "plan"));
    files.sort();
    files
}

#[test]
fn every_file_of_another_service_becomes_the_plan_beside_it() {
    let (mut wrong, all) = (String::new(), fixtures());
    for path in &all {
        let mut file = fs::read(path).unwrap();
        let service = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        if service == "vikunja" {
            file = zipped(&[("VERSION", b"v1.0"), ("data.json", &file), ("files/1", b"x")]);
        }
        let plan = shown(read(&file, None, origin()));
        assert!(
            plan.contains(&format!("format: {service}")) || plan.contains("refused"),
            "{}: {plan}",
            path.display()
        );
        // Reading it again gives the same ids.
        if let (Ok((_, first)), Ok((_, second))) = (read(&file, None, origin()), read(&file, None, origin()))
        {
            let ids = |plan: Plan| plan.todos.iter().map(|todo| todo.value.id).collect::<Vec<_>>();
            let (first, second) = (ids(first), ids(second));
            assert_eq!(first, second);
        }
        let expected = fs::read_to_string(format!("{}.plan", path.display())).unwrap_or_default();
        if plan != expected {
            let _ = writeln!(wrong, "=== {}\n{plan}", path.display());
        }
    }
    assert!(wrong.is_empty(), "these plans differ from the text beside the file:\n{wrong}");
    for format in super::FORMATS.iter().filter(|format| format.name != "todo-api") {
        let of_format =
            all.iter().filter(|path| path.parent().is_some_and(|folder| folder.ends_with(format.name)));
        assert!(of_format.count() >= 5, "{}", format.name);
    }
}

#[test]
fn archives_of_one_file_are_opened() {
    let table = b"name,due\nx,2026-12-01\n";
    assert!(
        shown(read(&zipped(&[("export/todos.csv", table)]), None, origin())).starts_with("format: csv\n")
    );
    let project = b"TYPE,CONTENT,PRIORITY,INDENT\ntask,x,4,1\n";
    let projects = zipped(&[("Work [12].csv", project), ("Inbox [13].csv", project)]);
    let shown_projects = shown(read(&projects, None, origin()));
    assert!(shown_projects.starts_with("format: todoist\nlist: \"Work\""), "{shown_projects}");
    assert_eq!(shown_projects.matches("list:").count(), 1, "the inbox is no list");
    let takeout = zipped(&[
        ("Takeout/Tasks/Tasks.json", br#"{"kind":"tasks#taskLists","items":[]}"#),
        ("Takeout/x.html", b"x"),
    ]);
    assert!(shown(read(&takeout, None, origin())).starts_with("format: google-tasks"));
}

#[test]
fn a_file_of_an_unknown_format_is_refused() {
    for file in [&b""[..], b"\0\x01\x02", b"{}", b"<html>", b"BEGIN:VCARD\n"] {
        assert!(shown(read(file, None, origin())).starts_with("refused: unknown_format"), "{file:?}");
    }
}

/// What an export of a plan looks like.
fn exported(rendering: &Rendering, plan: &Plan) -> String {
    let account = Account {
        username: "ann".to_owned(),
        email: None,
        time_zone: "UTC".to_owned(),
        exported_at: origin().now,
    };
    let mut bytes = (rendering.head)(account).unwrap();
    let mut append = (rendering.append)(uids_of(plan));
    for list in &plan.lists {
        append(&mut bytes, Part::List(Box::new(list.value.clone()))).unwrap();
    }
    append(&mut bytes, Part::Todos).unwrap();
    for todo in &plan.todos {
        append(&mut bytes, Part::Todo(Box::new(todo.value.clone()))).unwrap();
    }
    bytes.extend_from_slice(rendering.tail);
    String::from_utf8(bytes).unwrap()
}

fn uids_of(plan: &Plan) -> Uids {
    let uid = |todo: &Planned<Todo>| Some((todo.value.id, todo.value.calendar.as_ref()?.uid.clone()?));
    plan.todos.iter().filter_map(uid).collect()
}

#[test]
fn every_rendering_of_every_plan_can_be_imported_again() {
    let mut count = 0;
    for path in fixtures() {
        let Ok((_, plan)) = read(&fs::read(&path).unwrap(), None, origin()) else { continue };
        for rendering in [&JSON, &ICALENDAR, &CSV, &TODO_TXT] {
            let text = exported(rendering, &plan);
            let (format, again) = match read(text.as_bytes(), Format::by_name(rendering.name), origin()) {
                Ok(read) => read,
                Err(refusal) => panic!("{} as {}: {refusal:?}\n{text}", path.display(), rendering.name),
            };
            let names = |plan: &Plan| {
                let mut names: Vec<_> = plan.todos.iter().map(|todo| todo.value.name.clone()).collect();
                names.sort();
                names
            };
            assert_eq!(
                again.todos.len(),
                plan.todos.len(),
                "{} as {}\n{text}",
                path.display(),
                rendering.name
            );
            if format.name != "todo.txt" {
                assert_eq!(names(&again), names(&plan), "{}", path.display());
            }
            if format.name == "todo-api" {
                assert_eq!(exported(rendering, &again), text, "{}", path.display());
            }
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}
