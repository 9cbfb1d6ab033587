//! A recurrence as it is stored, and how it goes on.

use bson::DateTime;
use chrono::{NaiveDateTime, NaiveTime, Timelike};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::rrule::Rule;
use super::series::Series;
use super::values::{Moment, Skip};
use crate::clock::time_zone::Zone;
use crate::owned::text::TextFormat;
use crate::todos::due::Due;

/// From where the next occurrence counts: from the due date (`due`), from the day of the completion (`completion`), or from
/// the due date without the occurrences that have passed (`future`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RecurrenceBasis)]
pub enum Basis {
    /// From the due date, so that a late completion does not delay the next occurrence.
    #[default]
    Due,
    /// From the day of the completion.
    Completion,
    /// From the due date, without the occurrences that have passed.
    Future,
}

impl Basis {
    const ALL: [Self; 3] = [Self::Due, Self::Completion, Self::Future];

    pub const FORMAT: TextFormat<Self> = TextFormat {
        read: |text| Self::ALL.into_iter().find(|basis| basis.word() == text),
        code: "unknown_value",
        detail: || format!("A basis must be one of: {}.", Self::ALL.map(Self::word).join(", ")),
        schema: || json!({ "type": "string", "enum": Self::ALL.map(Self::word) }),
    };

    fn word(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Completion => "completion",
            Self::Future => "future",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    pub(super) rule: String,
    pub(super) basis: Basis,
    /// `DTSTART` (RFC 5545 §3.8.2.4): the due date with which a client began the series. INTERVAL counts from it, and every
    /// occurrence has its form, its time zone and, unless the rule says otherwise, its time.
    pub(super) start: Due,
    /// How many occurrences follow the current one; `None` for a rule without COUNT.
    pub(super) left: Option<u32>,
    /// The occurrence for which a due date stands that a client has moved; `None` if the due date is the occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) occurrence: Option<Due>,
}

/// The part of a recurrence that changes when the todo goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub(super) left: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) occurrence: Option<Due>,
}

/// Why a recurring todo goes on to its next occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Completed,
    Skipped,
}

impl Recurrence {
    pub fn rule(&self) -> &str {
        &self.rule
    }

    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// How often the todo still comes, with the current due date; `None` for a rule without COUNT.
    pub fn left(&self) -> Option<u32> {
        self.left.map(|left| left.saturating_add(1))
    }

    /// The occurrence for which a due date stands that a client has moved.
    pub fn occurrence(&self) -> Option<&Due> {
        self.occurrence.as_ref()
    }

    /// Whether `to` is an occurrence after the one for which `due` stands.
    pub fn comes_at(&self, to: &Due, due: &Due) -> bool {
        let occurrence = self.occurrence.as_ref().unwrap_or(due);
        let is_later = to.has_form_of(&self.start) && to.local() > occurrence.local();
        let zone = self.start.zone().unwrap_or(Zone::UTC);
        is_later && Rule::parse(&self.rule).is_ok_and(|rule| self.series(rule, zone).contains(to.local()))
    }

    /// Whether [`Self::next`] depends on the zone of the user.
    pub fn needs_zone(&self) -> bool {
        let has_utc = || Rule::parse(&self.rule).is_ok_and(|rule| matches!(rule.until, Some(Moment::Utc(_))));
        self.start.zone().is_none() && (self.basis != Basis::Due || has_utc())
    }

    /// The next due date and the advanced recurrence at `now`, or `None` at the end of the series. `zone` is used if the
    /// series has no zone.
    pub fn next(&self, due: &Due, now: DateTime, zone: Zone, reason: Reason) -> Option<(Due, Self)> {
        let rule = Rule::parse(&self.rule).ok()?;
        let zone = self.start.zone().unwrap_or(zone);
        let occurrence = self.occurrence.unwrap_or(*due).local();
        let now = zone.local_of(now);
        // A date has begun at its midnight, so today is not after now.
        let now = if self.start.time().is_some() { now } else { now.date().and_time(NaiveTime::MIN) };
        let (next, passed) = match self.basis {
            // The first one after the occurrence, even if it is in the past.
            Basis::Due => (self.series(rule.clone(), zone).after(occurrence)?, 1),
            Basis::Future => {
                let series = self.series(rule.clone(), zone);
                let next = series.after(occurrence.max(now))?;
                // The occurrences that have passed were occurrences of COUNT too.
                (next, self.left.map_or(1, |left| series.count(occurrence, next, left.saturating_add(1))))
            }
            // To skip an occurrence means to go past it.
            Basis::Completion if reason == Reason::Skipped => {
                (self.restarted(rule.clone(), occurrence.max(now), occurrence, zone)?, 1)
            }
            Basis::Completion => (self.restarted(rule.clone(), now, occurrence, zone)?, 1),
        };
        let left = match self.left {
            Some(left) => Some(left.checked_sub(passed)?),
            None => None,
        };
        let is_over = rule.is_over(next, self.start.time().is_some(), zone);
        (!is_over).then(|| (self.start.at_local(next), Self { left, occurrence: None, ..self.clone() }))
    }

    fn series(&self, rule: Rule, zone: Zone) -> Series {
        Series::new(rule, self.start.local(), zone)
    }

    /// The first occurrence after `now` of the rule that begins on the day of `now`, or at `now` if it is hourly.
    fn restarted(
        &self,
        mut rule: Rule,
        now: NaiveDateTime,
        occurrence: NaiveDateTime,
        zone: Zone,
    ) -> Option<NaiveDateTime> {
        if rule.is_within_days() {
            let now = now.with_second(0)?.with_nanosecond(0)?;
            return Series::new(rule, now, zone).after(now);
        }
        if rule.derives_day() {
            // A month after the 31st is the last day of a shorter month.
            rule.skip = rule.skip.or(Some(Skip::Backward));
        }
        let today = now.date();
        let comes_often = rule.by_hour.len() > 1 || rule.by_minute.len() > 1;
        let after = match occurrence {
            // The other times of today are still to come.
            _ if comes_often && occurrence.date() == today => now.max(occurrence),
            _ if comes_often => now,
            _ => today.and_hms_opt(23, 59, 59)?,
        };
        Series::new(rule, today.and_time(self.start.local().time()), zone).after(after)
    }

    pub fn progress(&self) -> Progress {
        Progress { left: self.left, occurrence: self.occurrence }
    }

    pub fn back_at(self, Progress { left, occurrence }: Progress) -> Self {
        Self { left, occurrence, ..self }
    }

    /// After a client has moved the due date: it stands for the same occurrence, unless it was set back to an earlier one,
    /// from which the series and its COUNT then go on.
    pub fn moved(self, from: &Due, to: &Due) -> Self {
        let occurrence = self.occurrence.unwrap_or(*from);
        if *to == occurrence {
            return Self { occurrence: None, ..self };
        }
        match self.set_back(&occurrence, to) {
            Some(passed) => {
                let left = self.left.map(|left| left.saturating_add(passed));
                Self { occurrence: None, left, ..self }
            }
            None => Self { occurrence: Some(occurrence), ..self },
        }
    }

    /// How many occurrences `to` is before `occurrence`, if it is an earlier occurrence of the series.
    fn set_back(&self, occurrence: &Due, to: &Due) -> Option<u32> {
        if self.basis == Basis::Completion || !to.has_form_of(&self.start) || to.local() >= occurrence.local()
        {
            return None;
        }
        let rule = Rule::parse(&self.rule).ok()?;
        let most = rule.count.unwrap_or(0);
        let series = self.series(rule, self.start.zone().unwrap_or(Zone::UTC));
        let is_one = *to == self.start || series.contains(to.local());
        is_one.then(|| series.count(to.local(), occurrence.local(), most))
    }
}

#[cfg(test)]
mod tests {
    use super::super::patch::RecurrencePatch;
    use super::*;

    fn due(json: &str) -> Due {
        serde_json::from_str(json).unwrap()
    }

    fn day(date: &str) -> Due {
        due(&format!(r#"{{"date":"{date}"}}"#))
    }

    fn recurrence(rule: &str, basis: Basis, due: &Due) -> Recurrence {
        let patch =
            RecurrencePatch { rule: Some(Some(rule.to_owned())), basis: Some(Some(basis)), left: None };
        patch.apply(None, false, due, false).unwrap()
    }

    fn instant(text: &str) -> DateTime {
        DateTime::parse_rfc3339_str(text).unwrap()
    }

    /// The days of the next due dates until the end, at most ten.
    fn days(mut recurrence: Recurrence, mut due: Due) -> Vec<String> {
        let mut days = Vec::new();
        while let Some(next) = recurrence
            .next(&due, DateTime::from_millis(0), Zone::UTC, Reason::Completed)
            .filter(|_| days.len() < 10)
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
    fn a_moved_occurrence_stays_in_its_series() {
        let start = day("2026-01-31");
        let recurrence = recurrence("FREQ=MONTHLY;INTERVAL=2;COUNT=3", Basis::Due, &start);
        let (next, recurrence) =
            recurrence.next(&start, DateTime::from_millis(0), Zone::UTC, Reason::Completed).unwrap();
        assert_eq!(next, day("2026-03-31"));
        let moved = day("2026-04-02");
        assert_eq!(days(recurrence.moved(&next, &moved), moved), ["2026-05-31"]);
    }

    #[test]
    fn a_due_date_set_back_to_an_earlier_occurrence_goes_on_from_there() {
        let start = day("2026-11-28");
        let mut due = start;
        let mut going = recurrence("FREQ=WEEKLY;COUNT=5", Basis::Due, &start);
        for _ in 0..3 {
            (due, going) = going.next(&due, DateTime::from_millis(0), Zone::UTC, Reason::Completed).unwrap();
        }
        assert_eq!((due, going.left()), (day("2026-12-19"), Some(2)));
        let back = going.clone().moved(&due, &day("2026-12-05"));
        assert_eq!(back.left(), Some(4));
        assert_eq!(days(back, day("2026-12-05")), ["2026-12-12", "2026-12-19", "2026-12-26"]);
        let earlier = going.clone().moved(&due, &day("2026-12-18"));
        assert_eq!(days(earlier.clone(), day("2026-12-18")), ["2026-12-26"], "no earlier occurrence: a move");
        assert_eq!(earlier.moved(&day("2026-12-18"), &due), going, "moved to its own day again");
    }

    #[test]
    fn a_moved_occurrence_keeps_the_time_of_the_series() {
        let start = due(r#"{"at":"2026-12-01T09:00","time_zone":"Europe/Berlin"}"#);
        let moved = due(r#"{"at":"2026-12-01T18:00","time_zone":"Europe/Berlin"}"#);
        let recurrence = recurrence("FREQ=DAILY", Basis::Due, &start).moved(&start, &moved);
        assert_eq!(days(recurrence, moved)[0], "2026-12-02T09:00");
    }

    #[test]
    fn skipping_an_occurrence_based_on_completion_goes_past_it() {
        let start = day("2026-12-10");
        let skip = |now: &str| {
            let recurrence = recurrence("FREQ=DAILY;INTERVAL=3", Basis::Completion, &start);
            recurrence.next(&start, instant(now), Zone::UTC, Reason::Skipped).unwrap().0
        };
        assert_eq!(skip("2026-12-01T12:00:00Z"), day("2026-12-13"));
        assert_eq!(skip("2026-12-20T12:00:00Z"), day("2026-12-23"));
    }

    #[test]
    fn the_next_due_date_may_be_in_the_past() {
        let start = day("2020-01-01");
        let now = instant("2026-12-01T12:00:00Z");
        let next = recurrence("FREQ=DAILY", Basis::Due, &start)
            .next(&start, now, Zone::UTC, Reason::Completed)
            .unwrap()
            .0;
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
                Reason::Completed,
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
        let (due, going) =
            begun.next(&start, DateTime::from_millis(0), Zone::UTC, Reason::Completed).unwrap();
        let patch = |rule: Option<&str>, basis| RecurrencePatch {
            rule: rule.map(|rule| Some(rule.to_owned())),
            basis,
            left: None,
        };
        assert_eq!(patch(None, None).apply(Some(&going), false, &due, false), Ok(going.clone()));
        assert_eq!(
            patch(Some("FREQ=DAILY;COUNT=3 "), None).apply(Some(&going), false, &due, false),
            Ok(going.clone())
        );
        let completing =
            patch(None, Some(Some(Basis::Completion))).apply(Some(&going), false, &due, false).unwrap();
        assert_eq!((completing.basis(), completing.left), (Basis::Completion, Some(1)));
        assert_eq!(
            patch(None, Some(None)).apply(Some(&completing), false, &due, false).unwrap().basis(),
            Basis::Due
        );
        let anew = patch(Some("FREQ=DAILY;COUNT=9"), None).apply(Some(&going), false, &due, false).unwrap();
        assert_eq!((anew.start, anew.left), (due, Some(8)));
    }

    #[test]
    fn a_recurrence_must_have_a_supported_rule() {
        let start = day("2026-12-01");
        let code = |rule: Option<Option<&str>>, current: Option<&Recurrence>| {
            let patch =
                RecurrencePatch { rule: rule.map(|rule| rule.map(str::to_owned)), basis: None, left: None };
            let violations = patch.apply(current, false, &start, false).unwrap_err();
            assert_eq!((violations.len(), violations[0].pointer.as_str()), (1, "/recurrence/rule"));
            violations[0].code
        };
        assert_eq!(code(None, None), "required");
        assert_eq!(code(Some(None), Some(&recurrence("FREQ=DAILY", Basis::Due, &start))), "required");
        assert_eq!(code(Some(Some("FREQ=HOURLY")), None), "conflict");
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
