//! Files with many todos.

use todo_api::icalendar::{Broken, DEPTH_MAX, File, Joined, Listed, Object, Refusal};

use crate::support::{CORPUS, object, user_zone};

fn joined() -> (String, usize) {
    let mut joined = Joined::default();
    let mut text = joined.begin(Some("Everything, at once"));
    let objects = &*CORPUS;
    for (_, bytes) in objects {
        text += &joined.part(str::from_utf8(bytes).unwrap());
    }
    (text + Joined::END, objects.len())
}

#[test]
fn objects_that_are_put_together_are_taken_apart_again() {
    let (text, count) = joined();
    assert_eq!(text.matches("TZID:Europe/Berlin\r\n").count(), 1);
    let file = File::read(text.as_bytes(), 100).unwrap();
    assert_eq!(file.name.as_deref(), Some("Everything, at once"));
    let found: Vec<Object> = file.objects().map(|(_, object)| object.unwrap()).collect();
    assert_eq!(found.len(), count);
    for (object, (name, bytes)) in found.iter().zip(CORPUS.iter()) {
        let original = Object::read(bytes).unwrap();
        assert_eq!(object.fields(user_zone()), original.fields(user_zone()), "{name}");
    }
}

#[test]
fn the_line_of_each_todo_is_known() {
    let text = "BEGIN:VCALENDAR\nMETHOD:PUBLISH\nBEGIN:VEVENT\nUID:e\nEND:VEVENT\nBEGIN:VTODO\nUID:1\nDESCRIPTION:a\n b\nEND:VTODO\nBEGIN:VTODO\nSUMMARY:2\nEND:VTODO\nEND:VCALENDAR\nBEGIN:VCALENDAR\nBEGIN:VTODO\nUID:1\nRECURRENCE-ID:20261201\nEND:VTODO\nEND:VCALENDAR\n";
    let file = File::read(text.as_bytes(), 10).unwrap();
    let found: Vec<_> = file.objects().map(|(line, object)| (line, object.unwrap().uid())).collect();
    assert_eq!(found, [(6, Some("1".to_owned())), (11, None)]);
}

#[test]
fn files_without_a_whole_calendar_are_refused() {
    let (text, _) = joined();
    for (bytes, refusal) in [
        (&b""[..], None),
        (b"name,due\nmilk,tomorrow\n", None),
        (&text.as_bytes()[..text.len() / 2], Some(Refusal::NotCalendar)),
        (b"BEGIN:VTODO\nEND:VTODO\n", Some(Refusal::NotCalendar)),
    ] {
        match File::read(bytes, 100) {
            Ok(file) => assert!(refusal.is_none() && file.objects().next().is_none()),
            Err(found) => assert_eq!(Some(found.refusal), refusal),
        }
    }
    assert_eq!(File::read(text.as_bytes(), 10).err().map(|broken| broken.refusal), Some(Refusal::TooLarge));
    let nested = "BEGIN:VCALENDAR\n".repeat(50_000);
    let broken = Broken { line: DEPTH_MAX + 1, refusal: Refusal::NotCalendar };
    assert_eq!(File::read(nested.as_bytes(), 10).err(), Some(broken));
    let broken = File::read(b"BEGIN:VCALENDAR\nX:\n\xff\nEND:VCALENDAR\n", 10).err();
    assert_eq!(broken, Some(Broken { line: 3, refusal: Refusal::NotCalendar }));
}

#[test]
fn a_todo_of_a_file_keeps_the_zone_that_it_names() {
    let (text, _) = joined();
    let file = File::read(text.as_bytes(), 100).unwrap();
    let uid = object("outlook-custom-zone").uid();
    let found = file.objects().map(|(_, object)| object.unwrap()).find(|object| object.uid() == uid).unwrap();
    assert_eq!(found.text().matches("BEGIN:VTIMEZONE").count(), 1);
}

#[test]
fn a_todo_keeps_the_list_that_a_file_names() {
    let list =
        Listed { id: Some(bson::oid::ObjectId::from_bytes([9; 12])), name: "Garden, and; more".to_owned() };
    let mut joined = Joined::default();
    let text = joined.begin(None) + &joined.part_of(&crate::support::text("thunderbird-daily"), &list);
    let text = text + Joined::END;
    let file = File::read(text.as_bytes(), 10).unwrap();
    let (_, object) = file.objects().next().unwrap();
    let (object, found) = object.unwrap().without_list();
    assert_eq!(found, Some(list));
    assert!(!object.text().contains("X-TODO-API"));
    assert_eq!(object.without_list().1, None);
}

#[test]
fn attachments_are_left_out_of_a_todo_that_is_too_large() {
    let attached = format!("ATTACH;ENCODING=BASE64;VALUE=BINARY:{}\n", "A".repeat(200_000));
    let text = format!(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nBEGIN:VTODO\nUID:1\n{attached}SUMMARY:a\nEND:VTODO\nEND:VCALENDAR\n"
    );
    let file = File::read(text.as_bytes(), 10).unwrap();
    assert_eq!(file.others, [2]);
    let (line, refused) = file.objects().next().unwrap();
    assert_eq!(refused.err(), Some(Refusal::TooLarge));
    assert_eq!(file.without_attachments(line).unwrap().fields(user_zone()).name, "a");
}
