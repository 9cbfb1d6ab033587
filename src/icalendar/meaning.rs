//! What a client means by replacing the text of a todo.
//!
//! Clients complete an occurrence of a recurring todo in four ways, and all of them become a completion of ours: (A) they
//! move the due date on, (B) they add a component for the completed occurrence, (C) they end the series and begin another
//! one, (D) they complete the whole series and leave its rule. For A and C, the change is taken as it is.

use std::collections::BTreeSet;

use bson::DateTime;
use bson::oid::ObjectId;

use super::component::Component;
use super::edits::Edits;
use super::fields::Fields;
use super::object::Object;
use super::occurrences::{self, occurrence_at};
use super::order::{order_of, position_of};
use super::render::{Shown, Stored, render};
use super::rule::{self, Parts};
use super::times;
use crate::clock::time_zone::Zone;
use crate::todos::due::Due;
use crate::todos::input::TodoInput;
use crate::todos::model::Todo;
use crate::todos::recurrence::{Reason, Recurrence, RecurrencePatch};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// What changes, as one write. If it completes a recurring todo, its record has the text [`Self::record_text`]. List and
    /// parent are not included.
    pub input: TodoInput,
    pub record_text: Option<String>,
    /// The place among its siblings, if the client has moved the todo.
    pub position: Option<String>,
    /// Occurrences that were completed before the current one, to be recorded in the same write. `input` excludes them from
    /// the series.
    pub ahead: Vec<Ahead>,
    /// Completions of the next occurrences, each a write of its own, in this order.
    pub more: Vec<Completion>,
    /// The text to be stored.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub at: Option<DateTime>,
    /// What the client has sent of the occurrence, for its record.
    pub text: String,
}

impl Completion {
    pub fn input(&self) -> TodoInput {
        TodoInput { completed: Some(true), completed_at: self.at, ..TodoInput::default() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    pub due: Due,
    pub completion: Completion,
}

impl Ahead {
    pub fn record(&self, series: &Todo, id: ObjectId, position: String, now: DateTime) -> Todo {
        let completed_at = Some(self.completion.at.unwrap_or(now));
        let record = series.record(id, position, now);
        Todo { due: Some(self.due), completed: true, completed_at, ..record }
    }
}

/// What `sent` means for a todo that clients have seen as `before`. A new todo is created with [`Fields::input`] first.
pub fn meaning(
    before: &Shown<'_>,
    stored: Option<&Stored<'_>>,
    sent: &Object,
    zone: Zone,
    now: DateTime,
) -> Meaning {
    let seen = Object::stored(&render(before, stored));
    let base = seen.map_or_else(|| sent.fields(zone), |seen| seen.fields(zone));
    let mut said = sent.fields(zone);
    keep_recorded(&mut said, &base, sent);
    let mut input = said.changes_from(&base);
    let mut record_text = None;
    let todo = before.todo;
    if let (Some(recurrence), Some(due), Some(rule)) = (&todo.recurrence, &todo.due, &said.rule) {
        let is_like = base.rule.as_deref().is_some_and(|base| Parts::of(base).is_like(&Parts::of(rule)));
        let is_completion = said.completed && !todo.completed;
        let is_late = has_passed(todo, &base, &said) && (is_completion || has_completed(sent));
        if is_completion && is_like {
            // D. The due date is that of the completed occurrence.
            (input.due, input.recurrence) = (None, None);
            record_text = Some(text_of(sent, sent.main()));
        } else if is_like && !is_late && input.due.is_some() {
            input.recurrence = moved(recurrence, due, &base, &said);
        }
        if is_late {
            // The client repeats what it has said, or has not seen that the occurrence is completed.
            (input.due, input.recurrence, input.completed, input.completed_at) = (None, None, None, None);
            record_text = None;
        }
    }
    let occurrences = Occurrences { said: &said, sent, zone, now };
    let text = occurrences.without_completed();
    let order = said.order.filter(|order| *order != order_of(&todo.position));
    let position = order.and_then(position_of);
    let mut meaning = Meaning { input, record_text, position, ahead: Vec::new(), more: Vec::new(), text };
    occurrences.complete(todo, &mut meaning);
    meaning
}

/// Whether the due date that the client knows is that of an occurrence which was completed or skipped lately.
fn has_passed(todo: &Todo, base: &Fields, said: &Fields) -> bool {
    let known = said.due.filter(|due| base.due != Some(*due));
    known.zip(todo.history.as_ref()).is_some_and(|(due, history)| history.has_passed(&due))
}

fn has_completed(sent: &Object) -> bool {
    sent.overrides().any(is_completed)
}

/// A: what a moved due date means for the recurrence. A client that has gone on to the next occurrence counts on from there;
/// otherwise it has postponed the occurrence, which stays in its series.
fn moved(
    recurrence: &Recurrence,
    due: &Due,
    base: &Fields,
    said: &Fields,
) -> Option<Option<RecurrencePatch>> {
    let count = |fields: &Fields| fields.rule.as_deref().and_then(|rule| Parts::of(rule).count);
    let goes_on = said.due.is_some_and(|to| recurrence.comes_at(&to, due)) || count(base) != count(said);
    goes_on.then(|| said.recurrence())
}

fn is_completed(component: &Component) -> bool {
    let status = component.value("STATUS");
    status.is_some_and(|status| status.eq_ignore_ascii_case("COMPLETED"))
        || component.value("COMPLETED").is_some()
}

/// The completed occurrences with their due dates, the earliest first.
fn completed(sent: &Object) -> Vec<(Due, &Component)> {
    let zones = sent.zones();
    let Some(due) = occurrences::end(sent.main(), &zones) else { return Vec::new() };
    let start = sent.main().first("DTSTART").and_then(|start| zones.time(&start.content));
    let completed = sent.overrides().filter(|component| is_completed(component));
    let mut found: Vec<_> = completed
        .filter_map(|component| {
            let at = zones.time(&component.first("RECURRENCE-ID")?.content)?;
            Some((occurrence_at(&at, start.as_ref(), &due), component))
        })
        .collect();
    found.sort_by_key(|(at, _)| at.local());
    found
}

/// A client that repeats what it has said does not know that the series excludes what it has completed ahead.
fn keep_recorded(said: &mut Fields, base: &Fields, sent: &Object) {
    let (Some(rule), Some(known), Some(due)) = (&said.rule, &base.rule, &base.due) else { return };
    let excluded = Parts::of(known).excluded_from(due);
    let recorded = completed(sent).into_iter().map(|(at, _)| rule::exdate(&at));
    let mut parts = Parts::of(rule);
    parts.excluded.extend(recorded.filter(|at| excluded.contains(at)));
    said.rule = Some(parts.rule(parts.count));
}

/// B: the occurrences that have a component of their own.
struct Occurrences<'a> {
    said: &'a Fields,
    sent: &'a Object,
    zone: Zone,
    now: DateTime,
}

impl Occurrences<'_> {
    fn without_completed(&self) -> String {
        let mut edits = Edits::of(self.sent.text());
        if self.said.rule.is_some() {
            let completed = self.sent.overrides().filter(|component| is_completed(component));
            completed.for_each(|component| edits.cut(component.at.clone()));
        }
        edits.applied()
    }

    fn complete(&self, todo: &Todo, meaning: &mut Meaning) {
        let mut series = todo.clone();
        let is_applied = series.apply(meaning.input.clone(), self.now).is_ok();
        if !is_applied || series.completed || self.said.rule.is_none() {
            return;
        }
        let mut completions = Vec::new();
        for (at, component) in completed(self.sent) {
            let (Some(recurrence), Some(due)) = (&series.recurrence, series.due) else { return };
            let completion = self.completion(component);
            let is_at = |other: &Due| is_same_occurrence(&at, other);
            if is_at(&due) || recurrence.occurrence().is_some_and(is_at) {
                let done = completion.at.unwrap_or(self.now).min(self.now);
                series.advance(todo.id, Reason::Completed, done, self.zone);
                completions.push(completion);
            } else if at.local() > due.local() && !series.completed {
                meaning.ahead.push(Ahead { due: at, completion });
            }
        }
        self.exclude(todo, meaning);
        let mut completions = completions.into_iter();
        if let Some(first) = completions.next() {
            let TodoInput { completed, completed_at, .. } = first.input();
            (meaning.input.completed, meaning.input.completed_at) = (completed, completed_at);
            meaning.record_text = Some(first.text);
        }
        meaning.more = completions.collect();
    }

    fn completion(&self, component: &Component) -> Completion {
        let at = Fields::of(component, &self.sent.zones(), self.zone).completed_at;
        Completion { at, text: text_of(self.sent, component) }
    }

    /// The series goes on without the occurrences that were completed ahead.
    fn exclude(&self, todo: &Todo, meaning: &mut Meaning) {
        let mut series = todo.clone();
        let is_applied = series.apply(meaning.input.clone(), self.now).is_ok();
        let (Some(recurrence), Some(due)) = (&series.recurrence, series.due) else { return };
        if meaning.ahead.is_empty() || !is_applied {
            return;
        }
        let mut parts = Parts::of(recurrence.rule());
        let ahead: BTreeSet<_> = meaning.ahead.iter().map(|ahead| rule::exdate(&ahead.due)).collect();
        // A client that sends them again has them recorded.
        meaning.ahead.retain(|ahead| !parts.excluded.contains(&rule::exdate(&ahead.due)));
        let completed = u32::try_from(meaning.ahead.len()).unwrap_or(u32::MAX);
        let left = recurrence.left().filter(|_| parts.count.is_some());
        let left = left.map(|left| left.saturating_sub(completed).max(1));
        parts.excluded.retain(|at| *at >= times::date(due.day()));
        parts.excluded.extend(ahead);
        let count = parts.count_for(left, recurrence.basis(), &due);
        let basis = Some(Some(recurrence.basis()));
        let patch = RecurrencePatch { rule: Some(Some(parts.rule(count))), basis, left: None };
        meaning.input.recurrence = Some(Some(patch));
    }
}

fn is_same_occurrence(one: &Due, other: &Due) -> bool {
    match (one, other) {
        (Due::At { .. }, Due::At { .. }) => one.local() == other.local(),
        _ => one.day() == other.day(),
    }
}

/// One component as an object of its own, without what makes it part of a series.
fn text_of(sent: &Object, component: &Component) -> String {
    let mut edits = Edits::of(sent.text());
    let others = sent.calendar().children("VTODO").filter(|todo| todo.at.start != component.at.start);
    others.for_each(|todo| edits.cut(todo.at.clone()));
    for name in ["RECURRENCE-ID", "RRULE", "RDATE", "EXDATE"] {
        edits.remove(component, name);
    }
    edits.applied()
}
