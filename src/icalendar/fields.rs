//! What a todo can hold of a VTODO. Values that the model does not accept are cut or left out: the text keeps them.

use std::collections::BTreeSet;

use bson::DateTime;

use super::component::Component;
use super::line::{split_list, unescaped};
use super::order::{default_order, position_of};
use super::zones::Zones;
use super::{occurrences, rule};
use crate::clock::time_zone::Zone;
use crate::owned::text::{DESCRIPTION_MAX, NAME, NAME_MAX, TAG, TAGS_MAX, TAGS_SENT_MAX, caseless};
use crate::todos::due::{Due, DuePatch};
use crate::todos::input::TodoInput;
use crate::todos::model::Priority;
use crate::todos::recurrence::{Basis, RecurrencePatch};

pub(super) const BASIS: &str = "X-TODO-API-BASIS";
pub(super) const ORDER: &str = "X-APPLE-SORT-ORDER";

const UNTITLED: &str = "Untitled";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    pub name: String,
    pub description: String,
    pub completed: bool,
    pub completed_at: Option<DateTime>,
    pub due: Option<Due>,
    /// `None` too for a rule that the model does not support, and for one without a due date.
    pub rule: Option<String>,
    /// `None` if the text does not say, so that the basis stays.
    pub basis: Option<Basis>,
    pub priority: Priority,
    pub tags: Vec<String>,
    pub parent_uid: Option<String>,
    /// See [`super::order`].
    pub order: Option<i64>,
    pub created_at: Option<DateTime>,
}

impl Fields {
    pub(super) fn of(todo: &Component, zones: &Zones<'_>, user: Zone) -> Self {
        let instant = |name| todo.first(name).and_then(|at| zones.instant(&at.content, user));
        let text = |name| todo.first(name).map(|property| property.content.text()).unwrap_or_default();
        let status = todo.value("STATUS").unwrap_or_default();
        let due = occurrences::due(todo, zones);
        let basis = todo.value(BASIS).and_then(|word| Basis::FORMAT.read(&word.to_ascii_lowercase()));
        Self {
            name: name(&text("SUMMARY")),
            description: description(&text("DESCRIPTION")),
            // Tasks.org takes either of the two for completed.
            completed: status.eq_ignore_ascii_case("COMPLETED") || todo.value("COMPLETED").is_some(),
            completed_at: instant("COMPLETED"),
            rule: due.and_then(|due| rule::read(todo, zones, &due, basis.unwrap_or_default())),
            due,
            basis,
            priority: priority(todo.value("PRIORITY")),
            tags: tags(&categories(todo)).0,
            parent_uid: parent(todo).map(|property| unescaped(property.content.value.trim())),
            order: todo
                .value(ORDER)
                .and_then(|order| order.parse().ok())
                .filter(|order| position_of(*order).is_some()),
            created_at: instant("CREATED"),
        }
    }

    /// For a new todo. List and parent are not included.
    pub fn input(&self) -> TodoInput {
        TodoInput {
            whole: true,
            name: Some(self.name.clone()),
            description: Some(self.description.clone()),
            completed: Some(self.completed),
            completed_at: self.completed_at,
            due: Some(self.due.map(patch_of)),
            recurrence: Some(self.recurrence()),
            priority: Some(self.priority),
            tags: Some(self.tags.clone()),
            ..TodoInput::default()
        }
    }

    /// For a new todo: where the client sorts it.
    pub fn position(&self, created_at: DateTime) -> Option<String> {
        position_of(self.order.unwrap_or_else(|| default_order(created_at)))
    }

    /// What differs from `base`, as a patch. List and parent are not included.
    pub fn changes_from(&self, base: &Self) -> TodoInput {
        let has_other_rule =
            self.rule != base.rule || self.basis.is_some_and(|basis| Some(basis) != base.basis);
        let is_completed_anew = self.completed && (!base.completed || self.completed_at != base.completed_at);
        TodoInput {
            name: (self.name != base.name).then(|| self.name.clone()),
            description: (self.description != base.description).then(|| self.description.clone()),
            completed: (self.completed != base.completed).then_some(self.completed),
            completed_at: self.completed_at.filter(|_| is_completed_anew),
            due: (self.due != base.due).then(|| self.due.map(patch_of)),
            recurrence: has_other_rule.then(|| self.recurrence()),
            priority: (self.priority != base.priority).then_some(self.priority),
            tags: (!are_same_tags(&self.tags, &base.tags)).then(|| self.tags.clone()),
            ..TodoInput::default()
        }
    }

    pub(super) fn recurrence(&self) -> Option<RecurrencePatch> {
        self.rule.clone().map(|rule| RecurrencePatch {
            rule: Some(Some(rule)),
            basis: self.basis.map(Some),
            left: None,
        })
    }
}

pub(super) fn patch_of(due: Due) -> DuePatch {
    match due {
        Due::Date(date) => DuePatch { date: Some(Some(date)), at: Some(None), time_zone: Some(None) },
        Due::At { local, time_zone } => {
            DuePatch { date: Some(None), at: Some(Some(local)), time_zone: Some(time_zone) }
        }
    }
}

pub(super) fn name(text: &str) -> String {
    // Cut after the white space before it, which does not count.
    let cut = || text.trim_start().chars().take(NAME_MAX).collect::<String>();
    NAME.read(text).or_else(|| NAME.read(&cut())).unwrap_or_else(|| UNTITLED.to_owned())
}

pub(super) fn description(text: &str) -> String {
    text.char_indices().nth(DESCRIPTION_MAX).map_or(text, |(end, _)| &text[..end]).to_owned()
}

pub(super) fn priority(value: Option<&str>) -> Priority {
    match value.and_then(|value| value.parse::<u8>().ok()) {
        Some(1..=4) => Priority::High,
        Some(5) => Priority::Medium,
        Some(6..=9) => Priority::Low,
        _ => Priority::None,
    }
}

/// The categories of all lines, as texts.
pub(super) fn categories(todo: &Component) -> Vec<String> {
    let values = todo.all("CATEGORIES").map(|property| property.content.value.as_str());
    let texts = values.flat_map(|value| split_list(value).into_iter().map(unescaped).collect::<Vec<_>>());
    let texts: Vec<_> = texts.filter(|text| !text.trim().is_empty()).take(TAGS_SENT_MAX).collect();
    if has_joined_categories(todo) { split_joined(&texts) } else { texts }
}

/// Errands writes all tags as one text with commas.
pub(super) fn has_joined_categories(todo: &Component) -> bool {
    todo.properties.iter().any(|property| property.content.name.starts_with("X-ERRANDS-"))
}

pub(super) fn split_joined(texts: &[String]) -> Vec<String> {
    let parts = texts.iter().flat_map(|text| text.split(',')).filter(|text| !text.trim().is_empty());
    parts.take(TAGS_SENT_MAX).map(str::to_owned).collect()
}

/// The categories that are tags, each once, and those that a todo cannot have.
pub(super) fn tags(categories: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut tags, mut others, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
    for text in categories {
        match TAG.read(text) {
            Some(tag) if tags.len() < TAGS_MAX || known.contains(&caseless(&tag)) => {
                if known.insert(caseless(&tag)) {
                    tags.push(tag);
                }
            }
            _ => others.push(text.clone()),
        }
    }
    (tags, others)
}

/// Whether two todos have the same tags in any spelling and order.
pub(super) fn are_same_tags(some: &[String], others: &[String]) -> bool {
    let keys = |tags: &[String]| -> BTreeSet<String> { tags.iter().map(|tag| caseless(tag)).collect() };
    some == others || keys(some) == keys(others)
}

/// The line RELATED-TO that names the parent (RFC 5545 §3.8.4.5).
pub(super) fn parent(todo: &Component) -> Option<&super::component::Property> {
    let is_parent = |kind: Option<&str>| kind.is_none_or(|kind| kind.eq_ignore_ascii_case("PARENT"));
    let mut related = todo.properties.iter().filter(|property| property.content.name == "RELATED-TO");
    related.find(|property| {
        is_parent(property.content.param("RELTYPE")) && !property.content.value.trim().is_empty()
    })
}
