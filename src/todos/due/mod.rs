//! When a todo is due, and where wall times lie in time zones. Must not move a date through UTC: a date is the same
//! date in every zone, and a wall time stays as it was written.

pub mod bound;

use bson::DateTime;
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike};
use chrono_tz::{GapInfo, Tz};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Violation;

/// The last year of a due date: the last one that is written in four digits.
pub(super) const LAST_YEAR: i32 = 9999;

/// When a todo is due. Stored and sent as `{"date": "2026-12-01"}` or
/// `{"at": "2026-12-01T09:00", "time_zone": "Europe/Berlin"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Due {
    /// On a day, wherever its owner is.
    Date(NaiveDate),
    /// At a wall time.
    At {
        /// What the clock on the wall shows.
        local: NaiveDateTime,
        /// Where the wall is; `None` for wherever its owner is.
        time_zone: Option<Tz>,
    },
}

/// A due date as stored and sent: `{"date"}`, or `{"at", "time_zone"}`.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Due)]
pub(super) enum Written {
    /// On a day.
    Date {
        /// `YYYY-MM-DD`.
        date: String,
    },
    /// At a wall time.
    At {
        /// `YYYY-MM-DDTHH:MM`, or with seconds.
        at: String,
        /// An IANA name; null for wherever the user is.
        #[schema(required)]
        time_zone: Option<String>,
    },
}

impl From<Due> for Written {
    fn from(due: Due) -> Self {
        match due {
            Due::Date(_) => Self::Date { date: due.local_key() },
            Due::At { time_zone, .. } => {
                Self::At { at: due.local_key(), time_zone: time_zone.map(|zone| zone.name().to_owned()) }
            }
        }
    }
}

impl TryFrom<Written> for Due {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Date { date } => Self::of_texts(Some(&date), None, None),
            Written::At { at, time_zone } => Self::of_texts(None, Some(&at), time_zone.as_deref()),
        }
        .ok_or("not a due date")
    }
}

impl Due {
    /// A day, or a wall time and its zone, as written.
    pub(super) fn of_texts(date: Option<&str>, at: Option<&str>, zone: Option<&str>) -> Option<Self> {
        if let Some(date) = date {
            return parse_date(date).map(Self::Date);
        }
        let time_zone = match zone {
            Some(zone) => Some(parse_zone(zone)?),
            None => None,
        };
        Some(Self::At { local: parse_local(at?)?, time_zone })
    }

    /// The wall time as written: `2026-12-01`, `2026-12-01T09:00`, or with seconds where they are not 0. As text,
    /// earlier sorts before later, and a day before its hours.
    #[must_use]
    pub fn local_key(&self) -> String {
        let day = self.day();
        match self.time().map(|time| (time.hour(), time.minute(), time.second())) {
            None => format!("{day}"),
            Some((hour, minute, 0)) => format!("{day}T{hour:02}:{minute:02}"),
            Some((hour, minute, second)) => format!("{day}T{hour:02}:{minute:02}:{second:02}"),
        }
    }

    /// The instant, where there is one: a date and a wall time without a zone have none. See [`instant_of`].
    #[must_use]
    pub fn instant(&self) -> Option<DateTime> {
        match *self {
            Self::At { local, time_zone: Some(zone) } => Some(instant_of(local, zone)),
            _ => None,
        }
    }

    /// The day.
    pub(super) fn day(&self) -> NaiveDate {
        match self {
            Self::Date(date) => *date,
            Self::At { local, .. } => local.date(),
        }
    }

    /// What the clock shows then; `None` for a date.
    pub(super) fn time(&self) -> Option<NaiveTime> {
        match self {
            Self::Date(_) => None,
            Self::At { local, .. } => Some(local.time()),
        }
    }

    /// The zone that it names.
    pub(super) fn zone(&self) -> Option<Tz> {
        match self {
            Self::Date(_) => None,
            Self::At { time_zone, .. } => *time_zone,
        }
    }

    /// The same on another day. The wall time stays even where the clock skips it that day: only its instant shifts.
    pub(super) fn on(self, day: NaiveDate) -> Self {
        match self {
            Self::Date(_) => Self::Date(day),
            Self::At { local, time_zone } => Self::At { local: day.and_time(local.time()), time_zone },
        }
    }
}

/// A merge patch (RFC 7396) of a due date: each member absent (`None`), null (`Some(None)`) or given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DuePatch {
    /// The day.
    pub date: Option<Option<NaiveDate>>,
    /// The wall time.
    pub at: Option<Option<NaiveDateTime>>,
    /// The zone of the wall time.
    pub time_zone: Option<Option<Tz>>,
}

impl DuePatch {
    /// What `current` becomes.
    ///
    /// # Errors
    /// Both or neither of `date` and `at` are left, or a `time_zone` beside a `date`.
    pub fn apply(self, current: Option<&Due>) -> Result<Due, Vec<Violation>> {
        let (old_date, old_at) = match current {
            Some(&Due::Date(date)) => (Some(date), None),
            Some(&Due::At { local, .. }) => (None, Some(local)),
            None => (None, None),
        };
        let time_zone = self.time_zone.unwrap_or_else(|| current.and_then(Due::zone));
        let mut faults = Vec::new();
        let due = match (self.date.unwrap_or(old_date), self.at.unwrap_or(old_at)) {
            (Some(date), None) => Some(Due::Date(date)),
            (None, Some(local)) => Some(Due::At { local, time_zone }),
            (None, None) => {
                faults.push(Violation::of("due/date", "required", "A due date has either `date` or `at`."));
                None
            }
            (Some(_), Some(_)) => {
                faults.push(Violation::of("due/at", "conflict", "A due date has `date` or `at`, not both."));
                None
            }
        };
        if self.date.unwrap_or(old_date).is_some() && time_zone.is_some() {
            let detail = "A `date` is the same day in every zone: `time_zone` belongs to `at`.";
            faults.push(Violation::of("due/time_zone", "conflict", detail));
        }
        due.filter(|_| faults.is_empty()).ok_or(faults)
    }
}

/// Reads exactly `YYYY-MM-DD`, from 1900 to 9999: four digits sort as text, and earlier years are slips of the hand
/// for which zones have no agreed offset.
#[must_use]
pub fn parse_date(text: &str) -> Option<NaiveDate> {
    let [year, month, day] = numbers(text, '-', [4, 2, 2])?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    (1900..=LAST_YEAR).contains(&date.year()).then_some(date)
}

/// Reads exactly `YYYY-MM-DDTHH:MM` or `YYYY-MM-DDTHH:MM:SS`, in the years of [`parse_date`] and without leap seconds.
#[must_use]
pub fn parse_local(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = text.split_once('T')?;
    let [hour, minute, second] = match numbers(time, ':', [2, 2]) {
        Some([hour, minute]) => [hour, minute, 0],
        None => numbers(time, ':', [2, 2, 2])?,
    };
    parse_date(date)?.and_hms_opt(hour, minute, second)
}

/// Reads the IANA name of a zone, in its exact case.
#[must_use]
pub fn parse_zone(text: &str) -> Option<Tz> {
    text.parse().ok()
}

/// Numbers of exactly so many digits each.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[u32; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, width) in found.iter_mut().zip(widths) {
        let digits = parts.next()?;
        let right = digits.len() == width && digits.bytes().all(|byte| byte.is_ascii_digit());
        *number = right.then(|| digits.parse().ok())??;
    }
    parts.next().is_none().then_some(found)
}

/// The wall time at an instant.
#[must_use]
pub fn local_of(instant: DateTime, zone: Tz) -> NaiveDateTime {
    zone.from_utc_datetime(&instant.to_chrono().naive_utc()).naive_local()
}

/// The instant of a wall time. One that comes twice, when clocks go back, is the earlier; one that never comes, when
/// clocks go forward, counts as if they had not yet (RFC 5545 §3.3.5): 02:30 is then one hour after 01:30.
#[must_use]
pub fn instant_of(local: NaiveDateTime, zone: Tz) -> DateTime {
    let utc = match zone.offset_from_local_datetime(&local).earliest() {
        Some(offset) => local - offset.fix(),
        None => GapInfo::new(&local, &zone)
            .and_then(|gap| gap.begin)
            .map_or(local, |(_, before)| local - before.fix()),
    };
    DateTime::from_millis(utc.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Tz {
        parse_zone(name).unwrap()
    }

    fn at(text: &str, zone: Option<Tz>) -> Due {
        Due::At { local: parse_local(text).unwrap(), time_zone: zone }
    }

    #[test]
    fn a_due_date_is_stored_and_sent_as_it_is_written() {
        for (due, json) in [
            (Due::Date(parse_date("2026-12-01").unwrap()), r#"{"date":"2026-12-01"}"#),
            (
                at("2026-12-01T09:00", Some(Tz::Europe__Berlin)),
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
    fn only_the_exact_form_of_a_date_is_read() {
        for right in ["1900-01-01", "2024-02-29", "9999-12-31"] {
            assert_eq!(parse_date(right).unwrap().to_string(), right);
        }
        for wrong in [
            "1899-12-31",
            "10000-01-01",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-01",
            "+026-01-01",
            " 2026-01-01",
            "2026-01-01 ",
            "2026-01-01-",
            "2026-01",
            "20260101",
            "2026-01-01T00:00",
            "２０２６-01-01",
            "",
        ] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_exact_form_of_a_wall_time_is_read() {
        for right in ["2026-12-01T00:00", "2026-12-01T23:59:59"] {
            assert_eq!(at(right, None).local_key(), right);
        }
        for wrong in [
            "2026-12-01",
            "2026-12-01T",
            "2026-12-01T9:00",
            "2026-12-01 09:00",
            "2026-12-01t09:00",
            "2026-12-01T24:00",
            "2026-12-01T09:60",
            "2026-12-01T23:59:60",
            "2026-12-01T09:00Z",
            "2026-12-01T09:00+01:00",
            "2026-12-01T09:00:00.5",
            "2026-12-01T09:00:0",
            "1899-12-31T09:00",
        ] {
            assert_eq!(parse_local(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn zones_are_iana_names_in_their_case() {
        for right in ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"] {
            assert_eq!(zone(right).name(), right);
        }
        for wrong in ["", "europe/berlin", "Europe/Berlin ", "+01:00", "Mars/Base"] {
            assert_eq!(parse_zone(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn earlier_wall_times_sort_first_as_text_and_a_day_before_its_hours() {
        let written =
            ["2026-11-30T23:59", "2026-12-01", "2026-12-01T00:00", "2026-12-01T00:00:01", "2026-12-01T00:01"];
        let due = |text| parse_date(text).map_or_else(|| at(text, None), Due::Date);
        let keys = written.map(|text| due(text).local_key());
        assert_eq!(keys, written);
        assert!(keys.is_sorted());
    }

    #[test]
    fn only_a_wall_time_with_a_zone_is_an_instant() {
        let instant = |due: Due| due.instant().map(|instant| instant.try_to_rfc3339_string().unwrap());
        assert_eq!(instant(Due::Date(parse_date("2026-12-01").unwrap())), None);
        assert_eq!(instant(at("2026-12-01T09:00", None)), None);
        let berlin = |text| instant(at(text, Some(Tz::Europe__Berlin))).unwrap();
        assert_eq!(berlin("2026-12-01T09:00"), "2026-12-01T08:00:00Z");
        assert_eq!(berlin("2026-10-25T02:30"), "2026-10-25T00:30:00Z", "comes twice: the earlier");
        assert_eq!(berlin("2026-03-29T02:30"), "2026-03-29T01:30:00Z", "never comes: the offset before");
    }

    fn codes(patch: DuePatch, current: Option<&Due>) -> Vec<(String, &'static str)> {
        let faults = patch.apply(current).unwrap_err();
        faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let berlin = Some(Tz::Europe__Berlin);
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
    fn a_due_date_is_a_day_or_a_wall_time_and_only_the_latter_has_a_zone() {
        let nine = at("2026-12-01T09:00", Some(Tz::Europe__Berlin));
        let date = parse_date("2026-12-02");
        assert_eq!(codes(DuePatch::default(), None), [("/due/date".to_owned(), "required")]);
        let emptied = DuePatch { at: Some(None), ..DuePatch::default() };
        assert_eq!(codes(emptied, Some(&nine)), [("/due/date".to_owned(), "required")]);
        let zoned_day = DuePatch { date: Some(date), at: Some(None), ..DuePatch::default() };
        assert_eq!(codes(zoned_day, Some(&nine)), [("/due/time_zone".to_owned(), "conflict")]);
        let both = DuePatch { date: Some(date), ..DuePatch::default() };
        let faults = [("/due/at".to_owned(), "conflict"), ("/due/time_zone".to_owned(), "conflict")];
        assert_eq!(codes(both, Some(&nine)), faults);
    }
}
