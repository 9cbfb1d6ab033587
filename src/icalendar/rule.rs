//! RRULE and EXDATE as the rule of a recurrence, and back.
//!
//! In a text, DTSTART and COUNT describe the occurrences that still come, because clients go on from the current due date.
//! The todo remembers where its series began instead.

use std::collections::BTreeSet;

use super::component::Component;
use super::times::{self, Form};
use super::zones::Zones;
use crate::clock::time_zone::Zone;
use crate::todos::due::Due;
use crate::todos::recurrence::{Basis, RULE_MAX, Recurrence};

/// A rule whose parts can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    /// In upper case, without COUNT.
    named: Vec<String>,
    pub(super) count: Option<u32>,
    /// The values of EXDATE.
    pub(super) excluded: BTreeSet<String>,
}

impl Parts {
    pub(super) fn of(rule: &str) -> Self {
        let rule = rule.to_ascii_uppercase();
        let mut found = Self { named: Vec::new(), count: None, excluded: BTreeSet::new() };
        let mut lines = rule.lines();
        for part in lines.next().unwrap_or_default().split(';').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("COUNT", count)) => found.count = count.parse().ok(),
                Some(("EXDATE", values)) => found.exclude(values),
                _ => found.named.push(part.to_owned()),
            }
        }
        lines.filter_map(|line| line.split_once(':')).for_each(|(_, values)| found.exclude(values));
        found
    }

    fn exclude(&mut self, values: &str) {
        self.excluded.extend(values.split(',').map(|value| value.trim().to_owned()));
    }

    /// Whether both follow the same rule, apart from its end and its exceptions.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let sorted = |parts: &[String]| -> BTreeSet<String> {
            let meaningful =
                parts.iter().filter(|part| !["INTERVAL=1", "RSCALE=GREGORIAN"].contains(&part.as_str()));
            meaningful.cloned().collect()
        };
        sorted(&self.named) == sorted(&other.named)
    }

    /// The exceptions that an occurrence from `due` on can meet.
    pub(super) fn excluded_from(&self, due: &Due) -> BTreeSet<&str> {
        let day = times::date(due.day());
        self.excluded.iter().map(String::as_str).filter(|value| *value >= day.as_str()).collect()
    }

    /// A rule as the model reads it, with the nearest exceptions if not all fit.
    pub(super) fn rule(&self, count: Option<u32>) -> String {
        let mut rule = self.line(count);
        let mut fitting = Vec::new();
        let mut length = rule.chars().count() + "\nEXDATE:".len();
        for value in &self.excluded {
            length += value.len() + 1;
            if length <= RULE_MAX {
                fitting.push(value.as_str());
            }
        }
        if !fitting.is_empty() {
            rule.push_str("\nEXDATE:");
            rule.push_str(&fitting.join(","));
        }
        rule
    }

    fn line(&self, count: Option<u32>) -> String {
        let count = count.map(|count| format!("COUNT={count}"));
        self.named.iter().cloned().chain(count).collect::<Vec<_>>().join(";")
    }

    /// The value of RRULE. SKIP needs RSCALE (RFC 7529 §4.1).
    pub(super) fn rrule(&self, count: Option<u32>) -> String {
        let has = |name: &str| self.named.iter().any(|part| part.starts_with(name));
        let scale = if has("SKIP=") && !has("RSCALE=") { "RSCALE=GREGORIAN;" } else { "" };
        format!("{scale}{}", self.line(count))
    }

    /// How often a series comes that begins at `due` with this COUNT.
    pub(super) fn comes(&self, count: u32, basis: Basis, due: &Due) -> Option<u32> {
        Recurrence::begin(&self.rule(Some(count)), basis, due).ok()?.left()
    }

    /// The COUNT with which the series comes `left` times if it begins at `due`.
    pub(super) fn count_for(&self, left: Option<u32>, basis: Basis, due: &Due) -> Option<u32> {
        let left = left?;
        // The due date may be no occurrence, and COUNT counts the occurrences of EXDATE.
        let exceptions = u32::try_from(self.excluded.len()).unwrap_or(u32::MAX);
        let counts = left.saturating_sub(1).max(1)..=left.saturating_add(exceptions);
        counts.into_iter().find(|count| self.comes(*count, basis, due) == Some(left)).or(Some(left.max(1)))
    }
}

/// The rule of a VTODO that is due at `due`, if the model supports it.
pub(super) fn read(todo: &Component, zones: &Zones<'_>, due: &Due, basis: Basis) -> Option<String> {
    let mut parts = Parts::of(todo.value("RRULE")?);
    parts.excluded.extend(exceptions(todo, zones, due));
    let rule = parts.rule(parts.count);
    Recurrence::begin(&rule, basis, due).is_ok().then_some(rule)
}

/// The values of EXDATE that an occurrence from `due` on can meet. They name beginnings, and a todo has due dates.
pub(super) fn exceptions(todo: &Component, zones: &Zones<'_>, due: &Due) -> BTreeSet<String> {
    let start = todo.first("DTSTART").and_then(|start| zones.time(&start.content));
    let said = todo.first("DUE").and_then(|due| zones.time(&due.content)).unwrap_or(*due);
    let values = todo.all("EXDATE").flat_map(|property| {
        let zone = property.content.param("TZID");
        property.content.value.split(',').filter_map(move |value| zones.time_in(value.trim(), zone))
    });
    let occurrences = values.map(|value| occurrence_at(&value, start.as_ref(), &said));
    occurrences.filter(|at| at.day() >= due.day()).map(|at| exdate(&at)).collect()
}

/// The due date of the occurrence that begins at `at`, in a series that begins at `start` and is first due at `due`.
pub(super) fn occurrence_at(at: &Due, start: Option<&Due>, due: &Due) -> Due {
    let at = in_form_of(due, at);
    let shift = start.filter(|start| start.has_form_of(due)).map(|start| due.local() - start.local());
    at.local().checked_add_signed(shift.unwrap_or_default()).map_or(at, |local| at.at_local(local))
}

/// A point in time in the zone of another. Only a date and a time cannot be converted to each other.
pub(super) fn in_form_of(due: &Due, value: &Due) -> Due {
    match (due, value) {
        (Due::Date(_), value) => Due::Date(value.day()),
        (Due::At { time_zone: Some(zone), .. }, value) => match value.instant() {
            Some(instant) => Due::At { local: zone.local_of(instant), time_zone: Some(*zone) },
            None => match value {
                Due::Date(_) => *value,
                Due::At { local, .. } => Due::At { local: *local, time_zone: Some(*zone) },
            },
        },
        (Due::At { .. }, Due::At { local, .. }) => Due::At { local: *local, time_zone: None },
        (Due::At { .. }, Due::Date(_)) => *value,
    }
}

pub(super) fn exdate(at: &Due) -> String {
    match at {
        Due::Date(day) => times::date(*day),
        Due::At { local, .. } => times::local(*local),
    }
}

/// The lines EXDATE of a todo that is due at `due`, whose values are what [`exdate`] writes.
pub(super) fn exdate_lines(excluded: &BTreeSet<String>, due: &Due, zone_name: Option<&str>) -> Vec<String> {
    let lines = excluded.iter().filter_map(|value| {
        let (local, form) = times::parse(value)?;
        let at = match (due, form) {
            // RFC 5545 §3.8.5.1: as DTSTART, a date or a time.
            (Due::Date(_), _) => Due::Date(local.date()),
            (_, Form::Utc) => Due::At { local, time_zone: Some(Zone::UTC) },
            (Due::At { local: time, .. }, Form::Date) => due.at_local(local.date().and_time(time.time())),
            (_, Form::Local) => due.at_local(local),
        };
        Some(times::line("EXDATE", &at, zone_name))
    });
    lines.collect()
}
