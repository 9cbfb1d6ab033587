//! The todos that a filter or a word of a search leaves. An index lists them, so that a search fetches no other todos.

use std::collections::BTreeMap;

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocument, doc};

use super::index::Index;
use super::query::TodoQuery;
use super::sort_order::SortKey;
use crate::error::Error;
use crate::owned::Selection;
use crate::workspace::Workspace;

/// How many todos of one filter or word are listed. If each has `search_terms::WORDS_MAX` words with the same beginning,
/// listing them takes MongoDB up to 0.15 s.
const LISTED_MAX: u32 = 1_000;
// Among so few, a search looks no further for todos that another word excludes.
const FEW: usize = 300;

/// All todos that a search may find, with their positions. Some of them may not match.
pub(super) struct Candidates(BTreeMap<ObjectId, String>);

impl Workspace {
    /// Those that have all filters and words for which the index lists at most [`LISTED_MAX`] todos. `None` if each has more.
    pub(super) async fn search_candidates(&self, query: &TodoQuery) -> Result<Option<Candidates>, Error> {
        let mut candidates: Option<BTreeMap<_, _>> = None;
        for entry in query.entries() {
            let Some(listed) = self.listed(entry).await? else { continue };
            candidates = Some(match candidates {
                Some(mut earlier) => {
                    earlier.retain(|id, _| listed.contains_key(id));
                    earlier
                }
                None => listed,
            });
            if candidates.as_ref().is_some_and(|candidates| candidates.len() <= FEW) {
                break;
            }
        }
        Ok(candidates.map(Candidates))
    }

    async fn listed(
        &self,
        entry: Vec<(Document, Index)>,
    ) -> Result<Option<BTreeMap<ObjectId, String>>, Error> {
        let mut listed = BTreeMap::new();
        let most = LISTED_MAX + 1;
        for (filter, index) in entry {
            let selection = Selection { filter, sort: doc! {}, index: index.name(), limit: most.into() };
            let mut count = 0;
            let take = |found: &RawDocument| {
                let position = found.get_str("position").unwrap_or_default();
                listed.insert(found.get_object_id("_id").map_err(Error::internal)?, position.to_owned());
                count += 1;
                Ok(true)
            };
            self.todos().project_each(selection, doc! { "_id": 1, "position": 1 }, most, take).await?;
            if count == most {
                return Ok(None);
            }
        }
        Ok(Some(listed))
    }
}

impl Candidates {
    pub(super) fn are_few(&self) -> bool {
        self.0.len() <= FEW
    }

    pub(super) fn contain(&self, id: &ObjectId) -> bool {
        self.0.contains_key(id)
    }

    pub(super) fn ids(&self) -> Vec<ObjectId> {
        self.0.keys().copied().collect()
    }

    /// Those after `last` in the order of their positions.
    pub(super) fn by_position(self, reverse: bool, last: Option<&SortKey>) -> Vec<(String, ObjectId)> {
        let mut sorted: Vec<_> = self.0.into_iter().map(|(id, position)| (position, id)).collect();
        sorted.sort_unstable();
        if reverse {
            sorted.reverse();
        }
        if let Some([Bson::String(position), Bson::ObjectId(id)]) =
            last.map(|SortKey(values)| values.as_slice())
        {
            let last = (position.as_str(), id);
            let is_before = |(position, id): &(String, ObjectId)| {
                let key = (position.as_str(), id);
                if reverse { key >= last } else { key <= last }
            };
            sorted.drain(..sorted.partition_point(is_before));
        }
        sorted
    }
}
