//! Bounds of due dates and times of completion in filters.
//!
//! **Invariant:** no date passes through UTC: a day is a day in the user's zone.

use bson::{DateTime, Document, doc};
use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime};

use crate::clock::time_zone::Zone;
use crate::todos::due::Due;

/// Dates and local times are in the user's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeBound {
    Date(NaiveDate),
    Local(NaiveDateTime),
    Instant(DateTime),
}

// More than the 26 hours by which the local times of two zones can differ (UTC-12 and UTC+14).
const ZONES_DIFFER: Days = Days::new(2);

// Both filters have two parts. Due dates without a zone (`due_at` is null) are compared as local times of the user, the
// others as instants. The index holds local times only, so a bound on `due_local`, widened by `ZONES_DIFFER`, limits how
// much of the index MongoDB reads.
impl TimeBound {
    pub(in crate::todos) fn before(self, zone: Zone) -> Document {
        self.before_on(zone, self.start(zone).0.date())
    }

    /// `today` is the day that is not over yet.
    fn before_on(self, zone: Zone, today: NaiveDate) -> Document {
        let (local, instant) = self.start(zone);
        let at_most = |local: NaiveDateTime| key(local.checked_add_days(ZONES_DIFFER).unwrap_or(local));
        doc! {
            "due_local": { "$gt": "", "$lt": at_most(local) },
            "$or": [
                // A date is before a moment if its day is over at that moment.
                { "due_at": null, "due_local": { "$lt": self.key(local), "$ne": Due::Date(today).local_key() } },
                { "due_at": { "$lt": instant } },
            ],
        }
    }

    /// What is late at `now`: dates whose day is over, and times that have come.
    pub(in crate::todos) fn late(now: DateTime, zone: Zone) -> Document {
        // Stored times are whole seconds, so the next second is the first bound that excludes none that has come.
        let whole = now.timestamp_millis().div_euclid(1_000) * 1_000;
        Self::Instant(DateTime::from_millis(whole + 1_000)).before_on(zone, zone.local_of(now).date())
    }

    pub(in crate::todos) fn after(self, zone: Zone) -> Document {
        let (first, comparison) = self.first_after();
        let (local, instant) = first.start(zone);
        let at_least = key(local.checked_sub_days(ZONES_DIFFER).unwrap_or(local));
        doc! {
            "due_local": { "$gt": at_least },
            "$or": [
                { "due_at": null, "due_local": { comparison: first.key(local) } },
                { "due_at": { comparison: instant } },
            ],
        }
    }

    /// After a date is on the next day or later.
    fn first_after(self) -> (Self, &'static str) {
        match self {
            Self::Date(date) => (Self::Date(date.succ_opt().unwrap_or(date)), "$gte"),
            bound => (bound, "$gt"),
        }
    }

    pub(in crate::todos) fn instant(self, zone: Zone) -> DateTime {
        self.start(zone).1
    }

    /// The comparison that instants after the bound satisfy.
    pub(in crate::todos) fn instants_after(self, zone: Zone) -> (&'static str, DateTime) {
        let (first, comparison) = self.first_after();
        (comparison, first.instant(zone))
    }

    pub(in crate::todos) fn needs_zone(self) -> bool {
        !matches!(self, Self::Instant(_))
    }

    fn start(self, zone: Zone) -> (NaiveDateTime, DateTime) {
        match self {
            Self::Date(date) => {
                let midnight = date.and_time(NaiveTime::MIN);
                (midnight, zone.instant_of(midnight))
            }
            Self::Local(local) => (local, zone.instant_of(local)),
            Self::Instant(instant) => (zone.local_of(instant), instant),
        }
    }

    fn key(self, local: NaiveDateTime) -> String {
        match self {
            Self::Date(date) => Due::Date(date).local_key(),
            _ => key(local),
        }
    }
}

fn key(local: NaiveDateTime) -> String {
    Due::At { local, time_zone: None }.local_key()
}
