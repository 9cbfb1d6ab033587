//! When a VTODO is due, and when an occurrence of it is due that is known by its beginning.

use chrono::TimeDelta;

use super::component::Component;
use super::times;
use super::zones::Zones;
use crate::todos::due::Due;

pub(super) const CURRENT: &str = "X-KDE-LIBKCAL-DTRECURRENCE";

/// When the todo is due. KDE names the current occurrence of a series, and leaves DUE at the first one.
pub(super) fn due(todo: &Component, zones: &Zones<'_>) -> Option<Due> {
    let end = end(todo, zones)?;
    let current = todo.first(CURRENT).filter(|_| todo.value("RRULE").is_some());
    let current = current.and_then(|current| zones.time(&current.content));
    Some(
        current
            .map(|current| in_form_of(&end, &current))
            .filter(|current| current.has_form_of(&end))
            .unwrap_or(end),
    )
}

/// DUE, otherwise DTSTART and DURATION (RFC 5545 §3.6.2).
pub(super) fn end(todo: &Component, zones: &Zones<'_>) -> Option<Due> {
    let at = |name| todo.first(name).and_then(|at| zones.time(&at.content));
    at("DUE").or_else(|| {
        let (start, duration) = (at("DTSTART")?, times::duration(todo.value("DURATION")?)?);
        let end = start.local().checked_add_signed(duration)?;
        Some(start.at_local(end)).filter(Due::is_in_range)
    })
}

/// How long before it is due the todo begins.
pub(super) fn span(todo: &Component, zones: &Zones<'_>) -> Option<TimeDelta> {
    let start = todo.first("DTSTART").and_then(|start| zones.time(&start.content))?;
    let end = end(todo, zones)?;
    start.has_form_of(&end).then(|| end.local() - start.local())
}

/// The due date of the occurrence that begins at `at`, in a series that begins at `start` and is first due at `due`.
pub(super) fn occurrence_at(at: &Due, start: Option<&Due>, due: &Due) -> Due {
    let at = in_form_of(due, at);
    let shift = start.filter(|start| start.has_form_of(due)).map(|start| due.local() - start.local());
    at.local().checked_add_signed(shift.unwrap_or_default()).map_or(at, |local| at.at_local(local))
}

/// A point in time in the zone of another. Only a date and a time cannot be converted to each other.
pub(super) fn in_form_of(due: &Due, value: &Due) -> Due {
    match (due, value) {
        (Due::Date(_), value) => Due::Date(value.day()),
        (Due::At { time_zone: Some(zone), .. }, value) => match value.instant() {
            Some(instant) => Due::At { local: zone.local_of(instant), time_zone: Some(*zone) },
            None => match value {
                Due::Date(_) => *value,
                Due::At { local, .. } => Due::At { local: *local, time_zone: Some(*zone) },
            },
        },
        (Due::At { .. }, Due::At { local, .. }) => Due::At { local: *local, time_zone: None },
        (Due::At { .. }, Due::Date(_)) => *value,
    }
}
