//! The only source of the current time, so that tests can advance it instead of sleeping.

pub mod time_zone;

use std::fmt::{self, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use bson::DateTime;
use chrono::SecondsFormat;

/// Clones share the time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock for tests, which stays at `start` until [`Clock::advance`] moves it.
    pub fn held_at(start: DateTime) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.timestamp_millis()))))
    }

    #[expect(clippy::disallowed_methods, reason = "all other code must ask the clock")]
    pub fn now(&self) -> DateTime {
        match &self.0 {
            Source::System => DateTime::from_system_time(SystemTime::now()),
            Source::Manual(millis) => DateTime::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    pub fn advance(&self, by: Duration) {
        if let Source::Manual(millis) = &self.0 {
            millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

// In milliseconds since 1970.
const END_OF_9999: i64 = 253_402_300_799_999;

/// Formats a time for the wire: RFC 3339 in UTC, with milliseconds.
pub fn rfc3339(time: DateTime) -> impl Display {
    fmt::from_fn(move |f| {
        // Both formatters write the same text, but the fast one supports only the years 1970 to 9999.
        if (0..=END_OF_9999).contains(&time.timestamp_millis()) {
            return humantime::format_rfc3339_millis(time.to_system_time()).fmt(f);
        }
        f.write_str(&time.to_chrono().to_rfc3339_opts(SecondsFormat::Millis, true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_any_year_have_milliseconds() {
        for (millis, text) in [
            (-1, "1969-12-31T23:59:59.999Z"),
            (0, "1970-01-01T00:00:00.000Z"),
            (1_764_576_000_007, "2025-12-01T08:00:00.007Z"),
            (END_OF_9999, "9999-12-31T23:59:59.999Z"),
            (END_OF_9999 + 1, "+10000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(DateTime::from_millis(millis)).to_string(), text);
        }
    }

    #[test]
    fn advancing_a_clock_advances_its_clones() {
        let clock = Clock::held_at(DateTime::from_millis(1_000));
        let clone = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!(clone.now(), DateTime::from_millis(3_000));
    }
}
