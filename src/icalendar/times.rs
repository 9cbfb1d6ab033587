//! Dates, times and durations (RFC 5545 §3.3.4 to §3.3.6). Points in time have the form of due dates.

use bson::DateTime;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::line::param_value;
use crate::clock::time_zone::Zone;
use crate::todos::due::Due;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Date,
    Local,
    Utc,
}

/// Also accepts the extended format of ISO 8601 (`2026-12-01T09:00Z`), and times without seconds.
pub(super) fn parse(value: &str) -> Option<(NaiveDateTime, Form)> {
    let (date, time) = match value.split_once(['T', 't', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (value, None),
    };
    let [year, month, day] = digits(&date.replace('-', ""), [4, 2, 2])?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    let Some(time) = time else { return Some((date.and_time(NaiveTime::MIN), Form::Date)) };
    let (time, form) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, Form::Utc),
        None => (time, Form::Local),
    };
    let time = time.replace(':', "");
    let [hour, minute, second] = match digits(&time, [2, 2]) {
        Some([hour, minute]) => [hour, minute, 0],
        None => digits(&time, [2, 2, 2])?,
    };
    // A leap second is the second before.
    Some((date.and_hms_opt(hour, minute, second.min(59))?, form))
}

fn digits<const N: usize>(text: &str, widths: [usize; N]) -> Option<[u32; N]> {
    let is_number =
        text.len() == widths.iter().sum::<usize>() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut rest = is_number.then_some(text)?;
    let mut found = [0; N];
    for (number, width) in found.iter_mut().zip(widths) {
        let (digits, more) = rest.split_at(width);
        (*number, rest) = (digits.parse().ok()?, more);
    }
    Some(found)
}

/// A DURATION such as `P1DT2H`, `-PT15M` or `P2W`.
pub(super) fn duration(value: &str) -> Option<TimeDelta> {
    let value = value.trim();
    let (is_negative, value) = match value.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, value.strip_prefix('+').unwrap_or(value)),
    };
    let mut rest = value.strip_prefix(['P', 'p'])?;
    let mut total = TimeDelta::zero();
    while !rest.is_empty() {
        rest = rest.strip_prefix(['T', 't']).unwrap_or(rest);
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..length)?.parse().ok()?;
        let unit = rest.as_bytes().get(length)?;
        let seconds = match unit.to_ascii_uppercase() {
            b'W' => 604_800,
            b'D' => 86_400,
            b'H' => 3_600,
            b'M' => 60,
            b'S' => 1,
            _ => return None,
        };
        total = total.checked_add(&TimeDelta::try_seconds(number.checked_mul(seconds)?)?)?;
        rest = &rest[length + 1..];
    }
    Some(if is_negative { -total } else { total })
}

pub(super) fn date(date: NaiveDate) -> String {
    date.format("%Y%m%d").to_string()
}

pub(super) fn local(local: NaiveDateTime) -> String {
    local.format("%Y%m%dT%H%M%S").to_string()
}

pub(super) fn utc(instant: DateTime) -> String {
    local(Zone::UTC.local_of(instant)) + "Z"
}

/// The line of a point in time. `zone_name` is the TZID of its zone.
pub(super) fn line(name: &str, due: &Due, zone_name: Option<&str>) -> String {
    match (due, zone_name) {
        (Due::Date(day), _) => format!("{name};VALUE=DATE:{}", date(*day)),
        (Due::At { local: time, time_zone: Some(Zone::UTC) }, _) => format!("{name}:{}Z", local(*time)),
        (Due::At { local: time, .. }, Some(zone)) => {
            format!("{name};TZID={}:{}", param_value(zone), local(*time))
        }
        (Due::At { local: time, .. }, None) => format!("{name}:{}", local(*time)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_read_in_both_formats() {
        for (text, key, form) in [
            ("20261201", "2026-12-01T00:00:00", Form::Date),
            ("2026-12-01", "2026-12-01T00:00:00", Form::Date),
            ("20261201T0900", "2026-12-01T09:00:00", Form::Local),
            ("20261201T090007Z", "2026-12-01T09:00:07", Form::Utc),
            ("2026-12-01t09:00:60z", "2026-12-01T09:00:59", Form::Utc),
        ] {
            assert_eq!(parse(text), Some((key.parse().unwrap(), form)), "{text}");
        }
        for text in
            ["", "T", "2026120", "20261301", "20261201T", "20261201T250000", "20261201T09000é", "+0261201"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_have_weeks_days_and_times() {
        for (text, seconds) in
            [("P1W", 604_800), ("P1DT2H3M4S", 93_784), ("-PT15M", -900), ("+P0D", 0), ("PT1H", 3_600)]
        {
            assert_eq!(duration(text), Some(TimeDelta::seconds(seconds)), "{text}");
        }
        for text in ["", "1D", "PD", "P1", "P1X", "P99999999999999999999D", "P999999999999999999W", "Pé"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
