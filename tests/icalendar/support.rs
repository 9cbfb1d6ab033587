//! The objects, and a todo with its text as the service stores them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use bson::DateTime;
use bson::oid::ObjectId;
use todo_api::clock::time_zone::Zone;
use todo_api::icalendar::{Meaning, Object, Shown, Stored, meaning, render};
use todo_api::todos::input::TodoInput;
use todo_api::todos::model::Todo;
use todo_api::todos::recurrence::Reason;

pub(crate) fn time(text: &str) -> DateTime {
    DateTime::parse_rfc3339_str(text).unwrap()
}

pub(crate) fn now() -> DateTime {
    time("2026-11-28T12:00:00Z")
}

pub(crate) fn user_zone() -> Zone {
    Zone::named("Europe/Berlin").unwrap()
}

/// The objects by name.
pub(crate) static CORPUS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/icalendar/objects");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 40);
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
});

pub(crate) fn text(name: &str) -> String {
    let (_, bytes) = CORPUS.iter().find(|(known, _)| known == name).unwrap();
    String::from_utf8(bytes.clone()).unwrap()
}

pub(crate) fn object(name: &str) -> Object {
    Object::read(text(name).as_bytes()).unwrap()
}

/// A todo and its text, as two clients and the API see them.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) todo: Todo,
    pub(crate) text: String,
    pub(crate) version: i64,
    pub(crate) uid: String,
    pub(crate) parent_uid: Option<String>,
    pub(crate) records: Vec<(Todo, String)>,
}

impl Resource {
    pub(crate) fn created(object: &Object) -> Self {
        let id = ObjectId::from_bytes([7; 12]);
        let mut todo = Todo::blank(id, id, "a1".to_owned(), now());
        let fields = object.fields(user_zone());
        todo.apply(fields.input(), now()).unwrap();
        let uid = object.uid().unwrap_or_else(|| id.to_hex());
        let text = object.text().to_owned();
        let created =
            Self { todo, text, version: 1, uid, parent_uid: fields.parent_uid, records: Vec::new() };
        // Completed occurrences are not stored.
        let text = if object.overrides_len() > 0 { created.served() } else { created.text.clone() };
        Self { text, ..created }
    }

    pub(crate) fn of(name: &str) -> Self {
        Self::created(&object(name))
    }

    pub(crate) fn shown(&self) -> Shown<'_> {
        let parent_uid = self.parent_uid.as_deref();
        Shown { todo: &self.todo, uid: &self.uid, parent_uid, series_uid: None, order: None }
    }

    pub(crate) fn served(&self) -> String {
        render(&self.shown(), Some(&Stored { text: &self.text, version: self.version }))
    }

    /// Changes the todo as the API does. Returns whether the change is valid.
    pub(crate) fn change(&mut self, input: TodoInput) -> bool {
        let mut todo = self.todo.clone();
        if todo.apply(input, now()).is_err() {
            return false;
        }
        if todo.completed && !self.todo.completed && todo.recurrence.is_some() {
            let record = todo.record(ObjectId::from_bytes([8; 12]), "a2".to_owned(), now());
            let done = todo.completed_at.unwrap().min(now());
            if todo.advance(record.id, Reason::Completed, done, user_zone()).is_some() {
                self.records.push((record, String::new()));
            }
        }
        todo.version += 1;
        todo.updated_at = time("2026-11-28T12:30:00Z");
        self.todo = todo;
        true
    }

    pub(crate) fn put(&mut self, sent: &str) -> Meaning {
        let sent = Object::read(sent.as_bytes()).unwrap();
        let stored = Stored { text: &self.text, version: self.version };
        let meant = meaning(&self.shown(), Some(&stored), &sent, user_zone(), now());
        let ahead = meant.ahead.iter().map(|ahead| {
            let record = ahead.record(&self.todo, ObjectId::from_bytes([9; 12]), "a3".to_owned(), now());
            (record, ahead.completion.text.clone())
        });
        let ahead: Vec<_> = ahead.collect();
        self.records.extend(ahead);
        let known = self.records.len();
        assert!(self.change(meant.input.clone()), "{:?}", meant.input);
        if self.records.len() > known {
            self.records[known].1 = meant.record_text.clone().unwrap_or_default();
        }
        for completion in &meant.more {
            assert!(self.change(completion.input()));
            let (_, text) = self.records.last_mut().unwrap();
            text.clone_from(&completion.text);
        }
        (self.text, self.version) = (meant.text.clone(), self.todo.version);
        meant
    }

    pub(crate) fn due(&self) -> String {
        self.todo.due.map(|due| due.local_key()).unwrap_or_default()
    }
}

/// The names of the lines that differ between two texts, except for the descriptions of zones, which must all stay.
pub(crate) fn changed_names(before: &str, after: &str) -> Vec<String> {
    let (before_zones, before) = split_zones(before);
    let (after_zones, after) = split_zones(after);
    assert!(before_zones.iter().all(|zone| after_zones.contains(zone)), "{before_zones:?} {after_zones:?}");
    let mut counts: BTreeMap<String, i32> = BTreeMap::new();
    for (text, one) in [(before, -1), (after, 1)] {
        let unfolded = text.replace("\r\n ", "").replace("\n ", "").replace("\r\n\t", "");
        unfolded.split_inclusive('\n').for_each(|line| *counts.entry(line.to_owned()).or_default() += one);
    }
    let changed = counts.into_iter().filter(|(_, count)| *count != 0);
    let mut names: Vec<_> =
        changed.map(|(line, _)| line.split([':', ';']).next().unwrap().to_ascii_uppercase()).collect();
    names.sort();
    names.dedup();
    names
}

fn split_zones(text: &str) -> (Vec<String>, String) {
    let (mut zones, mut rest, mut zone) = (Vec::new(), String::new(), None::<String>);
    for line in text.split_inclusive('\n') {
        if line.starts_with("BEGIN:VTIMEZONE") {
            zone = Some(String::new());
        }
        match &mut zone {
            Some(zone) => zone.push_str(line),
            None => rest.push_str(line),
        }
        if line.starts_with("END:VTIMEZONE") {
            zones.extend(zone.take());
        }
    }
    (zones, rest)
}

/// Compares two texts, and shows only the lines that differ.
pub(crate) fn assert_same(found: &str, expected: &str, about: &str) {
    let differ: Vec<_> =
        found.lines().zip(expected.lines()).filter(|(found, expected)| found != expected).collect();
    let lengths = (found.lines().count(), expected.lines().count());
    assert!(found == expected, "{about}\n{:#?} {lengths:?}", &differ[..differ.len().min(4)]);
}
