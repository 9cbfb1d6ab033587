//! Of which state of the documents a page of todos or lists is made, so that an unchanged page need not be read again.

use super::query::TodoQuery;
use super::sort_order::Sort;
use crate::error::Error;
use crate::http::polling::DocumentsState;
use crate::workspace::Workspace;

impl Workspace {
    /// `None` if the page depends on more than the change stamps of the todos, or if a change may still become visible that
    /// has a lower stamp than the newest one.
    pub async fn todo_page_state(&self, query: &TodoQuery) -> Result<Option<DocumentsState>, Error> {
        if !query.depends_on_stamps() {
            return Ok(None);
        }
        let newest = self.todos().newest_settled().await?;
        Ok(newest.map(|newest| [newest, 0]))
    }

    /// Lists show the number of their open todos.
    pub async fn list_page_state(&self) -> Result<Option<DocumentsState>, Error> {
        let (lists, todos) = (self.lists(), self.todos());
        let (lists, todos) = tokio::try_join!(lists.newest_settled(), todos.newest_settled())?;
        Ok(lists.zip(todos).map(|(lists, todos)| [lists, todos]))
    }
}

impl TodoQuery {
    /// Filters that compare with the present or the user's time zone depend on more. So do filters and orders by derived
    /// fields, which a migration fills in without a stamp.
    fn depends_on_stamps(&self) -> bool {
        // All fields and orders, so that the compiler asks about a new one.
        let Self {
            list_id: _,
            parent_id: _,
            completed: _,
            priority: _,
            updated_after: _,
            deleted: _,
            reverse: _,
            tags,
            due_before,
            due_after,
            overdue,
            completed_before,
            completed_after,
            search,
            sort,
        } = self;
        let is_order_derived = match sort {
            Sort::Name | Sort::Due => true,
            Sort::Position | Sort::Priority | Sort::CompletedAt | Sort::CreatedAt | Sort::UpdatedAt => false,
        };
        let bounds = [due_before, due_after, completed_before, completed_after];
        let is_derived = is_order_derived || search.is_some() || !tags.is_empty();
        !is_derived && !overdue && bounds.iter().all(|bound| bound.is_none())
    }
}
