//! The todos and lists of one user: the only door to any. Must hold no act: those are in the operations of the features.

use std::sync::Arc;

use bson::DateTime;
use bson::oid::ObjectId;
use chrono_tz::Tz;

use crate::clock::Clock;
use crate::error::{Error, TokenRejection};
use crate::http::detached::DEADLINE;
use crate::lists::store::{Lists, UserLists};
use crate::owned::order_key::OrderKeys;
use crate::owned::quota::Quota;
use crate::todos::store::{Todos, UserTodos};
use crate::users::store::Users;

/// How many todos a user may have outside the trash.
pub const TODOS_MAX: u64 = 10_000;
/// How many lists a user may have outside the trash.
pub const LISTS_MAX: u64 = 500;

/// The todos and lists of everyone, with the rules between them; cheap to clone.
#[derive(Clone)]
pub struct Workspaces {
    pub(crate) todos: Todos,
    pub(crate) lists: Lists,
    users: Users,
    pub(crate) positions: OrderKeys,
    pub(crate) todo_quota: Arc<Quota>,
    clock: Clock,
}

/// The todos and lists of one user, at one moment: the only door to any.
pub struct Workspace<'a> {
    pub(crate) planner: &'a Workspaces,
    pub(crate) todos: UserTodos<'a>,
    pub(crate) lists: UserLists<'a>,
    pub(crate) owner_id: ObjectId,
    pub(crate) now: DateTime,
    /// The request that may be a repetition, and whose completion of a recurring todo must count once.
    pub(crate) attempt: Option<ObjectId>,
}

impl Workspaces {
    /// Over the stores, dated by `clock`.
    #[must_use]
    pub fn new(todos: Todos, lists: Lists, users: Users, clock: Clock) -> Self {
        let todo_quota = Arc::new(Quota::new(TODOS_MAX));
        Self { todos, lists, users, positions: OrderKeys::default(), todo_quota, clock }
    }

    /// The time of what is done now.
    pub(crate) fn now(&self) -> DateTime {
        self.clock.now()
    }

    /// What belongs to one user.
    #[must_use]
    pub fn of(&self, owner_id: ObjectId) -> Workspace<'_> {
        let (todos, lists) = (self.todos.of(owner_id), self.lists.of(owner_id));
        Workspace { planner: self, todos, lists, owner_id, now: self.now(), attempt: None }
    }
}

impl Workspace<'_> {
    /// The same for a request that may be a repetition, known by an id that was made for it.
    #[must_use]
    pub fn on_behalf_of(self, attempt: ObjectId) -> Self {
        Self { attempt: Some(attempt), ..self }
    }

    /// Refuses to change what was just read because of a request whose client was told long ago to repeat it: it may
    /// have done so, and changed more since, which must not be undone.
    pub(crate) fn assert_in_time(&self) -> Result<(), Error> {
        let age = self.planner.now().timestamp_millis() - self.now.timestamp_millis();
        if u128::try_from(age).is_ok_and(|age| age >= DEADLINE.as_millis()) {
            return Err(Error::unavailable("it is too late for a change: its client may have repeated it"));
        }
        Ok(())
    }

    /// The zone that the user's days are in.
    pub(crate) async fn zone(&self) -> Result<Tz, Error> {
        let user = self.planner.users.find_by_id(self.owner_id).await?;
        let user = user.ok_or(Error::Token(TokenRejection::Revoked))?;
        Ok(user.time_zone.parse().unwrap_or(Tz::UTC))
    }
}
