//! The stores of all kinds of owned documents, and what is done with every kind.
//!
//! **Invariant:** each method destructures the struct, so that a method that forgets a kind does not compile.

use bson::DateTime;
use bson::oid::ObjectId;
use tokio_util::task::TaskTracker;

use crate::error::Error;
use crate::lists::store::Lists;
use crate::mongo::{Db, PrepareError};
use crate::todos::store::Todos;
use crate::{lists, todos};

#[derive(Clone)]
pub struct OwnedStores {
    pub(crate) todos: Todos,
    pub(crate) lists: Lists,
}

impl OwnedStores {
    pub fn new(db: &Db, tasks: &TaskTracker) -> Self {
        Self { todos: Todos::new(db, tasks), lists: Lists::new(db, tasks) }
    }

    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let Self { todos, lists } = self;
        todos::store::ensure_indexes(todos).await?;
        lists::store::ensure_indexes(lists).await
    }

    /// Drops the indexes of earlier versions, none of which may still run.
    pub async fn drop_retired_indexes(&self) -> Result<(), Error> {
        let Self { todos, lists: _ } = self;
        todos::store::drop_retired_indexes(todos).await
    }

    pub async fn delete_all(&self, owner_id: ObjectId) -> Result<(), Error> {
        let Self { todos, lists } = self;
        todos.of(owner_id).delete_all().await?;
        lists.of(owner_id).delete_all().await
    }

    /// A failure of one kind does not keep the others. Returns the first failure.
    pub async fn purge(&self, deleted: DateTime, now: DateTime) -> Result<(), Error> {
        let Self { todos, lists } = self;
        let lists = lists.purge(deleted, now).await;
        todos.purge(deleted, now).await.and(lists)
    }
}
