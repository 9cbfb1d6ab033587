//! What a recurring todo remembers of its completions and skips, so that they can be undone.

use bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

use super::due::Due;
use super::recurrence::Progress;

/// How many completions and skips in a row can be undone. Each takes about 200 bytes of the todo and of its subtasks.
pub const UNDO_MAX: usize = 10;

/// After this time, the record of a completed occurrence does not count as a todo of its user.
pub const RECORD_COUNTS_MILLIS: i64 = 90 * 24 * 60 * 60 * 1_000;

/// What a recurring todo remembers about itself. Clients do not see it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The oldest first.
    pub(super) steps: Vec<Step>,
    /// The request that last took a step back, so that its repetition changes nothing.
    #[serde(default)]
    pub(super) undone_by: Option<ObjectId>,
}

impl History {
    /// Whether the occurrence of this due date was completed or skipped lately.
    pub fn has_passed(&self, due: &Due) -> bool {
        self.steps.iter().any(|step| step.from == *due)
    }
}

/// A completion or skip, with the state before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Step {
    /// The id of the record of a completed occurrence, otherwise an id of its own. Subtasks note their state under this id.
    pub(super) id: ObjectId,
    pub(super) from: Due,
    pub(super) progress: Progress,
    /// The due date afterwards; `None` at the end of the series, which completes the todo.
    pub(super) to: Option<Due>,
}

/// A due date and the next one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    pub from: Due,
    pub to: Due,
}

impl Shift {
    /// A due date moved as far in local time, so that 09:00 stays 09:00 when the clocks change. A date moves by whole days.
    pub fn of(self, due: Due) -> Option<Due> {
        let Self { from, to } = self;
        let has_times = due.time().is_some() && from.time().is_some() && to.time().is_some();
        let by = if has_times { to.local() - from.local() } else { to.day() - from.day() };
        let moved = due.at_local(due.local().checked_add_signed(by)?);
        moved.is_in_range().then_some(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(json: &str) -> Due {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_shift_keeps_local_times_and_moves_dates_by_days() {
        let at = |local: &str| due(&format!(r#"{{"at":"{local}","time_zone":"Europe/Berlin"}}"#));
        let day = |date: &str| due(&format!(r#"{{"date":"{date}"}}"#));
        let over_the_change = Shift { from: at("2027-03-27T09:00"), to: at("2027-03-28T09:00") };
        assert_eq!(over_the_change.of(at("2027-03-26T20:00")), Some(at("2027-03-27T20:00")));
        assert_eq!(over_the_change.of(day("2027-03-26")), Some(day("2027-03-27")));
        let by_hours = Shift { from: at("2027-03-27T20:00"), to: at("2027-03-28T02:00") };
        assert_eq!(by_hours.of(at("2027-03-27T12:00")), Some(at("2027-03-27T18:00")));
        assert_eq!(by_hours.of(day("2027-03-27")), Some(day("2027-03-28")));
        let days = Shift { from: day("2027-03-27"), to: day("2027-04-03") };
        assert_eq!(days.of(at("2027-03-27T12:00")), Some(at("2027-04-03T12:00")));
        let late = Shift { from: day("2027-03-27"), to: day("9999-12-31") };
        assert_eq!(late.of(day("2027-03-28")), None);
    }
}
