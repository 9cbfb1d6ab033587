//! The lines of a text that make a todo recur: RRULE, EXDATE, the basis, and occurrences with a component of their own.

use std::collections::BTreeSet;

use super::super::component::Component;
use super::super::fields::BASIS;
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
        let said = self.said.rule.as_deref().map(Parts::of);
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
        self.exceptions(&wanted, said.as_ref(), due);
    }

    fn exceptions(&mut self, wanted: &Parts, said: Option<&Parts>, due: &Due) {
        let known = said.map(|said| said.excluded_from(due)).unwrap_or_default();
        if wanted.excluded_from(due) == known {
            return;
        }
        // Exceptions that did not fit into the rule stay.
        let written = rule::exceptions(self.main, &self.zones, due);
        let kept = written.iter().filter(|value| !known.contains(value.as_str()));
        let all: BTreeSet<String> =
            wanted.excluded_from(due).into_iter().map(str::to_owned).chain(kept.cloned()).collect();
        let zone = self.zone_name(due);
        let lines = rule::exdate_lines(&all, due, zone.as_deref());
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
        let (said, start) = (self.said.due, self.start());
        self.drop_overrides(|component| {
            let is_completed =
                component.value("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("COMPLETED"));
            let id = component.first("RECURRENCE-ID");
            let is_one = id.is_some_and(|id| id.content.param("RANGE").is_none());
            let at = id.and_then(|id| zones.time(&id.content));
            let at = at.zip(said).map(|(at, said)| rule::occurrence_at(&at, start.as_ref(), &said));
            is_completed || is_one && at.is_some_and(|at| at.local() < due.local())
        });
    }

    fn drop_overrides(&mut self, is_dropped: impl Fn(&Component) -> bool) {
        for component in self.object.overrides().filter(|component| is_dropped(component)) {
            self.edits.cut(component.at.clone());
        }
    }
}
