//! Bounds of due dates in filters. Must not let a date pass through UTC: a day is a day of the user's zone.

use bson::{DateTime, Document, doc};
use chrono::{Days, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;

use crate::todos::due::{self, Due};

/// A bound of due dates; dates and local times are in the user's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A day.
    Date(NaiveDate),
    /// A time of the clock on the wall.
    Local(NaiveDateTime),
    /// A point in time.
    Instant(DateTime),
}

/// Zones differ by at most 26 hours.
const ZONES: Days = Days::new(2);

impl Moment {
    /// The filter for what is due before this. A time of the wall counts in the user's zone, one with a zone in its own.
    pub(in crate::todos) fn before(self, zone: Tz) -> Document {
        let (local, instant) = self.start(zone);
        let at_most = |local: NaiveDateTime| key(local.checked_add_days(ZONES).unwrap_or(local));
        doc! {
            "due_local": { "$gt": "", "$lt": at_most(local) },
            "$or": [
                { "due_at": null, "due_local": { "$lt": self.key(local) } },
                { "due_at": { "$lt": instant } },
            ],
        }
    }

    /// The filter for what is due after this.
    pub(in crate::todos) fn after(self, zone: Tz) -> Document {
        let next = match self {
            Self::Date(date) => Self::Date(date.succ_opt().unwrap_or(date)),
            moment => moment,
        };
        let comparison = if matches!(self, Self::Date(_)) { "$gte" } else { "$gt" };
        let (local, instant) = next.start(zone);
        let at_least = key(local.checked_sub_days(ZONES).unwrap_or(local));
        doc! {
            "due_local": { "$gt": at_least },
            "$or": [
                { "due_at": null, "due_local": { comparison: next.key(local) } },
                { "due_at": { comparison: instant } },
            ],
        }
    }

    /// Where it begins, on the user's wall and as a point in time.
    fn start(self, zone: Tz) -> (NaiveDateTime, DateTime) {
        match self {
            Self::Date(date) => {
                let midnight = date.and_time(chrono::NaiveTime::MIN);
                (midnight, due::instant_of(midnight, zone))
            }
            Self::Local(local) => (local, due::instant_of(local, zone)),
            Self::Instant(instant) => (due::local_of(instant, zone), instant),
        }
    }

    fn key(self, local: NaiveDateTime) -> String {
        match self {
            Self::Date(date) => Due::Date(date).local_key(),
            _ => key(local),
        }
    }
}

/// As due dates are compared.
fn key(local: NaiveDateTime) -> String {
    Due::At { local, time_zone: None }.local_key()
}
