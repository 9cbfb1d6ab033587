//! When a todo is due.
//!
//! **Invariant:** no date passes through UTC. A date is the same date in every zone, and a local time stays as the client
//! wrote it when the rules of a zone change.

pub mod bound;
mod text;
mod wire;

use bson::DateTime;
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use serde::{Deserialize, Serialize};

use self::text::FIRST_YEAR;
pub use self::text::{DATE, LAST_YEAR, LOCAL_TIME, TIME_ZONE, parse_date, parse_local};
use crate::clock::time_zone::Zone;
use crate::error::Violation;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DueFields", into = "DueFields")]
pub enum Due {
    Date(NaiveDate),
    At {
        local: NaiveDateTime,
        /// `None`: the zone in which the user is at the time.
        time_zone: Option<Zone>,
    },
}

/// A due date as stored and sent: `{"date": "2026-12-01"}` or `{"at": "2026-12-01T09:00", "time_zone": "Europe/Berlin"}`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum DueFields {
    Date { date: String },
    At { at: String, time_zone: Option<String> },
}

impl From<Due> for DueFields {
    fn from(due: Due) -> Self {
        match due {
            Due::Date(_) => Self::Date { date: due.local_key() },
            Due::At { time_zone, .. } => {
                Self::At { at: due.local_key(), time_zone: time_zone.map(|zone| zone.name().to_owned()) }
            }
        }
    }
}

impl TryFrom<DueFields> for Due {
    type Error = &'static str;

    fn try_from(fields: DueFields) -> Result<Self, Self::Error> {
        match fields {
            DueFields::Date { date } => Self::of_texts(Some(&date), None, None),
            DueFields::At { at, time_zone } => Self::of_texts(None, Some(&at), time_zone.as_deref()),
        }
        .ok_or("not a due date")
    }
}

impl Due {
    pub(super) fn of_texts(date: Option<&str>, at: Option<&str>, zone: Option<&str>) -> Option<Self> {
        if let Some(date) = date {
            return parse_date(date).map(Self::Date);
        }
        let time_zone = match zone {
            Some(zone) => Some(Zone::named(zone)?),
            None => None,
        };
        Some(Self::At { local: parse_local(at?)?, time_zone })
    }

    /// `2026-12-01`, `2026-12-01T09:00`, or with seconds if they are not 0. Sorted as text, earlier due dates come first,
    /// and a day comes before its hours.
    pub fn local_key(&self) -> String {
        let day = self.day();
        match self.time().map(|time| (time.hour(), time.minute(), time.second())) {
            None => format!("{day}"),
            Some((hour, minute, 0)) => format!("{day}T{hour:02}:{minute:02}"),
            Some((hour, minute, second)) => format!("{day}T{hour:02}:{minute:02}:{second:02}"),
        }
    }

    pub fn instant(&self) -> Option<DateTime> {
        match *self {
            Self::At { local, time_zone: Some(zone) } => Some(zone.instant_of(local)),
            // A date and a local time without a zone are no instants.
            _ => None,
        }
    }

    pub fn day(&self) -> NaiveDate {
        match self {
            Self::Date(date) => *date,
            Self::At { local, .. } => local.date(),
        }
    }

    pub fn time(&self) -> Option<NaiveTime> {
        match self {
            Self::Date(_) => None,
            Self::At { local, .. } => Some(local.time()),
        }
    }

    pub fn zone(&self) -> Option<Zone> {
        match self {
            Self::Date(_) => None,
            Self::At { time_zone, .. } => *time_zone,
        }
    }

    /// A date is its midnight.
    pub fn local(&self) -> NaiveDateTime {
        match self {
            Self::Date(date) => date.and_time(NaiveTime::MIN),
            Self::At { local, .. } => *local,
        }
    }

    /// Whether clients could write this due date: see [`parse_date`].
    pub fn is_in_range(&self) -> bool {
        (FIRST_YEAR..=LAST_YEAR).contains(&self.day().year())
    }

    pub fn has_form_of(&self, other: &Self) -> bool {
        self.zone() == other.zone() && self.time().is_some() == other.time().is_some()
    }

    /// The same form at another local time.
    pub fn at_local(self, local: NaiveDateTime) -> Self {
        // The local time stays even if clocks skip it on that day: only the instant shifts.
        match self {
            Self::Date(_) => Self::Date(local.date()),
            Self::At { time_zone, .. } => Self::At { local, time_zone },
        }
    }
}

/// A merge patch (RFC 7396): each field is absent (`None`), null (`Some(None)`) or given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DuePatch {
    pub date: Option<Option<NaiveDate>>,
    pub at: Option<Option<NaiveDateTime>>,
    pub time_zone: Option<Option<Zone>>,
}

impl DuePatch {
    /// The result must have either `date` or `at`, and `time_zone` only with `at`. One form replaces the other.
    pub fn apply(self, current: Option<&Due>) -> Result<Due, Vec<Violation>> {
        let (gives_date, gives_at) = (self.date.flatten().is_some(), self.at.flatten().is_some());
        let current = current.filter(|current| match current {
            Due::Date(_) => !gives_at,
            Due::At { .. } => !gives_date,
        });
        let (old_date, old_at) = match current {
            Some(&Due::Date(date)) => (Some(date), None),
            Some(&Due::At { local, .. }) => (None, Some(local)),
            None => (None, None),
        };
        let time_zone = self.time_zone.unwrap_or_else(|| current.and_then(Due::zone));
        let mut violations = Vec::new();
        let due = match (self.date.unwrap_or(old_date), self.at.unwrap_or(old_at)) {
            (Some(date), None) => Some(Due::Date(date)),
            (None, Some(local)) => Some(Due::At { local, time_zone }),
            (None, None) => {
                violations.push(Violation::of(
                    "due/date",
                    "required",
                    "A due date must have `date` or `at`.",
                ));
                None
            }
            (Some(_), Some(_)) => {
                violations.push(Violation::of(
                    "due/at",
                    "conflict",
                    "A due date must not have both `date` and `at`.",
                ));
                None
            }
        };
        if self.date.unwrap_or(old_date).is_some() && time_zone.is_some() {
            let detail = "Only `at` can have a `time_zone`: a `date` is the same day in every zone.";
            violations.push(Violation::of("due/time_zone", "conflict", detail));
        }
        due.filter(|_| violations.is_empty()).ok_or(violations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: Option<Zone>) -> Due {
        Due::At { local: parse_local(text).unwrap(), time_zone: zone }
    }

    #[test]
    fn a_due_date_keeps_the_form_in_which_it_was_written() {
        for (due, json) in [
            (Due::Date(parse_date("2026-12-01").unwrap()), r#"{"date":"2026-12-01"}"#),
            (
                at("2026-12-01T09:00", Zone::named("Europe/Berlin")),
                r#"{"at":"2026-12-01T09:00","time_zone":"Europe/Berlin"}"#,
            ),
            (at("2026-12-01T09:00:00", None), r#"{"at":"2026-12-01T09:00","time_zone":null}"#),
            (at("2026-12-01T09:00:07", None), r#"{"at":"2026-12-01T09:00:07","time_zone":null}"#),
        ] {
            assert_eq!(serde_json::to_string(&due).unwrap(), json);
            assert_eq!(serde_json::from_str::<Due>(json).unwrap(), due);
            let stored = bson::serialize_to_document(&due).unwrap();
            assert_eq!(bson::deserialize_from_document::<Due>(stored).unwrap(), due);
        }
        for json in [r#"{"date":"2026-2-1"}"#, r#"{"at":"2026-12-01T09:00","time_zone":"Mars"}"#, "{}"] {
            assert!(serde_json::from_str::<Due>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn keys_sort_by_time_with_a_day_before_its_hours() {
        let written =
            ["2026-11-30T23:59", "2026-12-01", "2026-12-01T00:00", "2026-12-01T00:00:01", "2026-12-01T00:01"];
        let due = |text| parse_date(text).map_or_else(|| at(text, None), Due::Date);
        let keys = written.map(|text| due(text).local_key());
        assert_eq!(keys, written);
        assert!(keys.is_sorted());
    }

    #[test]
    fn only_a_local_time_with_a_zone_is_an_instant() {
        let instant = |due: Due| due.instant().map(|instant| instant.try_to_rfc3339_string().unwrap());
        assert_eq!(instant(Due::Date(parse_date("2026-12-01").unwrap())), None);
        assert_eq!(instant(at("2026-12-01T09:00", None)), None);
        let berlin = |text| instant(at(text, Zone::named("Europe/Berlin"))).unwrap();
        assert_eq!(berlin("2026-12-01T09:00"), "2026-12-01T08:00:00Z");
        assert_eq!(berlin("2026-10-25T02:30"), "2026-10-25T00:30:00Z", "occurs twice: the earlier");
        assert_eq!(
            berlin("2026-03-29T02:30"),
            "2026-03-29T01:30:00Z",
            "skipped: the offset before the change"
        );
    }

    fn codes(patch: DuePatch, current: Option<&Due>) -> Vec<(String, &'static str)> {
        let violations = patch.apply(current).unwrap_err();
        violations.into_iter().map(|violation| (violation.pointer, violation.code)).collect()
    }

    #[test]
    fn a_patch_changes_the_fields_it_names() {
        let berlin = Zone::named("Europe/Berlin");
        let nine = at("2026-12-01T09:00", berlin);
        let date = parse_date("2026-12-02");
        let later = DuePatch { at: Some(parse_local("2026-12-01T10:00")), ..DuePatch::default() };
        assert_eq!(later.apply(Some(&nine)), Ok(at("2026-12-01T10:00", berlin)));
        let floating = DuePatch { time_zone: Some(None), ..DuePatch::default() };
        assert_eq!(floating.apply(Some(&nine)), Ok(at("2026-12-01T09:00", None)));
        let day = DuePatch { date: Some(date), at: Some(None), time_zone: Some(None) };
        assert_eq!(day.apply(Some(&nine)), Ok(Due::Date(date.unwrap())));
        assert_eq!(DuePatch::default().apply(Some(&nine)), Ok(nine));
        let new = DuePatch { date: Some(date), ..DuePatch::default() };
        assert_eq!(new.apply(None), Ok(Due::Date(date.unwrap())));
    }

    #[test]
    fn a_due_date_has_date_or_at_and_only_at_has_a_zone() {
        let nine = at("2026-12-01T09:00", Zone::named("Europe/Berlin"));
        let date = parse_date("2026-12-02");
        assert_eq!(codes(DuePatch::default(), None), [("/due/date".to_owned(), "required")]);
        let emptied = DuePatch { at: Some(None), ..DuePatch::default() };
        assert_eq!(codes(emptied, Some(&nine)), [("/due/date".to_owned(), "required")]);
        let zoned_day = DuePatch { date: Some(date), time_zone: Some(nine.zone()), ..DuePatch::default() };
        assert_eq!(codes(zoned_day, Some(&nine)), [("/due/time_zone".to_owned(), "conflict")]);
        let both =
            DuePatch { date: Some(date), at: Some(nine.time().map(|_| nine.local())), time_zone: None };
        assert_eq!(codes(both, Some(&nine)), [("/due/at".to_owned(), "conflict")]);
    }

    #[test]
    fn one_form_of_a_due_date_replaces_the_other() {
        let nine = at("2026-12-01T09:00", Zone::named("Europe/Berlin"));
        let date = parse_date("2026-12-02").unwrap();
        let day = DuePatch { date: Some(Some(date)), ..DuePatch::default() };
        assert_eq!(day.apply(Some(&nine)), Ok(Due::Date(date)), "without the zone");
        let ten = parse_local("2026-12-03T10:00");
        let time = DuePatch { at: Some(ten), ..DuePatch::default() };
        assert_eq!(time.apply(Some(&Due::Date(date))), Ok(at("2026-12-03T10:00", None)));
        let cleared = DuePatch { date: Some(None), at: Some(ten), time_zone: None };
        assert_eq!(cleared.apply(Some(&Due::Date(date))), Ok(at("2026-12-03T10:00", None)));
        // Without a zone in the request, the zone stays with the time.
        assert_eq!(time.apply(Some(&nine)), Ok(at("2026-12-03T10:00", Zone::named("Europe/Berlin"))));
    }
}
