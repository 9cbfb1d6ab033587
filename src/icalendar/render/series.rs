//! The lines of a text that make a todo recur: RRULE, EXDATE, the basis, and occurrences with a component of their own.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::super::component::Component;
use super::super::fields::BASIS;
use super::super::occurrences::{self, occurrence_at};
use super::super::rule::{self, Parts};
use super::Overlay;
use crate::todos::due::Due;
use crate::todos::recurrence::{Basis, Recurrence};

impl Overlay<'_> {
    pub(super) fn recurrence(&mut self) {
        let todo = self.shown.todo;
        match (&todo.recurrence, todo.due) {
            (Some(recurrence), Some(due)) => {
                self.rule(recurrence, &due);
                self.basis(recurrence.basis());
                self.drop_passed(&due);
            }
            _ if self.said.rule.is_some() => {
                for name in ["RRULE", "EXDATE", "RDATE", BASIS] {
                    self.remove(name);
                }
                self.drop_overrides(|_| true);
            }
            // A rule that the model does not support stays.
            _ => {}
        }
    }

    fn rule(&mut self, recurrence: &Recurrence, due: &Due) {
        let wanted = Parts::of(recurrence.rule());
        let start = self.start();
        let start = match start {
            Some(start) if self.said.due != Some(*due) => self.moved_start(start, *due),
            start => start,
        };
        let said = rule::written(self.main, &self.zones, start, due);
        let is_like = said.as_ref().is_some_and(|said| said.is_like(&wanted));
        if !is_like {
            self.remove("RDATE");
            self.drop_overrides(|_| true);
        }
        let comes_as_often = |said: &Parts| match (said.count, wanted.count) {
            (None, None) => true,
            (Some(count), Some(_)) => said.comes(count, recurrence.basis(), due) == recurrence.left(),
            _ => false,
        };
        let is_said = is_like && said.as_ref().is_some_and(comes_as_often);
        if !is_said {
            let left = recurrence.left().filter(|_| wanted.count.is_some());
            let count = wanted.count_for(left, recurrence.basis(), due);
            self.set("RRULE", &format!("RRULE:{}", wanted.rrule(count)));
            if self.start().is_none() {
                // RFC 5545 §3.8.2.4.
                self.set_time("DTSTART", due);
            }
        }
        let written = said.map(|said| said.excluded_from(due)).unwrap_or_default();
        self.exceptions(&wanted, &written, due);
    }

    fn exceptions(&mut self, wanted: &Parts, written: &BTreeSet<String>, due: &Due) {
        // A rule of the model has less room.
        let known = self.said.rule.as_deref().map(|rule| Parts::of(rule).excluded_from(due));
        let (wanted, known) = (wanted.excluded_from(due), known.unwrap_or_default());
        let all: BTreeSet<String> = written.difference(&known).chain(&wanted).cloned().collect();
        // RFC 5545 §3.8.5.1: a date or a time, as DTSTART.
        let is_other_form = !all.is_empty() && self.said.due.is_some_and(|said| !said.has_form_of(due));
        if all == *written && !is_other_form {
            return;
        }
        let zone = self.zone_name(due);
        // A due date that moves takes along a beginning that is not after it.
        let stays = self.said.due == Some(*due);
        let span = occurrences::span(self.main, &self.zones);
        let span = span.filter(|span| stays || *span >= TimeDelta::zero()).unwrap_or_default();
        let lines = rule::exdate_lines(&all, due, span, zone.as_deref());
        let properties: Vec<_> = self.main.all("EXDATE").collect();
        self.edits.set_all(self.main, &properties, &lines);
    }

    fn basis(&mut self, basis: Basis) {
        if self.said.basis.unwrap_or_default() == basis {
            return;
        }
        match basis {
            Basis::Due => self.remove(BASIS),
            Basis::Completion => self.set(BASIS, &format!("{BASIS}:COMPLETION")),
            Basis::Future => self.set(BASIS, &format!("{BASIS}:FUTURE")),
        }
    }

    /// Occurrences that are completed are records, and those that have passed have no meaning. Clients that can read only one
    /// component of an object would not read the object.
    fn drop_passed(&mut self, due: &Due) {
        let zones = self.object.zones();
        let (said, start) = (occurrences::end(self.main, &zones), self.start());
        self.drop_overrides(|component| {
            let is_completed =
                component.value("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("COMPLETED"));
            let id = component.first("RECURRENCE-ID");
            let is_one = id.is_some_and(|id| id.content.param("RANGE").is_none());
            let at = id.and_then(|id| zones.time(&id.content));
            let at = at.zip(said).map(|(at, said)| occurrence_at(&at, start.as_ref(), &said));
            is_completed || is_one && at.is_some_and(|at| at.local() < due.local())
        });
    }

    fn drop_overrides(&mut self, is_dropped: impl Fn(&Component) -> bool) {
        for component in self.object.overrides().filter(|component| is_dropped(component)) {
            self.edits.cut(component.at.clone());
        }
    }
}
