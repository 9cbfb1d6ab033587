//! The values of the parts of a recurrence rule: numbers, lists, weekdays, times.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use crate::clock::time_zone::Zone;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    Minutely,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// Where the 31st falls in a month of 30 days (RFC 7529 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    Omit,
    Backward,
    Forward,
}

/// A bit set of the numbers from -63 to 64, which include every ordinal of BYDAY, BYMONTHDAY, BYMONTH and BYWEEKNO.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers(u128);

impl Numbers {
    pub(super) fn has(self, number: i32) -> bool {
        self.0 & (1 << (number + 63)) != 0
    }
}

impl FromIterator<i32> for Numbers {
    fn from_iter<I: IntoIterator<Item = i32>>(numbers: I) -> Self {
        Self(numbers.into_iter().fold(0, |set, number| set | (1 << (number + 63))))
    }
}

/// A moment in UNTIL or EXDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Day(NaiveDate),
    Local(NaiveDateTime),
    Utc(NaiveDateTime),
}

impl Moment {
    /// The last local time that is not after this moment. A day ends with its last second.
    pub(super) fn last_local(self, zone: Zone) -> NaiveDateTime {
        match self {
            Self::Day(day) => day.and_hms_opt(23, 59, 59).unwrap_or(day.and_time(NaiveTime::MIN)),
            Self::Local(local) => local,
            Self::Utc(utc) => zone.local_of(utc.and_utc().into()),
        }
    }
}

pub(super) fn moment(text: &str) -> Option<Moment> {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((day, time)) = text.split_once('T') else {
        let day = digits(text, 8).then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok())?;
        return day.map(Moment::Day);
    };
    let (time, in_utc) = time.strip_suffix('Z').map_or((time, false), |time| (time, true));
    // chrono would accept fewer digits and signs.
    let is_well_formed = digits(day, 8) && digits(time, 6);
    let local = NaiveDateTime::parse_from_str(&format!("{day}T{time}"), "%Y%m%dT%H%M%S").ok()?;
    is_well_formed.then_some(if in_utc { Moment::Utc(local) } else { Moment::Local(local) })
}

pub(super) fn frequency(text: &str) -> Option<Frequency> {
    Some(match text {
        "MINUTELY" => Frequency::Minutely,
        "HOURLY" => Frequency::Hourly,
        "DAILY" => Frequency::Daily,
        "WEEKLY" => Frequency::Weekly,
        "MONTHLY" => Frequency::Monthly,
        "YEARLY" => Frequency::Yearly,
        _ => return None,
    })
}

pub(super) fn skip(text: &str) -> Option<Skip> {
    Some(match text {
        "OMIT" => Skip::Omit,
        "BACKWARD" => Skip::Backward,
        "FORWARD" => Skip::Forward,
        _ => return None,
    })
}

pub fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    })
}

pub(super) fn weekdays(text: &str) -> Option<[Numbers; 7]> {
    let listed: Vec<_> = list(text, ordinal_weekday)?;
    let numbers = |index| listed.iter().filter(move |(_, day)| *day as usize == index).map(|(nth, _)| *nth);
    Some(std::array::from_fn(|index| numbers(index).collect()))
}

fn ordinal_weekday(text: &str) -> Option<(i32, Weekday)> {
    let (ordinal, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let ordinal = if ordinal.is_empty() { 0 } else { signed(ordinal, 53)? };
    Some((ordinal, weekday(day)?))
}

pub(super) fn list<T, L: FromIterator<T>>(text: &str, item: impl Fn(&str) -> Option<T>) -> Option<L> {
    text.split(',').map(item).collect()
}

/// Sorted and without duplicates.
pub(super) fn sorted<T: Ord>(text: &str, item: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let mut values: Vec<T> = list(text, item)?;
    values.sort_unstable();
    values.dedup();
    Some(values)
}

pub(super) fn signed(text: &str, max: i32) -> Option<i32> {
    match text.strip_prefix('-') {
        Some(digits) => number(digits, 1, max).map(|number| -number),
        None => number(text.strip_prefix('+').unwrap_or(text), 1, max),
    }
}

pub(super) fn number(text: &str, min: i32, max: i32) -> Option<i32> {
    // `parse` alone would accept a plus sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?.filter(|number| (min..=max).contains(number))
}

/// From 0 to `max`.
pub(super) fn clock(text: &str, max: i32) -> Option<u32> {
    number(text, 0, max).map(i32::unsigned_abs)
}
