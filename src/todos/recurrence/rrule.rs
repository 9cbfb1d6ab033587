//! Parses recurrence rules (RFC 5545 §3.3.10).
//!
//! **Invariant:** a part that the service does not follow is refused, never ignored.

use chrono::{NaiveDate, NaiveDateTime, Weekday};

use crate::error::Violation;
use crate::todos::due::Due;

pub const RULE_MAX: usize = 500;

const PARTS: [(&str, &str); 9] = [
    ("FREQ", "DAILY, WEEKLY, MONTHLY or YEARLY"),
    ("INTERVAL", "a number from 1 to 999999999"),
    ("COUNT", "a number from 1 to 999999999"),
    ("UNTIL", "a date such as 20261231, or a time such as 20261231T090000 or 20261231T080000Z"),
    ("WKST", "one of MO TU WE TH FR SA SU"),
    ("BYDAY", "a list of MO TU WE TH FR SA SU, each optionally after a number from 1 to 53 or -53 to -1"),
    ("BYMONTHDAY", "a list of numbers from 1 to 31 or -31 to -1"),
    ("BYMONTH", "a list of numbers from 1 to 12"),
    ("BYSETPOS", "a list of numbers from 1 to 366 or -366 to -1"),
];

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) frequency: Frequency,
    pub(super) interval: u32,
    pub(super) count: Option<u32>,
    until: Option<Until>,
    pub(super) week_start: Weekday,
    /// For each weekday from Monday on, its ordinals in the month or year; 0 means every one.
    pub(super) by_day: Option<[Numbers; 7]>,
    pub(super) by_month_day: Option<Numbers>,
    pub(super) by_month: Option<Numbers>,
    pub(super) by_set_pos: Vec<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// A bit set of the numbers from -63 to 64, which include every ordinal of BYDAY, BYMONTHDAY and BYMONTH.
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

#[derive(Debug, Clone, Copy)]
enum Until {
    Day(NaiveDate),
    Local(NaiveDateTime),
    Utc(NaiveDateTime),
}

impl Rule {
    /// Reads a rule without the prefix `RRULE:`. Reports the first violation.
    pub(super) fn parse(text: &str) -> Result<Self, Violation> {
        if text.chars().count() > RULE_MAX {
            return Err(violation("too_long", format!("A rule must have at most {RULE_MAX} characters.")));
        }
        let mut rule = Self::daily();
        let mut seen = Vec::new();
        // Names and values are case-insensitive (RFC 5545 §2).
        let text = text.to_ascii_uppercase();
        for part in text.split(';') {
            let shape = || "A rule must look like FREQ=WEEKLY;BYDAY=MO, without the prefix RRULE:.";
            let (name, value) = part.split_once('=').ok_or_else(|| violation("malformed", shape()))?;
            let (name, takes) = PARTS.into_iter().find(|(known, _)| *known == name).ok_or_else(|| {
                let names = PARTS.map(|(name, _)| name).join(" ");
                violation("unsupported", format!("A rule can only have the parts {names}."))
            })?;
            if seen.contains(&name) {
                return Err(violation("conflict", format!("{name} must not occur twice.")));
            }
            seen.push(name);
            rule.set(name, value)
                .ok_or_else(|| violation("malformed", format!("{name} must be {takes}.")))?;
        }
        match rule.contradiction(&seen) {
            Some(detail) => Err(violation("conflict", detail)),
            None => Ok(rule),
        }
    }

    fn daily() -> Self {
        Self {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            week_start: Weekday::Mon,
            by_day: None,
            by_month_day: None,
            by_month: None,
            by_set_pos: Vec::new(),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "FREQ" => self.frequency = frequency(value)?,
            // RFC 5545 sets no maximum. Nine digits fit into `i32`.
            "INTERVAL" => self.interval = number(value, 999_999_999)?.unsigned_abs(),
            "COUNT" => self.count = Some(number(value, 999_999_999)?.unsigned_abs()),
            "UNTIL" => self.until = Some(until(value)?),
            "WKST" => self.week_start = weekday(value)?,
            "BYDAY" => self.by_day = Some(weekdays(value)?),
            "BYMONTHDAY" => self.by_month_day = Some(list(value, |text| signed(text, 31))?),
            "BYMONTH" => self.by_month = Some(list(value, |text| number(text, 12))?),
            "BYSETPOS" => {
                self.by_set_pos = list(value, |text| signed(text, 366))?;
                // For the binary search in `occurrences`.
                self.by_set_pos.sort_unstable();
            }
            _ => return None,
        }
        Some(())
    }

    fn contradiction(&self, seen: &[&str]) -> Option<&'static str> {
        let has = |name| seen.contains(&name);
        let of_months = matches!(self.frequency, Frequency::Monthly | Frequency::Yearly);
        let weekdays = || self.by_day.iter().flatten();
        let every = weekdays().any(|numbers| numbers.has(0));
        let ordinals = weekdays().any(|numbers| (1..=53).any(|n| numbers.has(n) || numbers.has(-n)));
        let rules = [
            (!has("FREQ"), "A rule must have FREQ."),
            (has("COUNT") && has("UNTIL"), "A rule must not have both COUNT and UNTIL."),
            (
                has("BYMONTHDAY") && self.frequency == Frequency::Weekly,
                "BYMONTHDAY is not allowed with FREQ=WEEKLY.",
            ),
            (ordinals && !of_months, "Numbers in BYDAY are only allowed with FREQ=MONTHLY and FREQ=YEARLY."),
            // RFC 5545 allows this mixture, but python-dateutil and the many libraries derived from it read it as days
            // that match both.
            (ordinals && every, "In BYDAY, either all weekdays or none must have a number."),
            (
                has("BYSETPOS") && !["BYDAY", "BYMONTHDAY", "BYMONTH"].into_iter().any(has),
                "BYSETPOS requires BYDAY, BYMONTHDAY or BYMONTH.",
            ),
        ];
        rules.into_iter().find_map(|(broken, detail)| broken.then_some(detail))
    }

    pub(super) fn last_day(&self, due: &Due) -> Option<NaiveDate> {
        // A due date with a time is compared with the time of UNTIL, a date with its date. A UNTIL in UTC is converted
        // to the zone of `due`; if `due` has no zone, UNTIL is read as a local time.
        let last = match self.until? {
            Until::Day(day) => return Some(day),
            Until::Local(last) => last,
            Until::Utc(last) => due.zone().map_or(last, |zone| zone.local_of(last.and_utc().into())),
        };
        let too_late = due.time().is_some_and(|time| time > last.time());
        if too_late { last.date().pred_opt() } else { Some(last.date()) }
    }
}

fn violation(code: &'static str, detail: impl Into<String>) -> Violation {
    Violation::of("recurrence/rule", code, detail)
}

fn frequency(text: &str) -> Option<Frequency> {
    Some(match text {
        "DAILY" => Frequency::Daily,
        "WEEKLY" => Frequency::Weekly,
        "MONTHLY" => Frequency::Monthly,
        "YEARLY" => Frequency::Yearly,
        _ => return None,
    })
}

fn weekday(text: &str) -> Option<Weekday> {
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

fn weekdays(text: &str) -> Option<[Numbers; 7]> {
    let listed: Vec<_> = list(text, ordinal_weekday)?;
    let numbers = |index| listed.iter().filter(move |(_, day)| *day as usize == index).map(|(nth, _)| *nth);
    Some(std::array::from_fn(|index| numbers(index).collect()))
}

fn ordinal_weekday(text: &str) -> Option<(i32, Weekday)> {
    let (ordinal, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let ordinal = if ordinal.is_empty() { 0 } else { signed(ordinal, 53)? };
    Some((ordinal, weekday(day)?))
}

fn list<T, L: FromIterator<T>>(text: &str, item: impl Fn(&str) -> Option<T>) -> Option<L> {
    text.split(',').map(item).collect()
}

fn signed(text: &str, max: i32) -> Option<i32> {
    match text.strip_prefix('-') {
        Some(digits) => number(digits, max).map(|number| -number),
        None => number(text.strip_prefix('+').unwrap_or(text), max),
    }
}

fn number(text: &str, max: i32) -> Option<i32> {
    // `parse` alone would accept a plus sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?.filter(|number| (1..=max).contains(number))
}

fn until(text: &str) -> Option<Until> {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((day, time)) = text.split_once('T') else {
        return digits(text, 8).then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok().map(Until::Day))?;
    };
    let (time, in_utc) = time.strip_suffix('Z').map_or((time, false), |time| (time, true));
    // chrono would accept fewer digits and signs.
    let is_well_formed = digits(day, 8) && digits(time, 6);
    let last = NaiveDateTime::parse_from_str(&format!("{day}T{time}"), "%Y%m%dT%H%M%S").ok()?;
    is_well_formed.then_some(if in_utc { Until::Utc(last) } else { Until::Local(last) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        Rule::parse(text).map_or_else(
            |violation| {
                assert_eq!(violation.pointer, "/recurrence/rule");
                violation.code
            },
            |_| "right",
        )
    }

    #[test]
    fn every_supported_part_is_read_in_any_case_and_order() {
        for text in [
            "FREQ=DAILY",
            "freq=Weekly;byday=mo,We",
            "BYDAY=+1MO,-01TU,53SU;FREQ=YEARLY",
            "FREQ=MONTHLY;INTERVAL=2;BYMONTH=1,02;BYMONTHDAY=31,-31,+1;BYDAY=FR;BYSETPOS=-1,366;WKST=SU;COUNT=13",
            "FREQ=DAILY;UNTIL=20261231",
            "FREQ=DAILY;UNTIL=20261231T235959",
            "FREQ=DAILY;UNTIL=20261231T235959Z",
        ] {
            assert_eq!(code(text), "right", "{text}");
        }
    }

    #[test]
    fn unsupported_parts_are_refused() {
        for text in [
            "FREQ=DAILY;BYHOUR=9",
            "FREQ=DAILY;BYMINUTE=1",
            "FREQ=YEARLY;BYWEEKNO=1",
            "FREQ=YEARLY;BYYEARDAY=1",
            "FREQ=DAILY;DTSTART=20260101",
            "DTSTART:20260101;FREQ=DAILY;RDATE=20260101",
            "FREQ=YEARLY;BYEASTER=0",
            "RRULE:FREQ=DAILY",
            "FREQ=DAILY;BYWEEKDAY=MO",
            "FREQ=DAILY;X-A=1",
            " FREQ=DAILY",
            "FREQ =DAILY",
        ] {
            assert!(["unsupported", "malformed"].contains(&code(text)), "{text}");
        }
        assert_eq!(code(&format!("FREQ=DAILY;BYDAY={}", ["MO"; 161].join(","))), "right", "500 characters");
        assert_eq!(code(&format!("FREQ=DAILY;BYDAY={}", ["MO"; 162].join(","))), "too_long");
        assert_eq!(code(&"é".repeat(501)), "too_long");
    }

    #[test]
    fn values_outside_the_grammar_are_refused() {
        for text in [
            "",
            ";",
            "FREQ",
            "FREQ=",
            "FREQ=HOURLY",
            "FREQ=DAILY;",
            ";FREQ=DAILY",
            "FREQ=DAILY;;COUNT=1",
            "FREQ=DAILY=1",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=DAILY;INTERVAL=-1",
            "FREQ=DAILY;INTERVAL=+1",
            "FREQ=DAILY;INTERVAL=1.5",
            "FREQ=DAILY;INTERVAL=1000000000",
            "FREQ=DAILY;INTERVAL=99999999999999999999",
            "FREQ=DAILY;COUNT=0",
            "FREQ=DAILY;COUNT=",
            "FREQ=DAILY;UNTIL=2026-12-31",
            "FREQ=DAILY;UNTIL=20260231",
            "FREQ=DAILY;UNTIL=20261231Z",
            "FREQ=DAILY;UNTIL=20261231T2359",
            "FREQ=DAILY;UNTIL=20261231T240000",
            "FREQ=DAILY;UNTIL=+0261231",
            "FREQ=DAILY;WKST=1MO",
            "FREQ=WEEKLY;BYDAY=",
            "FREQ=WEEKLY;BYDAY=MO,",
            "FREQ=WEEKLY;BYDAY=MON",
            "FREQ=MONTHLY;BYDAY=0MO",
            "FREQ=MONTHLY;BYDAY=54MO",
            "FREQ=MONTHLY;BYDAY=--1MO",
            "FREQ=MONTHLY;BYDAY=+MO",
            "FREQ=MONTHLY;BYDAY=éMO",
            "FREQ=MONTHLY;BYDAY=é",
            "FREQ=MONTHLY;BYMONTHDAY=0",
            "FREQ=MONTHLY;BYMONTHDAY=32",
            "FREQ=YEARLY;BYMONTH=13",
            "FREQ=YEARLY;BYMONTH=-1",
            "FREQ=YEARLY;BYMONTH=1 ",
            "FREQ=YEARLY;BYMONTH=１",
            "FREQ=DAILY;BYDAY=MO;BYSETPOS=367",
            "FREQ=DAILY;BYDAY=MO;BYSETPOS=0",
            "FREQ=DAILY;COUNT=1,2",
            "\u{0}",
        ] {
            assert_eq!(code(text), "malformed", "{text}");
        }
    }

    #[test]
    fn contradictory_parts_are_refused() {
        for text in [
            "COUNT=1",
            "FREQ=DAILY;FREQ=DAILY",
            "FREQ=DAILY;COUNT=1;count=1",
            "FREQ=DAILY;COUNT=1;UNTIL=20261231",
            "FREQ=WEEKLY;BYMONTHDAY=1",
            "FREQ=WEEKLY;BYDAY=1MO",
            "FREQ=DAILY;BYDAY=-1MO",
            "FREQ=MONTHLY;BYDAY=MO,1TU",
            "FREQ=MONTHLY;BYSETPOS=1",
        ] {
            assert_eq!(code(text), "conflict", "{text}");
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        proptest::proptest!(|(text in "(FREQ|BYDAY|UNTIL|COUNT|[A-Z]{0,4})[=;,]?[A-Z0-9+\\-;=,éT]{0,30}|\\PC{0,40}")| {
            let _ = Rule::parse(&text);
        });
    }

    #[test]
    fn until_is_compared_in_the_zone_of_the_due_date() {
        let last = |rule: &str, due: &str| {
            let due = serde_json::from_str::<Due>(due).unwrap();
            Rule::parse(rule).unwrap().last_day(&due).map(|day| day.to_string()).unwrap_or_default()
        };
        let (day, nine) = (r#"{"date":"2026-12-01"}"#, r#"{"at":"2026-12-01T09:00","time_zone":null}"#);
        let tokyo = r#"{"at":"2026-12-01T09:00","time_zone":"Asia/Tokyo"}"#;
        assert_eq!(last("FREQ=DAILY", nine), "");
        for due in [day, nine, tokyo] {
            assert_eq!(last("FREQ=DAILY;UNTIL=20261231", due), "2026-12-31", "the whole day: {due}");
        }
        for (until, of_day, of_nine, of_tokyo) in [
            ("20261231T090000", "2026-12-31", "2026-12-31", "2026-12-31"),
            ("20261231T085959", "2026-12-31", "2026-12-30", "2026-12-30"),
            ("20261231T000000Z", "2026-12-31", "2026-12-30", "2026-12-31"),
            ("20261231T150000Z", "2026-12-31", "2026-12-31", "2026-12-31"),
            ("20261230T235959Z", "2026-12-30", "2026-12-30", "2026-12-30"),
        ] {
            let rule = format!("FREQ=DAILY;UNTIL={until}");
            assert_eq!(
                [last(&rule, day), last(&rule, nine), last(&rule, tokyo)],
                [of_day, of_nine, of_tokyo],
                "{until}"
            );
        }
    }
}
