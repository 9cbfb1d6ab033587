//! What has changed since a token, page by page. Must not skip a change, whoever writes meanwhile.
//!
//! A walk goes upwards through the stamps from where it began to the last that can be seen. What is changed behind it
//! meanwhile, or becomes visible there, has a stamp that the next walk goes through: that one begins
//! [`crate::owned::change_stamp::OVERLAP_SECONDS`] below the horizon of the moment before this one's first read. So the
//! changes of the last minute come twice, and none is skipped. A full walk passes over what had been removed before it
//! began: whoever has nothing has nothing to remove.

use bson::{DateTime, Timestamp};

use super::model::{Changes, Synced};
use super::token::{SyncToken, Walk};
use crate::error::Error;
use crate::owned::change_stamp::{Change, StreamPosition, below};
use crate::workspace::Workspace;

/// How many changes a page has at most.
pub const PAGE_MAX: usize = 200;

/// One page of changes.
#[derive(Debug)]
pub struct Page {
    /// What has changed.
    pub changes: Changes,
    /// How far the client has come with this page.
    pub token: SyncToken,
    /// Whether another page follows at once.
    pub has_more: bool,
    /// Whether this is a page of everything there is, which replaces all that the client had.
    pub full: bool,
}

impl Workspace<'_> {
    /// The next page of at most `limit` changes behind `since`; from the beginning of everything without it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn changes(&self, since: Option<SyncToken>, limit: usize) -> Result<Page, Error> {
        let (began, horizon, walk) = match since {
            Some(SyncToken { began, horizon, walk: Some(walk) }) => (began, horizon, walk),
            // The horizon comes before the first read.
            Some(SyncToken { horizon, .. }) => (self.now, self.horizon().await?, Walk::since(horizon)),
            None => (self.now, self.horizon().await?, Walk::full()),
        };
        let gone_since = walk.full.then(|| below(horizon));
        let fetch = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let (lists, todos) = tokio::try_join!(
            self.lists.changed(walk.lists, gone_since, fetch),
            self.todos.changed(walk.todos, gone_since, fetch),
        )?;
        let (mut changes, mut left) = (Changes::default(), limit);
        let found = lists.len() + todos.len();
        let lists_end = add(lists, &mut left, &mut changes);
        let todos_end = add(todos, &mut left, &mut changes);
        let has_more = found > limit;
        let walk = Walk {
            full: walk.full,
            lists: lists_end.unwrap_or(walk.lists),
            todos: todos_end.unwrap_or(walk.todos),
        };
        let token = SyncToken { began, horizon, walk: has_more.then_some(walk) };
        Ok(Page { changes, token, has_more, full: walk.full })
    }

    /// The moment up to which a client has seen everything that reads everything from now on.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn horizon(&self) -> Result<Timestamp, Error> {
        self.todos.horizon().await
    }

    /// When this is.
    #[must_use]
    pub fn now(&self) -> DateTime {
        self.now
    }
}

/// Adds as many of the changes as are `left`, and says where the last of them stands.
fn add<T: Synced>(
    found: Vec<(StreamPosition, Change<T>)>,
    left: &mut usize,
    changes: &mut Changes,
) -> Option<StreamPosition> {
    let mut end = None;
    for (place, change) in found.into_iter().take(*left) {
        changes.add(change);
        *left -= 1;
        end = Some(place);
    }
    end
}
