//! Dates, local times and time zones as text: how clients write them, in bodies and in queries.

use chrono::{Datelike, NaiveDate, NaiveDateTime};
use serde_json::json;

use crate::clock::time_zone::Zone;
use crate::owned::text::TextFormat;

// Earlier years are typing errors, and zones have no agreed offset for them.
pub(super) const FIRST_YEAR: i32 = 1900;

// Years of four digits sort as text.
pub use crate::owned::text::LAST_YEAR;

// The patterns allow 29 February in every year, because a regular expression for leap years would be unreadable.
const DATE_PATTERN: &str = "(19|[2-9][0-9])[0-9]{2}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-9])|(0[13-9]|1[0-2])-30|(0[13578]|1[02])-31)";
const TIME_PATTERN: &str = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?";

pub const DATE: TextFormat<NaiveDate> = TextFormat {
    read: parse_date,
    code: "not_a_date",
    detail: || "A date must be written YYYY-MM-DD.".to_owned(),
    schema: || json!({ "type": "string", "pattern": format!("^{DATE_PATTERN}$"), "examples": ["2026-12-01"] }),
};

pub const LOCAL_TIME: TextFormat<NaiveDateTime> = TextFormat {
    read: parse_local,
    code: "not_a_local_time",
    detail: || "A local time must be written YYYY-MM-DDTHH:MM, without an offset.".to_owned(),
    schema: || json!({ "type": "string", "pattern": format!("^{DATE_PATTERN}T{TIME_PATTERN}$"), "examples": ["2026-12-01T09:00"] }),
};

pub const TIME_ZONE: TextFormat<Zone> = TextFormat {
    read: Zone::named,
    code: "unknown_zone",
    detail: || "A time zone must be an IANA name, such as Europe/Berlin.".to_owned(),
    schema: || json!({ "type": "string", "description": "An IANA time zone name.", "examples": ["Europe/Berlin"] }),
};

/// Accepts exactly `YYYY-MM-DD`, from 1900 to 9999.
pub fn parse_date(text: &str) -> Option<NaiveDate> {
    let [year, month, day] = numbers(text, '-', [4, 2, 2])?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    (FIRST_YEAR..=LAST_YEAR).contains(&date.year()).then_some(date)
}

/// Accepts exactly `YYYY-MM-DDTHH:MM` and `YYYY-MM-DDTHH:MM:SS`, without leap seconds.
pub fn parse_local(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = text.split_once('T')?;
    let [hour, minute, second] = match numbers(time, ':', [2, 2]) {
        Some([hour, minute]) => [hour, minute, 0],
        None => numbers(time, ':', [2, 2, 2])?,
    };
    parse_date(date)?.and_hms_opt(hour, minute, second)
}

/// Splits `text` into numbers of exactly `widths` digits.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[u32; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, width) in found.iter_mut().zip(widths) {
        let digits = parts.next()?;
        // `parse` alone would accept a plus sign.
        let is_number = digits.len() == width && digits.bytes().all(|byte| byte.is_ascii_digit());
        *number = is_number.then(|| digits.parse().ok())??;
    }
    parts.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_of_a_date_is_accepted() {
        for right in ["1900-01-01", "2024-02-29", "9999-12-31"] {
            assert_eq!(parse_date(right).unwrap().to_string(), right);
        }
        for wrong in [
            "1899-12-31",
            "10000-01-01",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-01",
            "+026-01-01",
            " 2026-01-01",
            "2026-01-01 ",
            "2026-01-01-",
            "2026-01",
            "20260101",
            "2026-01-01T00:00",
            "２０２６-01-01",
            "",
        ] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_exact_form_of_a_local_time_is_accepted() {
        for right in ["2026-12-01T00:00", "2026-12-01T23:59:59"] {
            assert!(parse_local(right).is_some(), "{right}");
        }
        for wrong in [
            "2026-12-01",
            "2026-12-01T",
            "2026-12-01T9:00",
            "2026-12-01 09:00",
            "2026-12-01t09:00",
            "2026-12-01T24:00",
            "2026-12-01T09:60",
            "2026-12-01T23:59:60",
            "2026-12-01T09:00Z",
            "2026-12-01T09:00+01:00",
            "2026-12-01T09:00:00.5",
            "2026-12-01T09:00:0",
            "1899-12-31T09:00",
        ] {
            assert_eq!(parse_local(wrong), None, "{wrong}");
        }
    }
}
