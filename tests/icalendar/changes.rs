//! A change of one field changes only the lines of this field.

use std::collections::BTreeSet;

use todo_api::icalendar::{Object, Shown, Stored, render};
use todo_api::todos::due::{Due, DuePatch, parse_date, parse_local};
use todo_api::todos::input::TodoInput;
use todo_api::todos::model::Priority;
use todo_api::todos::recurrence::RecurrencePatch;

use crate::support::{CORPUS, Resource, assert_same, changed_names, text, user_zone};

const STAMPS: [&str; 3] = ["DTSTAMP", "LAST-MODIFIED", "SEQUENCE"];

pub(crate) fn day(text: &str) -> DuePatch {
    DuePatch { date: Some(parse_date(text)), at: Some(None), time_zone: Some(None) }
}

pub(crate) fn at(text: &str, zone: Option<&str>) -> DuePatch {
    let zone = zone.and_then(todo_api::clock::time_zone::Zone::named);
    DuePatch { date: Some(None), at: Some(parse_local(text)), time_zone: Some(zone) }
}

pub(crate) fn rule(text: &str) -> RecurrencePatch {
    RecurrencePatch { rule: Some(Some(text.to_owned())), ..RecurrencePatch::default() }
}

/// Changes with the lines that each may touch.
fn changes() -> Vec<(TodoInput, &'static [&'static str])> {
    const DUE: &[&str] = &["DUE", "DTSTART", "DURATION", "TRIGGER", "X-KDE-LIBKCAL-DTRECURRENCE", "EXDATE"];
    const SERIES: &[&str] = &["RRULE", "EXDATE", "RDATE", "DTSTART"];
    const COMPLETED: &[&str] = &["STATUS", "COMPLETED", "PERCENT-COMPLETE"];
    let none = TodoInput::default;
    vec![
        (TodoInput { name: Some("new; name, ü\\n".to_owned()), ..none() }, &["SUMMARY"]),
        (TodoInput { description: Some("a\nb".to_owned()), ..none() }, &["DESCRIPTION", "X-ALT-DESC"]),
        (TodoInput { description: Some(String::new()), ..none() }, &["DESCRIPTION", "X-ALT-DESC"]),
        (TodoInput { priority: Some(Priority::Medium), ..none() }, &["PRIORITY"]),
        (TodoInput { priority: Some(Priority::None), ..none() }, &["PRIORITY"]),
        (TodoInput { tags: Some(vec!["a,b".to_owned(), "ü".to_owned()]), ..none() }, &["CATEGORIES"]),
        (TodoInput { tags: Some(Vec::new()), ..none() }, &["CATEGORIES"]),
        (TodoInput { completed: Some(false), ..none() }, COMPLETED),
        (TodoInput { due: Some(Some(day("2026-12-03"))), ..none() }, DUE),
        (TodoInput { due: Some(Some(at("2026-12-03T10:15", Some("Asia/Tokyo")))), ..none() }, DUE),
        (TodoInput { due: Some(Some(at("2026-12-03T10:15", None))), ..none() }, DUE),
        (
            TodoInput { due: Some(None), recurrence: Some(None), ..none() },
            &["DUE", "DTSTART", "DURATION", "RRULE", "EXDATE", "RDATE", "X-KDE-LIBKCAL-DTRECURRENCE"],
        ),
        (TodoInput { recurrence: Some(None), ..none() }, SERIES),
        (TodoInput { recurrence: Some(Some(rule("FREQ=YEARLY"))), ..none() }, SERIES),
    ]
}

#[test]
fn a_change_of_one_field_changes_only_its_lines() {
    for (name, bytes) in CORPUS.iter() {
        let original = Resource::created(&Object::read(bytes).unwrap());
        let before = original.served();
        let has_overrides = before.contains("RECURRENCE-ID");
        for (input, allowed) in changes() {
            let mut changed = original.clone();
            let about = format!("{name}: {input:?}");
            // Some need a due date, and another due date makes a rule with hours invalid.
            if !changed.change(input) {
                continue;
            }
            let served = changed.served();
            let is_kde = before.contains("X-KDE-LIBKCAL-DTRECURRENCE") && allowed.contains(&"RRULE");
            let is_series = is_kde || allowed.contains(&"EXDATE") && has_overrides;
            let names = changed_names(&before, &served);
            let is_allowed = |name: &String| {
                allowed.contains(&name.as_str())
                    || STAMPS.contains(&name.as_str())
                    || is_series
                    || name == "RRULE" && allowed.contains(&"DUE")
            };
            assert!(names.iter().all(is_allowed), "{about}: {names:?}\n{served}");
            let is_same = todo_api::todos::model::Todo {
                version: 1,
                updated_at: original.todo.updated_at,
                history: None,
                ..changed.todo.clone()
            } == original.todo;
            assert_eq!(names.is_empty(), is_same, "{about}: {names:?}");
            assert_reads_back(&changed, &served, &about);
        }
    }
}

/// The text says what the todo says, and saying it again changes nothing.
pub(crate) fn assert_reads_back(changed: &Resource, served: &str, about: &str) {
    let read =
        Object::read(served.as_bytes()).unwrap_or_else(|refusal| panic!("{about}: {refusal:?}\n{served}"));
    let fresh = render(&changed.shown(), None);
    let fresh = Object::read(fresh.as_bytes()).unwrap();
    let (read, expected) = (read.fields(user_zone()), fresh.fields(user_zone()));
    let sorted = |rule: &Option<String>| {
        rule.as_deref().map(|rule| {
            let mut lines = rule.lines();
            let mut parts: Vec<_> = lines
                .next()
                .unwrap_or_default()
                .split(';')
                .filter(|part| *part != "INTERVAL=1")
                .map(str::to_owned)
                .collect();
            parts.sort();
            (parts, lines.map(str::to_owned).collect::<Vec<_>>())
        })
    };
    if changed.todo.recurrence.is_some() {
        assert_eq!(sorted(&read.rule), sorted(&expected.rule), "{about}\n{served}");
    }
    assert_eq!(read.name, expected.name, "{about}\n{served}");
    assert_eq!(read.description, expected.description, "{about}");
    assert_eq!(
        (read.completed, read.due, read.priority),
        (expected.completed, expected.due, expected.priority),
        "{about}\n{served}"
    );
    assert_eq!(read.parent_uid, expected.parent_uid, "{about}");
    // Errands splits tags at their commas.
    let keys = |tags: &[String]| -> BTreeSet<String> {
        let parts = tags.iter().flat_map(|tag| tag.split(',')).map(|tag| tag.trim().to_lowercase());
        parts.filter(|tag| !tag.is_empty()).collect()
    };
    assert!(keys(&expected.tags).is_subset(&keys(&read.tags)), "{about}\n{served}");
    let again = render(&changed.shown(), Some(&Stored { text: served, version: changed.todo.version }));
    assert_same(&again, served, about);
}

#[test]
fn completing_and_reopening_set_the_status() {
    let mut todo = Resource::of("nextcloud-plain");
    todo.change(TodoInput { completed: Some(true), ..TodoInput::default() });
    let served = todo.served();
    for line in ["STATUS:COMPLETED\r\n", "COMPLETED:20261128T120000Z\r\n", "PERCENT-COMPLETE:100\r\n"] {
        assert!(served.contains(line), "{served}");
    }
    (todo.text, todo.version) = (served, todo.todo.version);
    todo.change(TodoInput { completed: Some(false), ..TodoInput::default() });
    let served = todo.served();
    assert!(served.contains("STATUS:NEEDS-ACTION\r\n") && !served.contains("COMPLETE:"), "{served}");
}

#[test]
fn a_moved_due_date_takes_the_start_and_absolute_alarms_along() {
    let mut todo = Resource::of("ios-alarm");
    todo.change(TodoInput {
        due: Some(Some(at("2026-11-30T18:00", Some("America/New_York")))),
        ..TodoInput::default()
    });
    let served = todo.served();
    for line in [
        "DUE;TZID=America/New_York:20261130T180000",
        "DTSTART;TZID=America/New_York:20261130T180000",
        "TRIGGER;VALUE=DATE-TIME:20261130T230000Z",
        "SEQUENCE:2",
    ] {
        assert!(served.contains(line), "{line}\n{served}");
    }
    let mut with_span = Resource::of("tasks-org-full");
    with_span.change(TodoInput { due: Some(Some(day("2026-12-10"))), ..TodoInput::default() });
    let served = with_span.served();
    assert!(
        served.contains("DUE;VALUE=DATE:20261210") && served.contains("DTSTART;VALUE=DATE:20261206"),
        "{served}"
    );
    let mut with_duration = Resource::of("opentasks-duration");
    with_duration.change(TodoInput {
        due: Some(Some(at("2026-12-06T13:30", Some("Europe/Berlin")))),
        ..TodoInput::default()
    });
    let served = with_duration.served();
    assert!(served.contains("DTSTART;TZID=Europe/Berlin:20261206T100000\r\nDURATION:PT3H30M"), "{served}");
    assert!(!served.contains("DUE"), "{served}");
}

#[test]
fn a_zone_that_the_text_describes_is_not_described_again() {
    let mut todo = Resource::of("evolution-prefixed-zone");
    todo.change(TodoInput {
        due: Some(Some(at("2026-11-29T22:00", Some("Europe/Berlin")))),
        ..TodoInput::default()
    });
    let served = todo.served();
    assert!(
        served.contains("DUE;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20261129T220000"),
        "{served}"
    );
    assert_eq!(served.matches("BEGIN:VTIMEZONE").count(), 1);
    todo.change(TodoInput {
        due: Some(Some(at("2026-11-29T22:00", Some("Asia/Tokyo")))),
        ..TodoInput::default()
    });
    let served = todo.served();
    assert_eq!(served.matches("BEGIN:VTIMEZONE").count(), 2, "{served}");
    assert!(served.contains("TZID:Asia/Tokyo"));
}

#[test]
fn categories_that_are_no_tags_stay() {
    let mut todo = Resource::of("synthetic-long-values");
    todo.change(TodoInput { tags: Some(vec!["one".to_owned()]), ..TodoInput::default() });
    let served = todo.served().replace("\r\n ", "");
    assert!(served.contains("CATEGORIES:one,..,xxx"), "{served}");
}

#[test]
fn a_parent_is_named_changed_and_removed() {
    let mut todo = Resource::of("jtx-subtask");
    todo.parent_uid = Some("other".to_owned());
    let served = todo.served();
    assert_eq!(
        changed_names(&text("jtx-subtask"), &served),
        ["DTSTAMP", "LAST-MODIFIED", "RELATED-TO", "SEQUENCE"]
    );
    assert!(served.contains("RELATED-TO;RELTYPE=PARENT:other\r\nRELATED-TO;RELTYPE=SIBLING:"), "{served}");
    todo.parent_uid = None;
    assert_eq!(todo.served().matches("RELATED-TO").count(), 1, "the sibling stays");
}

#[test]
fn a_todo_without_a_text_gets_a_whole_one() {
    let mut todo = Resource::of("tasks-org-full");
    todo.change(TodoInput {
        recurrence: Some(Some(rule("FREQ=WEEKLY;COUNT=4\nEXDATE:20261211"))),
        ..TodoInput::default()
    });
    let shown = Shown { order: Some(3), ..todo.shown() };
    let text = render(&shown, None);
    let mut expected = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//todo-api//todo-api//EN\n<zone>BEGIN:VTODO\nUID:7110293847561029384\n\
        DTSTAMP:20261128T123000Z\nCREATED:20261128T120000Z\nLAST-MODIFIED:20261128T123000Z\n\
        SUMMARY:Renew the passport\\, urgently\nSTATUS:NEEDS-ACTION\n".to_owned();
    expected += "DESCRIPTION:Bring:\\n- photo (35×45 mm)\\n- the old passport\\; it may be exp\n ired\\n\\nhttps://example.org/termine?x=1\\,2\n";
    expected += "DUE;TZID=Europe/Berlin:20261204T093000\nRRULE:FREQ=WEEKLY;COUNT=4\nDTSTART;TZID=Europe/Berlin:20261204T093000\n";
    expected += "EXDATE;TZID=Europe/Berlin:20261211T093000\nPRIORITY:1\nCATEGORIES:errands,town hall\n";
    expected +=
        "RELATED-TO;RELTYPE=PARENT:4093582034958203498\nX-APPLE-SORT-ORDER:3\nEND:VTODO\nEND:VCALENDAR\n";
    let (start, end) = (text.find("BEGIN:VTIMEZONE").unwrap(), text.find("BEGIN:VTODO").unwrap());
    let without_zone = format!("{}<zone>{}", &text[..start], &text[end..]);
    assert_eq!(without_zone.replace("\r\n", "\n"), expected);
    assert!(text.contains("TZID:Europe/Berlin\r\n"));
    let fields = Object::read(text.as_bytes()).unwrap().fields(user_zone());
    assert_eq!(fields.due.map(|due: Due| due.local_key()).as_deref(), Some("2026-12-04T09:30"));
    assert_eq!(fields.rule.as_deref(), Some("FREQ=WEEKLY;COUNT=4\nEXDATE:20261211T093000"));
}
