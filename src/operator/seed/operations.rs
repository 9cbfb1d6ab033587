//! Writes demo data through the stores.
//!
//! **Invariant:** existing documents are not changed. An id that exists is skipped, so repeating an interrupted seed adds
//! only the missing documents.

use std::sync::Arc;

use bson::DateTime;
use bson::oid::ObjectId;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::task::TaskTracker;

use super::model::{DemoData, ID_PREFIX};
use crate::error::Error;
use crate::http::admission::Requester;
use crate::mongo::Db;
use crate::owned::Owned;
use crate::owned::batch::BATCH_MAX;
use crate::owned::collection::OwnedCollection;
use crate::users::model::{LIMITS, NewUser, User};
use crate::users::password::{Hasher, PasswordCheck};
use crate::users::store::Users;
use crate::workspace::TODOS_MAX;

// With two, the next todos are generated while the database writes. With more, the users would share the time limit of
// a batch.
const CONCURRENT_USERS: usize = 2;

#[derive(Debug)]
pub struct SeedRequest {
    pub seed: u32,
    /// At least 1.
    pub users: u32,
    /// Of all users together, distributed evenly.
    pub todos: u64,
    pub password: SecretString,
    pub force: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SeedSummary {
    /// Lists of the demo users, new and existing.
    pub lists: u64,
    /// Todos that did not exist before.
    pub new_todos: u64,
}

#[derive(Debug)]
pub enum SeedError {
    OtherUsers,
    /// The todos need at least this number of users.
    TooFewUsers(u64),
    OtherPassword,
    Error(Error),
}

impl From<Error> for SeedError {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

pub struct Seeder {
    db: Db,
    users: Users,
    hasher: Arc<Hasher>,
}

impl Seeder {
    pub fn new(db: &Db, hasher: Arc<Hasher>) -> Self {
        Self { db: db.clone(), users: Users::new(db), hasher }
    }

    /// Calls `progress` with the number of todos of each batch. After an error, a part may have been written.
    pub async fn run(
        &self,
        request: &SeedRequest,
        now: DateTime,
        progress: impl Fn(u64) + Sync,
    ) -> Result<SeedSummary, SeedError> {
        let needed = users_needed(request.todos);
        if u64::from(request.users) < needed {
            return Err(SeedError::TooFewUsers(needed));
        }
        let data = DemoData::new(request.seed, now);
        check_password(request, &data)?;
        let (first, last) = demo_id_range();
        if !request.force && self.users.has_others_than(first, last).await? {
            return Err(SeedError::OtherUsers);
        }
        self.add_users(request, &data).await?;
        let each = stream::iter(0..request.users)
            .map(|number| self.add_objects(&data, number, todos_of_user(request, number), &progress))
            .buffer_unordered(CONCURRENT_USERS);
        let sum = |all: SeedSummary, one: SeedSummary| async move {
            Ok(SeedSummary { lists: all.lists + one.lists, new_todos: all.new_todos + one.new_todos })
        };
        Ok(each.try_fold(SeedSummary::default(), sum).await?)
    }

    async fn add_users(&self, request: &SeedRequest, data: &DemoData) -> Result<(), SeedError> {
        let demo = data.user(0, "");
        // All users share one hash, because thousands of hashes would take minutes. A reader of the hashes learns that
        // the passwords are equal, which is no secret here.
        let hash = match self.users.find_by_id(demo.id).await? {
            None => self.hasher.hash(&Requester::OPERATOR, &request.password).await?,
            Some(demo) => match self
                .hasher
                .verify(&Requester::OPERATOR, &request.password, Some(&demo.password_hash))
                .await?
            {
                PasswordCheck::Wrong | PasswordCheck::Damaged => return Err(SeedError::OtherPassword),
                PasswordCheck::Correct | PasswordCheck::CorrectButOutdated => demo.password_hash,
            },
        };
        let mut numbers = 0..request.users;
        loop {
            let users: Vec<User> =
                numbers.by_ref().take(BATCH_MAX).map(|number| data.user(number, &hash)).collect();
            if users.is_empty() {
                return Ok(());
            }
            self.users.insert_missing(&users).await?;
        }
    }

    async fn add_objects(
        &self,
        data: &DemoData,
        number: u32,
        todos: usize,
        progress: &(impl Fn(u64) + Sync),
    ) -> Result<SeedSummary, Error> {
        let (lists, todos) = data.objects(number, todos)?;
        let owner_id = data.user_id(number);
        self.insert_missing(owner_id, &lists, |_| {}).await?;
        let new_todos = self.insert_missing(owner_id, &todos, progress).await?;
        Ok(SeedSummary { lists: lists.len() as u64, new_todos })
    }

    /// Returns the number of documents that did not exist before.
    async fn insert_missing<T: Owned>(
        &self,
        owner_id: ObjectId,
        objects: &[T],
        progress: impl Fn(u64),
    ) -> Result<u64, Error> {
        let collection = OwnedCollection::new(&self.db, &TaskTracker::new());
        let owned = collection.of(owner_id);
        let mut inserted = 0;
        for batch in objects.chunks(BATCH_MAX) {
            inserted += owned.insert_each(batch).await?;
            progress(batch.len() as u64);
        }
        Ok(inserted)
    }
}

pub fn users_needed(todos: u64) -> u64 {
    todos.div_ceil(TODOS_MAX).max(1)
}

fn check_password(request: &SeedRequest, data: &DemoData) -> Result<(), Error> {
    let password = Some(request.password.expose_secret());
    let violations = (0..request.users).map(|number| {
        // A password must differ from the name of the user, so it is checked for every user.
        let user = data.user(number, "");
        NewUser::violations(Some(&user.username), password, user.email.as_deref(), LIMITS)
    });
    match violations.into_iter().find(|violations| !violations.is_empty()) {
        None => Ok(()),
        Some(violations) => Err(Error::Invalid(violations)),
    }
}

fn todos_of_user(request: &SeedRequest, number: u32) -> usize {
    let users = u64::from(request.users);
    // The remainder of an equal share goes to the first users.
    let extra = u64::from(u64::from(number) < request.todos % users);
    usize::try_from(request.todos / users + extra).unwrap_or(usize::MAX)
}

fn demo_id_range() -> (ObjectId, ObjectId) {
    let filled = |byte| {
        let mut bytes = [byte; 12];
        bytes[..ID_PREFIX.len()].copy_from_slice(&ID_PREFIX);
        ObjectId::from_bytes(bytes)
    };
    (filled(0), filled(0xff))
}
