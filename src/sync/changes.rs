//! What has changed since a token, page by page.
//!
//! **Invariant:** no change is skipped, whatever is written during the walk.
//!
//! A walk goes upwards through the change stamps, from where it began to the last stamp that it can see. A write during
//! the walk can become visible below the walk's current position. Its stamp is then above the next walk's start, because
//! the next walk starts [`crate::owned::change_stamp::OVERLAP_SECONDS`] below the horizon, and the horizon was taken
//! before the first read of this walk. So changes of the last minute can be sent twice, and none is left out.
//!
//! A full walk leaves out objects that were removed before it began, because its client holds nothing to remove.

use std::collections::HashSet;

use bson::{DateTime, Timestamp};
use futures_util::future::try_join_all;

use super::kind::{ChangedObject, Range};
use super::kinds::{KINDS, PAGE_ORDER};
use super::token::{SyncToken, WALK_START, Walk};
use crate::error::Error;
use crate::owned::change_stamp::below;
use crate::workspace::Workspace;

pub const PAGE_MAX: usize = 200;

#[derive(Debug)]
pub struct Page {
    /// In the order in which a client can apply them.
    pub changes: Vec<ChangedObject>,
    pub token: SyncToken,
    pub has_more: bool,
    /// Whether the walk goes through all objects, which replace everything the client holds.
    pub full: bool,
}

impl Workspace {
    /// The next page of changes after `since`, or of all objects without it: at most `limit` of them, and at most `bytes`
    /// bytes of JSON unless the first alone has more.
    pub async fn changes(&self, since: Option<SyncToken>, limit: usize, bytes: usize) -> Result<Page, Error> {
        let (began, horizon, mut walk) = match since {
            Some(SyncToken { began, horizon, walk: Some(walk) }) => (began, horizon, walk),
            // The horizon must be taken before the first read: see the head of this file.
            Some(SyncToken { horizon, .. }) => {
                (self.now, self.horizon().await?, Walk::since(horizon, KINDS.len()))
            }
            None => (self.now, self.horizon().await?, Walk::full(KINDS.len())),
        };
        // A token of another release may have a position more or less. A kind without a position is read from its
        // beginning, because its client may hold none of its objects.
        walk.positions.resize(KINDS.len(), WALK_START);
        let removed_since = walk.full.then(|| below(horizon));
        // One more than the page holds shows whether another page follows.
        let fetch = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let reads = KINDS
            .iter()
            .zip(&walk.positions)
            .map(|(kind, &from)| kind.changed(self, Range { from, removed_since, limit: fetch, bytes }));
        let mut found = try_join_all(reads).await?;
        let in_order = PAGE_ORDER
            .into_iter()
            .flat_map(|kind| std::mem::take(&mut found[kind]).into_iter().map(move |found| (kind, found)));
        let (mut changes, mut size, mut has_more) = (Vec::new(), 0, false);
        for (kind, (position, object)) in in_order {
            size += object.size();
            if changes.len() == limit || (size > bytes && !changes.is_empty()) {
                has_more = true;
                break;
            }
            walk.positions[kind] = position;
            changes.push(object);
        }
        keep_newest_states(&mut changes);
        // Removals come last: an object may have left a list before the list was removed.
        changes.sort_by_key(ChangedObject::is_removed);
        let full = walk.full;
        let token = SyncToken { began, horizon, walk: has_more.then_some(walk) };
        Ok(Page { changes, token, has_more, full })
    }

    /// The stamp up to which a client that reads everything from now on has seen every change, except those that
    /// were not yet visible: see [`crate::owned::change_stamp`].
    pub async fn horizon(&self) -> Result<Timestamp, Error> {
        self.todos().horizon().await
    }

    pub fn now(&self) -> DateTime {
        self.now
    }
}

/// Leaves out the earlier states of objects that changed while the page was read. A removal would otherwise undo the return of
/// its object, because removals come last.
fn keep_newest_states(changes: &mut Vec<ChangedObject>) {
    let mut seen = HashSet::new();
    changes.reverse();
    changes.retain(|change| seen.insert((change.kind.name, change.state.id)));
    changes.reverse();
}
