//! The days of a recurrence rule (RFC 5545 §3.3.10).
//!
//! The days are the same as in python-dateutil. It differs from the RFC in one point: in the first week of a weekly rule,
//! `BYSETPOS` counts from the first day of the recurrence instead of the first day of the week.
//!
//! **Invariant:** this module knows no times of day, so that a change of clocks cannot move an occurrence.

use chrono::{Datelike, Days, Months, NaiveDate};

use super::rrule::{Frequency, Numbers, Rule};
use crate::todos::due::LAST_YEAR;

// A rule without an occurrence in so many days counts as finished. Without `INTERVAL` these are 54 years, and 29
// February falls on a given weekday at least every 40 years.
const SEARCHED_DAYS: usize = 20_000;

impl Rule {
    /// The first occurrence after `after` of the recurrence that begins at `start`. The caller applies COUNT and UNTIL.
    pub(super) fn next_day(&self, start: NaiveDate, after: NaiveDate) -> Option<NaiveDate> {
        let rule = self.completed_by(start);
        // Bounded, because a rule such as 30 February has no occurrence.
        let mut searched = 0;
        for period in rule.period_of(start, after).. {
            let (first, length) = rule.period(start, period)?;
            let found = rule.occurrences(start, first, length).into_iter().find(|day| *day > after);
            searched += length;
            if found.is_some() || searched >= SEARCHED_DAYS {
                return found.filter(|day| day.year() <= LAST_YEAR);
            }
        }
        None
    }

    /// Derives the parts that the rule does not have from `start`, as RFC 5545 §3.3.10 does from DTSTART.
    fn completed_by(&self, start: NaiveDate) -> Self {
        let mut rule = self.clone();
        if rule.by_day.is_some() || rule.by_month_day.is_some() {
            return rule;
        }
        let only = |number| Some(Numbers::from_iter([number]));
        match rule.frequency {
            Frequency::Daily => {}
            Frequency::Weekly => {
                let mut days = [Numbers::default(); 7];
                days[start.weekday() as usize] = Numbers::from_iter([0]);
                rule.by_day = Some(days);
            }
            Frequency::Monthly => rule.by_month_day = only(day_of_month(start)),
            Frequency::Yearly => {
                rule.by_month_day = only(day_of_month(start));
                rule.by_month = rule.by_month.or(only(month(start)));
            }
        }
        rule
    }

    /// The first day of period 0: the day, week, month or year of `start`.
    fn origin(&self, start: NaiveDate) -> Option<NaiveDate> {
        match self.frequency {
            Frequency::Daily => Some(start),
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
            Frequency::Daily => (day - origin).num_days(),
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
            Frequency::Daily => origin.checked_add_days(Days::new(units)),
            Frequency::Weekly => origin.checked_add_days(Days::new(units.checked_mul(7)?)),
            Frequency::Monthly => origin.checked_add_months(months(units)?),
            Frequency::Yearly => origin.checked_add_months(months(units.checked_mul(12)?)?),
        };
        let first = first.filter(|first| first.year() <= LAST_YEAR)?;
        let length = match self.frequency {
            Frequency::Daily => 1,
            Frequency::Weekly => 7,
            Frequency::Monthly => first.num_days_in_month().into(),
            Frequency::Yearly if first.leap_year() => 366,
            Frequency::Yearly => 365,
        };
        Some((first, length))
    }

    fn occurrences(&self, start: NaiveDate, first: NaiveDate, length: usize) -> Vec<NaiveDate> {
        let days = first.iter_days().take(length);
        // See the head of this file: weekly rules drop the days before `start` before BYSETPOS counts, others after.
        let from = if self.frequency == Frequency::Weekly { start } else { first };
        let days: Vec<_> = days.filter(|day| *day >= from && self.fits(*day)).collect();
        let has = |position: Option<i32>| {
            position.is_some_and(|position| self.by_set_pos.binary_search(&position).is_ok())
        };
        let is_chosen = |index: usize| {
            let (from_start, from_end) =
                (i32::try_from(index + 1).ok(), i32::try_from(days.len() - index).ok());
            self.by_set_pos.is_empty() || has(from_start) || has(from_end.map(i32::wrapping_neg))
        };
        let chosen = days.iter().enumerate().filter(|(index, _)| is_chosen(*index));
        chosen.map(|(_, day)| *day).filter(|day| *day >= start).collect()
    }

    fn fits(&self, day: NaiveDate) -> bool {
        self.by_month.is_none_or(|months| months.has(month(day)))
            && self.by_month_day.is_none_or(|days| {
                let from_start = day_of_month(day);
                let from_end = from_start - i32::from(day.num_days_in_month()) - 1;
                days.has(from_start) || days.has(from_end)
            })
            && self.by_day.is_none_or(|days| self.fits_weekday(days[day.weekday() as usize], day))
    }

    /// Whether `numbers` contains the ordinal of `day` among the same weekdays of its month or year.
    fn fits_weekday(&self, numbers: Numbers, day: NaiveDate) -> bool {
        // RFC 5545 §3.3.10, BYDAY: ordinals count in the year only in a yearly rule without BYMONTH.
        let in_year = self.frequency == Frequency::Yearly && self.by_month.is_none();
        let (index, length) = if in_year {
            (day.ordinal0(), if day.leap_year() { 366 } else { 365 })
        } else {
            (day.day0(), u32::from(day.num_days_in_month()))
        };
        let (from_start, from_end) = (index / 7 + 1, (length - 1 - index) / 7 + 1);
        numbers.has(0) || numbers.has(from_start.cast_signed()) || numbers.has(-from_end.cast_signed())
    }
}

fn day_of_month(day: NaiveDate) -> i32 {
    day.day().cast_signed()
}

fn month(day: NaiveDate) -> i32 {
    day.month().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(rule: &str, start: &str, after: &str) -> Option<String> {
        let rule = Rule::parse(rule).unwrap();
        rule.next_day(start.parse().unwrap(), after.parse().unwrap()).map(|day| day.to_string())
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
        let part =
            "(;BYMONTH=(2|1,12))?(;BYMONTHDAY=(-1|29,30|31))?(;BYDAY=(MO,SU|FR))?(;INTERVAL=[1-9]{1,9})?";
        let texts = proptest::string::string_regex(&format!("FREQ=(DAILY|MONTHLY|YEARLY){part}")).unwrap();
        proptest::proptest!(|(text in texts, start in 693_600..3_652_059_i32)| {
            let start = NaiveDate::from_num_days_from_ce_opt(start).unwrap();
            let next = Rule::parse(&text).unwrap().next_day(start, start);
            proptest::prop_assert!(next.is_none_or(|next| next > start && next.year() <= LAST_YEAR));
        });
    }
}
