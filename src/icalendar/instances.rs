//! The occurrences of a series that a query looks at.

use bson::DateTime;

use crate::clock::time_zone::Zone;
use crate::todos::due::Due;
use crate::todos::recurrence::{Basis, Reason, Recurrence};

/// Of a series, that a query looks at. A longer series matches.
pub(super) const OCCURRENCES_MAX: usize = 1_000;

/// The occurrences of a series from `first` on that begin before `end`, in milliseconds since 1970. At most
/// [`OCCURRENCES_MAX`], and `None` if the rule is not understood.
pub(super) fn occurrences(first: Due, rule: &str, end: i64, zone: Zone) -> Option<Vec<Due>> {
    let mut series = Recurrence::begin(rule, Basis::Due, &first).ok()?;
    let (mut found, mut current, now) = (vec![first], first, DateTime::from_millis(0));
    while let Some((next, rest)) = series.next(&current, now, zone, Reason::Skipped) {
        if instant_of(&next, zone).timestamp_millis() >= end || found.len() > OCCURRENCES_MAX {
            break;
        }
        found.push(next);
        (current, series) = (next, rest);
    }
    Some(found)
}

/// A local time is in the zone of the user.
pub(super) fn instant_of(at: &Due, user: Zone) -> DateTime {
    at.instant().unwrap_or_else(|| user.instant_of(at.local()))
}
