//! The offset that a VTIMEZONE describes for a local time (RFC 5545 §3.6.5). Only zones without a known name need this.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Weekday};

use super::component::Component;
use super::times;
use crate::todos::recurrence::weekday;

// Of a zone, and onsets of each. A text may name a zone in each line, so that more would take too long.
const OBSERVANCES_MAX: usize = 100;

pub(super) struct Described(Vec<Observance>);

struct Observance {
    start: NaiveDateTime,
    offset: TimeDelta,
    is_standard: bool,
    /// Further onsets.
    dates: Vec<NaiveDateTime>,
    yearly: Option<Yearly>,
    until: Option<NaiveDateTime>,
}

/// The first or last weekday of a month on or after a day: `BYMONTH=3;BYDAY=-1SU`.
struct Yearly {
    month: u32,
    day: Day,
}

enum Day {
    OfMonth(u32),
    Nth(i64, Weekday),
    /// The first such weekday among these days: `BYMONTHDAY=8,9,10,11,12,13,14;BYDAY=SU`.
    From(u32, Weekday),
}

impl Described {
    /// `None` if no observance can be read.
    pub(super) fn of(zone: &Component) -> Option<Self> {
        let found: Vec<_> = zone.children.iter().take(OBSERVANCES_MAX).filter_map(Observance::of).collect();
        (!found.is_empty()).then_some(Self(found))
    }

    pub(super) fn offset_at(&self, local: NaiveDateTime) -> TimeDelta {
        let latest = self.0.iter().filter_map(|observance| Some((observance.last_onset(local)?, observance)));
        let before_all = || self.0.iter().find(|observance| observance.is_standard).or(self.0.first());
        let found = latest.max_by_key(|(onset, _)| *onset).map(|(_, observance)| observance);
        found.or_else(before_all).map_or(TimeDelta::zero(), |observance| observance.offset)
    }
}

impl Observance {
    fn of(component: &Component) -> Option<Self> {
        let start = times::parse(component.value("DTSTART")?)?.0;
        let rdates = component.all("RDATE").flat_map(|property| property.content.value.split(','));
        let rule = component.value("RRULE").map(str::to_ascii_uppercase);
        let part = |name: &str| {
            let parts = rule.as_deref()?.split(';').filter_map(|part| part.split_once('='));
            parts.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
        };
        Some(Self {
            start,
            offset: offset(component.value("TZOFFSETTO")?)?,
            is_standard: component.name == "STANDARD",
            dates: rdates
                .take(OBSERVANCES_MAX)
                .filter_map(|date| times::parse(date.trim()).map(|(at, _)| at))
                .collect(),
            yearly: part("FREQ")
                .filter(|frequency| *frequency == "YEARLY")
                .and_then(|_| Yearly::of(start, part)),
            until: part("UNTIL").and_then(times::parse).map(|(at, _)| at),
        })
    }

    /// The last beginning of the observance that is not after `local`.
    fn last_onset(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let is_past = |onset: &NaiveDateTime| *onset <= local;
        let listed = self.dates.iter().copied().chain([self.start]).filter(is_past).max();
        let bound = self.until.map_or(local, |until| until.min(local));
        let yearly = self.yearly.as_ref().and_then(|yearly| {
            let years = [bound.year(), bound.year() - 1];
            let onsets = years.into_iter().filter_map(|year| yearly.in_year(year));
            let mut onsets = onsets.map(|day| day.and_time(self.start.time()));
            onsets.find(|onset| *onset <= bound && *onset >= self.start)
        });
        listed.max(yearly)
    }
}

impl Yearly {
    fn of<'a>(start: NaiveDateTime, part: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let month = part("BYMONTH").map_or(Some(start.month()), |month| month.parse().ok())?;
        let first_day =
            part("BYMONTHDAY").and_then(|days| days.split(',').filter_map(|day| day.parse().ok()).min());
        let day = match (part("BYDAY"), first_day) {
            (Some(day), Some(first)) => Day::From(first, weekday(day.get(day.len().checked_sub(2)?..)?)?),
            (Some(day), None) => {
                let (nth, day) = day.split_at_checked(day.len().checked_sub(2)?)?;
                Day::Nth(nth.parse().unwrap_or(1), weekday(day)?)
            }
            (None, first) => Day::OfMonth(first.unwrap_or(start.day())),
        };
        Some(Self { month, day })
    }

    fn in_year(&self, year: i32) -> Option<NaiveDate> {
        let on_or_after = |first: NaiveDate, weekday: Weekday| {
            let days = (weekday.num_days_from_monday() + 7 - first.weekday().num_days_from_monday()) % 7;
            first.checked_add_days(Days::new(days.into()))
        };
        let first = NaiveDate::from_ymd_opt(year, self.month, 1)?;
        match self.day {
            Day::OfMonth(day) => first.with_day(day),
            Day::From(day, weekday) => on_or_after(first.with_day(day)?, weekday),
            Day::Nth(nth, weekday) if nth > 0 => {
                let weeks = u64::try_from(nth - 1).ok()?;
                on_or_after(first, weekday)?.checked_add_days(Days::new(weeks.checked_mul(7)?))
            }
            Day::Nth(nth, weekday) => {
                let next = first.checked_add_months(chrono::Months::new(1))?;
                let weeks = nth.unsigned_abs();
                on_or_after(next, weekday)?.checked_sub_days(Days::new(weeks.checked_mul(7)?))
            }
        }
    }
}

/// `+0100` or `-053015`.
fn offset(text: &str) -> Option<TimeDelta> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let pair = |at: usize| digits.get(at..at + 2)?.parse::<i64>().ok();
    let seconds = pair(0)? * 3_600 + pair(2)? * 60 + pair(4).unwrap_or(0);
    Some(TimeDelta::seconds(sign * seconds))
}
