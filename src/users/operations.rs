//! What users do with their accounts, for every face of the service. Must not know JSON or status codes.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::model::{self, Limits, User};
use super::password::{Hasher, Verdict};
use super::store::Users;
use crate::auth::operations::{Auth, TokenPair};
use crate::auth::token::Claims;
use crate::clock::Clock;
use crate::error::{Error, TokenFault};
use crate::todos::store::Todos;

/// The acts on users, over the stores that they concern.
pub struct Accounts {
    users: Users,
    todos: Todos,
    auth: Arc<Auth>,
    hasher: Arc<Hasher>,
    clock: Clock,
}

impl Accounts {
    /// The acts over these stores.
    #[must_use]
    pub fn new(users: Users, todos: Todos, auth: Arc<Auth>, hasher: Arc<Hasher>, clock: Clock) -> Self {
        Self { users, todos, auth, hasher, clock }
    }

    /// Registers a user.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every broken rule; [`Error::UsernameTaken`]; [`Error::Unavailable`].
    pub async fn register(
        &self,
        username: String,
        password: &SecretString,
        limits: Limits,
    ) -> Result<User, Error> {
        let faults = model::faults(&username, password.expose_secret(), limits);
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        let password_hash = self.hasher.hash(password).await?;
        let user = User::new(username, password_hash, self.clock.now());
        self.users.insert(&user).await?;
        Ok(user)
    }

    /// Opens a session for a name and its password; `ip` is where from. An unknown name costs a hash too.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`]; [`Error::Unavailable`].
    pub async fn login(
        &self,
        name: &str,
        password: &SecretString,
        ip: Option<String>,
    ) -> Result<TokenPair, Error> {
        let user = self.users.by_name(name).await?;
        let verdict =
            self.hasher.verify(password, user.as_ref().map(|user| user.password_hash.as_str())).await?;
        let user = match (user, verdict) {
            (None, _) | (_, Verdict::Wrong) => return Err(Error::InvalidCredentials),
            (Some(user), verdict) => {
                if verdict == Verdict::RightButOutdated {
                    self.users.rehash(&user, &self.hasher.hash(password).await?).await?;
                }
                user
            }
        };
        self.auth.open(user.subject(), ip).await
    }

    /// A new access token, not fresh, for the session of a refresh token, with the user's roles as they are now.
    ///
    /// # Errors
    /// [`TokenFault::Revoked`] when the user or the session is over; [`Error::Unavailable`].
    pub async fn refresh(&self, refresh: &Claims) -> Result<String, Error> {
        match self.users.by_id(refresh.sub).await? {
            Some(user) if user.epoch == refresh.epoch => self.auth.renew(refresh.sid, user.subject()).await,
            _ => Err(Error::Token(TokenFault::Revoked)),
        }
    }

    /// The user of a name, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find(&self, username: &str) -> Result<Option<User>, Error> {
        self.users.by_name(username).await
    }

    /// Deletes a user with everything that is theirs. The order makes it safe to repeat from any point: first no login
    /// and no refresh, then every token is refused, then what is theirs goes, and the name is free again last.
    /// [`Accounts::finish_deletions`] takes up what was cut off.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete(&self, user: &User) -> Result<(), Error> {
        let Some(user) = self.users.begin_deletion(user.id, self.clock.now()).await? else { return Ok(()) };
        self.auth.lock_out(user.id, user.epoch).await?;
        self.todos.of(user.id).remove_all().await?;
        self.auth.forget(user.id).await?;
        self.users.remove(user.id).await
    }

    /// Ends deletions that were cut off half-way, by a crash or an outage.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn finish_deletions(&self) -> Result<(), Error> {
        for user in self.users.being_deleted().await? {
            tracing::info!(user = %user.id, "ending a deletion that was cut off");
            self.delete(&user).await?;
        }
        Ok(())
    }
}
