//! The occurrences of a recurrence rule, one after another (RFC 5545 §3.3.10).
//!
//! They are the same as in python-dateutil, except that it takes some first days of January for week 53. It differs from
//! the RFC in two points: in the first week of a weekly rule, `BYSETPOS` counts from the first day of the recurrence instead
//! of the first day of the week; and `BYWEEKNO` without `BYDAY` means every day of the week.
//!
//! **Invariant:** this module knows local times only, so that a change of clocks cannot move an occurrence.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::days::{day_of_month, month};
use super::rrule::Rule;
use super::values::{Frequency, Moment, Numbers, Skip};
use crate::clock::time_zone::Zone;
use crate::todos::due::LAST_YEAR;

// A rule without an occurrence in so many days counts as finished. Without `INTERVAL` these are 54 years, and 29
// February falls on a given weekday at least every 40 years.
const SEARCHED_DAYS: usize = 20_000;

// Longer walks through a series are cut short, so that COUNT can be off in a series of so many occurrences. A step of an
// hourly or minutely rule can take a thousand times as long as a step of a daily rule.
const COUNTED_MAX: u32 = 10_000;
const COUNTED_MAX_WITHIN_DAYS: u32 = 1_000;

/// A rule that begins at `start`. COUNT and UNTIL are not applied. A date is its midnight.
pub(super) struct Series {
    pub(super) rule: Rule,
    pub(super) start: NaiveDateTime,
    /// The times of an occurrence on its day, sorted.
    times: Vec<NaiveTime>,
    excluded: Vec<Excluded>,
}

enum Excluded {
    Day(NaiveDate),
    At(NaiveDateTime),
}

impl Series {
    /// `zone` is that of the due date. [`Rule::misfit`] has refused EXDATE in UTC without a zone.
    pub(super) fn new(rule: Rule, start: NaiveDateTime, zone: Zone) -> Self {
        let hours = if rule.by_hour.is_empty() { vec![start.hour()] } else { rule.by_hour.clone() };
        let minutes = if rule.by_minute.is_empty() { vec![start.minute()] } else { rule.by_minute.clone() };
        let at = |hour, minute| NaiveTime::from_hms_opt(hour, minute, start.second());
        let times = hours.iter().flat_map(|hour| minutes.iter().filter_map(|minute| at(*hour, *minute)));
        let excluded = rule.excluded.iter().map(|moment| match moment {
            Moment::Day(day) => Excluded::Day(*day),
            moment => Excluded::At(moment.last_local(zone)),
        });
        Self {
            times: times.collect(),
            excluded: excluded.collect(),
            rule: rule.completed_by(start.date()),
            start,
        }
    }

    /// The first occurrence after `after`, without those of EXDATE.
    pub(super) fn after(&self, mut after: NaiveDateTime) -> Option<NaiveDateTime> {
        loop {
            after = self.counted_after(after)?;
            if !self.excludes(after) {
                return Some(after);
            }
        }
    }

    /// Like [`Self::after`], but with the occurrences of EXDATE, because COUNT counts them too.
    fn counted_after(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        // Seconds are the smallest unit of a local time.
        let after = after.max(self.start - TimeDelta::seconds(1));
        let found = if self.rule.is_within_days() { self.slot_after(after) } else { self.day_after(after) };
        found.filter(|at| at.year() <= LAST_YEAR)
    }

    fn excludes(&self, at: NaiveDateTime) -> bool {
        self.excluded.iter().any(|excluded| match excluded {
            Excluded::Day(day) => at.date() == *day,
            Excluded::At(time) => at == *time,
        })
    }

    pub(super) fn contains(&self, at: NaiveDateTime) -> bool {
        self.after(at - TimeDelta::seconds(1)) == Some(at)
    }

    /// How many occurrences are after `from` and not after `to`, at most `most`.
    pub(super) fn count(&self, from: NaiveDateTime, to: NaiveDateTime, most: u32) -> u32 {
        let most = most.min(self.counted_max());
        let (mut at, mut counted) = (from, 0);
        while counted < most {
            match self.after(at).filter(|at| *at <= to) {
                Some(next) => (at, counted) = (next, counted + 1),
                None => break,
            }
        }
        counted
    }

    fn counted_max(&self) -> u32 {
        if self.rule.is_within_days() { COUNTED_MAX_WITHIN_DAYS } else { COUNTED_MAX }
    }

    /// How many of the first `count` occurrences come after the start. EXDATE removes occurrences that COUNT has counted.
    pub(super) fn left_of(&self, count: u32) -> u32 {
        let is_first = |at: NaiveDateTime| self.counted_after(at - TimeDelta::seconds(1)) == Some(at);
        let mut left = count - u32::from(is_first(self.start));
        let last = self.excluded.iter().map(|excluded| match excluded {
            Excluded::Day(day) => day.and_hms_opt(23, 59, 59).unwrap_or(NaiveDateTime::MAX),
            Excluded::At(time) => *time,
        });
        let (last, mut at) = (last.max(), self.start);
        for _ in 0..left.min(self.counted_max()) {
            match self.counted_after(at).filter(|at| last.is_some_and(|last| *at <= last)) {
                Some(next) => at = next,
                None => break,
            }
            left -= u32::from(self.excludes(at));
        }
        left
    }

    fn day_after(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let rule = &self.rule;
        let mut number = rule.period_of(self.start.date(), after.date());
        if rule.skip == Some(Skip::Forward) {
            // A day of the period before can fall on the first day of this one.
            number = number.saturating_sub(1);
        }
        // Bounded, because a rule such as 30 February has no occurrence.
        let mut searched = 0;
        for period in number.. {
            let (first, length) = rule.period(self.start.date(), period)?;
            let found = self.first_after(&rule.days(self.start.date(), first, length), after);
            searched += length;
            if found.is_some() || searched >= SEARCHED_DAYS {
                return found;
            }
        }
        None
    }

    /// The first time after `after` on these days of a period.
    fn first_after(&self, days: &[NaiveDate], after: NaiveDateTime) -> Option<NaiveDateTime> {
        let positions = &self.rule.by_set_pos;
        if positions.is_empty() {
            let later = days.iter().filter(|day| **day >= after.date());
            return later
                .flat_map(|day| self.times.iter().map(|time| day.and_time(*time)))
                .find(|at| *at > after);
        }
        let length = days.len() * self.times.len();
        let index = |position: i32| {
            let from_start = usize::try_from(position.unsigned_abs()).ok()?;
            if position > 0 { Some(from_start - 1) } else { length.checked_sub(from_start) }
        };
        let at = |index: usize| {
            let day = days.get(index / self.times.len())?;
            Some(day.and_time(self.times[index % self.times.len()]))
        };
        positions.iter().filter_map(|position| at(index(*position)?)).filter(|at| *at > after).min()
    }
}

impl Rule {
    /// Derives the parts that the rule does not have from `start`, as RFC 5545 §3.3.10 does from DTSTART.
    fn completed_by(mut self, start: NaiveDate) -> Self {
        if !self.derives_day() {
            return self;
        }
        let only = |number| Some(Numbers::from_iter([number]));
        match self.frequency {
            Frequency::Minutely | Frequency::Hourly | Frequency::Daily => {}
            Frequency::Weekly => {
                let mut days = [Numbers::default(); 7];
                days[start.weekday() as usize] = Numbers::from_iter([0]);
                self.by_day = Some(days);
            }
            Frequency::Monthly => self.by_month_day = only(day_of_month(start)),
            Frequency::Yearly => {
                self.by_month_day = only(day_of_month(start));
                self.by_month = self.by_month.or(only(month(start)));
            }
        }
        self
    }

    /// Whether no part says on which days of a period the occurrences are.
    pub(super) fn derives_day(&self) -> bool {
        let named = self.by_day.is_some() || self.by_month_day.is_some() || self.by_week_no.is_some();
        !named && self.by_year_day.is_empty()
    }

    /// The first day of period 0: the day, week, month or year of `start`.
    fn origin(&self, start: NaiveDate) -> Option<NaiveDate> {
        match self.frequency {
            Frequency::Minutely | Frequency::Hourly | Frequency::Daily => Some(start),
            Frequency::Weekly => Some(start.week(self.week_start).first_day()),
            Frequency::Monthly => start.with_day(1),
            Frequency::Yearly => NaiveDate::from_ymd_opt(start.year(), 1, 1),
        }
    }

    /// The number of the last period that begins on or before `day`, from 0.
    fn period_of(&self, start: NaiveDate, day: NaiveDate) -> u64 {
        let Some(origin) = self.origin(start) else { return 0 };
        let years = i64::from(day.year() - origin.year());
        // Computed instead of counted, so that a search takes the same time however long ago `start` was.
        let units = match self.frequency {
            Frequency::Minutely | Frequency::Hourly | Frequency::Daily => (day - origin).num_days(),
            Frequency::Weekly => (day - origin).num_days() / 7,
            Frequency::Monthly => years * 12 + i64::from(month(day) - month(origin)),
            Frequency::Yearly => years,
        };
        u64::try_from(units).unwrap_or(0) / u64::from(self.interval)
    }

    /// The first day and the number of days of a period, or `None` after the years of four digits.
    fn period(&self, start: NaiveDate, number: u64) -> Option<(NaiveDate, usize)> {
        let (origin, units) = (self.origin(start)?, number.checked_mul(self.interval.into())?);
        let months = |units: u64| Some(Months::new(u32::try_from(units).ok()?));
        let first = match self.frequency {
            Frequency::Minutely | Frequency::Hourly | Frequency::Daily => {
                origin.checked_add_days(Days::new(units))
            }
            Frequency::Weekly => origin.checked_add_days(Days::new(units.checked_mul(7)?)),
            Frequency::Monthly => origin.checked_add_months(months(units)?),
            Frequency::Yearly => origin.checked_add_months(months(units.checked_mul(12)?)?),
        };
        let first = first.filter(|first| first.year() <= LAST_YEAR)?;
        let length = match self.frequency {
            Frequency::Minutely | Frequency::Hourly | Frequency::Daily => 1,
            Frequency::Weekly => 7,
            Frequency::Monthly => first.num_days_in_month().into(),
            Frequency::Yearly if first.leap_year() => 366,
            Frequency::Yearly => 365,
        };
        Some((first, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(rule: &str, start: &str, after: &str) -> Option<String> {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap().and_time(NaiveTime::MIN);
        let series = Series::new(Rule::parse(rule).unwrap(), day(start), Zone::UTC);
        series.after(day(after)).map(|found| found.date().to_string())
    }

    #[test]
    fn a_day_that_a_month_or_year_does_not_have_is_skipped() {
        assert_eq!(next("FREQ=MONTHLY", "2026-01-31", "2026-01-31").unwrap(), "2026-03-31");
        assert_eq!(next("FREQ=YEARLY", "2096-02-29", "2096-02-29").unwrap(), "2104-02-29");
        assert_eq!(next("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-31", "2026-01-31").unwrap(), "2026-02-28");
    }

    #[test]
    fn the_interval_counts_from_the_start_however_long_ago() {
        assert_eq!(next("FREQ=DAILY;INTERVAL=7", "1900-01-01", "2026-12-01").unwrap(), "2026-12-07");
        assert_eq!(next("FREQ=WEEKLY;INTERVAL=2", "1900-01-01", "2026-12-01").unwrap(), "2026-12-14");
        assert_eq!(next("FREQ=MONTHLY;INTERVAL=5", "1900-01-31", "2026-12-01").unwrap(), "2027-07-31");
    }

    #[test]
    fn the_first_days_of_january_can_be_in_the_last_week_of_the_year_before() {
        for (rule, after, found) in [
            ("FREQ=YEARLY;BYWEEKNO=52", "2077-12-31", "2078-01-01"),
            ("FREQ=YEARLY;BYWEEKNO=53", "2077-12-31", "2082-12-28"),
            ("FREQ=YEARLY;BYWEEKNO=53", "2026-12-31", "2027-01-01"),
            ("FREQ=YEARLY;BYWEEKNO=1", "2029-12-01", "2029-12-31"),
            ("FREQ=YEARLY;BYWEEKNO=-1", "2026-12-31", "2027-01-01"),
        ] {
            assert_eq!(next(rule, "2026-01-05", after).unwrap(), found, "{rule}");
        }
    }

    #[test]
    fn a_rule_without_occurrences_ends() {
        for rule in [
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
            "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
            "FREQ=YEARLY;INTERVAL=999999999",
            "FREQ=MONTHLY;INTERVAL=999999999",
            "FREQ=WEEKLY;INTERVAL=999999999",
            "FREQ=DAILY;INTERVAL=999999999",
        ] {
            assert_eq!(next(rule, "2026-01-05", "2026-01-05"), None, "{rule}");
        }
    }

    #[test]
    fn no_occurrence_has_a_year_of_five_digits() {
        assert_eq!(next("FREQ=DAILY", "9999-12-30", "9999-12-30").unwrap(), "9999-12-31");
        for rule in ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SA", "FREQ=MONTHLY", "FREQ=YEARLY"] {
            assert_eq!(next(rule, "9999-12-31", "9999-12-31"), None, "{rule}");
        }
    }

    #[test]
    fn occurrences_ascend() {
        let part = "(;BYMONTH=(2|1,12))?(;BYMONTHDAY=(-1|29,30|31))?(;BYDAY=(MO,SU|FR))?(;INTERVAL=[1-9]{1,9})?(;SKIP=(FORWARD|BACKWARD))?";
        let texts =
            proptest::string::string_regex(&format!("FREQ=(MINUTELY|HOURLY|DAILY|MONTHLY|YEARLY){part}"))
                .unwrap();
        proptest::proptest!(|(text in texts, start in 693_600..3_652_059_i32)| {
            let start = NaiveDate::from_num_days_from_ce_opt(start).unwrap().and_time(NaiveTime::MIN);
            let next = Series::new(Rule::parse(&text).unwrap(), start, Zone::UTC).after(start);
            proptest::prop_assert!(next.is_none_or(|next| next > start && next.year() <= LAST_YEAR));
        });
    }
}
