//! The ways in which clients complete an occurrence of a recurring todo.

use todo_api::icalendar::Object;
use todo_api::todos::input::TodoInput;

use crate::changes::{assert_reads_back, day};
use crate::support::{Resource, object, text, time};

fn with_override(master: &str, id: &str, lines: &str) -> String {
    let uid = object_uid(master);
    let occurrence = format!("BEGIN:VTODO\r\nUID:{uid}\r\n{id}\r\n{lines}END:VTODO\r\nEND:VCALENDAR\r\n");
    master.replace("END:VCALENDAR\r\n", &occurrence)
}

fn object_uid(text: &str) -> String {
    Object::read(text.as_bytes()).unwrap().uid().unwrap()
}

fn done(id: &str) -> String {
    let day = id.rsplit(':').next().unwrap();
    format!(
        "SUMMARY:daily\r\nSTATUS:COMPLETED\r\nDTSTART;VALUE=DATE:{day}\r\nDUE;VALUE=DATE:{day}\r\nCOMPLETED:20261128T034521Z\r\nPERCENT-COMPLETE:100\r\n"
    )
}

fn completed_on(text: &str, day: &str) -> String {
    let id = format!("RECURRENCE-ID;VALUE=DATE:{day}");
    with_override(text, &id, &done(&id))
}

#[test]
fn a_due_date_moved_on_by_the_client_goes_on_without_a_record() {
    let mut todo = Resource::of("tasks-org-count");
    assert_eq!(todo.todo.recurrence.as_ref().unwrap().left(), Some(6));
    let sent = text("tasks-org-count").replace("COUNT=6", "COUNT=5").replace("20261129T08", "20261130T08");
    todo.put(&sent);
    assert_eq!((todo.due().as_str(), todo.records.len()), ("2026-11-30T08:00", 0));
    assert_eq!(todo.todo.recurrence.as_ref().unwrap().left(), Some(5));
    assert_eq!(todo.served(), sent);
}

#[test]
fn a_due_date_postponed_by_the_client_stays_in_its_series() {
    let mut todo = Resource::of("tasks-org-recurring");
    let sent = text("tasks-org-recurring").replace("20261130", "20261201");
    todo.put(&sent);
    assert_eq!(todo.served(), sent);
    todo.change(TodoInput { completed: Some(true), ..TodoInput::default() });
    assert_eq!(todo.due(), "2026-12-03", "the Thursday after the Monday that was postponed");
}

#[test]
fn a_completed_occurrence_with_a_component_of_its_own_is_recorded() {
    let before = text("thunderbird-daily");
    let mut todo = Resource::of("thunderbird-daily");
    let sent = completed_on(&before, "20261128")
        .replace("PERCENT-COMPLETE:0\r\n", "PERCENT-COMPLETE:0\r\nX-MOZ-GENERATION:1\r\n");
    todo.put(&sent);
    assert_eq!((todo.due().as_str(), todo.todo.completed), ("2026-11-29", false));
    let [(record, record_text)] = &todo.records[..] else { panic!("{:?}", todo.records) };
    assert_eq!(record.completed_at, Some(time("2026-11-28T03:45:21Z")));
    assert_eq!(record.due.unwrap().local_key(), "2026-11-28");
    assert!(
        record_text.contains("STATUS:COMPLETED") && !record_text.contains("RECURRENCE-ID"),
        "{record_text}"
    );
    let served = todo.served();
    assert!(served.contains("DTSTART;VALUE=DATE:20261129\r\nDUE;VALUE=DATE:20261129\r\n"), "{served}");
    assert!(served.contains("X-MOZ-GENERATION:1") && !served.contains("RECURRENCE-ID"), "{served}");
    // The response was lost, so the client sends it again.
    todo.put(&sent);
    assert_eq!((todo.due().as_str(), todo.records.len()), ("2026-11-29", 1));
    assert_reads_back(&todo, &todo.served(), "repeated");
}

#[test]
fn several_completed_occurrences_are_completed_in_their_order() {
    let mut todo = Resource::of("thunderbird-daily");
    let sent = completed_on(&completed_on(&text("thunderbird-daily"), "20261129"), "20261128");
    todo.put(&sent);
    assert_eq!((todo.due().as_str(), todo.records.len()), ("2026-11-30", 2));
}

#[test]
fn an_occurrence_completed_ahead_is_recorded_and_left_out_later() {
    let mut todo = Resource::of("thunderbird-daily");
    let sent = completed_on(&text("thunderbird-daily"), "20261130");
    todo.put(&sent);
    assert_eq!((todo.due().as_str(), todo.records.len()), ("2026-11-28", 1));
    assert_eq!(todo.records[0].0.due.unwrap().local_key(), "2026-11-30");
    assert!(todo.served().contains("EXDATE;VALUE=DATE:20261130"), "{}", todo.served());
    todo.put(&sent);
    assert_eq!(todo.records.len(), 1, "sent again");
    for due in ["2026-11-29", "2026-12-01"] {
        todo.change(TodoInput { completed: Some(true), ..TodoInput::default() });
        assert_eq!(todo.due(), due);
    }
}

#[test]
fn completed_occurrences_of_a_rule_with_count_reduce_it() {
    let mut todo = Resource::of("emclient-completed-occurrence");
    todo.put(&text("emclient-completed-occurrence"));
    assert_eq!((todo.due().as_str(), todo.records.len()), ("2026-11-29", 1));
    assert_eq!(todo.todo.recurrence.as_ref().unwrap().left(), Some(9));
    assert!(todo.served().contains("RRULE:FREQ=DAILY;COUNT=9"), "{}", todo.served());
    let ahead = completed_on(&todo.served(), "20261201");
    todo.put(&ahead);
    assert_eq!(todo.todo.recurrence.as_ref().unwrap().left(), Some(8), "one of nine is done");
}

#[test]
fn a_series_that_the_client_ends_is_completed() {
    let mut todo = Resource::of("tasks-org-recurring");
    let sent = text("tasks-org-recurring")
        .replace("RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TH\r\n", "")
        .replace("PRIORITY:5", "PRIORITY:5\r\nSTATUS:COMPLETED\r\nCOMPLETED:20261127T201500Z");
    todo.put(&sent);
    assert!(todo.todo.completed && todo.todo.recurrence.is_none() && todo.records.is_empty());
    assert_eq!(todo.todo.completed_at, Some(time("2026-11-27T20:15:00Z")));
    assert_eq!(todo.served(), sent);
}

#[test]
fn a_completed_series_with_its_rule_completes_one_occurrence() {
    let sent = text("nextcloud-completed-series");
    let open = sent.replace("PERCENT-COMPLETE:100\r\nCOMPLETED:20261127T101530\r\nSTATUS:COMPLETED\r\n", "");
    let mut todo = Resource::created(&Object::read(open.as_bytes()).unwrap());
    todo.put(&sent);
    assert_eq!((todo.due().as_str(), todo.todo.completed, todo.records.len()), ("2026-12-04", false, 1));
    let (record, record_text) = &todo.records[0];
    assert_eq!(record.completed_at, Some(time("2026-11-27T09:15:30Z")), "a local time in the user's zone");
    assert!(!record_text.contains("RRULE"), "{record_text}");
    let served = todo.served();
    assert!(served.contains("STATUS:NEEDS-ACTION") && !served.contains("COMPLETED"), "{served}");
    assert!(served.contains("DUE;VALUE=DATE:20261204"), "{served}");
    todo.put(&sent);
    assert_eq!((todo.due().as_str(), todo.records.len()), ("2026-12-04", 1), "sent again");
}

#[test]
fn the_last_occurrence_stays_completed() {
    let open = text("tasks-org-count").replace("COUNT=6", "COUNT=1");
    let mut todo = Resource::created(&Object::read(open.as_bytes()).unwrap());
    let sent = open.replace("X-APPLE", "STATUS:COMPLETED\r\nCOMPLETED:20261128T100000Z\r\nX-APPLE");
    todo.put(&sent);
    assert!(todo.todo.completed && todo.records.is_empty());
    assert_eq!(todo.served(), sent);
}

#[test]
fn a_completion_can_come_with_other_changes() {
    let mut todo = Resource::of("thunderbird-daily");
    let renamed = text("thunderbird-daily").replace("SUMMARY:daily\r\nRRULE", "SUMMARY:every day\r\nRRULE");
    todo.put(&completed_on(&renamed, "20261128"));
    assert_eq!((todo.todo.name.as_str(), todo.due().as_str()), ("every day", "2026-11-29"));
}

#[test]
fn occurrences_that_are_moved_ahead_stay_until_they_have_passed() {
    let mut todo = Resource::of("thunderbird-moved-occurrence");
    for (due, has_override) in [("2026-12-09T11:00", true), ("2026-12-16T11:00", false)] {
        todo.change(TodoInput { completed: Some(true), ..TodoInput::default() });
        assert_eq!(todo.due(), due);
        assert_eq!(todo.served().contains("RECURRENCE-ID"), has_override, "{}", todo.served());
    }
}

#[test]
fn a_completion_elsewhere_moves_the_lines_of_the_series() {
    let mut todo = Resource::of("ios-daily");
    todo.change(TodoInput { completed: Some(true), ..TodoInput::default() });
    let served = todo.served();
    for line in [
        "DTSTART;TZID=America/New_York:20261129T0730",
        "DUE;TZID=America/New_York:20261129T0730",
        "TRIGGER;VALUE=DATE-TIME:20261129T123000Z",
    ] {
        assert!(served.contains(line), "{line}\n{served}");
    }
    assert!(served.contains("RRULE:FREQ=DAILY;INTERVAL=1\r\n"));
}

#[test]
fn the_current_occurrence_of_korganizer_is_its_own_line() {
    let mut todo = Resource::of("korganizer-recurring");
    todo.change(TodoInput { completed: Some(true), ..TodoInput::default() });
    let served = todo.served();
    assert!(
        served.contains("DTSTART;TZID=Europe/Berlin:20261211T180000")
            && served.contains("DUE;TZID=Europe/Berlin:20261211T190000"),
        "{served}"
    );
    assert!(!served.contains("DTRECURRENCE"), "{served}");
}

#[test]
fn a_rule_that_is_not_supported_stays() {
    let mut todo = Resource::of("vikunja");
    assert!(todo.todo.recurrence.is_none());
    todo.change(TodoInput {
        name: Some("renamed".to_owned()),
        due: Some(Some(day("2026-12-05"))),
        ..TodoInput::default()
    });
    assert!(todo.served().contains("RRULE:FREQ=SECONDLY;INTERVAL=604800\n"), "{}", todo.served());
}

#[test]
fn what_the_client_has_not_changed_stays() {
    let mut todo = Resource::of("ios-alarm");
    todo.change(TodoInput { tags: Some(vec!["home".to_owned()]), ..TodoInput::default() });
    let served = todo.served();
    let meant = todo.put(&served.replace("Pick up", "Fetch"));
    assert_eq!(
        meant.input,
        TodoInput { name: Some("Fetch the dry cleaning".to_owned()), ..TodoInput::default() }
    );
    assert_eq!(todo.todo.tags, ["home"]);
    assert_eq!(object("ios-alarm").uid().as_deref(), Some(todo.uid.as_str()));
}

#[test]
fn a_rule_that_repeats_the_time_of_its_beginning_goes_on_from_the_due_date() {
    let mut todo = Resource::of("python-caldav-count");
    assert_eq!(todo.todo.recurrence.as_ref().unwrap().left(), Some(3));
    let sent = text("python-caldav-count")
        .replace("DURATION:PT10M", "DUE:20261130T070500Z")
        .replace("20261016T", "20261130T")
        .replace("COUNT=3", "COUNT=1");
    todo.put(&sent);
    assert_eq!(
        (todo.due().as_str(), todo.todo.recurrence.as_ref().unwrap().left()),
        ("2026-11-30T07:05", Some(1))
    );
    assert_eq!(todo.served(), sent);
    let done = sent.replace("STATUS:NEEDS-ACTION", "STATUS:COMPLETED");
    todo.put(&done);
    assert!(todo.todo.completed && todo.records.is_empty());
    assert_eq!(todo.served(), done);
}
