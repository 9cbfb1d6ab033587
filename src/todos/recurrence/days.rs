//! The days of one period of a recurrence rule: a day, week, month or year.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

use super::rrule::Rule;
use super::values::{Frequency, Numbers, Skip};

impl Rule {
    /// The days of the period of `length` days that begins on `first`, sorted. BYSETPOS is not applied.
    pub(super) fn days(&self, start: NaiveDate, first: NaiveDate, length: usize) -> Vec<NaiveDate> {
        let of_months = matches!(self.frequency, Frequency::Monthly | Frequency::Yearly);
        if let (Some(skip @ (Skip::Backward | Skip::Forward)), Some(numbers)) = (self.skip, self.by_month_day)
            && of_months
        {
            return self.shifted_days(first, skip, numbers);
        }
        // Weekly rules drop the days before `start` before BYSETPOS counts, as python-dateutil does; others drop them after.
        let from = if self.frequency == Frequency::Weekly { start } else { first };
        first.iter_days().take(length).filter(|day| *day >= from && self.fits(*day)).collect()
    }

    /// A day that a month does not have falls on its neighbour (RFC 7529 §4.1), before BYDAY is applied.
    fn shifted_days(&self, first: NaiveDate, skip: Skip, numbers: Numbers) -> Vec<NaiveDate> {
        let months = if self.frequency == Frequency::Monthly { 1 } else { 12 };
        let months = (0..months).filter_map(|number| first.checked_add_months(Months::new(number)));
        let months = months.filter(|first| self.by_month.is_none_or(|months| months.has(month(*first))));
        let days = months.flat_map(|first| {
            let length = i32::from(first.num_days_in_month());
            let named = (1..=31).chain(-31..=-1).filter(move |number| numbers.has(*number));
            named.filter_map(move |number| {
                let offset = if number > 0 { number - 1 } else { length + number };
                let offset = match skip {
                    Skip::Backward => offset.clamp(-1, length - 1),
                    _ => offset.clamp(0, length),
                };
                match u64::try_from(offset) {
                    Ok(offset) => first.checked_add_days(Days::new(offset)),
                    Err(_) => first.pred_opt(),
                }
            })
        });
        let mut days: Vec<_> = days.filter(|day| self.fits_otherwise(*day)).collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    pub(super) fn fits(&self, day: NaiveDate) -> bool {
        self.by_month.is_none_or(|months| months.has(month(day)))
            && self.by_month_day.is_none_or(|days| {
                let from_start = day_of_month(day);
                let from_end = from_start - i32::from(day.num_days_in_month()) - 1;
                days.has(from_start) || days.has(from_end)
            })
            && self.fits_otherwise(day)
    }

    fn fits_otherwise(&self, day: NaiveDate) -> bool {
        (self.by_year_day.is_empty() || {
            let from_start = day.ordinal().cast_signed();
            let from_end = from_start - days_in_year(day) - 1;
            [from_start, from_end].iter().any(|number| self.by_year_day.binary_search(number).is_ok())
        }) && self.by_week_no.is_none_or(|weeks| in_week(weeks, day, self.week_start))
            && self.by_day.is_none_or(|days| self.fits_weekday(days[day.weekday() as usize], day))
    }

    /// Whether `numbers` contains the ordinal of `day` among the same weekdays of its month or year.
    fn fits_weekday(&self, numbers: Numbers, day: NaiveDate) -> bool {
        // RFC 5545 §3.3.10, BYDAY: ordinals count in the year only in a yearly rule without BYMONTH.
        let in_year = self.frequency == Frequency::Yearly && self.by_month.is_none();
        let (index, length) = if in_year {
            (day.ordinal0().cast_signed(), days_in_year(day))
        } else {
            (day.day0().cast_signed(), i32::from(day.num_days_in_month()))
        };
        let (from_start, from_end) = (index / 7 + 1, (length - 1 - index) / 7 + 1);
        numbers.has(0) || numbers.has(from_start) || numbers.has(-from_end)
    }
}

/// Whether the week of `day` has one of these numbers. Week 1 is the first with at least four days in the year.
fn in_week(weeks: Numbers, day: NaiveDate, week_start: Weekday) -> bool {
    // A week belongs to the year of its fourth day.
    let fourth = day.week(week_start).first_day().checked_add_days(Days::new(3)).unwrap_or(day);
    let (index, length) = (fourth.ordinal0().cast_signed(), days_in_year(fourth));
    weeks.has(index / 7 + 1) || weeks.has(-((length - 1 - index) / 7 + 1))
}

fn days_in_year(day: NaiveDate) -> i32 {
    if day.leap_year() { 366 } else { 365 }
}

pub(super) fn day_of_month(day: NaiveDate) -> i32 {
    day.day().cast_signed()
}

pub(super) fn month(day: NaiveDate) -> i32 {
    day.month().cast_signed()
}
