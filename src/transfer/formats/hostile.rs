//! Files that are made to do harm: bombs, millions of items, broken bytes.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use super::fixtures::{origin, shown, zipped};
use super::{Format, read};

const THREADS: usize = 2;

/// A file, the format and the expected code.
#[expect(clippy::too_many_lines, reason = "a table")]
fn hostile() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let table = |head: &str, row: &str, count: usize| format!("{head}\n{}", row.repeat(count)).into_bytes();
    let bomb = zipped(&[("data.json", &vec![b' '; 200 * 1024 * 1024]), ("VERSION", b"v1")]);
    let text_bomb = zipped(&[("todo.txt", &b"a\n".repeat(40_000_000))]);
    let export = format!("{{\"format\":\"todo-api/export\",\"version\":1{}", " ".repeat(200 * 1024 * 1024));
    let export_bomb = zipped(&[("a.json", export.as_bytes())]);
    let mut lying_bomb = export_bomb.clone();
    // The size in the central directory file header (APPNOTE 4.3.12).
    let header = lying_bomb.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    lying_bomb[header + 24..header + 28].copy_from_slice(&[1, 0, 0, 0]);
    let mut truncated = bomb.clone();
    truncated.truncate(bomb.len() / 2);
    let many = zipped(&(0..10_001).map(|_| ("x", &b""[..])).take(1).collect::<Vec<_>>());
    let mut many_entries = many;
    let end = many_entries.len() - 22;
    many_entries[end + 8..end + 12].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    let objects = |inner: &str| {
        format!("{{\"kind\":\"tasks#taskLists\",\"items\":[{}]}}", inner.trim_end_matches(',')).into_bytes()
    };
    vec![
        ("a zip bomb", bomb, "vikunja", "too_large"),
        ("a zip bomb of text", text_bomb, "todo.txt", "too_large"),
        ("a zip bomb of an export", export_bomb, "todo-api", "too_large"),
        ("a zip bomb of an export that says it has one byte", lying_bomb, "todo-api", "malformed"),
        ("half an archive", truncated, "vikunja", "malformed"),
        ("an archive with too many entries", many_entries, "csv", "malformed"),
        ("a million lines of text", table("x", "a\n", 1_000_000), "todo.txt", "too_many"),
        ("a row of millions of cells", table("name,due", &",".repeat(10_000_000), 1), "csv", "too_many"),
        (
            "a row of millions of quoted lines",
            table("name,due", &"\"\n\",".repeat(3_000_000), 1),
            "csv",
            "too_many",
        ),
        (
            "a row of millions of cells after quotes",
            table("name,due", &format!("a\"\"b{}", ",".repeat(10_000_000)), 1),
            "csv",
            "too_many",
        ),
        ("a million rows", table("name,due", "a,\n", 1_000_000), "csv", "too_many"),
        (
            "a million tasks of TickTick",
            table("List Name,Title,Status", "L,a,0\n", 1_000_000),
            "ticktick",
            "too_many",
        ),
        (
            "a million tasks of Todoist",
            table("TYPE,CONTENT,PRIORITY,INDENT", "task,a,4,1\n", 1_000_000),
            "todoist",
            "too_many",
        ),
        (
            "a million lists",
            table("name,list", "", 0)
                .into_iter()
                .chain((0..2_000).flat_map(|n| format!("a,l{n}\n").into_bytes()))
                .collect(),
            "csv",
            "too_many",
        ),
        ("millions of empty objects", objects(&"{},".repeat(4_000_000)), "google-tasks", "too_many"),
        (
            "millions of empty tasks",
            objects(&format!("{{\"items\":[{}]}}", "{},".repeat(4_000_000).trim_end_matches(','))),
            "google-tasks",
            "too_many",
        ),
        (
            "millions of empty lists",
            format!("[{}{{}}]", "{},".repeat(4_000_000)).into_bytes(),
            "microsoft-todo",
            "too_many",
        ),
        (
            "deep nesting",
            format!("{{\"kind\":{}", "[".repeat(1_000_000)).into_bytes(),
            "google-tasks",
            "malformed_json",
        ),
        ("bytes", (0..=255_u8).cycle().take(10_000_000).collect(), "todo.txt", "malformed"),
        (
            "an open quote",
            table("name,due", "\"", 1).into_iter().chain(vec![b'x'; 10_000_000]).collect(),
            "csv",
            "",
        ),
        ("a long line", vec![b'x'; 10_000_000], "todo.txt", ""),
        (
            "a zip bomb of a calendar",
            zipped(&[("a.ics", &b"A:1\n".repeat(17_000_000))]),
            "icalendar",
            "too_large",
        ),
        ("a million lines of a calendar", calendar(&"X:1\n".repeat(1_000_000)), "icalendar", ""),
        ("a million lines of a todo", calendar(&todo(&"X:1\n".repeat(1_000_000))), "icalendar", ""),
        ("half a million todos", calendar(&todo("").repeat(500_000)), "icalendar", "too_many"),
        ("a large zone", calendar(&zoned(600)), "icalendar", "too_large"),
        (
            "a line of a calendar",
            calendar(&todo(&format!("SUMMARY:{}", "x".repeat(10_000_000)))),
            "icalendar",
            "",
        ),
        ("a deep calendar", "BEGIN:VCALENDAR\n".repeat(1_000_000).into_bytes(), "icalendar", "malformed"),
        ("an open calendar", calendar("")[..20].to_vec(), "icalendar", "malformed"),
        (
            "a deep chain",
            table("id,parent_id,name", "", 0)
                .into_iter()
                .chain((1..20_000).flat_map(|n| format!("{n},{},a\n", n - 1).into_bytes()))
                .collect(),
            "csv",
            "",
        ),
    ]
}

fn calendar(content: &str) -> Vec<u8> {
    format!("BEGIN:VCALENDAR\n{content}END:VCALENDAR\n").into_bytes()
}

fn todo(lines: &str) -> String {
    format!("BEGIN:VTODO\n{lines}\nEND:VTODO\n")
}

/// Todos in a zone whose description has 100 kB, which is part of the text of each.
fn zoned(todos: usize) -> String {
    let zone = format!("BEGIN:VTIMEZONE\nTZID:Z\nCOMMENT:{}\nEND:VTIMEZONE\n", "x".repeat(100_000));
    zone + &todo("DUE;TZID=Z:20261201T090000").repeat(todos)
}

#[test]
fn files_that_are_made_to_do_harm_are_refused_or_read_quickly() {
    let files = Mutex::new(hostile());
    let next = || files.lock().unwrap().pop();
    let check_all = || {
        while let Some((what, file, format, code)) = next() {
            let started = Instant::now();
            let plan = shown(read(&file, Format::by_name(format), origin()));
            let expected =
                if code.is_empty() { format!("format: {format}") } else { format!("refused: {code}") };
            assert!(plan.starts_with(&expected), "{what}: {}", &plan[..plan.len().min(300)]);
            // Without optimization, and beside other tests.
            assert!(started.elapsed() < Duration::from_mins(1), "{what} took {:?}", started.elapsed());
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| _ = scope.spawn(check_all)));
}
