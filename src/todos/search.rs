//! Searching todos page by page. No page costs more than a bounded amount of work, whatever the todos and the search are.
//!
//! A page first examines the next todos of the sort order. If more follow and one filter or word has few todos, the page
//! goes on with these alone. Otherwise it goes on through the sort order, where matches are frequent, and ends early,
//! with fewer items than its limit or none, after [`EXAMINED_MAX`] todos.
//!
//! **Invariant:** no query sorts or examines more documents than it names by id.

use bson::oid::ObjectId;
use bson::{RawDocument, doc};

use super::model::Todo;
use super::query::TodoQuery;
use super::search_terms::Search;
use super::sort_order::SortKey;
use crate::clock::time_zone::Zone;
use crate::error::Error;
use crate::owned::Selection;
use crate::workspace::Workspace;

/// How many todos of the sort order a page examines.
pub const EXAMINED_MAX: i64 = 1_000;
// The numbers of todos that are examined together, the first for users with few todos. Their sum is `EXAMINED_MAX`.
const WINDOWS: [i64; 5] = [128, 218, 218, 218, 218];
// Todos with one word or filter that are examined apart from their order. Counting them takes MongoDB at most 0.05 s, if
// each has `search_terms::WORDS_MAX` words with the same beginning.
const FEW: i64 = 300;
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
        for (number, size) in WINDOWS.into_iter().enumerate() {
            let window = self.window(query, page.last.as_ref(), size).await?;
            let (ids, end): (Vec<_>, Vec<_>) = window.into_iter().unzip();
            let is_last = i64::try_from(ids.len()).is_ok_and(|found| found < size);
            if page.examine(&ids).await? {
                return Ok(page.last);
            }
            if is_last {
                return Ok(None);
            }
            page.last = end.into_iter().last();
            if number == 0
                && let Some(few) = self.few(query).await?
            {
                let is_full = page.examine(&few).await?;
                return Ok(page.last.filter(|_| is_full));
            }
        }
        Ok(page.last)
    }

    /// The next todos of the sort order, whether they match or not.
    async fn window(
        &self,
        query: &TodoQuery,
        last: Option<&SortKey>,
        size: i64,
    ) -> Result<Vec<(ObjectId, SortKey)>, Error> {
        let (mut window, mut left) = (Vec::new(), size);
        for selection in query.unfiltered().selections(Zone::UTC, self.now, last) {
            // The indexes of the orders contain these fields, so MongoDB fetches no document, except those without a value.
            let selection = Selection { limit: left, ..selection };
            let take = |found: &RawDocument| {
                left -= 1;
                window.push((found.get_object_id("_id").map_err(Error::internal)?, query.sort.key(found)?));
                Ok(true)
            };
            self.todos().project_each(selection, query.sort.projection(), take).await?;
            if left <= 0 {
                break;
            }
        }
        Ok(window)
    }

    /// The todos that one filter or word of the query leaves, if they are few.
    async fn few(&self, query: &TodoQuery) -> Result<Option<Vec<ObjectId>>, Error> {
        for entry in query.entries() {
            let mut ids = Vec::new();
            for (filter, index) in entry {
                let selection = Selection { filter, sort: doc! {}, index: index.name(), limit: FEW + 1 };
                let found = self.todos().project(selection, doc! { "_id": 1 }).await?;
                let id = |document: &bson::Document| document.get_object_id("_id").map_err(Error::internal);
                ids.extend(found.iter().map(id).collect::<Result<Vec<_>, _>>()?);
            }
            if i64::try_from(ids.len()).is_ok_and(|found| found <= FEW) {
                return Ok(Some(ids));
            }
        }
        Ok(None)
    }
}

impl<F: FnMut(Todo) -> Result<bool, Error> + Send> SearchPage<'_, F> {
    /// Examines those of these todos that come after the last one. Returns whether the page is full.
    async fn examine(&mut self, ids: &[ObjectId]) -> Result<bool, Error> {
        let after = self.last.clone();
        for mut selection in self.query.selections(self.zone, self.workspace.now, after.as_ref()) {
            selection.filter.insert("_id", doc! { "$in": ids });
            // A todo that must be compared may not match, so that another one takes its place.
            let limit = if self.search.needs_text() { 0 } else { self.limit };
            let selection = Selection { index: "_id_", limit, ..selection };
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
