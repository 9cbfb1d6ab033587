//! Searching todos page by page. No page costs more than a bounded amount of work, whatever the todos and the search are.
//!
//! A page first examines the next todos of the sort order, which suffices for frequent words. At the same time, indexes list
//! the [candidates](super::search_candidates) of a rare word or filter. If there are some, the page goes on with these alone.
//! Otherwise it goes on through the sort order, where matches are frequent, and ends early, with fewer items than its limit
//! or none, after [`EXAMINED_MAX`] todos.
//!
//! **Invariant:** no query sorts or examines more documents than it names by id.

use bson::oid::ObjectId;
use bson::{Document, RawDocument, doc};

use super::index::Index;
use super::model::Todo;
use super::query::TodoQuery;
use super::search_candidates::Candidates;
use super::search_terms::Search;
use super::sort_order::{Sort, SortKey};
use crate::clock::time_zone::Zone;
use crate::error::Error;
use crate::owned::Selection;
use crate::workspace::Workspace;

/// How many todos of the sort order a page examines.
pub const EXAMINED_MAX: usize = 1_000;
// The numbers of todos that are examined together, the first for users with few todos. Their sum is `EXAMINED_MAX`.
const WINDOWS: [usize; 5] = [128, 218, 218, 218, 218];
/// In bytes of texts that a page compares with a search that the index cannot decide. More takes longer than 0.05 s.
pub const COMPARED_MAX: usize = 512 * 1024;

/// A page while it is filled.
struct SearchPage<'a, F> {
    workspace: &'a Workspace,
    query: &'a TodoQuery,
    search: &'a Search,
    zone: Zone,
    limit: i64,
    take: F,
    /// The last todo that was examined.
    last: Option<SortKey>,
    /// In bytes.
    compared: usize,
}

impl Workspace {
    /// Like [`Workspace::todo_page`]. The returned key is that of the last todo that was examined.
    pub(super) async fn search_page(
        &self,
        query: &TodoQuery,
        search: &Search,
        zone: Zone,
        last: Option<&SortKey>,
        limit: i64,
        take: impl FnMut(Todo) -> Result<bool, Error> + Send,
    ) -> Result<Option<SortKey>, Error> {
        let mut page = SearchPage {
            workspace: self,
            query,
            search,
            zone,
            limit,
            take,
            last: last.cloned(),
            compared: 0,
        };
        let mut candidates = None;
        for (number, size) in WINDOWS.into_iter().enumerate() {
            let window = self.window(query, page.last.as_ref(), size).await?;
            let is_last = window.len() < size;
            let (mut ids, end): (Vec<_>, Vec<_>) = window.into_iter().unzip();
            ids.retain(|id| candidates.as_ref().is_none_or(|candidates: &Candidates| candidates.contain(id)));
            let listed =
                async { if number > 0 || is_last { Ok(None) } else { self.search_candidates(query).await } };
            let (is_full, listed) = tokio::join!(page.examine(&ids), listed);
            if is_full? {
                return Ok(page.last);
            }
            if is_last {
                return Ok(None);
            }
            page.last = end.into_iter().last();
            match listed? {
                Some(listed) if query.sort == Sort::Position => return page.examine_in_order(listed).await,
                Some(listed) if listed.are_few() => {
                    let is_full = page.examine(&listed.ids()).await?;
                    return Ok(page.last.filter(|_| is_full));
                }
                Some(listed) => candidates = Some(listed),
                None => {}
            }
        }
        Ok(page.last)
    }

    /// The next todos of the sort order, whether they match or not.
    async fn window(
        &self,
        query: &TodoQuery,
        last: Option<&SortKey>,
        size: usize,
    ) -> Result<Vec<(ObjectId, SortKey)>, Error> {
        let mut window = Vec::new();
        for selection in query.unfiltered().selections(Zone::UTC, self.now, last) {
            // The indexes of the orders contain these fields, so MongoDB fetches no document, except those without a value.
            let left = u32::try_from(size - window.len()).map_err(Error::internal)?;
            let selection = Selection { limit: left.into(), ..selection };
            let take = |found: &RawDocument| {
                window.push((found.get_object_id("_id").map_err(Error::internal)?, query.sort.key(found)?));
                Ok(true)
            };
            self.todos().project_each(selection, query.sort.projection(), left, take).await?;
            // A limit of 0 would mean all documents.
            if window.len() >= size {
                break;
            }
        }
        Ok(window)
    }
}

impl<F: FnMut(Todo) -> Result<bool, Error> + Send> SearchPage<'_, F> {
    /// Goes on with these todos alone. Returns the last one that was examined, and `None` if no more follow.
    async fn examine_in_order(mut self, candidates: Candidates) -> Result<Option<SortKey>, Error> {
        let candidates = candidates.by_position(self.query.reverse, self.last.as_ref());
        let (mut rest, mut size) = (candidates.as_slice(), usize::try_from(self.limit).unwrap_or(1));
        while let Some((batch, more)) = rest.split_at_checked(size.min(rest.len()))
            && let Some((position, last)) = batch.last()
        {
            let ids: Vec<_> = batch.iter().map(|(_, id)| *id).collect();
            // Without the todos that were moved further down meanwhile, because the page would skip what is before them.
            let within = doc! { if self.query.reverse { "$gte" } else { "$lte" }: position };
            if self.examine_within(&ids, Some(within)).await? {
                return Ok(self.last);
            }
            self.last = Some(SortKey(vec![position.into(), (*last).into()]));
            (rest, size) = (more, 2 * size);
        }
        Ok(None)
    }

    async fn examine(&mut self, ids: &[ObjectId]) -> Result<bool, Error> {
        self.examine_within(ids, None).await
    }

    /// Examines those of these todos that come after the last one. Returns whether the page is full.
    async fn examine_within(&mut self, ids: &[ObjectId], positions: Option<Document>) -> Result<bool, Error> {
        if ids.is_empty() {
            return Ok(false);
        }
        let after = self.last.clone();
        for mut selection in self.query.selections(self.zone, self.workspace.now, after.as_ref()) {
            selection.filter.insert("_id", doc! { "$in": ids });
            selection
                .filter
                .extend(positions.iter().map(|positions| ("position".to_owned(), positions.into())));
            // A todo that must be compared may not match, so that another one takes its place.
            let limit = if self.search.needs_text() { 0 } else { self.limit };
            let selection = Selection { index: Index::BY_ID, limit, ..selection };
            if self.workspace.todos().visit(selection, |todo, stored| self.accept(todo, stored)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns false if the page is full.
    fn accept(&mut self, todo: Todo, stored: &RawDocument) -> Result<bool, Error> {
        let (key, mut is_match) = (self.query.sort.key(stored)?, true);
        if self.search.needs_text() {
            if self.compared >= COMPARED_MAX {
                return Ok(false);
            }
            self.compared += todo.name.len() + todo.description.len();
            is_match = self.search.matches(&[&todo.name, &todo.description]);
        }
        if is_match && !(self.take)(todo)? {
            return Ok(false);
        }
        self.last = Some(key);
        Ok(true)
    }
}
