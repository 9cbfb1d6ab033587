//! Maintenance for all users: applies the side effects of interrupted requests, and empties the trash. Several instances
//! may do this at the same time.
//!
//! **Invariant:** a failure of one document, user or kind is logged and does not keep the others.

use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;
use futures_util::StreamExt;

use super::stores::OwnedStores;
use super::{Workspace, Workspaces};
use crate::error::Error;
use crate::owned::collection::OwnedCollection;
use crate::owned::update::{self, Context};
use crate::owned::upkeep::{Pending, Unfinished};
use crate::owned::{Owned, TRASH_MILLIS};

// After this time no request can still be applying its side effects.
const INTERRUPTED_MILLIS: i64 = 60_000;

// So that the slow documents of one user do not keep those of others.
const AT_A_TIME: usize = 8;

impl Workspaces {
    /// Fails with the first failure to find out what there is to do.
    pub async fn upkeep(self: &Arc<Self>) -> Result<(), Error> {
        let now = self.now();
        let since = now.saturating_add_millis(-INTERRUPTED_MILLIS);
        let deleted = now.saturating_add_millis(-TRASH_MILLIS);
        let OwnedStores { todos, lists } = &self.stores;
        let (lists, todos, purged) = tokio::join!(
            self.repair(lists, since),
            self.repair(todos, since),
            self.stores.purge(deleted, now)
        );
        lists.and(todos).and(purged)
    }

    /// For how long the oldest unfinished change has been waiting.
    pub async fn unfinished_for(&self) -> Result<Duration, Error> {
        let OwnedStores { todos, lists } = &self.stores;
        let (todos, lists) = tokio::try_join!(todos.oldest_pending(), lists.oldest_pending())?;
        let oldest = todos.into_iter().chain(lists).min();
        let millis = oldest.map_or(0, |oldest| self.now().timestamp_millis() - oldest.timestamp_millis());
        Ok(Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
    }

    /// Resumes what the last run of this or another instance has left, however young it is.
    pub async fn resume(self: &Arc<Self>) -> Result<(), Error> {
        let since = self.now().saturating_add_millis(1);
        let OwnedStores { todos, lists } = &self.stores;
        self.repair(lists, since).await?;
        self.repair(todos, since).await
    }

    async fn repair<T: Owned>(
        self: &Arc<Self>,
        documents: &OwnedCollection<T>,
        since: DateTime,
    ) -> Result<(), Error>
    where
        Workspace: Context<T>,
    {
        let mut page = documents.with_pending_effects(since, None).await?;
        while !page.is_empty() {
            let repairs = page.iter_mut().map(|pending| self.repair_one(pending));
            futures_util::stream::iter(repairs).buffer_unordered(AT_A_TIME).collect::<()>().await;
            page = documents.with_pending_effects(since, page.last()).await?;
        }
        Ok(())
    }

    async fn repair_one<T: Owned>(self: &Arc<Self>, pending: &mut Pending<T>)
    where
        Workspace: Context<T>,
    {
        let Pending { owner_id, id, document, .. } = pending;
        let workspace = self.of(*owner_id);
        let finished = match document {
            Unfinished::Kept(document) => update::finish(&workspace, document).await,
            Unfinished::Gone(note) => update::finish_removal::<T>(&workspace, *id, *note).await,
            Unfinished::Unreadable => return,
        };
        if let Err(error) = finished {
            tracing::warn!(user = %owner_id, collection = T::COLLECTION, document = %id, %error, "cannot finish an interrupted change, retrying later");
        }
    }
}
