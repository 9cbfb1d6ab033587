//! Recurring todos: the next due date after a completion.
//!
//! **Invariant:** the next due date is computed with days and local times, never with instants, so that 09:00 stays 09:00
//! when the clocks change.

mod occurrences;
mod rrule;
pub(super) mod wire;

use bson::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

pub use self::rrule::RULE_MAX;
use self::rrule::Rule;
use super::due::Due;
use crate::error::Violation;
use crate::owned::text::TextFormat;
use crate::time_zone::Zone;

/// From which day the next occurrence is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// From the due date, so that a late completion does not delay the next occurrence.
    #[default]
    Due,
    /// From the day of the completion.
    Completion,
}

impl Basis {
    pub const FORMAT: TextFormat<Self> = TextFormat {
        read: |text| match text {
            "due" => Some(Self::Due),
            "completion" => Some(Self::Completion),
            _ => None,
        },
        code: "unknown_value",
        detail: || "A basis must be `due` or `completion`.".to_owned(),
        schema: || json!({ "type": "string", "enum": ["due", "completion"] }),
    };
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    rule: String,
    basis: Basis,
    /// The due date when a client last set the due date or the rule. With [`Basis::Due`], this is `DTSTART` (RFC 5545
    /// §3.8.2.4), which INTERVAL counts from.
    start: Due,
    /// How many occurrences follow the current one; `None` for a rule without COUNT.
    left: Option<u32>,
}

impl Recurrence {
    pub fn rule(&self) -> &str {
        &self.rule
    }

    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// After a client has changed the due date: later occurrences count from `due`, and the rest of COUNT stays.
    pub fn rebased(self, due: &Due) -> Self {
        Self { start: *due, ..self }
    }

    /// The next due date and the advanced recurrence after a completion at `now`, or `None` at the end of the rule.
    /// `zone` is used if `due` has no zone.
    pub fn next(&self, due: &Due, now: DateTime, zone: Zone) -> Option<(Due, Self)> {
        let rule = Rule::parse(&self.rule).ok()?;
        let left = match self.left {
            Some(left) => Some(left.checked_sub(1)?),
            None => None,
        };
        let day = match self.basis {
            // The first occurrence after the due date, even if it is in the past.
            Basis::Due => rule.next_day(self.start.day(), due.day())?,
            Basis::Completion => {
                // The rule starts on the day of the completion, and the next occurrence is after that day.
                let today = due.zone().unwrap_or(zone).local_of(now).date();
                rule.next_day(today, today)?
            }
        };
        let is_over = rule.last_day(due).is_some_and(|last| day > last);
        (!is_over).then(|| (due.on(day), Self { left, ..self.clone() }))
    }
}

/// A merge patch (RFC 7396): each field is absent (`None`), null (`Some(None)`) or given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecurrencePatch {
    pub rule: Option<Option<String>>,
    /// Null means [`Basis::Due`].
    pub basis: Option<Option<Basis>>,
}

impl RecurrencePatch {
    /// If the request also changes the due date, the caller applies [`Recurrence::rebased`] afterwards.
    pub fn apply(self, current: Option<&Recurrence>, due: &Due) -> Result<Recurrence, Vec<Violation>> {
        let basis = self.basis.unwrap_or_else(|| current.map(Recurrence::basis));
        let basis = basis.unwrap_or_default();
        let old = current.map(|current| current.rule.clone());
        let text = self.rule.unwrap_or(old).map(|text| text.trim().to_owned());
        let Some(text) = text else {
            return Err(vec![Violation::of("recurrence/rule", "required", "A recurrence must have a rule.")]);
        };
        match current {
            // A patch that changes nothing keeps the progress of COUNT and INTERVAL.
            Some(current) if current.rule == text && current.basis == basis => Ok(current.clone()),
            Some(current) if current.rule == text => Ok(Recurrence { basis, start: *due, ..current.clone() }),
            _ => {
                let rule = Rule::parse(&text).map_err(|violation| vec![violation])?;
                let left = rule.count.map(|count| count - counted_by(&rule, basis, due));
                Ok(Recurrence { rule: text, basis, start: *due, left })
            }
        }
    }
}

fn counted_by(rule: &Rule, basis: Basis, due: &Due) -> u32 {
    // With `Basis::Completion`, COUNT counts completions, so the first due date always counts. With `Basis::Due`, it
    // counts only if it is an occurrence of the rule.
    let before = due.day().pred_opt().unwrap_or(due.day());
    u32::from(basis == Basis::Completion || rule.next_day(due.day(), before) == Some(due.day()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(json: &str) -> Due {
        serde_json::from_str(json).unwrap()
    }

    fn day(date: &str) -> Due {
        due(&format!(r#"{{"date":"{date}"}}"#))
    }

    fn recurrence(rule: &str, basis: Basis, due: &Due) -> Recurrence {
        let patch = RecurrencePatch { rule: Some(Some(rule.to_owned())), basis: Some(Some(basis)) };
        patch.apply(None, due).unwrap()
    }

    fn instant(text: &str) -> DateTime {
        DateTime::parse_rfc3339_str(text).unwrap()
    }

    /// The days of the next due dates until the end, at most ten.
    fn days(mut recurrence: Recurrence, mut due: Due) -> Vec<String> {
        let mut days = Vec::new();
        while let Some(next) =
            recurrence.next(&due, DateTime::from_millis(0), Zone::UTC).filter(|_| days.len() < 10)
        {
            (due, recurrence) = next;
            days.push(due.local_key());
        }
        days
    }

    #[test]
    fn local_times_stay_when_clocks_change() {
        let start = due(r#"{"at":"2026-03-28T02:30","time_zone":"Europe/Berlin"}"#);
        let found = days(recurrence("FREQ=DAILY;COUNT=3", Basis::Due, &start), start);
        assert_eq!(found, ["2026-03-29T02:30", "2026-03-30T02:30"]);
    }

    #[test]
    fn count_includes_a_first_due_date_that_fits_the_rule() {
        let monday = day("2026-11-30");
        assert_eq!(
            days(recurrence("FREQ=WEEKLY;BYDAY=MO;COUNT=2", Basis::Due, &monday), monday),
            ["2026-12-07"]
        );
        let tuesday = day("2026-12-01");
        let found = days(recurrence("FREQ=WEEKLY;BYDAY=MO;COUNT=2", Basis::Due, &tuesday), tuesday);
        assert_eq!(found, ["2026-12-07", "2026-12-14"]);
    }

    #[test]
    fn count_is_the_number_of_completions_with_that_basis() {
        let tuesday = day("2026-12-01");
        let recurrence = recurrence("FREQ=WEEKLY;BYDAY=MO;COUNT=2", Basis::Completion, &tuesday);
        assert_eq!(days(recurrence, tuesday), ["1970-01-05"]);
    }

    #[test]
    fn a_changed_due_date_is_the_new_start_and_keeps_the_rest_of_count() {
        let start = day("2026-01-31");
        let recurrence = recurrence("FREQ=MONTHLY;INTERVAL=2;COUNT=3", Basis::Due, &start);
        let (next, recurrence) = recurrence.next(&start, DateTime::from_millis(0), Zone::UTC).unwrap();
        assert_eq!(next, day("2026-03-31"));
        let moved = day("2026-04-02");
        assert_eq!(days(recurrence.rebased(&moved), moved), ["2026-06-02"]);
    }

    #[test]
    fn the_next_due_date_may_be_in_the_past() {
        let start = day("2020-01-01");
        let now = instant("2026-12-01T12:00:00Z");
        let next = recurrence("FREQ=DAILY", Basis::Due, &start).next(&start, now, Zone::UTC).unwrap().0;
        assert_eq!(next, day("2020-01-02"));
    }

    #[test]
    fn the_day_of_a_completion_is_in_the_zone_of_the_due_date_or_of_the_owner() {
        let late = instant("2026-12-01T23:30:00Z");
        let next = |due: &Due| {
            recurrence("FREQ=DAILY", Basis::Completion, due).next(
                due,
                late,
                Zone::named("America/New_York").unwrap(),
            )
        };
        assert_eq!(next(&day("2026-11-01")).unwrap().0, day("2026-12-02"));
        let berlin = due(r#"{"at":"2026-11-01T09:00","time_zone":"Europe/Berlin"}"#);
        assert_eq!(next(&berlin).unwrap().0.local_key(), "2026-12-03T09:00");
        let floating = due(r#"{"at":"2026-11-01T09:00","time_zone":null}"#);
        assert_eq!(next(&floating).unwrap().0.local_key(), "2026-12-02T09:00");
    }

    #[test]
    fn the_text_of_a_rule_is_kept_without_surrounding_space() {
        let recurrence = recurrence(" freq=Daily;interval=02\n", Basis::Due, &day("2026-12-01"));
        assert_eq!(recurrence.rule(), "freq=Daily;interval=02");
    }

    #[test]
    fn a_patch_that_changes_nothing_keeps_the_count() {
        let start = day("2026-12-01");
        let begun = recurrence("FREQ=DAILY;COUNT=3", Basis::Due, &start);
        let (due, going) = begun.next(&start, DateTime::from_millis(0), Zone::UTC).unwrap();
        let patch = |rule: Option<&str>, basis| RecurrencePatch {
            rule: rule.map(|rule| Some(rule.to_owned())),
            basis,
        };
        assert_eq!(patch(None, None).apply(Some(&going), &due), Ok(going.clone()));
        assert_eq!(patch(Some("FREQ=DAILY;COUNT=3 "), None).apply(Some(&going), &due), Ok(going.clone()));
        let completing = patch(None, Some(Some(Basis::Completion))).apply(Some(&going), &due).unwrap();
        assert_eq!((completing.basis(), completing.left), (Basis::Completion, Some(1)));
        assert_eq!(patch(None, Some(None)).apply(Some(&completing), &due).unwrap().basis(), Basis::Due);
        let anew = patch(Some("FREQ=DAILY;COUNT=9"), None).apply(Some(&going), &due).unwrap();
        assert_eq!((anew.start, anew.left), (due, Some(8)));
    }

    #[test]
    fn a_recurrence_must_have_a_supported_rule() {
        let start = day("2026-12-01");
        let code = |rule: Option<Option<&str>>, current: Option<&Recurrence>| {
            let patch = RecurrencePatch { rule: rule.map(|rule| rule.map(str::to_owned)), basis: None };
            let violations = patch.apply(current, &start).unwrap_err();
            assert_eq!((violations.len(), violations[0].pointer.as_str()), (1, "/recurrence/rule"));
            violations[0].code
        };
        assert_eq!(code(None, None), "required");
        assert_eq!(code(Some(None), Some(&recurrence("FREQ=DAILY", Basis::Due, &start))), "required");
        assert_eq!(code(Some(Some("FREQ=HOURLY")), None), "malformed");
    }

    #[test]
    fn a_stored_recurrence_is_read_unchanged() {
        let start = day("2026-12-01");
        for rule in ["FREQ=DAILY", "FREQ=DAILY;COUNT=3"] {
            let recurrence = recurrence(rule, Basis::Completion, &start);
            let stored = bson::serialize_to_document(&recurrence).unwrap();
            assert_eq!(stored.get_str("basis").unwrap(), "completion");
            assert_eq!(bson::deserialize_from_document::<Recurrence>(stored).unwrap(), recurrence);
        }
    }
}
