//! RRULE and EXDATE as the rule of a recurrence, and back.
//!
//! In a text, DTSTART and COUNT describe the occurrences that still come, because clients go on from the current due date.
//! The todo remembers where its series began instead.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate, TimeDelta, Timelike};

use super::component::Component;
use super::occurrences::{self, in_form_of, occurrence_at};
use super::times::{self, Form};
use super::zones::Zones;
use crate::clock::time_zone::Zone;
use crate::todos::due::Due;
use crate::todos::recurrence::{Basis, RULE_MAX, Recurrence, normalized};

// Values of EXDATE that are read. A rule has room for fewer.
const EXCEPTIONS_MAX: usize = 500;

// How far ahead of the due date exceptions are read: a rule with COUNT is walked through until the last of them.
const EXCEPTIONS_AHEAD: Days = Days::new(5 * 365);

// Exceptions that follow each other need a round each.
const COUNT_ROUNDS: usize = 8;

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
        // As the todo keeps the rule. Some clients write the name of the property twice.
        let rule = normalized(rule).to_ascii_uppercase();
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

    /// The exceptions that an occurrence soon after `due` can meet, as times if the todo is due at a time.
    pub(super) fn excluded_from(&self, due: &Due) -> BTreeSet<String> {
        let values = self.excluded.iter().filter_map(|value| {
            let (local, form) = times::parse(value)?;
            let at = match (due, form) {
                (Due::At { local: time, .. }, Form::Date) => due.at_local(local.date().and_time(time.time())),
                (_, Form::Utc) => in_form_of(due, &Due::At { local, time_zone: Some(Zone::UTC) }),
                _ => due.at_local(local),
            };
            Some(at).filter(|at| is_ahead(at, due))
        });
        values.map(|at| exdate(&at)).collect()
    }

    /// BYHOUR and BYMINUTE name the time of a beginning, and a todo goes on from its due date. If they only repeat the time of
    /// DTSTART, they are left out.
    fn drop_time_of(&mut self, start: &Due, due: &Due) {
        let repeats = |part: &str, name: &str, value: fn(&Due) -> u32| {
            let number = part.strip_prefix(name).and_then(|value| value.parse().ok());
            number == Some(value(start)) && value(start) != value(due)
        };
        if self.named.iter().any(|part| part == "FREQ=HOURLY" || part == "FREQ=MINUTELY") {
            return;
        }
        self.named.retain(|part| {
            !repeats(part, "BYHOUR=", |at| at.local().hour())
                && !repeats(part, "BYMINUTE=", |at| at.local().minute())
        });
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
        let left = left?.max(1);
        let mut count = left;
        // The due date may be no occurrence, and COUNT counts the occurrences of EXDATE. Each round adds what is missing.
        for _ in 0..COUNT_ROUNDS {
            match self.comes(count, basis, due) {
                Some(comes) if comes < left => count = count.saturating_add(left - comes),
                Some(comes) if comes > left && count > 1 => count -= 1,
                Some(comes) if comes == left => return Some(count),
                _ => break,
            }
        }
        Some(left)
    }
}

/// The rule of a VTODO that is due at `due`, if the model supports it.
pub(super) fn read(todo: &Component, zones: &Zones<'_>, due: &Due, basis: Basis) -> Option<String> {
    let start = todo.first("DTSTART").and_then(|start| zones.time(&start.content));
    let parts = written(todo, zones, start, due)?;
    let rule = parts.rule(parts.count);
    Recurrence::begin(&rule, basis, due).is_ok().then_some(rule)
}

/// The rule as it is written, even if the model does not support it, for a todo that begins at `start`.
pub(super) fn written(todo: &Component, zones: &Zones<'_>, start: Option<Due>, due: &Due) -> Option<Parts> {
    let mut parts = Parts::of(todo.value("RRULE")?);
    if let Some(start) = start {
        parts.drop_time_of(&start, due);
    }
    parts.excluded.extend(exceptions(todo, zones, due));
    Some(parts)
}

/// The values of EXDATE that an occurrence soon after `due` can meet. They name beginnings, and a todo has due dates.
pub(super) fn exceptions(todo: &Component, zones: &Zones<'_>, due: &Due) -> BTreeSet<String> {
    let start = todo.first("DTSTART").and_then(|start| zones.time(&start.content));
    let said = occurrences::end(todo, zones).unwrap_or(*due);
    let values = todo.all("EXDATE").flat_map(|property| {
        let zone = property.content.param("TZID");
        property.content.value.split(',').filter_map(move |value| zones.time_in(value.trim(), zone))
    });
    let occurrences = values.take(EXCEPTIONS_MAX).map(|value| occurrence_at(&value, start.as_ref(), &said));
    occurrences.filter(|at| is_ahead(at, due)).map(|at| exdate(&at)).collect()
}

fn is_ahead(at: &Due, due: &Due) -> bool {
    let last = due.day().checked_add_days(EXCEPTIONS_AHEAD).unwrap_or(NaiveDate::MAX);
    (due.day()..=last).contains(&at.day())
}

pub(super) fn exdate(at: &Due) -> String {
    match at {
        Due::Date(day) => times::date(*day),
        Due::At { local, .. } => times::local(*local),
    }
}

/// The lines EXDATE of a todo that is due at `due` and begins `span` before, for values that [`exdate`] has written.
pub(super) fn exdate_lines(
    excluded: &BTreeSet<String>,
    due: &Due,
    span: TimeDelta,
    zone_name: Option<&str>,
) -> Vec<String> {
    let lines = excluded.iter().filter_map(|value| {
        let begins = times::parse(value)?.0.checked_sub_signed(span)?;
        Some(times::line("EXDATE", &due.at_local(begins), zone_name))
    });
    lines.collect()
}
