//! The documents of one user, and the limit on the number of todos. [`Workspaces::of`] is the only way to them.
//!
//! **Invariant:** what can be done with these documents is not here. Each feature adds its operations to [`Workspace`].

pub mod extract;
pub mod stores;
mod upkeep;

use std::sync::Arc;

use bson::DateTime;
use bson::oid::ObjectId;

use self::stores::OwnedStores;
use crate::clock::Clock;
use crate::clock::time_zone::Zone;
use crate::error::{Error, TokenRejection};
use crate::http::detached::DEADLINE;
use crate::mongo::deferred::Deferred;
use crate::owned::collection::{OwnedBy, OwnedCollection};
use crate::owned::order_key::OrderKeys;
use crate::owned::quota::Quota;
use crate::owned::update::Timing;
use crate::owned::{Owned, State};
use crate::tags::spellings::KnownSpellings;
use crate::users::store::Users;

/// Per user, not counting the trash and old records of occurrences. As many again fit in the trash.
pub const TODOS_MAX: u64 = 10_000;

pub struct Workspaces {
    pub(crate) stores: OwnedStores,
    users: Users,
    order_keys: OrderKeys,
    todo_quota: Quota,
    trash_quota: Quota,
    spellings: KnownSpellings,
    clock: Clock,
}

pub struct Workspace {
    workspaces: Arc<Workspaces>,
    pub(crate) owner_id: ObjectId,
    /// When the request began. Everything that the request changes gets this time.
    pub(crate) now: DateTime,
    /// The id of a request that the client may repeat, so that completing a recurring todo counts once.
    pub(crate) attempt: Option<ObjectId>,
    /// Set if the request waits for a majority after its last write: see [`crate::mongo::deferred`].
    deferred: Option<Arc<Deferred>>,
}

impl Workspaces {
    pub fn new(stores: OwnedStores, users: Users, clock: Clock) -> Self {
        let (todo_quota, trash_quota) = (Quota::new(TODOS_MAX), Quota::new(TODOS_MAX));
        let (order_keys, spellings) = (OrderKeys::default(), KnownSpellings::default());
        Self { stores, users, order_keys, todo_quota, trash_quota, spellings, clock }
    }

    pub(crate) fn now(&self) -> DateTime {
        self.clock.now()
    }

    pub async fn drop_retired_indexes(&self) -> Result<(), Error> {
        self.stores.drop_retired_indexes().await
    }

    pub fn of(self: &Arc<Self>, owner_id: ObjectId) -> Workspace {
        Workspace { workspaces: self.clone(), owner_id, now: self.now(), attempt: None, deferred: None }
    }
}

impl Workspace {
    #[must_use]
    pub fn on_behalf_of(self, attempt: ObjectId) -> Self {
        Self { attempt: Some(attempt), ..self }
    }

    #[must_use]
    pub fn deferring(self, deferred: Arc<Deferred>) -> Self {
        Self { deferred: Some(deferred), ..self }
    }

    /// The same request, for a part of it that has an id of its own.
    pub(crate) fn as_attempt(&self, attempt: ObjectId) -> Self {
        let Self { workspaces, owner_id, now, attempt: _, deferred } = self;
        let (workspaces, deferred) = (workspaces.clone(), deferred.clone());
        Self { workspaces, owner_id: *owner_id, now: *now, attempt: Some(attempt), deferred }
    }

    /// To be called before a write that refers to the document `id`.
    pub(crate) async fn confirm_written(&self, id: ObjectId) -> Result<(), Error> {
        match &self.deferred {
            Some(deferred) => Box::pin(deferred.confirm_written(id)).await,
            None => Ok(()),
        }
    }

    /// The owner's documents in one of the stores.
    pub(crate) fn owned<T: Owned>(
        &self,
        store: impl FnOnce(&OwnedStores) -> &OwnedCollection<T>,
    ) -> OwnedBy<'_, T> {
        store(&self.workspaces.stores).of(self.owner_id).deferring(self.deferred.as_deref())
    }

    pub(crate) fn order_keys(&self) -> &OrderKeys {
        &self.workspaces.order_keys
    }

    pub(crate) fn known_spellings(&self) -> &KnownSpellings {
        &self.workspaces.spellings
    }

    pub(crate) async fn zone(&self) -> Result<Zone, Error> {
        let user = self.workspaces.users.find_by_id(self.owner_id).await?;
        // The user was deleted after the token was checked.
        let user = user.ok_or(Error::Token(TokenRejection::Revoked))?;
        // The stored zone may come from a newer release of the IANA database.
        Ok(Zone::named(&user.time_zone).unwrap_or(Zone::UTC))
    }

    /// Fails with [`Error::LimitReached`].
    pub(crate) async fn assert_room_for_todos(&self, more: u64) -> Result<(), Error> {
        let todos = self.owned(|stores| &stores.todos);
        let count = || todos.count_towards(TODOS_MAX, State::Live, self.now);
        let has_room = self.workspaces.todo_quota.has_room(self.owner_id, more, self.now, count).await?;
        if has_room { Ok(()) } else { Err(Error::LimitReached(TODOS_MAX)) }
    }

    /// Fails with [`Error::TrashFull`].
    pub(crate) async fn assert_room_in_trash(&self, more: u64) -> Result<(), Error> {
        let todos = self.owned(|stores| &stores.todos);
        let count = || todos.count_towards(TODOS_MAX, State::Trash, self.now);
        let has_room = self.workspaces.trash_quota.has_room(self.owner_id, more, self.now, count).await?;
        if has_room { Ok(()) } else { Err(Error::TrashFull(TODOS_MAX)) }
    }
}

impl Timing for Workspace {
    fn now(&self) -> DateTime {
        self.now
    }

    fn assert_in_time(&self) -> Result<(), Error> {
        let age = self.workspaces.now().timestamp_millis() - self.now.timestamp_millis();
        // At the deadline the client gets a 503. It may have repeated the request and changed more since, and a late
        // write would undo these changes.
        if u128::try_from(age).is_ok_and(|age| age >= DEADLINE.as_millis()) {
            return Err(Error::unavailable("too late for a change, because its client may have repeated it"));
        }
        Ok(())
    }
}
