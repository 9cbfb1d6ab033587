//! The one source of the current time. Must not be bypassed: a test that needs a later hour advances the clock.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use bson::DateTime;
use chrono::SecondsFormat;

/// Tells the time, in whole milliseconds; cheap to clone, and clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Held(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until [`Clock::advance`] moves it: for tests.
    #[must_use]
    pub fn held_at(start: DateTime) -> Self {
        Self(Source::Held(Arc::new(AtomicI64::new(start.timestamp_millis()))))
    }

    /// The current time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the clock is what everyone else must ask")]
    pub fn now(&self) -> DateTime {
        match &self.0 {
            Source::System => DateTime::from_system_time(SystemTime::now()),
            Source::Held(millis) => DateTime::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a held clock forward. A system clock moves by itself and ignores this.
    pub fn advance(&self, by: Duration) {
        if let Source::Held(millis) = &self.0 {
            millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

/// The last millisecond of the year 9999, since 1970.
const LAST_MILLISECOND: i64 = 253_402_300_799_999;

/// A time on the wire: RFC 3339 in UTC, with milliseconds.
#[must_use]
pub fn rfc3339(time: DateTime) -> impl Display {
    fmt::from_fn(move |f| {
        // Of the two that write the same, the quick one knows the years 1970 to 9999 only.
        if (0..=LAST_MILLISECOND).contains(&time.timestamp_millis()) {
            return humantime::format_rfc3339_millis(time.to_system_time()).fmt(f);
        }
        f.write_str(&time.to_chrono().to_rfc3339_opts(SecondsFormat::Millis, true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_milliseconds_in_any_year() {
        for (millis, text) in [
            (-1, "1969-12-31T23:59:59.999Z"),
            (0, "1970-01-01T00:00:00.000Z"),
            (1_764_576_000_007, "2025-12-01T08:00:00.007Z"),
            (LAST_MILLISECOND, "9999-12-31T23:59:59.999Z"),
            (LAST_MILLISECOND + 1, "+10000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(DateTime::from_millis(millis)).to_string(), text);
        }
    }

    #[test]
    fn a_held_clock_moves_only_when_advanced_and_for_all_its_clones() {
        let clock = Clock::held_at(DateTime::from_millis(1_000));
        let clone = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!(clone.now(), DateTime::from_millis(3_000));
    }
}
