//! Dates, times and time zones as other services write them.
//!
//! **Invariant:** a day stays a day. A service that writes a day as an instant is asked for the day in its zone.

use bson::DateTime;
use chrono::{DateTime as ChronoDateTime, NaiveDate, NaiveDateTime};

use crate::clock::time_zone::Zone;
use crate::owned::text::{INSTANT, with_separators};
use crate::todos::due::{Due, parse_date, parse_local};

/// An instant: RFC 3339, also with an offset without a colon, or without an offset, which then means UTC.
pub fn instant(text: &str) -> Option<DateTime> {
    let text = with_separators(text.trim());
    let found = INSTANT.read(&text);
    // `0001-01-01T00:00:00Z` is how Go writes that there is no time.
    let found = found.or_else(|| local(&text).map(|local| Zone::UTC.instant_of(local)));
    found.filter(|time| time.to_chrono().format("%Y").to_string().parse().is_ok_and(|year: i32| year >= 1900))
}

/// A local time, with `T` or a space, with or without seconds and their fractions.
pub fn local(text: &str) -> Option<NaiveDateTime> {
    let text = with_separators(text.trim());
    let whole = text.split(['.', 'Z']).next().unwrap_or_default();
    parse_local(whole)
}

/// The date at the start of a text.
pub fn date(text: &str) -> Option<NaiveDate> {
    parse_date(text.trim().get(..10)?)
}

/// The day of an instant in a zone.
pub fn day_in(instant: DateTime, zone: Zone) -> NaiveDate {
    zone.local_of(instant).date()
}

/// An instant as a time in a zone, without seconds.
pub fn time_in(instant: DateTime, zone: Zone) -> Due {
    let local = zone.local_of(instant);
    Due::At { local: minutes(local), time_zone: Some(zone) }
}

fn minutes(local: NaiveDateTime) -> NaiveDateTime {
    use chrono::Timelike;
    local.with_nanosecond(0).unwrap_or(local)
}

/// A date or time as people write it in tables: `2026-12-01`, `2026-12-01 09:00`, RFC 3339, `01.12.2026`, `12/01/2026`.
pub fn any(text: &str, zone: Zone) -> Option<Due> {
    let text = text.trim();
    if text.len() == 10 {
        return day(text).map(Due::Date);
    }
    if let Ok(instant) = ChronoDateTime::parse_from_rfc3339(&with_separators(text)) {
        return Some(time_in(instant.to_utc().into(), zone));
    }
    if let Some(local) = local(text) {
        return Some(Due::At { local, time_zone: Some(zone) });
    }
    let (date, time) = text.split_once([' ', 'T'])?;
    let time = if time.len() == 4 { format!("0{time}") } else { time.to_owned() };
    Some(Due::At { local: parse_local(&format!("{}T{time}", day(date)?))?, time_zone: Some(zone) })
}

/// A day: `2026-12-01`, `2026/12/01`, `01.12.2026`, and `12/31/2026` with the month first.
fn day(text: &str) -> Option<NaiveDate> {
    parse_date(text).or_else(|| parse_date(&text.replace('/', "-"))).or_else(|| {
        let (parts, day_first): (Vec<&str>, _) = if text.contains('.') {
            (text.split('.').collect(), true)
        } else {
            (text.split('/').collect(), false)
        };
        let [first, second, year] = parts.try_into().ok()?;
        let (day, month) = if day_first { (first, second) } else { (second, first) };
        parse_date(&format!("{year}-{month:0>2}-{day:0>2}"))
    })
}

/// A zone by its IANA name, or by the name that Windows uses.
pub fn zone(name: &str) -> Option<Zone> {
    let name = name.trim();
    Zone::named(name).or_else(|| {
        let (_, iana) = WINDOWS.iter().find(|(windows, _)| windows.eq_ignore_ascii_case(name))?;
        Zone::named(iana)
    })
}

// From the table windowsZones of CLDR, with the zone of its territory 001.
const WINDOWS: [(&str, &str); 48] = [
    ("UTC", "UTC"),
    ("GMT Standard Time", "Europe/London"),
    ("Greenwich Standard Time", "Atlantic/Reykjavik"),
    ("W. Europe Standard Time", "Europe/Berlin"),
    ("Central Europe Standard Time", "Europe/Budapest"),
    ("Romance Standard Time", "Europe/Paris"),
    ("Central European Standard Time", "Europe/Warsaw"),
    ("E. Europe Standard Time", "Europe/Chisinau"),
    ("FLE Standard Time", "Europe/Kiev"),
    ("GTB Standard Time", "Europe/Bucharest"),
    ("Turkey Standard Time", "Europe/Istanbul"),
    ("Russian Standard Time", "Europe/Moscow"),
    ("Israel Standard Time", "Asia/Jerusalem"),
    ("Egypt Standard Time", "Africa/Cairo"),
    ("South Africa Standard Time", "Africa/Johannesburg"),
    ("W. Central Africa Standard Time", "Africa/Lagos"),
    ("E. Africa Standard Time", "Africa/Nairobi"),
    ("Morocco Standard Time", "Africa/Casablanca"),
    ("Arab Standard Time", "Asia/Riyadh"),
    ("Arabian Standard Time", "Asia/Dubai"),
    ("Iran Standard Time", "Asia/Tehran"),
    ("Pakistan Standard Time", "Asia/Karachi"),
    ("India Standard Time", "Asia/Calcutta"),
    ("Nepal Standard Time", "Asia/Katmandu"),
    ("Bangladesh Standard Time", "Asia/Dhaka"),
    ("SE Asia Standard Time", "Asia/Bangkok"),
    ("China Standard Time", "Asia/Shanghai"),
    ("Singapore Standard Time", "Asia/Singapore"),
    ("Taipei Standard Time", "Asia/Taipei"),
    ("W. Australia Standard Time", "Australia/Perth"),
    ("Tokyo Standard Time", "Asia/Tokyo"),
    ("Korea Standard Time", "Asia/Seoul"),
    ("Cen. Australia Standard Time", "Australia/Adelaide"),
    ("AUS Eastern Standard Time", "Australia/Sydney"),
    ("E. Australia Standard Time", "Australia/Brisbane"),
    ("New Zealand Standard Time", "Pacific/Auckland"),
    ("Hawaiian Standard Time", "Pacific/Honolulu"),
    ("Alaskan Standard Time", "America/Anchorage"),
    ("Pacific Standard Time", "America/Los_Angeles"),
    ("Mountain Standard Time", "America/Denver"),
    ("US Mountain Standard Time", "America/Phoenix"),
    ("Central Standard Time", "America/Chicago"),
    ("Central Standard Time (Mexico)", "America/Mexico_City"),
    ("Eastern Standard Time", "America/New_York"),
    ("Atlantic Standard Time", "America/Halifax"),
    ("Newfoundland Standard Time", "America/St_Johns"),
    ("E. South America Standard Time", "America/Sao_Paulo"),
    ("Argentina Standard Time", "America/Buenos_Aires"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_a_year_of_ours_are_none() {
        assert_eq!(instant("0001-01-01T00:00:00Z"), None);
        for text in ["2018-12-11T23:00:00+0000", "2018-12-11 23:00:00", "2018-12-11T23:00:00.0000000Z"] {
            assert_eq!(instant(text), INSTANT.read("2018-12-11T23:00:00Z"), "{text}");
        }
    }

    #[test]
    fn dates_of_tables_are_read() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        for (text, key) in [
            ("2026-12-01", "2026-12-01"),
            ("01.12.2026", "2026-12-01"),
            ("12/31/2026", "2026-12-31"),
            ("2026-12-01 09:00", "2026-12-01T09:00"),
            ("01.12.2026 9:05", "2026-12-01T09:05"),
            ("2026-12-01T08:00:00Z", "2026-12-01T09:00"),
        ] {
            assert_eq!(any(text, berlin).map(|due| due.local_key()).as_deref(), Some(key), "{text}");
        }
        for text in ["", "soon", "2026-13-01", "31/12/2026", "2026-12-01 25:00"] {
            assert_eq!(any(text, berlin), None, "{text}");
        }
    }

    #[test]
    fn zones_of_windows_are_known() {
        assert_eq!(zone("W. Europe Standard Time"), Zone::named("Europe/Berlin"));
        for (windows, iana) in WINDOWS {
            assert!(zone(windows).is_some(), "{iana}");
        }
        assert_eq!(zone("Mars"), None);
    }
}
