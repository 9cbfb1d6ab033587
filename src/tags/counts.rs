//! The tags of a user in order, with their counts, read from the index page by page.
//!
//! A step reads the next todos in the order of their smallest tag after the last one. Every todo with a tag below the
//! tag at which the step ends is among them, so that they alone give the counts of these tags. A tag that has more
//! todos than a step is counted in the index.
//!
//! Todos are counted by the keys of their tags. If requests at the same time have stored one tag in several spellings, the
//! first todo in the user's order gives the spelling.

use std::collections::BTreeMap;

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocument, doc};

use crate::error::Error;
use crate::owned::pages::PROJECTED_BATCH;
use crate::owned::{Selection, State};
use crate::todos::index::Index;
use crate::workspace::Workspace;

// How many todos the first step of a page reads at most for each tag, and in all, and how many a later step reads where
// tags have many todos: only as many as are needed to find where the next tag begins.
const FIRST_STEP_PER_TAG: i64 = 25;
const FIRST_STEP: i64 = 2_500;
const LATER_STEP: i64 = 2;
// A step that gives fewer tags costs more than to count each of them in the index.
const PAYING: usize = 10;
// How many tags a step holds at most.
const HELD_MAX: usize = 10_000;

/// The work that MongoDB does for one page, in microseconds of its CPU time, about. A page that needs more ends early.
pub const WORK_MAX: i64 = 150_000;
const QUERY: i64 = 300;
const TODO: i64 = 10;
const INDEX_ENTRY: i64 = 2;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tag {
    /// See [`super::model::key`].
    pub key: String,
    pub name: String,
    pub open: i64,
    /// Open and completed todos.
    pub total: i64,
}

impl Tag {
    fn add(&mut self, completed: bool, todos: i64) {
        self.total += todos;
        self.open += if completed { 0 } else { todos };
    }
}

/// A tag of a step, and the position and id of the first todo with the tag.
struct Seen {
    tag: Tag,
    first: (String, ObjectId),
}

/// The tags of one step, by their keys.
#[derive(Default)]
struct Step {
    tags: BTreeMap<String, Seen>,
    /// The key of the tag at which the step ended, whose count is not complete. `None` after the last tag.
    end: Option<String>,
    read: i64,
}

impl Workspace {
    /// At most `limit` tags after `last`, and whether more may follow.
    pub async fn tag_page(&self, last: Option<&str>, limit: usize) -> Result<(Vec<Tag>, bool), Error> {
        if self.todos().has_waiting() {
            return self.tag_page_as_it_will_be(last.unwrap_or_default(), limit).await;
        }
        let (mut page, mut last) = (Vec::new(), last.unwrap_or_default().to_owned());
        let wanted = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let (mut work, mut size) = (0, FIRST_STEP.min(wanted.saturating_mul(FIRST_STEP_PER_TAG)));
        while work < WORK_MAX {
            let step = self.next_tags(&last, limit - page.len(), size).await?;
            work += QUERY + TODO * step.read;
            // Todos that the step did not read may have tags from here on.
            let (mut tags, end) = (step.tags, step.end);
            let beyond = end.as_ref().map(|end| tags.split_off(end)).unwrap_or_default();
            size = if tags.len() < PAYING { LATER_STEP } else { size };
            page.extend(tags.into_values().map(|seen| seen.tag));
            // Another tag, even if its count is not complete, shows that the page is not the last.
            if page.len() > limit || (page.len() == limit && end.is_some()) {
                page.truncate(limit);
                return Ok((page, true));
            }
            let Some(end) = end else { return Ok((page, false)) };
            // The step has read the first todo with this tag, whichever tag it was read for.
            let name = beyond.into_values().next().map(|seen| seen.tag.name).unwrap_or_default();
            let tag = self.count_tag(end.clone(), name).await?;
            work += QUERY + INDEX_ENTRY * tag.total;
            page.push(tag);
            last = end;
        }
        Ok((page, true))
    }

    /// Reads all todos with tags after `last`, because no index has todos as they will be.
    async fn tag_page_as_it_will_be(&self, last: &str, limit: usize) -> Result<(Vec<Tag>, bool), Error> {
        let after = doc! { "tag_keys": { "$gt": last } };
        let spelling = doc! { "$arrayElemAt": ["$tags", "$at"] };
        let stages = vec![
            doc! { "$unwind": { "path": "$tag_keys", "includeArrayIndex": "at" } },
            doc! { "$match": after },
            doc! { "$group": {
                "_id": "$tag_keys",
                "open": { "$sum": { "$cond": ["$completed", 0_i64, 1_i64] } },
                "total": { "$sum": 1_i64 },
                "first": { "$min": { "position": "$position", "id": "$_id", "name": spelling } },
            } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1) },
        ];
        let found = self.todos().aggregate(tagged(doc! { "$gt": last }), stages, Index::ByTag.name()).await?;
        let number = |tag: &Document, name| tag.get(name).and_then(Bson::as_i64).unwrap_or_default();
        let tag = |tag: &Document| {
            let key = tag.get_str("_id").map_err(Error::internal)?.to_owned();
            let name = tag.get_document("first").and_then(|first| first.get_str("name"));
            let name = name.unwrap_or_default().to_owned();
            Ok(Tag { key, name, open: number(tag, "open"), total: number(tag, "total") })
        };
        let has_more = found.len() > limit;
        Ok((found.iter().take(limit).map(tag).collect::<Result<_, Error>>()?, has_more))
    }

    /// The counts of one tag, which are 0 if no live todo has it. `name` is its spelling.
    pub async fn count_tag(&self, key: String, name: String) -> Result<Tag, Error> {
        // The index contains every field, so MongoDB fetches no document.
        let by_state = doc! { "$group": { "_id": "$completed", "todos": { "$sum": 1_i64 } } };
        let found = self.todos().aggregate(tagged(key.as_str()), vec![by_state], Index::ByTag.name()).await?;
        let mut tag = Tag { key, name, ..Tag::default() };
        for counted in found {
            let todos = counted.get("todos").and_then(Bson::as_i64).unwrap_or_default();
            tag.add(counted.get_bool("_id").unwrap_or_default(), todos);
        }
        Ok(tag)
    }

    /// The tags after `last` that at most `size` todos give, until there are more than `wanted` before the end.
    async fn next_tags(&self, last: &str, wanted: usize, size: i64) -> Result<Step, Error> {
        // Without an order, which would not use the index for an array. The named index gives the order.
        let filter = tagged(doc! { "$gt": last });
        let selection = Selection { filter, sort: doc! {}, index: Index::ByTag.name(), limit: size };
        let (mut step, mut is_cut) = (Step::default(), false);
        let read = |todo: &RawDocument| {
            step.add(todo, last)?;
            let Some(end) = &step.end else { return Ok(true) };
            // The range is counted only as far as it decides.
            is_cut = step.tags.len() > HELD_MAX || step.tags.range(..end.clone()).nth(wanted).is_some();
            Ok(!is_cut)
        };
        let fields = doc! { "tags": 1, "tag_keys": 1, "completed": 1, "position": 1 };
        self.todos().project_each(selection, fields, PROJECTED_BATCH, read).await?;
        if !is_cut && step.read < size {
            step.end = None;
        }
        Ok(step)
    }
}

impl Step {
    fn add(&mut self, todo: &RawDocument, last: &str) -> Result<(), Error> {
        let completed = todo.get_bool("completed").unwrap_or_default();
        let names: Vec<_> = texts(todo, "tags").collect();
        let keys: Vec<_> = texts(todo, "tag_keys").collect();
        let mut smallest: Option<&str> = None;
        for (nth, key) in keys.iter().enumerate().filter(|(_, key)| **key > last) {
            if smallest.is_none_or(|smallest| *key < smallest) {
                smallest = Some(key);
            }
            // An instance of an earlier version may have stored a tag twice.
            if !keys[..nth].contains(key) {
                self.add_tag(todo, key, names.get(nth).copied().unwrap_or_default(), completed)?;
            }
        }
        if smallest < self.end.as_deref() {
            return Err(Error::internal("the index gave todos in another order than that of their tags"));
        }
        self.end = smallest.map(str::to_owned);
        self.read += 1;
        Ok(())
    }

    fn add_tag(&mut self, todo: &RawDocument, key: &str, name: &str, completed: bool) -> Result<(), Error> {
        let place = (
            todo.get_str("position").unwrap_or_default(),
            todo.get_object_id("_id").map_err(Error::internal)?,
        );
        let seen = self.tags.entry(key.to_owned()).or_insert_with(|| Seen {
            tag: Tag { key: key.to_owned(), name: name.to_owned(), ..Tag::default() },
            first: (place.0.to_owned(), place.1),
        });
        if place < (seen.first.0.as_str(), seen.first.1) {
            name.clone_into(&mut seen.tag.name);
            seen.first = (place.0.to_owned(), place.1);
        }
        seen.tag.add(completed, 1);
        Ok(())
    }
}

fn texts<'a>(todo: &'a RawDocument, field: &str) -> impl Iterator<Item = &'a str> {
    // Other types, which an operator may have stored, are no tags.
    todo.get_array(field).into_iter().flatten().filter_map(|text| text.ok()?.as_str())
}

fn tagged(keys: impl Into<Bson>) -> Document {
    doc! { "state": State::Live.word(), "tag_keys": keys.into() }
}
