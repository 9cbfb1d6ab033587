//! Writes demo data through the stores. Must leave alone whatever is there: an id that is taken is passed over, so a
//! seeding that is repeated, or was cut off, adds what is missing and nothing twice.

use std::sync::Arc;

use bson::DateTime;
use bson::oid::ObjectId;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use secrecy::{ExposeSecret, SecretString};

use super::model::{MARK, Recipe};
use crate::error::Error;
use crate::lists::store::Lists;
use crate::mongo::Db;
use crate::owned::batch::BATCH_MAX;
use crate::todos::store::Todos;
use crate::users::model::{LIMITS, NewUser, User};
use crate::users::password::{Hasher, PasswordCheck};
use crate::users::store::Users;
use crate::workspace::TODOS_MAX;

/// How many users are written for at a time: while the database writes, the next todos are made up. More would share the
/// time that a batch may take.
const AT_A_TIME: usize = 2;

/// How much demo data there is to be.
#[derive(Debug)]
pub struct Order {
    /// Which data.
    pub seed: u32,
    /// How many users, at least one.
    pub users: u32,
    /// How many todos in all, shared out evenly.
    pub todos: u64,
    /// The password of every user.
    pub password: SecretString,
    /// Whether other users may be there.
    pub force: bool,
}

/// What was written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Seeded {
    /// How many lists there are to be.
    pub lists: u64,
    /// How many of the todos were not there yet.
    pub new_todos: u64,
}

/// Why nothing was seeded, or not all.
#[derive(Debug)]
pub enum Obstacle {
    /// There are users who are no demo users.
    OtherUsers,
    /// So many todos need at least so many users.
    TooFewUsers(u64),
    /// The first demo user is there, and has another password.
    OtherPassword,
    /// Another: the password breaks a rule, a name is taken, the database does not answer.
    Error(Error),
}

impl From<Error> for Obstacle {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// The stores that demo data goes into.
pub struct Seeder {
    users: Users,
    lists: Lists,
    todos: Todos,
    hasher: Arc<Hasher>,
}

impl Seeder {
    /// Over the collections of `db`.
    #[must_use]
    pub fn new(db: &Db, hasher: Arc<Hasher>) -> Self {
        Self { users: Users::new(db), lists: Lists::new(db), todos: Todos::new(db), hasher }
    }

    /// Writes what is ordered and is not there yet, as of the day of `now`; `progress` is told of todos as they are
    /// written, or found to be there.
    ///
    /// # Errors
    /// See [`Obstacle`]; some of it may have been written then.
    pub async fn run(
        &self,
        order: &Order,
        now: DateTime,
        progress: impl Fn(u64) + Sync,
    ) -> Result<Seeded, Obstacle> {
        let needed = users_needed(order.todos);
        if u64::from(order.users) < needed {
            return Err(Obstacle::TooFewUsers(needed));
        }
        let recipe = Recipe::new(order.seed, now);
        check_password(order, &recipe)?;
        let (first, last) = marked();
        if !order.force && self.users.has_others_than(first, last).await? {
            return Err(Obstacle::OtherUsers);
        }
        self.add_users(order, &recipe).await?;
        let each = stream::iter(0..order.users)
            .map(|number| self.add_plan(&recipe, number, share(order, number), &progress))
            .buffer_unordered(AT_A_TIME);
        let sum = |all: Seeded, one: Seeded| async move {
            Ok(Seeded { lists: all.lists + one.lists, new_todos: all.new_todos + one.new_todos })
        };
        Ok(each.try_fold(Seeded::default(), sum).await?)
    }

    /// Adds the users. All have one hash, since thousands would take minutes to make; so whoever reads the hashes sees
    /// that the password is the same, which is no secret here.
    async fn add_users(&self, order: &Order, recipe: &Recipe) -> Result<(), Obstacle> {
        let demo = recipe.user(0, "");
        let hash = match self.users.find_by_id(demo.id).await? {
            None => self.hasher.hash(&order.password).await?,
            Some(demo) => match self.hasher.verify(&order.password, Some(&demo.password_hash)).await? {
                PasswordCheck::Wrong => return Err(Obstacle::OtherPassword),
                PasswordCheck::Correct | PasswordCheck::CorrectButOutdated => demo.password_hash,
            },
        };
        let mut numbers = 0..order.users;
        loop {
            let users: Vec<User> =
                numbers.by_ref().take(BATCH_MAX).map(|number| recipe.user(number, &hash)).collect();
            if users.is_empty() {
                return Ok(());
            }
            self.users.insert_missing(&users).await?;
        }
    }

    /// Adds the lists and todos of one user.
    async fn add_plan(
        &self,
        recipe: &Recipe,
        number: u32,
        count: usize,
        progress: &(impl Fn(u64) + Sync),
    ) -> Result<Seeded, Error> {
        let (lists, todos) = recipe.plan(number, count)?;
        let owner_id = recipe.user_id(number);
        self.lists.of(owner_id).insert_each(&lists).await?;
        let mut seeded = Seeded { lists: lists.len() as u64, new_todos: 0 };
        for batch in todos.chunks(BATCH_MAX) {
            seeded.new_todos += self.todos.of(owner_id).insert_each(batch).await?;
            progress(batch.len() as u64);
        }
        Ok(seeded)
    }
}

/// How many users so many todos need at least.
#[must_use]
pub fn users_needed(todos: u64) -> u64 {
    todos.div_ceil(TODOS_MAX).max(1)
}

/// Refuses a password that breaks a rule for one of the users: it may be none of their names.
fn check_password(order: &Order, recipe: &Recipe) -> Result<(), Error> {
    let password = Some(order.password.expose_secret());
    let faults = (0..order.users).map(|number| {
        let user = recipe.user(number, "");
        NewUser::violations(Some(&user.username), password, user.email.as_deref(), LIMITS)
    });
    faults.into_iter().find(|faults| !faults.is_empty()).map_or(Ok(()), |faults| Err(Error::Invalid(faults)))
}

/// How many of the todos the user of a number gets; the first get the rest.
fn share(order: &Order, number: u32) -> usize {
    let users = u64::from(order.users);
    let rest = u64::from(u64::from(number) < order.todos % users);
    usize::try_from(order.todos / users + rest).unwrap_or(usize::MAX)
}

/// The lowest and the highest id that demo data may have.
fn marked() -> (ObjectId, ObjectId) {
    let filled = |byte| {
        let mut bytes = [byte; 12];
        bytes[..MARK.len()].copy_from_slice(&MARK);
        ObjectId::from_bytes(bytes)
    };
    (filled(0), filled(0xff))
}
