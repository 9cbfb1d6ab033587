//! Changes of an account that end sessions: password, sessions, roles, disabling, deletion. Must raise the user's epoch in the
//! database before it locks anyone out, so that a login that races with it yields a dead token.

use bson::oid::ObjectId;
use secrecy::{ExposeSecret, SecretString};

use super::model::{self, LIMITS, User, UserPatch};
use super::operations::{Accounts, ClientInfo, DELETION_TIMEOUT_MILLIS};
use crate::audit::store::Event;
use crate::auth::operations::Tokens;
use crate::auth::store::Session;
use crate::auth::token::{Claims, Role};
use crate::crypto::random_id::RandomId;
use crate::error::{Error, Resource, TokenRejection};
use crate::owned::Conflict;

impl Accounts {
    /// The caller as stored.
    ///
    /// # Errors
    /// [`TokenRejection::Revoked`] when there is no such user any more; [`Error::Unavailable`].
    pub async fn get(&self, id: ObjectId) -> Result<User, Error> {
        self.users.find_by_id(id).await?.ok_or(Error::Token(TokenRejection::Revoked))
    }

    /// Changes what a user may change about themselves, if the version is one of `versions` or that is `None`.
    ///
    /// # Errors
    /// [`Conflict::Stale`] with the user as it is now.
    pub async fn patch(
        &self,
        id: ObjectId,
        patch: UserPatch,
        versions: Option<Vec<i64>>,
    ) -> Result<User, Conflict<User>> {
        match self.users.patch(id, patch, versions).await? {
            Some(changed) => Ok(changed),
            None => Err(Conflict::Stale(Some(Box::new(self.get(id).await?)))),
        }
    }

    /// Changes the password of the caller, who gives the current one. Every other session ends, and the caller's goes
    /// on with new tokens.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] for a wrong current password; [`Error::Invalid`]; [`Error::Throttled`];
    /// [`Error::Unavailable`].
    pub async fn change_password(
        &self,
        claims: &Claims,
        current: &SecretString,
        new: &SecretString,
        client: &ClientInfo,
    ) -> Result<Tokens, Error> {
        let user = self.require_live_caller(claims).await?;
        let violations =
            model::password_violations("new_password", Some(&user.username), new.expose_secret(), LIMITS);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let name = user.username.clone();
        let user = self.verify_password(&name, Some(user), current, client).await?;
        let user = self.replace_password(&user, new, Some(claims.sid)).await?;
        self.record_event(Event::PasswordChanged, &user, Some(claims.sid), client).await;
        self.auth.issue_fresh_tokens(claims.sid, user.subject()).await
    }

    async fn replace_password(
        &self,
        user: &User,
        new: &SecretString,
        except: Option<RandomId>,
    ) -> Result<User, Error> {
        let changed = self.users.set_password(user, &self.hasher.hash(new).await?).await?;
        let user = changed.ok_or(Error::InvalidCredentials)?;
        self.auth.end_sessions_before_epoch(user.id, user.epoch, except, "password").await?;
        Ok(user)
    }

    /// The living sessions of the caller.
    ///
    /// # Errors
    /// As [`Accounts::require_live_caller`].
    pub async fn sessions(&self, claims: &Claims) -> Result<Vec<Session>, Error> {
        let user = self.require_live_caller(claims).await?;
        self.auth.live_sessions(user.id, user.epoch).await
    }

    /// Ends one session of the caller.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the caller has no such session; as [`Accounts::require_live_caller`].
    pub async fn end_session(
        &self,
        claims: &Claims,
        sid: RandomId,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        let user = self.require_live_caller(claims).await?;
        if !self.auth.has_live_session(sid, user.id, user.epoch).await? {
            return Err(Error::NotFound(Resource::Session));
        }
        self.auth.end_session(sid, "ended").await?;
        self.record_event(Event::SessionsEnded, &user, Some(sid), client).await;
        Ok(())
    }

    /// Ends every session of the caller, or every other.
    ///
    /// # Errors
    /// As [`Accounts::require_live_caller`].
    pub async fn end_sessions(
        &self,
        claims: &Claims,
        except_current: bool,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        let user = self.require_live_caller(claims).await?;
        let except = except_current.then_some(claims.sid);
        let user = self.users.raise_epoch(user.id).await?.ok_or(Error::Token(TokenRejection::Revoked))?;
        self.auth.end_sessions_before_epoch(user.id, user.epoch, except, "everywhere").await?;
        self.record_event(Event::SessionsEnded, &user, None, client).await;
        Ok(())
    }

    /// Sets a password without knowing the current one, and ends every session: for operators.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`]; [`Error::Unavailable`].
    pub async fn set_password(&self, username: &str, new: &SecretString) -> Result<User, Error> {
        let user = self.require_by_name(username).await?;
        let violations =
            model::password_violations("password", Some(&user.username), new.expose_secret(), LIMITS);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let user = self.replace_password(&user, new, None).await?;
        self.record_event(Event::PasswordChanged, &user, None, &ClientInfo::default()).await;
        Ok(user)
    }

    /// Gives a user these roles instead of the present ones, and ends every session: for operators.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn set_roles(&self, username: &str, roles: &[Role]) -> Result<User, Error> {
        let user = self.require_by_name(username).await?;
        let user = self.users.set_roles(user.id, roles).await?.ok_or(Error::NotFound(Resource::User))?;
        self.auth.end_sessions_before_epoch(user.id, user.epoch, None, "roles").await?;
        self.record_event(Event::RolesChanged, &user, None, &ClientInfo::default()).await;
        Ok(user)
    }

    /// Keeps a user from logging in and ends every session, or lets them log in again: for operators.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`].
    pub async fn set_disabled(&self, username: &str, disabled: bool) -> Result<User, Error> {
        let user = self.require_by_name(username).await?;
        let since = disabled.then(|| self.clock.now());
        let user = self.users.set_disabled(user.id, since).await?.ok_or(Error::NotFound(Resource::User))?;
        self.auth.end_sessions_before_epoch(user.id, user.epoch, None, "disabled").await?;
        let event = if disabled { Event::Disabled } else { Event::Enabled };
        self.record_event(event, &user, None, &ClientInfo::default()).await;
        Ok(user)
    }

    async fn require_by_name(&self, username: &str) -> Result<User, Error> {
        self.find_by_name(username).await?.ok_or(Error::NotFound(Resource::User))
    }

    /// Deletes a user with everything that is theirs. The order makes it safe to repeat from any point: first no login
    /// and no refresh, then every token is refused, then what is theirs goes, and the name is free again last.
    /// [`Accounts::finish_deletions`] takes up what was cut off.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete(&self, user: &User, client: &ClientInfo) -> Result<(), Error> {
        let Some(user) = self.users.begin_deletion(user.id, self.clock.now()).await? else { return Ok(()) };
        self.auth.end_sessions_before_epoch(user.id, user.epoch, None, "deleted").await?;
        self.todos.of(user.id).delete_all().await?;
        self.lists.of(user.id).delete_all().await?;
        self.auth.delete_sessions(user.id).await?;
        self.users.finish_deletion(user.id).await?;
        self.record_event(Event::Deleted, &user, None, client).await;
        Ok(())
    }

    /// Ends deletions that were cut off half-way, by a crash or an outage: those that began more than
    /// [`DELETION_TIMEOUT_MILLIS`] ago.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn finish_deletions(&self) -> Result<(), Error> {
        let begun = self.clock.now().saturating_add_millis(-DELETION_TIMEOUT_MILLIS);
        for user in self.users.unfinished_deletions(begun).await? {
            tracing::info!(user = %user.id, "ending a deletion that was cut off");
            self.delete(&user, &ClientInfo::default()).await?;
        }
        Ok(())
    }
}
