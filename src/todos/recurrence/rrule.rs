//! Parses recurrence rules (RFC 5545 §3.3.10, with SKIP of RFC 7529).
//!
//! **Invariant:** a part that the service does not follow is refused, never ignored.

use chrono::{NaiveDateTime, Weekday};

use super::values::{
    Frequency, Moment, Numbers, Skip, clock, frequency, list, moment, number, signed, skip, sorted, weekday,
    weekdays,
};
use crate::clock::time_zone::Zone;
use crate::error::Violation;
use crate::todos::due::Due;

pub const RULE_MAX: usize = 500;

const PARTS: [(&str, &str); 15] = [
    ("FREQ", "YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY or MINUTELY"),
    ("INTERVAL", "a number from 1 to 999999999"),
    ("COUNT", "a number from 1 to 999999999"),
    ("UNTIL", "a date such as 20261231, or a time such as 20261231T090000 or 20261231T080000Z"),
    ("WKST", "one of MO TU WE TH FR SA SU"),
    ("BYDAY", "a list of MO TU WE TH FR SA SU, each optionally after a number from 1 to 53 or -53 to -1"),
    ("BYMONTHDAY", "a list of numbers from 1 to 31 or -31 to -1"),
    ("BYYEARDAY", "a list of numbers from 1 to 366 or -366 to -1"),
    ("BYWEEKNO", "a list of numbers from 1 to 53 or -53 to -1"),
    ("BYMONTH", "a list of numbers from 1 to 12"),
    ("BYHOUR", "a list of numbers from 0 to 23"),
    ("BYMINUTE", "a list of numbers from 0 to 59"),
    ("BYSETPOS", "a list of numbers from 1 to 366 or -366 to -1"),
    ("SKIP", "OMIT, BACKWARD or FORWARD"),
    ("RSCALE", "GREGORIAN"),
];

/// Parts that people write, and why they are refused.
const REFUSED: [(&str, &str); 5] = [
    ("DTSTART", "DTSTART is not part of a rule: the series begins at the due date."),
    ("RDATE", "RDATE is not supported: every occurrence follows from the rule."),
    ("BYSECOND", "BYSECOND is not supported: an occurrence has the seconds of the due date."),
    ("BYEASTER", "BYEASTER is not part of RFC 5545."),
    ("BYWEEKDAY", "BYWEEKDAY is not part of RFC 5545: write BYDAY."),
];

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) frequency: Frequency,
    pub(super) interval: u32,
    pub(super) count: Option<u32>,
    pub(super) until: Option<Moment>,
    pub(super) week_start: Weekday,
    /// For each weekday from Monday on, its ordinals in the month or year; 0 means every one.
    pub(super) by_day: Option<[Numbers; 7]>,
    pub(super) by_month_day: Option<Numbers>,
    pub(super) by_month: Option<Numbers>,
    pub(super) by_week_no: Option<Numbers>,
    /// Sorted, like the lists below. An empty list means that the rule does not have the part.
    pub(super) by_year_day: Vec<i32>,
    pub(super) by_hour: Vec<u32>,
    pub(super) by_minute: Vec<u32>,
    pub(super) by_set_pos: Vec<i32>,
    /// `None` if the rule does not have SKIP, which means [`Skip::Omit`] except where a basis says otherwise.
    pub(super) skip: Option<Skip>,
    /// The values of EXDATE.
    pub(super) excluded: Vec<Moment>,
}

/// The rule as it is stored: without space around it, without the prefix `RRULE:`, and without a `;` at the end.
pub fn normalized(text: &str) -> String {
    let text = text.trim();
    let text = match text.get(.."RRULE:".len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case("RRULE:") => text[prefix.len()..].trim_start(),
        _ => text,
    };
    let mut lines = text.lines().map(|line| {
        let line = line.trim();
        line.strip_suffix(';').unwrap_or(line)
    });
    let first = lines.next().unwrap_or_default().to_owned();
    lines.filter(|line| !line.is_empty()).fold(first, |text, line| text + "\n" + line)
}

impl Rule {
    /// Reads a [`normalized`] rule, after which lines with EXDATE may follow. Reports the first violation.
    pub(super) fn parse(text: &str) -> Result<Self, Violation> {
        if text.chars().count() > RULE_MAX {
            return Err(violation("too_long", format!("A rule must have at most {RULE_MAX} characters.")));
        }
        let mut rule = Self::daily();
        let mut seen = Vec::new();
        // Names and values are case-insensitive (RFC 5545 §2).
        let text = text.to_ascii_uppercase();
        let mut lines = text.split('\n');
        for part in lines.next().unwrap_or_default().split(';') {
            rule.read(part, &mut seen)?;
        }
        for line in lines {
            rule.exclude(line)?;
        }
        match rule.contradiction(&seen) {
            Some(detail) => Err(violation("conflict", detail)),
            None => Ok(rule),
        }
    }

    pub(super) fn parse_for(text: &str, due: &Due) -> Result<Self, Violation> {
        let rule = Self::parse(text)?;
        rule.misfit(due).map_or(Ok(rule), |detail| Err(violation("conflict", detail)))
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
            by_week_no: None,
            by_year_day: Vec::new(),
            by_hour: Vec::new(),
            by_minute: Vec::new(),
            by_set_pos: Vec::new(),
            skip: None,
            excluded: Vec::new(),
        }
    }

    fn read(&mut self, part: &str, seen: &mut Vec<&'static str>) -> Result<(), Violation> {
        let shape = || match part {
            "" => "A rule must look like FREQ=WEEKLY;BYDAY=MO, with one `;` between parts.".to_owned(),
            _ => format!("`{part}` is not a part: a rule must look like FREQ=WEEKLY;BYDAY=MO."),
        };
        let (name, value) = part.split_once('=').ok_or_else(|| violation("malformed", shape()))?;
        if name == "EXDATE" {
            return self.exclude_all(value);
        }
        let (name, takes) = PARTS.into_iter().find(|(known, _)| *known == name).ok_or_else(|| {
            let refused = REFUSED.into_iter().find(|(refused, _)| *refused == name);
            let names = || PARTS.map(|(name, _)| name).join(" ");
            let unknown =
                || format!("`{name}` is not a part that a rule can have. The parts are {}.", names());
            violation("unsupported", refused.map_or_else(unknown, |(_, reason)| reason.to_owned()))
        })?;
        if seen.contains(&name) {
            return Err(violation("conflict", format!("{name} must not occur twice.")));
        }
        seen.push(name);
        if (name, value) == ("FREQ", "SECONDLY") {
            return Err(violation(
                "malformed",
                "FREQ=SECONDLY is not supported: a todo can come once a minute.",
            ));
        }
        let wrong = || violation("malformed", format!("{name} must be {takes}; it is `{value}`."));
        self.set(name, value).ok_or_else(wrong)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "FREQ" => self.frequency = frequency(value)?,
            // RFC 5545 sets no maximum. Nine digits fit into `i32`.
            "INTERVAL" => self.interval = number(value, 1, 999_999_999)?.unsigned_abs(),
            "COUNT" => self.count = Some(number(value, 1, 999_999_999)?.unsigned_abs()),
            "UNTIL" => self.until = Some(moment(value)?),
            "WKST" => self.week_start = weekday(value)?,
            "BYDAY" => self.by_day = Some(weekdays(value)?),
            "BYMONTHDAY" => self.by_month_day = Some(list(value, |text| signed(text, 31))?),
            "BYYEARDAY" => self.by_year_day = sorted(value, |text| signed(text, 366))?,
            "BYWEEKNO" => self.by_week_no = Some(list(value, |text| signed(text, 53))?),
            "BYMONTH" => self.by_month = Some(list(value, |text| number(text, 1, 12))?),
            "BYHOUR" => self.by_hour = sorted(value, |text| clock(text, 23))?,
            "BYMINUTE" => self.by_minute = sorted(value, |text| clock(text, 59))?,
            "BYSETPOS" => self.by_set_pos = sorted(value, |text| signed(text, 366))?,
            "SKIP" => self.skip = Some(skip(value)?),
            "RSCALE" if value == "GREGORIAN" => {}
            _ => return None,
        }
        Some(())
    }

    /// Reads a line such as `EXDATE:20261224` or `EXDATE;VALUE=DATE:20261224` (RFC 5545 §3.8.5.1).
    fn exclude(&mut self, line: &str) -> Result<(), Violation> {
        match line.split_once(':') {
            Some(("EXDATE" | "EXDATE;VALUE=DATE" | "EXDATE;VALUE=DATE-TIME", values)) => {
                self.exclude_all(values)
            }
            Some((head, _)) if head.starts_with("EXDATE;TZID=") => {
                Err(violation("unsupported", "EXDATE is in the zone of the due date: leave out TZID."))
            }
            _ => {
                let detail =
                    format!("Only EXDATE can follow the rule, in a line of its own; found `{line}`.");
                Err(violation("unsupported", detail))
            }
        }
    }

    fn exclude_all(&mut self, values: &str) -> Result<(), Violation> {
        let takes = "a list of dates such as 20261224 or times such as 20261224T090000";
        let wrong = || violation("malformed", format!("EXDATE must be {takes}; it is `{values}`."));
        self.excluded.extend(list::<_, Vec<_>>(values, moment).ok_or_else(wrong)?);
        Ok(())
    }

    /// Whether the series is over at the local time `at`. `zone` is that of the series, otherwise of the user.
    pub(super) fn is_over(&self, at: NaiveDateTime, is_timed: bool, zone: Zone) -> bool {
        let Some(last) = self.until.map(|until| until.last_local(zone)) else { return false };
        // A date is compared with the date of UNTIL.
        if is_timed { at > last } else { at.date() > last.date() }
    }
}

fn violation(code: &'static str, detail: impl Into<String>) -> Violation {
    Violation::of("recurrence/rule", code, detail)
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
            "FREQ=YEARLY;BYWEEKNO=1,53,-1;BYDAY=MO",
            "FREQ=YEARLY;BYYEARDAY=1,366,-366",
            "FREQ=MONTHLY;BYDAY=MO,1TU",
            "FREQ=DAILY;BYHOUR=0,23;BYMINUTE=0,59;BYSETPOS=-1",
            "FREQ=HOURLY;INTERVAL=2;BYMINUTE=30;BYYEARDAY=1",
            "FREQ=MINUTELY;BYHOUR=9",
            "FREQ=MONTHLY;SKIP=BACKWARD;RSCALE=GREGORIAN",
            "FREQ=DAILY;EXDATE=20261224,20261225T090000",
            "FREQ=DAILY\nEXDATE:20261224\nEXDATE;VALUE=DATE:20261225",
        ] {
            assert_eq!(code(text), "right", "{text}");
        }
    }

    #[test]
    fn unsupported_parts_are_refused() {
        for text in [
            "FREQ=DAILY;DTSTART=20260101",
            "DTSTART:20260101;FREQ=DAILY;RDATE=20260101",
            "FREQ=YEARLY;BYEASTER=0",
            "FREQ=DAILY;BYSECOND=1",
            "FREQ=DAILY\nRDATE:20260101",
            "FREQ=DAILY\nEXDATE;TZID=Europe/Berlin:20260101T090000",
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
            "FREQ=SECONDLY",
            "FREQ=DAILY;BYHOUR=24",
            "FREQ=DAILY;BYMINUTE=60",
            "FREQ=YEARLY;BYWEEKNO=54",
            "FREQ=YEARLY;BYYEARDAY=0",
            "FREQ=MONTHLY;SKIP=NEXT",
            "FREQ=MONTHLY;RSCALE=HEBREW",
            "FREQ=DAILY;EXDATE=2026-12-24",
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
            "FREQ=MONTHLY;BYSETPOS=1",
            "FREQ=MONTHLY;BYWEEKNO=1",
            "FREQ=DAILY;BYYEARDAY=1",
            "FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO",
            "FREQ=HOURLY;BYMINUTE=1;BYSETPOS=1",
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
    fn a_refusal_names_the_part_and_the_reason() {
        for (text, part) in [
            ("FREQ=DAILY;DTSTART=20260101", "DTSTART is not part of a rule"),
            ("FREQ=DAILY;FOO=1", "`FOO` is not a part"),
            ("FREQ=DAILY;BYHOUR=25", "BYHOUR must be a list of numbers from 0 to 23; it is `25`"),
            ("FREQ=SECONDLY", "FREQ=SECONDLY is not supported"),
            ("FREQ=DAILY; BYDAY", "` BYDAY` is not a part"),
            ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY is not allowed with FREQ=WEEKLY"),
        ] {
            let detail = Rule::parse(text).unwrap_err().detail;
            assert!(detail.contains(part), "{text}: {detail}");
        }
    }

    #[test]
    fn a_rule_is_stored_without_its_prefix_and_a_semicolon_at_the_end() {
        for (written, stored) in [
            (" FREQ=DAILY\n", "FREQ=DAILY"),
            ("RRULE:FREQ=DAILY;", "FREQ=DAILY"),
            ("rrule: freq=Daily", "freq=Daily"),
            ("RRULE:FREQ=DAILY\r\nEXDATE:20261224\r\n\r\n", "FREQ=DAILY\nEXDATE:20261224"),
            ("é", "é"),
            ("", ""),
        ] {
            assert_eq!(normalized(written), stored);
        }
    }

    #[test]
    fn times_within_a_day_need_a_due_date_with_a_time() {
        let due = |json| serde_json::from_str::<Due>(json).unwrap();
        let (day, at) =
            (due(r#"{"date":"2026-12-01"}"#), due(r#"{"at":"2026-12-01T09:00","time_zone":null}"#));
        for rule in ["FREQ=HOURLY", "FREQ=MINUTELY", "FREQ=DAILY;BYHOUR=9", "FREQ=DAILY;BYMINUTE=9"] {
            assert_eq!(Rule::parse_for(rule, &day).unwrap_err().code, "conflict", "{rule}");
            assert!(Rule::parse_for(rule, &at).is_ok(), "{rule}");
        }
        assert_eq!(Rule::parse_for("FREQ=DAILY;EXDATE=20261202T080000Z", &at).unwrap_err().code, "conflict");
    }

    #[test]
    fn until_is_compared_in_the_zone_of_the_series_or_of_the_user() {
        let last = |rule: &str, is_timed: bool, zone: &str| {
            let zone = Zone::named(zone).unwrap();
            let time = if is_timed { "09:00:00" } else { "00:00:00" };
            let rule = Rule::parse(rule).unwrap();
            let days = ["2026-12-29", "2026-12-30", "2026-12-31", "2027-01-01"];
            let is_in = |day: &&str| !rule.is_over(format!("{day}T{time}").parse().unwrap(), is_timed, zone);
            days.into_iter().rfind(is_in).unwrap()
        };
        assert_eq!(last("FREQ=DAILY", true, "UTC"), "2027-01-01");
        for (until, of_day, of_nine, of_tokyo) in [
            ("20261231", "2026-12-31", "2026-12-31", "2026-12-31"),
            ("20261231T090000", "2026-12-31", "2026-12-31", "2026-12-31"),
            ("20261231T085959", "2026-12-31", "2026-12-30", "2026-12-30"),
            ("20261231T000000Z", "2026-12-31", "2026-12-30", "2026-12-31"),
            ("20261231T150000Z", "2026-12-31", "2026-12-31", "2026-12-31"),
            ("20261230T235959Z", "2026-12-30", "2026-12-30", "2026-12-30"),
        ] {
            let rule = format!("FREQ=DAILY;UNTIL={until}");
            let found =
                [last(&rule, false, "UTC"), last(&rule, true, "UTC"), last(&rule, true, "Asia/Tokyo")];
            assert_eq!(found, [of_day, of_nine, of_tokyo], "{until}");
        }
        assert_eq!(last("FREQ=DAILY;UNTIL=20261230T230000Z", false, "Europe/Berlin"), "2026-12-31");
    }
}
