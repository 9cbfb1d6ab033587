//! Writes VTIMEZONE components (RFC 5545 §3.6.5) from the rules of the IANA database.

use std::fmt::Write as _;

use bson::DateTime;
use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta};

use super::line::folded;
use super::times;
use crate::clock::time_zone::{Change, Zone};

/// Years for which a change that follows no yearly rule is listed. A rule is derived from as many years.
const YEARS: i32 = 10;

/// The lines of the component that describes `zone` from the year before `year` on. It depends on nothing else, so that
/// equal todos have equal texts.
pub(super) fn lines(zone: Zone, year: i32, line_break: &str) -> String {
    let mut text = String::new();
    let mut write = |line: &str| text.push_str(&folded(line, line_break));
    write("BEGIN:VTIMEZONE");
    write(&format!("TZID:{}", zone.name()));
    for observance in observances(zone, year) {
        observance.lines().iter().for_each(|line| write(line));
    }
    write("END:VTIMEZONE");
    text
}

struct Observance {
    from: TimeDelta,
    to: Change,
    /// In the local time before the change.
    onsets: Vec<NaiveDateTime>,
}

fn observances(zone: Zone, year: i32) -> Vec<Observance> {
    let first_year = (year - 1).clamp(1_900, 9_900);
    let day =
        |year: i32| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default().and_time(chrono::NaiveTime::MIN);
    let at = |year: i32| DateTime::from_millis(day(year).and_utc().timestamp_millis());
    let changes = zone.changes(at(first_year), at(first_year + YEARS));
    let mut found: Vec<Observance> = Vec::new();
    for pair in changes.windows(2) {
        let [before, after] = pair else { continue };
        let onset = Zone::UTC.local_of(after.at) + before.offset;
        let known = found.iter_mut().find(|known| {
            known.from == before.offset
                && known.to.offset == after.offset
                && known.to.is_daylight == after.is_daylight
        });
        match known {
            Some(known) => known.onsets.push(onset),
            None => found.push(Observance { from: before.offset, to: after.clone(), onsets: vec![onset] }),
        }
    }
    if found.is_empty() {
        let start = NaiveDate::from_ymd_opt(1_970, 1, 1).unwrap_or_default().and_time(chrono::NaiveTime::MIN);
        let fixed = changes.into_iter().next().into_iter();
        found.extend(fixed.map(|only| Observance { from: only.offset, to: only, onsets: vec![start] }));
    }
    found
}

impl Observance {
    fn lines(&self) -> Vec<String> {
        let Some((first, others)) = self.onsets.split_first() else { return Vec::new() };
        let name = if self.to.is_daylight { "DAYLIGHT" } else { "STANDARD" };
        let mut lines = vec![
            format!("BEGIN:{name}"),
            format!("DTSTART:{}", times::local(*first)),
            format!("TZNAME:{}", self.to.abbreviation),
            format!("TZOFFSETFROM:{}", offset(self.from)),
            format!("TZOFFSETTO:{}", offset(self.to.offset)),
        ];
        match self.rule() {
            Some(rule) => lines.push(format!("RRULE:{rule}")),
            None => lines.extend(others.iter().map(|onset| format!("RDATE:{}", times::local(*onset)))),
        }
        lines.push(format!("END:{name}"));
        lines
    }

    /// The yearly rule that all onsets follow.
    fn rule(&self) -> Option<String> {
        let first = self.onsets.first()?;
        let is_yearly = self.onsets.windows(2).all(|pair| pair[1].year() == pair[0].year() + 1);
        let is_same = |onset: &NaiveDateTime| {
            (onset.month(), onset.weekday(), onset.time()) == (first.month(), first.weekday(), first.time())
        };
        if self.onsets.len() < usize::try_from(YEARS - 1).ok()?
            || !is_yearly
            || !self.onsets.iter().all(is_same)
        {
            return None;
        }
        let nth = |onset: &NaiveDateTime| onset.day0() / 7 + 1;
        let is_last = |onset: &NaiveDateTime| (*onset + TimeDelta::days(7)).month() != onset.month();
        let nth = match nth(first) {
            _ if self.onsets.iter().all(is_last) => "-1".to_owned(),
            number if self.onsets.iter().all(|onset| nth(onset) == number) => number.to_string(),
            _ => return None,
        };
        let weekday = first.weekday().to_string().to_ascii_uppercase();
        Some(format!("FREQ=YEARLY;BYMONTH={};BYDAY={nth}{}", first.month(), weekday.get(..2)?))
    }
}

fn offset(offset: TimeDelta) -> String {
    let seconds = offset.num_seconds();
    let (sign, all) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let mut text = format!("{sign}{:02}{:02}", all / 3_600, all / 60 % 60);
    if all % 60 != 0 {
        let _ = write!(text, "{:02}", all % 60);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::component::Component;
    use super::super::observance::Described;
    use super::*;

    fn described(name: &str, year: i32) -> (String, Described) {
        let text = lines(Zone::named(name).unwrap(), year, "\r\n");
        let calendar = Component::read(&format!("BEGIN:VCALENDAR\r\n{text}END:VCALENDAR\r\n")).unwrap();
        (text, Described::of(&calendar.children[0]).unwrap())
    }

    #[test]
    fn summer_time_follows_a_yearly_rule() {
        let (text, _) = described("Europe/Berlin", 2026);
        assert_eq!(
            text.replace("\r\n", "\n"),
            "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:DAYLIGHT\nDTSTART:20250330T020000\nTZNAME:CEST\n\
             TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\nEND:DAYLIGHT\n\
             BEGIN:STANDARD\nDTSTART:20251026T030000\nTZNAME:CET\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n\
             RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\nEND:STANDARD\nEND:VTIMEZONE\n"
        );
        assert!(described("America/New_York", 2026).0.contains("BYMONTH=3;BYDAY=2SU"));
        assert!(described("Asia/Kolkata", 2026).0.contains("DTSTART:19700101T000000"));
    }

    #[test]
    fn what_is_written_describes_the_zone() {
        let zones = [
            "Europe/Berlin",
            "America/New_York",
            "Asia/Tokyo",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
            "America/Santiago",
            "Asia/Jerusalem",
            "Europe/Dublin",
            "America/Vancouver",
            "Africa/Cairo",
        ];
        for name in zones {
            let (zone, (_, described)) = (Zone::named(name).unwrap(), described(name, 2027));
            for hours in 0..(365 * 24 * 2 / 5) {
                let local = NaiveDate::from_ymd_opt(2027, 1, 1).unwrap().and_hms_opt(0, 30, 0).unwrap()
                    + TimeDelta::hours(hours * 5);
                let expected = local.and_utc().timestamp_millis() - zone.instant_of(local).timestamp_millis();
                let found = described.offset_at(local).num_milliseconds();
                // Around a change there are local times that occur twice or never.
                let is_clear = zone.local_of(zone.instant_of(local - TimeDelta::hours(2)))
                    == local - TimeDelta::hours(2)
                    && zone.instant_of(local + TimeDelta::hours(2)).timestamp_millis()
                        - zone.instant_of(local - TimeDelta::hours(2)).timestamp_millis()
                        == 4 * 3_600_000;
                assert!(!is_clear || found == expected, "{name} {local}: {found} {expected}");
            }
        }
    }
}
