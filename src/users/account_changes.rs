//! Changes of an account, most of which end sessions: password, sessions, roles, disabling, deletion.
//!
//! **Invariant:** the user's epoch is raised in the database before sessions are ended. A login that runs at the same
//! time then gets a token of the earlier epoch, which is revoked too.

use bson::oid::ObjectId;
use secrecy::{ExposeSecret, SecretString};

use super::model::{self, LIMITS, User, UserPatch};
use super::operations::{Accounts, ClientInfo, DELETION_TIMEOUT_MILLIS};
use crate::audit::store::Event;
use crate::auth::operations::{NewSession, Tokens};
use crate::auth::store::Session;
use crate::auth::token::{Claims, Role};
use crate::crypto::random_id::RandomId;
use crate::error::{Error, Resource, TokenRejection};
use crate::owned::Conflict;

impl Accounts {
    /// Returns [`TokenRejection::Revoked`] if the user does not exist, because only callers with a token ask.
    pub async fn get(&self, id: ObjectId) -> Result<User, Error> {
        self.users.find_by_id(id).await?.ok_or(Error::Token(TokenRejection::Revoked))
    }

    /// `versions: None` accepts any version. [`Conflict::Stale`] contains the current user.
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

    /// Ends all sessions, the caller's too, and opens a new one for the caller. If this fails after the password was
    /// changed, no earlier token works, and the caller can log in with the new password.
    pub async fn change_password(
        &self,
        claims: &Claims,
        current: &SecretString,
        new: &SecretString,
        client: &ClientInfo,
    ) -> Result<Tokens, Error> {
        let (user, session) = self.require_live_session(claims).await?;
        let violations =
            model::password_violations("new_password", Some(&user.username), new.expose_secret(), LIMITS);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let name = user.username.clone();
        let user = self.verify_password(&name, Some(user), current, client).await?;
        // Fails if another request has ended the caller's session since: a thief must not change the password afterwards.
        let epoch = Some(user.epoch);
        let changed = self.replace_password(user.id, epoch, new, client).await?;
        let user = changed.ok_or(Error::Token(TokenRejection::Revoked))?;
        self.record_event(Event::PasswordChanged, &user, Some(claims.sid), client).await;
        let new_session = NewSession { rotating: session.rotating, device: session.device, ip: client.ip() };
        self.auth.open_session(user.subject(), new_session).await
    }

    /// `None` if there is no such user, or the user's epoch is not `epoch`; `None` for `epoch` accepts any.
    async fn replace_password(
        &self,
        id: ObjectId,
        epoch: Option<i64>,
        new: &SecretString,
        client: &ClientInfo,
    ) -> Result<Option<User>, Error> {
        let hash = self.hasher.hash_again(&client.requester, new).await?;
        // The same write raises the epoch.
        let changed = self.users.set_password(id, epoch, &hash).await?;
        if let Some(user) = &changed {
            self.auth.end_sessions_before_epoch(user.id, user.epoch, "password").await?;
        }
        Ok(changed)
    }

    pub async fn sessions(&self, claims: &Claims) -> Result<Vec<Session>, Error> {
        let user = self.require_live_caller(claims).await?;
        self.auth.live_sessions(user.id, user.epoch).await
    }

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

    pub async fn end_sessions(&self, claims: &Claims, client: &ClientInfo) -> Result<(), Error> {
        let user = self.raise_epoch(claims).await?;
        self.auth.end_sessions_before_epoch(user.id, user.epoch, "everywhere").await?;
        self.record_event(Event::SessionsEnded, &user, None, client).await;
        Ok(())
    }

    /// The caller's session continues with new tokens. If this fails, the caller may have to log in.
    pub async fn end_other_sessions(&self, claims: &Claims, client: &ClientInfo) -> Result<Tokens, Error> {
        let user = self.raise_epoch(claims).await?;
        let tokens = self.auth.end_other_sessions(claims.sid, user.subject(), "everywhere").await?;
        self.record_event(Event::SessionsEnded, &user, None, client).await;
        Ok(tokens)
    }

    async fn raise_epoch(&self, claims: &Claims) -> Result<User, Error> {
        let user = self.require_live_caller(claims).await?;
        self.users.raise_epoch(user.id).await?.ok_or(Error::Token(TokenRejection::Revoked))
    }

    /// For operators: needs no current password, and ends all sessions.
    pub async fn set_password(&self, username: &str, new: &SecretString) -> Result<User, Error> {
        let user = self.require_by_name(username).await?;
        let violations =
            model::password_violations("password", Some(&user.username), new.expose_secret(), LIMITS);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let changed = self.replace_password(user.id, None, new, &ClientInfo::OPERATOR).await?;
        let user = changed.ok_or(Error::NotFound(Resource::User))?;
        self.record_event(Event::PasswordChanged, &user, None, &ClientInfo::OPERATOR).await;
        Ok(user)
    }

    /// For operators. Ends all sessions, because tokens carry the roles.
    pub async fn set_roles(&self, username: &str, roles: &[Role]) -> Result<User, Error> {
        let user = self.require_by_name(username).await?;
        let user = self.users.set_roles(user.id, roles).await?.ok_or(Error::NotFound(Resource::User))?;
        self.auth.end_sessions_before_epoch(user.id, user.epoch, "roles").await?;
        self.record_event(Event::RolesChanged, &user, None, &ClientInfo::OPERATOR).await;
        Ok(user)
    }

    /// For operators. Ends all sessions, also when logins are allowed again.
    pub async fn set_disabled(&self, username: &str, disabled: bool) -> Result<User, Error> {
        let user = self.require_by_name(username).await?;
        let since = disabled.then(|| self.clock.now());
        let user = self.users.set_disabled(user.id, since).await?.ok_or(Error::NotFound(Resource::User))?;
        let (event, why) = if disabled { (Event::Disabled, "disabled") } else { (Event::Enabled, "enabled") };
        self.auth.end_sessions_before_epoch(user.id, user.epoch, why).await?;
        self.record_event(event, &user, None, &ClientInfo::OPERATOR).await;
        Ok(user)
    }

    async fn require_by_name(&self, username: &str) -> Result<User, Error> {
        self.find_by_name(username).await?.ok_or(Error::NotFound(Resource::User))
    }

    /// Safe to repeat from any point because of the order of its steps. [`Accounts::finish_deletions`] completes a
    /// deletion that was interrupted.
    pub async fn delete(&self, user: &User, client: &ClientInfo) -> Result<(), Error> {
        // First, because logins and refreshes fail from here on.
        let Some(user) = self.users.begin_deletion(user.id, self.clock.now()).await? else { return Ok(()) };
        // Before the data is deleted, so that requests with earlier tokens stop adding to it.
        self.auth.end_sessions_before_epoch(user.id, user.epoch, "deleted").await?;
        self.owned.delete_all(user.id).await?;
        self.idempotency.delete_all_of(user.id).await?;
        self.auth.delete_sessions(user.id).await?;
        // Last, because this makes the name available again, and a repetition needs the user.
        self.users.finish_deletion(user.id).await?;
        self.record_event(Event::Deleted, &user, None, client).await;
        Ok(())
    }

    /// Completes the deletions that began more than [`DELETION_TIMEOUT_MILLIS`] ago. A failure of one user does not keep
    /// the others.
    pub async fn finish_deletions(&self) -> Result<(), Error> {
        let begun = self.clock.now().saturating_add_millis(-DELETION_TIMEOUT_MILLIS);
        for user in self.users.unfinished_deletions(begun).await? {
            tracing::info!(user = %user.id, "completing a deletion that was interrupted");
            if let Err(error) = self.delete(&user, &ClientInfo::OPERATOR).await {
                tracing::warn!(user = %user.id, %error, "cannot complete a deletion, retrying later");
            }
        }
        Ok(())
    }
}
