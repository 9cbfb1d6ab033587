//! The text of a recurrence rule (RFC 5545 §3.3.10): the parts that are supported, read strictly. Must not accept what
//! it would not honour.

use chrono::{NaiveDate, NaiveDateTime, Weekday};

use crate::error::Violation;
use crate::todos::due::{Due, local_of};

/// The longest text of a rule, in characters.
const LONGEST: usize = 500;

/// Each supported part, with what it takes.
const PARTS: [(&str, &str); 9] = [
    ("FREQ", "DAILY, WEEKLY, MONTHLY or YEARLY"),
    ("INTERVAL", "a number from 1 to 999999999"),
    ("COUNT", "a number from 1 to 999999999"),
    ("UNTIL", "a date such as 20261231, or a time such as 20261231T090000 or 20261231T080000Z"),
    ("WKST", "one of MO TU WE TH FR SA SU"),
    ("BYDAY", "a list of MO TU WE TH FR SA SU, with or without a number from 1 to 53 or -53 to -1 in front"),
    ("BYMONTHDAY", "a list of numbers from 1 to 31 or -31 to -1"),
    ("BYMONTH", "a list of numbers from 1 to 12"),
    ("BYSETPOS", "a list of numbers from 1 to 366 or -366 to -1"),
];

/// A rule that has been read.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) frequency: Frequency,
    pub(super) interval: u32,
    /// How many occurrences there are.
    pub(super) count: Option<u32>,
    until: Option<Until>,
    pub(super) week_start: Weekday,
    /// For each weekday from Monday on, which ones of the month or year; 0 for every one.
    pub(super) by_day: Option<[Numbers; 7]>,
    pub(super) by_month_day: Option<Numbers>,
    pub(super) by_month: Option<Numbers>,
    /// Sorted.
    pub(super) by_set_pos: Vec<i32>,
}

/// The unit that INTERVAL counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// A set of numbers from -63 to 64.
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

/// The last occurrence at most.
#[derive(Debug, Clone, Copy)]
enum Until {
    Day(NaiveDate),
    Local(NaiveDateTime),
    Utc(NaiveDateTime),
}

impl Rule {
    /// Reads the text of a rule, without `RRULE:` in front. Case does not matter (RFC 5545 §2), nor does order.
    ///
    /// # Errors
    /// The first thing that is wrong, as a fault of `/recurrence/rule`.
    pub(super) fn parse(text: &str) -> Result<Self, Violation> {
        if text.chars().count() > LONGEST {
            return Err(fault("too_long", format!("A rule has at most {LONGEST} characters.")));
        }
        let mut rule = Self::daily();
        let mut seen = Vec::new();
        let text = text.to_ascii_uppercase();
        for part in text.split(';') {
            let shape = || "A rule is a list such as FREQ=WEEKLY;BYDAY=MO, without RRULE: in front.";
            let (name, value) = part.split_once('=').ok_or_else(|| fault("malformed", shape()))?;
            let (name, takes) = PARTS.into_iter().find(|(known, _)| *known == name).ok_or_else(|| {
                let names = PARTS.map(|(name, _)| name).join(" ");
                fault("unsupported", format!("The parts of a rule are {names}."))
            })?;
            if seen.contains(&name) {
                return Err(fault("conflict", format!("{name} is given twice.")));
            }
            seen.push(name);
            rule.set(name, value).ok_or_else(|| fault("malformed", format!("{name} takes {takes}.")))?;
        }
        match rule.contradiction(&seen) {
            Some(detail) => Err(fault("conflict", detail)),
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
            "INTERVAL" => self.interval = number(value, 999_999_999)?.unsigned_abs(),
            "COUNT" => self.count = Some(number(value, 999_999_999)?.unsigned_abs()),
            "UNTIL" => self.until = Some(until(value)?),
            "WKST" => self.week_start = weekday(value)?,
            "BYDAY" => self.by_day = Some(weekdays(value)?),
            "BYMONTHDAY" => self.by_month_day = Some(list(value, |text| signed(text, 31))?),
            "BYMONTH" => self.by_month = Some(list(value, |text| number(text, 12))?),
            "BYSETPOS" => {
                self.by_set_pos = list(value, |text| signed(text, 366))?;
                self.by_set_pos.sort_unstable();
            }
            _ => return None,
        }
        Some(())
    }

    /// What contradicts itself among the parts `seen`. A list of weekdays with and without ordinals would be right by
    /// RFC 5545, but python-dateutil and its many descendants take it for days that fit both.
    fn contradiction(&self, seen: &[&str]) -> Option<&'static str> {
        let has = |name| seen.contains(&name);
        let of_months = matches!(self.frequency, Frequency::Monthly | Frequency::Yearly);
        let weekdays = || self.by_day.iter().flatten();
        let every = weekdays().any(|numbers| numbers.has(0));
        let ordinals = weekdays().any(|numbers| (1..=53).any(|n| numbers.has(n) || numbers.has(-n)));
        let rules = [
            (!has("FREQ"), "A rule has FREQ."),
            (has("COUNT") && has("UNTIL"), "A rule has COUNT or UNTIL, not both."),
            (
                has("BYMONTHDAY") && self.frequency == Frequency::Weekly,
                "BYMONTHDAY does not go with FREQ=WEEKLY.",
            ),
            (ordinals && !of_months, "Numbers in BYDAY go with FREQ=MONTHLY and FREQ=YEARLY only."),
            (ordinals && every, "In BYDAY, either every weekday has a number or none has."),
            (
                has("BYSETPOS") && !["BYDAY", "BYMONTHDAY", "BYMONTH"].into_iter().any(has),
                "BYSETPOS goes with BYDAY, BYMONTHDAY or BYMONTH only.",
            ),
        ];
        rules.into_iter().find_map(|(broken, detail)| broken.then_some(detail))
    }

    /// The last day on which `due` can fall; `None` for no end. A wall time is compared with a wall time, and a date
    /// with the date. A UNTIL in UTC is moved to the zone of `due`; where there is none it is read as a wall time.
    pub(super) fn last_day(&self, due: &Due) -> Option<NaiveDate> {
        let last = match self.until? {
            Until::Day(day) => return Some(day),
            Until::Local(last) => last,
            Until::Utc(last) => due.zone().map_or(last, |zone| local_of(last.and_utc().into(), zone)),
        };
        let too_late = due.time().is_some_and(|time| time > last.time());
        if too_late { last.date().pred_opt() } else { Some(last.date()) }
    }
}

fn fault(code: &'static str, detail: impl Into<String>) -> Violation {
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

/// The numbers of each weekday from Monday on.
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

/// A number from 1 to `max`, or with a minus from `-max` to -1.
fn signed(text: &str, max: i32) -> Option<i32> {
    match text.strip_prefix('-') {
        Some(digits) => number(digits, max).map(|number| -number),
        None => number(text.strip_prefix('+').unwrap_or(text), max),
    }
}

/// A number from 1 to `max`, in digits alone.
fn number(text: &str, max: i32) -> Option<i32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?.filter(|number| (1..=max).contains(number))
}

fn until(text: &str) -> Option<Until> {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((day, time)) = text.split_once('T') else {
        return digits(text, 8).then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok().map(Until::Day))?;
    };
    let (time, in_utc) = time.strip_suffix('Z').map_or((time, false), |time| (time, true));
    let right = digits(day, 8) && digits(time, 6);
    let last = NaiveDateTime::parse_from_str(&format!("{day}T{time}"), "%Y%m%dT%H%M%S").ok()?;
    right.then_some(if in_utc { Until::Utc(last) } else { Until::Local(last) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        Rule::parse(text).map_or_else(
            |fault| {
                assert_eq!(fault.pointer, "/recurrence/rule");
                fault.code
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
    fn what_would_not_be_honoured_is_refused() {
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
    fn parts_that_contradict_each_other_are_refused() {
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
    fn no_text_makes_the_reader_panic() {
        proptest::proptest!(|(text in "(FREQ|BYDAY|UNTIL|COUNT|[A-Z]{0,4})[=;,]?[A-Z0-9+\\-;=,éT]{0,30}|\\PC{0,40}")| {
            let _ = Rule::parse(&text);
        });
    }

    #[test]
    fn the_end_is_compared_on_the_clock_of_the_due_date() {
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
