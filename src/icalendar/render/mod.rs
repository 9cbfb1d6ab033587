//! The text of a todo: the client's text with the lines replaced whose meaning differs from the todo, or a new one.
//!
//! **Invariant:** equal todos, arguments and stored texts have equal texts, because an `ETag` stands for the bytes.

mod dates;
mod series;

use std::collections::BTreeSet;

use bson::DateTime;

use super::component::{Component, Property};
use super::edits::Edits;
use super::fields::{self, Fields, ORDER};
use super::line::{escaped, folded, param_value, unescaped};
use super::object::Object;
use super::order::default_order;
use super::times;
use super::zones::Zones;
use crate::clock::time_zone::Zone;
use crate::owned::text::{TAG, TAGS_MAX};
use crate::todos::model::{Priority, Todo};

/// A todo with what its own document does not say.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub todo: &'a Todo,
    pub uid: &'a str,
    /// The parent, or the parent that a client named and that does not exist yet.
    pub parent_uid: Option<&'a str>,
    /// For the record of an occurrence: the recurring todo.
    pub series_uid: Option<&'a str>,
    /// `X-APPLE-SORT-ORDER`. If it is `None`, the line stays as it is.
    pub order: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    pub text: &'a str,
    /// The version of the todo whose text this is.
    pub version: i64,
}

pub fn render(shown: &Shown<'_>, stored: Option<&Stored<'_>>) -> String {
    let known = stored.and_then(|stored| Some((Object::stored(stored.text)?, stored.version)));
    let (object, version) = match known {
        Some(known) => known,
        None => match Object::stored(&blank(shown)) {
            Some(blank) => (blank, shown.todo.version),
            None => return String::new(),
        },
    };
    Overlay::of(&object, shown).applied(version)
}

fn blank(shown: &Shown<'_>) -> String {
    let Shown { todo, uid, series_uid, .. } = shown;
    let (created, updated) = (times::utc(todo.created_at), times::utc(todo.updated_at));
    let lines = [
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        format!("PRODID:{PRODUCT}"),
        "BEGIN:VTODO".to_owned(),
        format!("UID:{}", escaped(uid)),
        format!("DTSTAMP:{updated}"),
        format!("CREATED:{created}"),
        format!("LAST-MODIFIED:{updated}"),
        format!("SUMMARY:{}", escaped(&todo.name)),
        "STATUS:NEEDS-ACTION".to_owned(),
    ];
    let series = series_uid.map(|uid| format!("RELATED-TO;RELTYPE=SIBLING:{}", escaped(uid)));
    let end = ["END:VTODO".to_owned(), "END:VCALENDAR".to_owned()];
    lines.into_iter().chain(series).chain(end).map(|line| folded(&line, "\r\n")).collect()
}

/// Of the texts that this service begins.
pub(super) const PRODUCT: &str = "-//todo-api//todo-api//EN";

// Of two zones, at most, in seconds.
const ZONES_DIFFER: i64 = 26 * 60 * 60;

struct Overlay<'a> {
    object: &'a Object,
    main: &'a Component,
    zones: Zones<'a>,
    /// What the text says.
    said: Fields,
    shown: &'a Shown<'a>,
    edits: Edits<'a>,
    described: BTreeSet<&'static str>,
}

impl<'a> Overlay<'a> {
    fn of(object: &'a Object, shown: &'a Shown<'a>) -> Self {
        Self {
            main: object.main(),
            zones: object.zones(),
            said: object.fields(Zone::UTC),
            edits: Edits::of(object.text()),
            described: BTreeSet::new(),
            object,
            shown,
        }
    }

    fn applied(mut self, version: i64) -> String {
        self.uid();
        self.texts();
        self.completion();
        self.due();
        self.recurrence();
        self.priority();
        self.tags();
        self.parent();
        self.order();
        if !self.edits.is_empty() {
            self.stamp(version);
        }
        self.edits.applied()
    }

    fn set(&mut self, name: &str, line: &str) {
        self.edits.set(self.main, name, line);
    }

    fn remove(&mut self, name: &str) {
        self.edits.remove(self.main, name);
    }

    fn uid(&mut self) {
        if self.object.uid().as_deref() != Some(self.shown.uid) {
            let line = format!("UID:{}", escaped(self.shown.uid));
            self.set("UID", &line);
            for component in self.object.overrides() {
                self.edits.set(component, "UID", &line);
            }
        }
    }

    fn texts(&mut self) {
        let todo = self.shown.todo;
        // Compared as a client would read it.
        if self.said.name != fields::name(&unescaped(&escaped(&todo.name))) {
            self.set_text("SUMMARY", &todo.name);
        }
        if self.said.description != fields::description(&unescaped(&escaped(&todo.description))) {
            self.set_text("DESCRIPTION", &todo.description);
            // The same text as HTML would be out of date.
            self.remove("X-ALT-DESC");
        }
    }

    fn set_text(&mut self, name: &str, text: &str) {
        if text.is_empty() && name != "SUMMARY" {
            return self.remove(name);
        }
        // Other parameters, such as ALTREP, describe the text that is replaced.
        let language = self.main.first(name).and_then(|property| property.content.param("LANGUAGE"));
        let language = language.map(|language| format!(";LANGUAGE={}", param_value(language)));
        self.set(name, &format!("{name}{}:{}", language.unwrap_or_default(), escaped(text)));
    }

    fn completion(&mut self) {
        let todo = self.shown.todo;
        let completed_at = todo.completed_at.unwrap_or(todo.updated_at);
        match (self.said.completed, todo.completed) {
            (false, true) => {
                self.set("STATUS", "STATUS:COMPLETED");
                self.set("COMPLETED", &format!("COMPLETED:{}", times::utc(completed_at)));
                self.set("PERCENT-COMPLETE", "PERCENT-COMPLETE:100");
            }
            (true, false) => {
                self.set("STATUS", "STATUS:NEEDS-ACTION");
                self.remove("COMPLETED");
                self.remove("PERCENT-COMPLETE");
            }
            (true, true) if self.said_completed_at_other_time(completed_at) => {
                self.set("COMPLETED", &format!("COMPLETED:{}", times::utc(completed_at)));
            }
            _ => {}
        }
    }

    fn said_completed_at_other_time(&self, completed_at: DateTime) -> bool {
        let said = self.main.first("COMPLETED").and_then(|at| self.zones.time(&at.content));
        said.is_some_and(|said| {
            let completed_at = completed_at.timestamp_millis().div_euclid(1_000);
            match said.instant() {
                Some(said) => said.timestamp_millis().div_euclid(1_000) != completed_at,
                // Nextcloud writes a local time, in a zone that is not known here.
                None => (said.local().and_utc().timestamp() - completed_at).abs() > ZONES_DIFFER,
            }
        })
    }

    fn priority(&mut self) {
        let wanted = self.shown.todo.priority;
        if self.said.priority != wanted {
            let number = match wanted {
                Priority::None => 0,
                Priority::High => 1,
                Priority::Medium => 5,
                Priority::Low => 9,
            };
            self.set("PRIORITY", &format!("PRIORITY:{number}"));
        }
    }

    fn tags(&mut self) {
        let is_joined = fields::has_joined_categories(self.main);
        let tags = &self.shown.todo.tags;
        let tags = if is_joined { fields::split_joined(tags) } else { tags.clone() };
        if fields::are_same_tags(&self.said.tags, &tags) {
            return;
        }
        // Categories that a todo cannot have stay. Those that have become too many stay while there is no room for them.
        let (_, mut others) = fields::tags(&fields::categories(self.main));
        others.retain(|other| tags.len() >= TAGS_MAX || TAG.read(other).is_none());
        let all: Vec<_> = tags.iter().chain(&others).map(|tag| escaped(tag)).collect();
        if all.is_empty() {
            self.remove("CATEGORIES");
        } else {
            self.set("CATEGORIES", &format!("CATEGORIES:{}", all.join(if is_joined { "\\," } else { "," })));
        }
    }

    fn parent(&mut self) {
        let (said, wanted) = (self.said.parent_uid.as_deref(), self.shown.parent_uid);
        if said == wanted {
            return;
        }
        let lines: Vec<_> =
            wanted.map(|uid| format!("RELATED-TO;RELTYPE=PARENT:{}", escaped(uid))).into_iter().collect();
        let known: Vec<&Property> = fields::parent(self.main).into_iter().collect();
        self.edits.set_all(self.main, &known, &lines);
    }

    fn order(&mut self) {
        // A value that is no number stays.
        if self.said.order.is_none() && self.main.first(ORDER).is_some() {
            return;
        }
        let known = self.said.order.unwrap_or_else(|| default_order(self.shown.todo.created_at));
        if let Some(order) = self.shown.order.filter(|order| known != *order) {
            self.set(ORDER, &format!("{ORDER}:{order}"));
        }
    }

    fn stamp(&mut self, stored_version: i64) {
        let todo = self.shown.todo;
        let updated = times::utc(todo.updated_at);
        self.set("DTSTAMP", &format!("DTSTAMP:{updated}"));
        if self.main.first("LAST-MODIFIED").is_some() {
            self.set("LAST-MODIFIED", &format!("LAST-MODIFIED:{updated}"));
        }
        if let Some(sequence) = self.main.value("SEQUENCE").and_then(|number| number.parse::<i64>().ok()) {
            let next = sequence.saturating_add(todo.version.saturating_sub(stored_version).max(1));
            self.set("SEQUENCE", &format!("SEQUENCE:{next}"));
        }
    }
}
