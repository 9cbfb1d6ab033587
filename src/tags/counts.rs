//! The tags of a user in order, with their counts, read from the index page by page.
//!
//! A step reads the next todos in the order of their smallest tag after the last one. Every todo with a tag below the
//! tag at which the step ends is among them, so that they alone give the counts of these tags. A tag that has more
//! todos than a step is counted in the index.

use std::collections::BTreeMap;

use bson::{Bson, Document, RawDocument, doc};

use crate::error::Error;
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

/// The tags of one step.
#[derive(Default)]
struct Step {
    tags: BTreeMap<String, Tag>,
    /// The tag at which the step ended, whose count is not complete. `None` after the last tag.
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
            size = if step.tags.len() < PAYING { LATER_STEP } else { size };
            page.extend(step.tags.into_iter().map(|(name, tag)| Tag { name, ..tag }));
            // Another tag, even if its count is not complete, shows that the page is not the last.
            if page.len() > limit || (page.len() == limit && step.end.is_some()) {
                page.truncate(limit);
                return Ok((page, true));
            }
            let Some(end) = step.end else { return Ok((page, false)) };
            let tag = self.tag(&end).await?;
            work += QUERY + INDEX_ENTRY * tag.total;
            page.push(tag);
            last = end;
        }
        Ok((page, true))
    }

    /// Reads all todos with tags after `last`, because no index has todos as they will be.
    async fn tag_page_as_it_will_be(&self, last: &str, limit: usize) -> Result<(Vec<Tag>, bool), Error> {
        let after = doc! { "tags": { "$gt": last } };
        let stages = vec![
            doc! { "$unwind": "$tags" },
            doc! { "$match": after },
            doc! { "$group": {
                "_id": "$tags",
                "open": { "$sum": { "$cond": ["$completed", 0_i64, 1_i64] } },
                "total": { "$sum": 1_i64 },
            } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1) },
        ];
        let found = self.todos().aggregate(tagged(doc! { "$gt": last }), stages, Index::ByTag.name()).await?;
        let number = |tag: &Document, name| tag.get(name).and_then(Bson::as_i64).unwrap_or_default();
        let tag = |tag: &Document| {
            let name = tag.get_str("_id").map_err(Error::internal)?.to_owned();
            Ok(Tag { name, open: number(tag, "open"), total: number(tag, "total") })
        };
        let has_more = found.len() > limit;
        Ok((found.iter().take(limit).map(tag).collect::<Result<_, Error>>()?, has_more))
    }

    /// The counts of one tag, which are 0 if no live todo has it.
    pub async fn tag(&self, name: &str) -> Result<Tag, Error> {
        // The index contains every field, so MongoDB fetches no document.
        let by_state = doc! { "$group": { "_id": "$completed", "todos": { "$sum": 1_i64 } } };
        let mut tag = Tag { name: name.to_owned(), ..Tag::default() };
        for counted in self.todos().aggregate(tagged(name), vec![by_state], Index::ByTag.name()).await? {
            let todos = counted.get("todos").and_then(Bson::as_i64).unwrap_or_default();
            tag.add(counted.get_bool("_id").unwrap_or_default(), todos);
        }
        Ok(tag)
    }

    /// The tags after `last` that at most `size` todos give, until there are more than `wanted`.
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
        self.todos().project_each(selection, doc! { "_id": 0, "tags": 1, "completed": 1 }, read).await?;
        if !is_cut && step.read < size {
            step.end = None;
        }
        if let Some(end) = &step.end {
            // Todos that the step did not read may have tags from here on.
            step.tags.split_off(end);
        }
        Ok(step)
    }
}

impl Step {
    fn add(&mut self, todo: &RawDocument, last: &str) -> Result<(), Error> {
        let completed = todo.get_bool("completed").unwrap_or_default();
        let mut smallest: Option<&str> = None;
        for name in todo.get_array("tags").into_iter().flatten() {
            let Some(name) = name.map_err(Error::internal)?.as_str().filter(|name| *name > last) else {
                continue;
            };
            if smallest.is_none_or(|smallest| name < smallest) {
                smallest = Some(name);
            }
            let tag = self.tags.entry(name.to_owned()).or_default();
            tag.add(completed, 1);
        }
        if smallest < self.end.as_deref() {
            return Err(Error::internal("the index gave todos in another order than that of their tags"));
        }
        self.end = smallest.map(str::to_owned);
        self.read += 1;
        Ok(())
    }
}

fn tagged(tags: impl Into<Bson>) -> Document {
    doc! { "state": State::Live.word(), "tags": tags.into() }
}
