//! The lines of a text that depend on the due date: DUE, DTSTART, DURATION, alarms, and the description of its zone.

use chrono::{Datelike, TimeDelta};

use super::super::line::folded;
use super::super::occurrences::{self, CURRENT};
use super::super::{times, vtimezone};
use super::Overlay;
use crate::clock::time_zone::Zone;
use crate::todos::due::Due;

impl Overlay<'_> {
    pub(super) fn due(&mut self) {
        // Without a rule, the current occurrence of KDE has no meaning.
        let ends = self.said.rule.is_some() && self.shown.todo.recurrence.is_none();
        let is_replaced = ends && self.main.first(CURRENT).is_some();
        match (self.said.due, self.shown.todo.due) {
            (said, wanted) if said == wanted && !is_replaced => {}
            (said, None) => self.remove_due(said),
            (said, Some(wanted)) => self.move_due(said, wanted),
        }
    }

    fn remove_due(&mut self, said: Option<Due>) {
        let keeps_rule = self.said.rule.is_none() && self.main.first("RRULE").is_some();
        let start = self.start();
        // Without DURATION, DTSTART no longer says when the todo is due. Clients that set both to the same time mean the due
        // date.
        if self.main.first("DUE").is_some() && start.is_some() && start == said && !keeps_rule {
            self.remove("DTSTART");
        }
        for name in ["DUE", "DURATION", CURRENT] {
            self.remove(name);
        }
    }

    fn move_due(&mut self, said: Option<Due>, wanted: Due) {
        let has_duration = said.is_some() && self.said_due_is_end();
        let start = self.start();
        let new_start = start.and_then(|start| self.moved_start(start, wanted));
        match new_start {
            Some(new) if Some(new) != start => self.set_time("DTSTART", &new),
            Some(_) => {}
            // Never later than DUE.
            None => self.remove("DTSTART"),
        }
        if !has_duration || said.is_none_or(|said| !said.has_form_of(&wanted)) || new_start.is_none() {
            self.set_time("DUE", &wanted);
            self.remove("DURATION");
        }
        self.remove(CURRENT);
        if let Some(said) = said {
            self.move_alarms(distance(&said, &wanted));
        }
    }

    /// As long before the due date as it was, and never after it. `None` if there is no such time.
    pub(super) fn moved_start(&self, start: Due, wanted: Due) -> Option<Due> {
        let recurs = self.shown.todo.recurrence.is_some();
        let span = occurrences::end(self.main, &self.zones).map(|end| distance(&start, &end));
        let moved = span.filter(|span| *span >= TimeDelta::zero()).and_then(|span| {
            let moved = wanted.at_local(wanted.local().checked_sub_signed(span)?);
            Some(moved).filter(Due::is_in_range)
        });
        let is_before = start.has_form_of(&wanted) && start.local() <= wanted.local();
        let kept = if recurs { Some(wanted) } else { Some(start).filter(|_| is_before) };
        moved.or(kept)
    }

    /// Whether the text gives DURATION instead of DUE.
    fn said_due_is_end(&self) -> bool {
        self.main.first("DUE").is_none_or(|due| self.zones.time(&due.content).is_none())
    }

    pub(super) fn start(&self) -> Option<Due> {
        self.main.first("DTSTART").and_then(|start| self.zones.time(&start.content))
    }

    pub(super) fn set_time(&mut self, name: &str, at: &Due) {
        let zone = self.zone_name(at);
        self.set(name, &times::line(name, at, zone.as_deref()));
    }

    /// The TZID for a time. If the text does not describe the zone, the description is added.
    pub(super) fn zone_name(&mut self, at: &Due) -> Option<String> {
        let zone = at.zone().filter(|zone| *zone != Zone::UTC)?;
        if let Some(known) = self.zones.name_of(zone) {
            return Some(known.to_owned());
        }
        if self.described.insert(zone.name()) {
            let lines = vtimezone::lines(zone, at.day().year(), self.edits.line_break());
            let todos = self.object.calendar().children("VTODO");
            let place = todos.map(|todo| todo.at.start).min().unwrap_or(self.main.at.start);
            self.edits.insert(place, lines);
        }
        Some(zone.name().to_owned())
    }

    /// Alarms that ring at a time of their own move with the due date. The others are relative to it.
    fn move_alarms(&mut self, by: TimeDelta) {
        for alarm in self.main.children("VALARM") {
            let triggers =
                alarm.all("TRIGGER").filter(|trigger| trigger.content.param("VALUE") == Some("DATE-TIME"));
            for trigger in triggers {
                let at = self.zones.time(&trigger.content).and_then(|at| at.instant());
                let moved = at.and_then(|at| at.to_chrono().checked_add_signed(by));
                if let Some(moved) = moved {
                    let line = format!("TRIGGER;VALUE=DATE-TIME:{}", times::utc(moved.into()));
                    let lines = folded(&line, self.edits.line_break());
                    self.edits.replace(trigger.at.clone(), lines);
                }
            }
        }
    }
}

/// From one point in time to another: as instants if both are instants in different zones, otherwise in local time, so that
/// 09:00 stays 09:00 when the clocks change.
fn distance(from: &Due, to: &Due) -> TimeDelta {
    match (from.instant(), to.instant()) {
        (Some(first), Some(last)) if from.zone() != to.zone() => {
            TimeDelta::milliseconds(last.timestamp_millis().saturating_sub(first.timestamp_millis()))
        }
        _ if from.time().is_some() && to.time().is_some() => to.local() - from.local(),
        _ => to.day() - from.day(),
    }
}
