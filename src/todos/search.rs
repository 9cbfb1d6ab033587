//! Searching todos page by page. No page costs more than a bounded amount of work, whatever the todos and the search are.
//!
//! By position, a page fetches the next candidates (`search_candidates`): the todos that indexes list for its words
//! and filters. In another order, or if a word of the search begins too many words, a page examines the next todos of the
//! order, where matches are frequent, and skips those that the indexes do not list.
//!
//! A page ends early, with fewer items than its limit or none, after about [`EXAMINED_MAX`] todos.
//!
//! **Invariant:** no query sorts or examines more documents than it names by id.

use bson::oid::ObjectId;
use bson::{Document, RawDocument, doc};

use super::index::Index;
use super::model::Todo;
use super::query::{Deleted, TodoQuery};
use super::search_candidates::{Candidates, Start};
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
        if query.sort == Sort::Position
            && let Some(last) = page.examine_candidates().await?
        {
            return Ok(last);
        }
        page.examine_order().await
    }

    /// The next todos of the sort order, whether they match or not.
    async fn window(
        &self,
        query: &TodoQuery,
        last: Option<&SortKey>,
        size: usize,
    ) -> Result<Vec<(ObjectId, SortKey)>, Error> {
        let (mut window, mut all) = (Vec::new(), query.unfiltered());
        if self.todos().has_waiting() {
            // A todo may wait for a change that takes it out of the trash.
            all.deleted = Deleted::Any;
        }
        for selection in all.selections(Zone::UTC, self.now, last) {
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
    /// Examines only candidates. Returns the last one that was examined, or `Some(None)` if no more follow. `None` if no
    /// index lists candidates.
    async fn examine_candidates(&mut self) -> Result<Option<Option<SortKey>>, Error> {
        let mut examined = 0;
        while examined < EXAMINED_MAX {
            let start = Start::new(self.last.as_ref(), self.query.reverse);
            let next = self.workspace.next_candidates(self.query, &start).await?;
            let Some(candidates) = next else { return Ok(None) };
            let places = candidates.in_order(&start);
            if self.examine_places(&places).await? {
                return Ok(Some(self.last.take()));
            }
            let Some(end) = candidates.end else { return Ok(Some(None)) };
            self.last = Some(SortKey::of_place(end));
            // A list without common todos counts as well.
            examined += places.len().max(WINDOWS[0]);
        }
        Ok(Some(self.last.take()))
    }

    /// Returns whether the page is full.
    async fn examine_places(&mut self, mut places: &[(String, ObjectId)]) -> Result<bool, Error> {
        let mut size = usize::try_from(self.limit).unwrap_or(1);
        while let Some((batch, more)) = places.split_at_checked(size.min(places.len()))
            && let Some(last) = batch.last()
        {
            let ids: Vec<_> = batch.iter().map(|(_, id)| *id).collect();
            // Without the todos that were moved further down meanwhile, because the page would skip what is before them.
            let within = doc! { if self.query.reverse { "$gte" } else { "$lte" }: &last.0 };
            if self.examine_within(&ids, Some(within)).await? {
                return Ok(true);
            }
            self.last = Some(SortKey::of_place(last.clone()));
            (places, size) = (more, 2 * size);
        }
        Ok(false)
    }

    async fn examine_order(mut self) -> Result<Option<SortKey>, Error> {
        let mut candidates: Option<Candidates> = None;
        for (number, size) in WINDOWS.into_iter().enumerate() {
            let window = self.workspace.window(self.query, self.last.as_ref(), size).await?;
            let is_last = window.len() < size;
            let (mut ids, end): (Vec<_>, Vec<_>) = window.into_iter().unzip();
            ids.retain(|id| candidates.as_ref().is_none_or(|candidates| candidates.contain(id)));
            if self.examine(&ids).await? {
                return Ok(self.last);
            }
            if is_last {
                return Ok(None);
            }
            self.last = end.into_iter().last();
            // Frequent words fill the page before. By position, they were tried already.
            if number == 0 && self.query.sort != Sort::Position {
                candidates = self.workspace.all_candidates(self.query).await?;
            }
            if let Some(few) = candidates.as_ref().filter(|candidates| candidates.are_few()) {
                let is_full = self.examine(&few.ids()).await?;
                return Ok(self.last.filter(|_| is_full));
            }
        }
        Ok(self.last)
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
