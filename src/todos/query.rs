//! Queries for pages of todos: filters, sort orders, and the index that serves each query.

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::due::bound::TimeBound;
use super::index::Index;
use super::model::Priority;
use super::search_terms::{self, Compound, Search};
use super::sort_order::{Sort, SortKey};
use crate::clock::time_zone::Zone;
use crate::owned::{Selection, State};

// Only the longest words are tried, or one word of several parts, because each costs MongoDB up to 0.15 s.
const ENTRY_WORDS_MAX: usize = 3;

#[derive(Debug, Clone, Default)]
pub struct TodoQuery {
    /// `Some(None)` is the inbox.
    pub list_id: Option<Option<ObjectId>>,
    /// `Some(None)` is the top level.
    pub parent_id: Option<Option<ObjectId>>,
    pub completed: Option<bool>,
    /// The keys of the tags.
    pub tags: Vec<String>,
    pub priority: Option<Priority>,
    pub due_before: Option<TimeBound>,
    pub due_after: Option<TimeBound>,
    /// Only open todos that are late.
    pub overdue: bool,
    pub updated_after: Option<DateTime>,
    pub completed_before: Option<TimeBound>,
    pub completed_after: Option<TimeBound>,
    pub search: Option<Search>,
    pub deleted: Deleted,
    pub sort: Sort,
    pub reverse: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Deleted {
    #[default]
    No,
    Only,
    Any,
}

/// Something by which an index lists todos.
#[derive(Debug)]
pub enum Entry {
    Filter(Document, Index),
    /// The beginning of a word.
    Word(String),
}

/// One of the two queries for a sort order whose first field not every todo has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Present,
    Absent,
}

impl TodoQuery {
    /// All todos in the same states and in the same order, whatever the other filters say.
    pub fn unfiltered(&self) -> Self {
        Self { deleted: self.deleted, sort: self.sort, reverse: self.reverse, ..Self::default() }
    }

    /// What every match has, as far as an index lists it: of each entry, one of the alternatives. The first are presumably
    /// those that the fewest todos have.
    pub fn entries(&self) -> Vec<Vec<Entry>> {
        let within = |field: &str, value: Bson, index| {
            let mut filter = self.states();
            filter.insert(field, value);
            vec![Entry::Filter(filter, index)]
        };
        let parent = self.parent_id.flatten().map(|id| within("parent_id", id.into(), Index::ByParent));
        let list = self.list_id.flatten().map(|id| within("list_id", id.into(), Index::ByList));
        let tag = self.tags.first().map(|tag| within("tag_keys", tag.into(), Index::ByTag));
        let word = |prefix: &String| Entry::Word(prefix.clone());
        let prefixes = self.search.iter().flat_map(|search| &search.prefixes).take(ENTRY_WORDS_MAX);
        let mut entries: Vec<Vec<_>> = parent.into_iter().chain(list).chain(tag).collect();
        entries.extend(prefixes.map(|prefix| vec![word(prefix)]));
        if let Some(Search { prefixes, compounds, .. }) = &self.search
            && prefixes.is_empty()
            && let Some(Compound { whole, parts }) = compounds.first()
        {
            let longest = parts.iter().max_by_key(|part| part.len());
            entries.push([whole].into_iter().chain(longest).map(word).collect());
        }
        entries
    }

    /// The database queries for the page after `last`, for a user in `zone` at `now`, one after the other. Sorted by due date,
    /// priority or time of completion, a page needs up to two: todos with a value, and todos without. The caller sets their limits.
    pub fn selections(&self, zone: Zone, now: DateTime, last: Option<&SortKey>) -> Vec<Selection> {
        let filter = self.filter(zone, now);
        let Some((present, absent)) = self.sort.present().zip(self.sort.absent()) else {
            return vec![self.selection(filter, None, last)];
        };
        let of_last = last.map(|last| if last.has_value() { Part::Present } else { Part::Absent });
        let mut selections = Vec::new();
        let mut last = last;
        for part in self.parts().skip_while(|part| of_last.is_some_and(|of_last| of_last != *part)) {
            let mut filter = filter.clone();
            and(&mut filter, if part == Part::Present { present.clone() } else { absent.clone() });
            if self.may_have(part) {
                selections.push(self.selection(filter, Some(part), last));
            }
            last = None;
        }
        selections
    }

    /// Whether a filter depends on the zone of the user.
    pub fn needs_zone(&self) -> bool {
        let completed = [self.completed_before, self.completed_after];
        self.compares_due_dates() || completed.iter().flatten().any(|bound| bound.needs_zone())
    }

    fn compares_due_dates(&self) -> bool {
        self.overdue || self.due_before.is_some() || self.due_after.is_some()
    }

    fn compares_completions(&self) -> bool {
        self.completed_before.is_some() || self.completed_after.is_some()
    }

    /// Todos without a due date or time of completion come last, and those without a priority where the priority `none` belongs.
    fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let mut parts = [Part::Present, Part::Absent];
        if self.sort == Sort::Priority && !self.reverse {
            parts.reverse();
        }
        parts.into_iter()
    }

    fn may_have(&self, part: Part) -> bool {
        match (self.sort, part) {
            (Sort::Due, Part::Absent) => !self.compares_due_dates(),
            (Sort::CompletedAt, Part::Absent) => self.completed != Some(true) && !self.compares_completions(),
            (Sort::CompletedAt, Part::Present) => self.completed != Some(false),
            (Sort::Priority, Part::Absent) => self.priority.is_none_or(|only| only == Priority::None),
            (Sort::Priority, Part::Present) => self.priority != Some(Priority::None),
            _ => true,
        }
    }

    fn selection(&self, mut filter: Document, part: Option<Part>, last: Option<&SortKey>) -> Selection {
        let (fields, last) = match part {
            Some(Part::Absent) => (&self.sort.fields()[1..], last.map(SortKey::after_first)),
            _ => (self.sort.fields(), last.cloned()),
        };
        let reverse = self.reverse && !(part == Some(Part::Absent) && self.sort.keeps_absent_last());
        start_after(&mut filter, fields, reverse, last.as_ref());
        let direction = if reverse { -1 } else { 1 };
        let sort = fields.iter().map(|field| ((*field).to_owned(), Bson::Int32(direction))).collect();
        Selection { filter, sort, index: self.index(part).name(), limit: 0 }
    }

    fn index(&self, part: Option<Part>) -> Index {
        let is_by_position = self.sort == Sort::Position;
        // The index of a filter that few todos match, otherwise the index of the sort order, which needs no sorting.
        match self {
            Self { parent_id: Some(Some(_)), .. } => Index::ByParent,
            Self { tags, .. } if !tags.is_empty() => Index::ByTag,
            Self { list_id: Some(_), .. } => Index::ByList,
            _ if is_by_position && self.compares_completions() => Index::ByCompleted,
            Self { updated_after: Some(_), .. } if is_by_position => Index::ByUpdatedAt,
            Self { priority: Some(rank), .. } if is_by_position && *rank != Priority::None => {
                Index::ByPriority
            }
            _ if part == Some(Part::Absent) => Index::ByPosition,
            _ => self.sort.order().1,
        }
    }

    fn states(&self) -> Document {
        let (live, trash) = (State::Live.word(), State::Trash.word());
        match self.deleted {
            Deleted::No => doc! { "state": live },
            Deleted::Only => doc! { "state": trash },
            Deleted::Any => doc! { "state": { "$in": [live, trash] } },
        }
    }

    fn filter(&self, zone: Zone, now: DateTime) -> Document {
        let mut filter = self.states();
        let mut equal = |field: &str, value: Option<Bson>| {
            if let Some(value) = value {
                filter.insert(field, value);
            }
        };
        equal("list_id", self.list_id.map(Bson::from));
        equal("parent_id", self.parent_id.map(Bson::from));
        equal("completed", self.completed.map(Bson::from));
        equal("priority", self.priority.map(|priority| i32::from(priority).into()));
        equal("tag_keys", (!self.tags.is_empty()).then(|| doc! { "$all": self.tags.clone() }.into()));
        equal("completed_at", self.completed_between(zone).map(Bson::from));
        equal("updated_at", self.updated_after.map(|after| doc! { "$gt": after }.into()));
        // These filters compare the same fields several times, so they cannot be keys of one document.
        let mut all: Vec<Document> = self.search.iter().flat_map(has_words).collect();
        if self.overdue {
            all.push(doc! { "completed": false });
            all.push(TimeBound::late(now, zone));
        }
        all.extend(self.due_before.map(|moment| moment.before(zone)));
        all.extend(self.due_after.map(|moment| moment.after(zone)));
        if !all.is_empty() {
            filter.insert("$and", all);
        }
        filter
    }

    /// The condition implies that of the index, also without a lower bound.
    fn completed_between(&self, zone: Zone) -> Option<Document> {
        let mut condition = doc! { "$gt": DateTime::MIN };
        if let Some((comparison, instant)) = self.completed_after.map(|bound| bound.instants_after(zone)) {
            condition = doc! { comparison: instant };
        }
        if let Some(before) = self.completed_before {
            condition.insert("$lt", before.instant(zone));
        }
        self.compares_completions().then_some(condition)
    }
}

fn has_words(search: &Search) -> impl Iterator<Item = Document> {
    let either = |Compound { whole, parts }: &Compound| {
        let parts: Vec<_> = parts.iter().map(|part| has_word(part)).collect();
        doc! { "$or": [has_word(whole), { "$and": parts }] }
    };
    search.prefixes.iter().map(|prefix| has_word(prefix)).chain(search.compounds.iter().map(either))
}

fn has_word(prefix: &str) -> Document {
    match search_terms::prefix_range(prefix) {
        // Without `$elemMatch`, two different words could satisfy the two bounds.
        (from, Some(to)) => doc! { "words": { "$elemMatch": { "$gte": from, "$lt": to } } },
        (from, None) => doc! { "words": { "$gte": from } },
    }
}

/// Restricts `filter` to todos after `last` in the order of `fields`.
fn start_after(filter: &mut Document, fields: &[&str], reverse: bool, last: Option<&SortKey>) {
    let Some(SortKey(values)) = last else { return };
    // MongoDB cannot compare tuples: the first field is greater, or it is equal and the second field is greater, and so
    // on.
    let mut equal = Document::new();
    let mut alternatives = Vec::new();
    for (field, value) in fields.iter().zip(values) {
        let mut alternative = equal.clone();
        if let Some(beyond) = beyond(field, value, reverse) {
            alternative.insert(*field, beyond);
            alternatives.push(alternative);
        }
        equal.insert(*field, value.clone());
    }
    filter.insert("$or", alternatives);
}

fn beyond(field: &str, value: &Bson, reverse: bool) -> Option<Document> {
    // Todos that an earlier version created while this one was running have no `sort_name` yet. They come first, and
    // MongoDB compares null with nothing.
    match (value, reverse) {
        (Bson::Null, true) => None,
        (Bson::Null, false) => Some(doc! { "$ne": null }),
        (value, true) if field == "sort_name" => Some(doc! { "$not": { "$gte": value.clone() } }),
        (value, true) => Some(doc! { "$lt": value.clone() }),
        (value, false) => Some(doc! { "$gt": value.clone() }),
    }
}

fn and(filter: &mut Document, condition: Document) {
    match filter.get_array_mut("$and") {
        Ok(all) => all.push(condition.into()),
        Err(_) => {
            filter.insert("$and", vec![condition]);
        }
    }
}
