//! What the texts of each client mean, and that they come back.

use todo_api::icalendar::{Fields, Object, Refusal, TEXT_MAX};

use crate::support::{CORPUS, Resource, object, text, user_zone};

#[test]
fn every_object_comes_back_byte_for_byte() {
    for (name, bytes) in CORPUS.iter() {
        let object = Object::read(bytes).unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        assert!(object.is_verbatim(), "{name}");
        let served = Resource::created(&object).served();
        if name == "emclient-completed-occurrence" {
            assert!(!served.contains("STATUS:COMPLETED"), "completed occurrences are not served");
            continue;
        }
        assert_eq!(served, str::from_utf8(bytes).unwrap(), "{name}");
    }
}

#[test]
fn a_rule_with_the_name_of_its_property_twice_comes_back_byte_for_byte() {
    let text = text("tasks-org-recurring").replace("RRULE:", "RRULE:RRULE:");
    let served = Resource::created(&Object::read(text.as_bytes()).unwrap()).served();
    assert_eq!(served, text);
}

/// Due date, rule, priority, tags, parent, order, and whether it is completed.
fn summary(fields: &Fields) -> String {
    let due = fields.due.map(|due| serde_json::to_string(&due).unwrap().replace(['{', '}', '"'], ""));
    let order = fields.order.map(|order| order.to_string());
    let parts = [
        fields.name.clone(),
        due.unwrap_or_default(),
        fields.rule.clone().unwrap_or_default(),
        fields.priority.word().to_owned(),
        fields.tags.join("+"),
        fields.parent_uid.clone().unwrap_or_default(),
        order.unwrap_or_default(),
        if fields.completed { "done".to_owned() } else { String::new() },
    ];
    parts.join("|")
}

#[test]
fn the_texts_of_clients_are_understood() {
    for (name, expected) in [
        ("tasks-org-plain", "Buy milk|||low||||"),
        (
            "tasks-org-full",
            "Renew the passport, urgently|at:2026-12-04T09:30,time_zone:Europe/Berlin||high|errands+town hall|4093582034958203498|686228042|",
        ),
        (
            "tasks-org-recurring",
            "Water the plants|date:2026-11-30|FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TH|medium||||",
        ),
        (
            "tasks-org-count",
            "Take antibiotics|at:2026-11-29T08:00,time_zone:Europe/Berlin|FREQ=DAILY;INTERVAL=1;COUNT=6|none|||12|",
        ),
        ("tasks-org-completed", "Call the dentist|||none||||done"),
        (
            "jtx-full",
            "Steuererklärung abgeben|at:2026-12-15T18:00,time_zone:Europe/Berlin||high|Finanzen+Büro|||",
        ),
        (
            "jtx-subtask",
            "Quittungen scannen|||none||1732730042-91bd6a0c-6a4f-4b5c-9d36-0d3f6c1c9a11@at.techbee.jtx||",
        ),
        ("jtx-overrides", "Müll rausbringen|date:2026-12-01|FREQ=WEEKLY;BYDAY=TU|none||||"),
        ("opentasks-plain", "Ring up grandma|at:2026-11-28T16:00,time_zone:UTC||medium||||"),
        ("opentasks-duration", "Paint the fence|at:2026-12-05T13:30,time_zone:Europe/Berlin||none||||"),
        (
            "opentasks-recurring",
            "Pay the rent|date:2026-12-01|FREQ=MONTHLY;BYMONTHDAY=1;UNTIL=20281231\nEXDATE:20270131,20270701|none||||",
        ),
        (
            "ios-alarm",
            "Pick up the dry cleaning|at:2026-11-28T18:00,time_zone:America/New_York||none|||786500000|",
        ),
        ("ios-date-only", "Wrap the presents|date:2026-12-24||low|||786500100|"),
        ("macos-unfloating-utc", "Standup|at:2026-12-01T08:00,time_zone:UTC||none||||"),
        (
            "thunderbird-html",
            "Write the report|at:2026-12-02T17:00,time_zone:Europe/Berlin||high|Business+Clients, new|||",
        ),
        (
            "evolution-prefixed-zone",
            "Backup the server|at:2026-11-28T22:00,time_zone:Europe/Berlin||none|Work+Servers|||",
        ),
        (
            "planify-hourly",
            "Look at the screen of the 3D printer|at:2026-11-27T11:00,time_zone:null|FREQ=HOURLY;INTERVAL=2|none||5b0f7a1e-97ea-4b49-8d7b-1f4ff4b2f101|0|",
        ),
        ("errands-plain", "Wash the car|||none|home+car|||"),
        (
            "errands-dated",
            "Bücher zurückbringen|at:2026-12-05T18:00,time_zone:null||low||f7ff6a54-ac98-11f0-9d6c-00155d012101||",
        ),
        ("todoman-plain", "Descale the kettle|at:2026-11-29T12:00,time_zone:Europe/Berlin||high||||"),
        (
            "korganizer-recurring",
            "Check the RAID|at:2026-12-04T19:00,time_zone:Europe/Berlin|FREQ=WEEKLY;BYDAY=FR|none||||",
        ),
        ("nextcloud-plain", "Plan the offsite|at:2026-12-10T12:00,time_zone:null||high|team+travel||55|"),
        ("nextcloud-cancelled", "Buy a boat|||none||||"),
        (
            "python-caldav-count",
            "Take out the trash|at:2026-10-16T07:05,time_zone:UTC|FREQ=DAILY;COUNT=3|none|CHORE|||",
        ),
        ("twodo-mixed", "Return the drill|at:2026-11-30T17:00,time_zone:UTC||high||||"),
        (
            "outlook-synchronizer",
            "Quarterly figures|at:2026-12-11T17:00,time_zone:Europe/Berlin||medium|Blue Category|||",
        ),
        ("outlook-custom-zone", "Call the office in Boston|at:2026-12-11T22:00,time_zone:UTC||none||||"),
        ("vikunja", "Bump the dependencies|at:2026-11-30T10:00,time_zone:UTC||high|chore+rust|||"),
        ("plann-relations", "Ship|at:2026-12-01T09:00,time_zone:Europe/Berlin||none||plann-0||"),
        ("synthetic-odd-case", "lower case|date:2026-12-01||none||||"),
        ("synthetic-untitled", "Untitled|date:2026-12-05||none||||"),
        ("synthetic-unknown-zone", "nowhere|at:2026-12-05T09:00,time_zone:null||none||||"),
    ] {
        assert_eq!(summary(&object(name).fields(user_zone())), expected, "{name}");
    }
}

#[test]
fn values_that_a_todo_cannot_hold_are_cut() {
    let fields = object("synthetic-long-values").fields(user_zone());
    assert_eq!(fields.name.chars().count(), 499, "without the space at the cut");
    assert_eq!(fields.description.chars().count(), 16_384);
    assert_eq!(fields.tags.len(), 50);
}

fn refusal(text: &str) -> Option<Refusal> {
    Object::read(text.as_bytes()).err()
}

#[test]
fn only_what_is_no_todo_is_refused() {
    let calendar = |content: &str| format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{content}END:VCALENDAR\r\n");
    let todo = |content: &str| format!("BEGIN:VTODO\r\n{content}END:VTODO\r\n");
    for (text, expected) in [
        (calendar(&todo("UID:1\r\n")), None),
        (calendar(&todo("")), None),
        (calendar(&(todo("UID:1\r\n") + &todo("UID:1\r\nRECURRENCE-ID:20261201\r\n"))), None),
        (format!("\u{feff}{}", calendar(&todo("UID:1\r\n"))), None),
        (calendar(&todo("UID:1\r\n")) + "\r\n\r\n", None),
        (calendar(&todo("UID:1\r\n")) + "rubbish", None),
        (String::new(), Some(Refusal::NotCalendar)),
        ("hello".to_owned(), Some(Refusal::NotCalendar)),
        (calendar(&todo("UID:1\r\n"))[..50].to_owned(), Some(Refusal::NotCalendar)),
        (calendar(""), Some(Refusal::NoTodo)),
        (calendar("BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n"), Some(Refusal::NoTodo)),
        (
            calendar(&(todo("UID:1\r\n") + "BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n")),
            Some(Refusal::NotOneObject),
        ),
        (calendar(&(todo("UID:1\r\n") + &todo("UID:2\r\n"))), Some(Refusal::NotOneObject)),
        (calendar(&(todo("UID:1\r\n") + &todo("UID:1\r\n"))), Some(Refusal::NotOneObject)),
        (calendar(&("METHOD:PUBLISH\r\n".to_owned() + &todo("UID:1\r\n"))), Some(Refusal::NotOneObject)),
        (calendar(&todo("UID:1\r\n")).repeat(2), Some(Refusal::NotOneObject)),
        (calendar(&todo(&"X:1\r\n".repeat(9_000))), Some(Refusal::TooLarge)),
        (calendar(&todo(&format!("X:{}\r\n", "1".repeat(TEXT_MAX)))), Some(Refusal::TooLarge)),
        (calendar(&todo("UID:1\r\nRECURRENCE-ID:20261201\r\n").repeat(102)), Some(Refusal::TooManyOverrides)),
    ] {
        assert_eq!(refusal(&text), expected, "{}", text.chars().take(200).collect::<String>());
    }
    assert_eq!(Object::read(b"BEGIN:VCALENDAR\xff"), Err(Refusal::NotCalendar));
}

#[test]
fn nested_components_are_refused() {
    for depth in [6, 3_000, 50_000] {
        let inside = "BEGIN:A\n".repeat(depth) + &"END:A\n".repeat(depth);
        let text = format!("BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:1\n{inside}END:VTODO\nEND:VCALENDAR\n");
        assert_eq!(refusal(&text).is_some(), depth > 6, "{depth}");
        let unclosed = "BEGIN:VCALENDAR\n".repeat(depth);
        assert!(refusal(&unclosed).is_some());
    }
}

#[test]
fn texts_that_cannot_be_sent_as_xml_are_cleaned() {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:1\r\nSUMMARY:a\u{0}b\u{1b}\rc\r\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
    let object = Object::read(text.as_bytes()).unwrap();
    assert!(!object.is_verbatim());
    assert_eq!(object.fields(user_zone()).name, "ab\nc");
    assert!(object.text().contains("SUMMARY:ab\\nc\r\n"));
    let old_mac = text.replace("\r\r\n", "\r\n").replace("\r\n", "\r").replace("b\u{1b}\rc", "b");
    assert_eq!(Object::read(old_mac.as_bytes()).unwrap().fields(user_zone()).name, "ab");
}

#[test]
fn a_line_can_be_folded_inside_a_character() {
    let whole = text("macos-url");
    let mut bytes = Vec::new();
    for (index, byte) in whole.replace("\r\n ", "").bytes().enumerate() {
        bytes.push(byte);
        if index % 30 == 29 && byte != b'\r' && byte != b'\n' {
            bytes.extend(b"\r\n ");
        }
    }
    assert!(str::from_utf8(&bytes).is_err());
    let read = Object::read(&bytes).unwrap();
    assert!(!read.is_verbatim());
    assert_eq!(read.fields(user_zone()), object("macos-url").fields(user_zone()));
}

#[test]
fn an_object_without_a_uid_gets_one() {
    let sent = text("tasks-org-plain").replace("UID:4093582034958203498\r\n", "");
    let object = Object::read(sent.as_bytes()).unwrap();
    assert_eq!(object.uid(), None);
    let named = object.with_uid("a,b").unwrap();
    assert_eq!(named.uid().as_deref(), Some("a,b"));
    assert!(!named.is_verbatim());
}
