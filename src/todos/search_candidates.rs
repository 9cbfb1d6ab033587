//! The todos that a filter or a word of a search leaves. An index lists them, so that a search fetches few others.
//!
//! The index of words holds the positions too. So it lists the todos of a whole word in their order, as far as a page
//! needs them, and those of longer words with the same beginning, if they are not too many.

use std::collections::BTreeMap;

use bson::oid::ObjectId;
use bson::{Document, RawDocument, doc};
use futures_util::future::join_all;

use super::index::Index;
use super::query::{Entry, TodoQuery};
use super::search_terms;
use super::sort_order::SortKey;
use crate::error::Error;
use crate::owned::Selection;
use crate::workspace::Workspace;

/// How many todos of one filter or word are listed in no order, and only if they are no more. If each has
/// `search_terms::WORDS_MAX` words with the same beginning, listing them takes MongoDB up to 0.15 s.
const LISTED_MAX: u32 = 1_000;
/// How many todos of one filter or word are listed in order at a time.
const LISTED_AT_ONCE: u32 = 300;
// Among so few, a search looks no further for todos that another word excludes.
const FEW: usize = 300;

/// The position of a todo, and its id.
type Place = (String, ObjectId);

/// Where to go on in the order of positions.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub last: Option<Place>,
    pub reverse: bool,
}

/// All todos that a search may find, or only those up to `end`. Some of them may not match.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    positions: BTreeMap<ObjectId, String>,
    /// More todos may follow after this place. `None` if no others match.
    pub end: Option<Place>,
}

impl Workspace {
    /// The next todos by position that have all filters and words that can be listed. `None` if there is no such filter or
    /// word.
    pub(super) async fn next_candidates(
        &self,
        query: &TodoQuery,
        start: &Start,
    ) -> Result<Option<Candidates>, Error> {
        let listed = join_all(self.entries(query).map(|entry| self.listed_in_order(entry, start))).await;
        let mut all: Option<Candidates> = None;
        for listed in listed {
            let Some(listed) = listed? else { continue };
            all = Some(match all {
                Some(earlier) => earlier.and(listed, start.reverse),
                None => listed,
            });
        }
        Ok(all)
    }

    /// The todos that have all filters and words for which at most [`LISTED_MAX`] todos are listed. `None` if each has more.
    pub(super) async fn all_candidates(&self, query: &TodoQuery) -> Result<Option<Candidates>, Error> {
        let mut all: Option<Candidates> = None;
        for entry in self.entries(query) {
            let Some(listed) = self.listed(entry).await? else { continue };
            let both = match all {
                Some(earlier) => earlier.and(listed, false),
                None => listed,
            };
            let is_enough = both.are_few();
            all = Some(both);
            if is_enough {
                break;
            }
        }
        Ok(all)
    }

    /// Each entry has alternatives, of which a todo has at least one.
    fn entries(&self, query: &TodoQuery) -> impl Iterator<Item = Vec<Entry>> {
        // The index of a filter does not list the todos for which a change waits that makes them match.
        let only_words = self.todos().has_waiting();
        let is_listed = move |entry: &Vec<Entry>| !only_words || matches!(entry[..], [Entry::Word(_), ..]);
        query.entries().into_iter().filter(is_listed)
    }

    async fn listed_in_order(&self, entry: Vec<Entry>, start: &Start) -> Result<Option<Candidates>, Error> {
        let alternatives = entry.into_iter().map(async |alternative| match alternative {
            Entry::Filter(filter, index) => self.next_with(filter, index, start).await.map(Some),
            Entry::Word(prefix) => {
                let (from, to) = search_terms::prefix_range(&prefix);
                // The least text after the prefix itself.
                let from = format!("{from}\0");
                let longer = self.all_between(&from, to.as_deref());
                let whole = self.next_with(doc! { "words": prefix }, Index::ByWord, start);
                let (whole, longer) = tokio::join!(whole, longer);
                let whole = whole?;
                Ok(longer?.map(|longer| whole.or(longer, start.reverse)))
            }
        });
        let mut all = Some(Candidates::default());
        for listed in join_all(alternatives).await {
            let listed: Option<Candidates> = listed?;
            all = all.zip(listed).map(|(earlier, listed)| earlier.or(listed, start.reverse));
        }
        // Todos with the same position can fill the list without one that follows.
        Ok(all.filter(|all| all.end.as_ref().is_none_or(|end| start.is_before(end))))
    }

    async fn listed(&self, entry: Vec<Entry>) -> Result<Option<Candidates>, Error> {
        let mut all = Candidates::default();
        for alternative in entry {
            let listed = match alternative {
                Entry::Filter(filter, index) => self.all_with(filter, index).await?,
                Entry::Word(prefix) => {
                    let (from, to) = search_terms::prefix_range(&prefix);
                    self.all_between(&from, to.as_deref()).await?
                }
            };
            let Some(listed) = listed else { return Ok(None) };
            all = all.or(listed, false);
        }
        Ok(Some(all))
    }

    async fn next_with(
        &self,
        mut filter: Document,
        index: Index,
        start: &Start,
    ) -> Result<Candidates, Error> {
        let (direction, beyond) = if start.reverse { (-1, "$lte") } else { (1, "$gte") };
        if let Some((position, _)) = &start.last {
            filter.insert("position", doc! { beyond: position });
        }
        let sort = doc! { "position": direction, "_id": direction };
        let selection = Selection { filter, sort, index: index.name(), limit: LISTED_AT_ONCE.into() };
        let (mut listed, mut count, mut end) = (Candidates::default(), 0, None);
        let take = |found: &RawDocument| {
            count += 1;
            end = Some(listed.add(found)?);
            Ok(true)
        };
        self.todos().project_each(selection, place_fields(), LISTED_AT_ONCE, take).await?;
        listed.end = end.filter(|_| count == LISTED_AT_ONCE);
        Ok(listed)
    }

    async fn all_with(&self, filter: Document, index: Index) -> Result<Option<Candidates>, Error> {
        let most = LISTED_MAX + 1;
        let selection = Selection { filter, sort: doc! {}, index: index.name(), limit: most.into() };
        let mut listed = Candidates::default();
        let take = |found: &RawDocument| listed.add(found).map(|_| true);
        self.todos().project_each(selection, place_fields(), most, take).await?;
        Ok(listed.if_all())
    }

    /// The todos with a word in this range.
    async fn all_between(&self, from: &str, to: Option<&str>) -> Result<Option<Candidates>, Error> {
        let mut listed = Candidates::default();
        let take = |found: &RawDocument| listed.add(found).map(drop);
        let (index, fields) = (Index::ByWord, place_fields());
        let range = (from, to);
        self.todos().project_range(index.name(), index.fields(), range, LISTED_MAX + 1, fields, take).await?;
        Ok(listed.if_all())
    }
}

fn place_fields() -> Document {
    doc! { "_id": 1, "position": 1 }
}

impl Candidates {
    fn add(&mut self, found: &RawDocument) -> Result<Place, Error> {
        let position = found.get_str("position").unwrap_or_default().to_owned();
        let id = found.get_object_id("_id").map_err(Error::internal)?;
        self.positions.insert(id, position.clone());
        Ok((position, id))
    }

    fn if_all(self) -> Option<Self> {
        (self.positions.len() <= LISTED_MAX as usize).then_some(self)
    }

    fn and(mut self, other: Self, reverse: bool) -> Self {
        self.positions.retain(|id, _| other.positions.contains_key(id));
        self.end = first(self.end, other.end, reverse);
        self
    }

    fn or(mut self, other: Self, reverse: bool) -> Self {
        self.positions.extend(other.positions);
        self.end = first(self.end, other.end, reverse);
        self
    }

    pub(super) fn are_few(&self) -> bool {
        self.positions.len() <= FEW
    }

    pub(super) fn contain(&self, id: &ObjectId) -> bool {
        self.positions.contains_key(id)
    }

    pub(super) fn ids(&self) -> Vec<ObjectId> {
        self.positions.keys().copied().collect()
    }

    /// Those after the start and up to the end, in their order.
    pub(super) fn in_order(&self, start: &Start) -> Vec<Place> {
        let all = self.positions.iter().map(|(id, position)| (position.clone(), *id));
        let is_complete =
            |place: &Place| self.end.as_ref().is_none_or(|end| !is_before(end, place, start.reverse));
        let mut places: Vec<Place> =
            all.filter(|place| start.is_before(place) && is_complete(place)).collect();
        places.sort_unstable();
        if start.reverse {
            places.reverse();
        }
        places
    }
}

impl Start {
    pub(super) fn new(last: Option<&SortKey>, reverse: bool) -> Self {
        Self { last: last.and_then(SortKey::place), reverse }
    }

    fn is_before(&self, place: &Place) -> bool {
        self.last.as_ref().is_none_or(|last| is_before(last, place, self.reverse))
    }
}

fn is_before(one: &Place, other: &Place, reverse: bool) -> bool {
    if reverse { one > other } else { one < other }
}

/// The place up to which both lists are complete.
fn first(one: Option<Place>, other: Option<Place>, reverse: bool) -> Option<Place> {
    let (Some(one), Some(other)) = (&one, &other) else { return one.or(other) };
    Some(if reverse { one.max(other) } else { one.min(other) }.clone())
}
