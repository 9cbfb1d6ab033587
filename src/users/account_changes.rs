//! Changes of an account, most of which end sessions: password, sessions, deletion.
//!
//! **Invariant:** the user's epoch is raised in the database before sessions are ended. A login that runs at the same
//! time then gets a token of the earlier epoch, which is revoked too.

use bson::oid::ObjectId;
use secrecy::{ExposeSecret, SecretString};

use super::model::{self, LIMITS, User, UserPatch};
use super::operations::{Accounts, ClientInfo, DELETION_TIMEOUT_MILLIS};
use super::store::{PasswordGuard, PasswordTerms};
use crate::audit::store::Event;
use crate::auth::operations::Tokens;
use crate::auth::store::{NewSession, Session};
use crate::auth::token::Claims;
use crate::crypto::random_id::RandomId;
use crate::error::{Error, Resource, TokenRejection, Violation};
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

    /// Ends all sessions, the caller's too, and opens a new one for the caller. Personal access tokens stay, unless
    /// `end_tokens`. If this fails after the password was
    /// changed, no earlier token works, and the caller can log in with the new password.
    pub async fn change_password(
        &self,
        claims: &Claims,
        current: &SecretString,
        new: &SecretString,
        end_tokens: bool,
        client: &ClientInfo,
    ) -> Result<Tokens, Error> {
        let (user, session) = self.require_live_session(claims).await?;
        require_good_password("new_password", &user, new)?;
        let name = user.username.clone();
        let user = self.verify_password(&name, Some(user), current, client).await?;
        // Fails if another request has ended the caller's session since: a thief must not change the password afterwards.
        let unchanged = PasswordGuard { epoch: Some(user.epoch), versions: None };
        let terms = PasswordTerms { must_change: false, end_tokens };
        let changed = self.replace_password(user.id, unchanged, new, terms, client).await?;
        let user = changed.ok_or(Error::Token(TokenRejection::Revoked))?;
        self.record_event(Event::PasswordChanged, &user, Some(claims.sid), client).await;
        let new_session = NewSession { rotating: session.rotating, device: session.device, ip: client.ip() };
        self.auth.open_session(user.subject(), new_session).await
    }

    /// Lets a login with a password of one use replace it. A login with any other password passes, if it has no new one.
    pub(super) async fn replace_one_time_password(
        &self,
        user: User,
        given: &SecretString,
        new: Option<&SecretString>,
        client: &ClientInfo,
    ) -> Result<User, Error> {
        let new = match (user.must_change_password, new) {
            (false, None) => return Ok(user),
            (true, None) => return Err(Error::PasswordChangeRequired),
            (false, Some(_)) => return Err(new_password_violation("not_needed", NOT_NEEDED)),
            (true, Some(new)) if new.expose_secret() == given.expose_secret() => {
                return Err(new_password_violation("not_new", "The new password must be another one."));
            }
            (true, Some(new)) => new,
        };
        require_good_password("new_password", &user, new)?;
        let unchanged = PasswordGuard { epoch: Some(user.epoch), versions: None };
        let changed =
            self.replace_password(user.id, unchanged, new, PasswordTerms::default(), client).await?;
        // Another request has changed the password since, so the given one is no longer right.
        let user = changed.ok_or(Error::InvalidCredentials)?;
        self.record_event(Event::PasswordChanged, &user, None, client).await;
        Ok(user)
    }

    /// `None` if there is no such user, or `guard` refuses the change.
    pub(crate) async fn replace_password(
        &self,
        id: ObjectId,
        guard: PasswordGuard<'_>,
        new: &SecretString,
        terms: PasswordTerms,
        client: &ClientInfo,
    ) -> Result<Option<User>, Error> {
        let hash = self.hasher.hash_again(&client.requester, new).await?;
        // The same write raises the epoch.
        let changed = self.users.set_password(id, guard, &hash, terms).await?;
        if let Some(user) = &changed {
            self.auth.end_sessions_before_epoch(user.id, user.epoch, "password").await?;
            if terms.end_tokens {
                self.access_tokens.end_before_epoch(user, client.origin()).await?;
            }
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
        self.end_session_of(&user, sid, client).await
    }

    pub(crate) async fn end_session_of(
        &self,
        user: &User,
        sid: RandomId,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        if !self.auth.has_live_session(sid, user.id, user.epoch).await? {
            return Err(Error::NotFound(Resource::Session));
        }
        self.auth.end_session(sid, "ended").await?;
        self.record_event(Event::SessionsEnded, user, Some(sid), client).await;
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

    /// Safe to repeat from any point because of the order of its steps. [`Accounts::finish_deletions`] completes a
    /// deletion that was interrupted. Fails with [`Error::LastAdmin`] if nothing was deleted.
    pub async fn delete(&self, user: &User, client: &ClientInfo) -> Result<(), Error> {
        match self.begin_deletion(user.id, None, client).await? {
            Some(user) => self.complete_deletion(&user).await,
            None => Ok(()),
        }
    }

    /// From here on the user cannot log in, and all earlier tokens are revoked. `None` if the user does not exist or has
    /// none of the `versions`. The caller must call [`Accounts::complete_deletion`].
    pub async fn begin_deletion(
        &self,
        id: ObjectId,
        versions: Option<&[i64]>,
        client: &ClientInfo,
    ) -> Result<Option<User>, Error> {
        // First, because logins and refreshes fail from here on.
        let Some(user) = self.users.begin_deletion(id, versions, self.clock.now()).await? else {
            return Ok(None);
        };
        // Before the data is deleted, so that requests with earlier tokens stop adding to it.
        self.auth.end_sessions_before_epoch(user.id, user.epoch, "deleted").await?;
        self.access_tokens.end_before_epoch(&user, client.origin()).await?;
        self.record_event(Event::Deleted, &user, None, client).await;
        Ok(Some(user))
    }

    pub async fn complete_deletion(&self, user: &User) -> Result<(), Error> {
        self.owned.delete_all(user.id).await?;
        self.idempotency.delete_all_of(user.id).await?;
        self.imports.delete_all_of(user.id).await?;
        self.auth.delete_sessions(user.id).await?;
        self.access_tokens.delete_all_of(user.id).await?;
        // Last, because this makes the name available again, and a repetition needs the user.
        self.users.finish_deletion(user.id).await
    }

    /// Completes the deletions that began more than [`DELETION_TIMEOUT_MILLIS`] ago. A failure of one user does not keep
    /// the others.
    pub async fn finish_deletions(&self) -> Result<(), Error> {
        let begun = self.clock.now().saturating_add_millis(-DELETION_TIMEOUT_MILLIS);
        for user in self.users.unfinished_deletions(begun).await? {
            tracing::info!(user = %user.id, "completing a deletion that was interrupted");
            // Somebody else has begun it.
            let client = ClientInfo { is_operator: false, ..ClientInfo::OPERATOR };
            if let Err(error) = self.delete(&user, &client).await {
                tracing::warn!(user = %user.id, %error, "cannot complete a deletion, retrying later");
            }
        }
        Ok(())
    }
}

const NOT_NEEDED: &str =
    "This password need not be changed. To change it nevertheless, log in without a new password.";

fn new_password_violation(code: &'static str, detail: &str) -> Error {
    Error::Invalid(vec![Violation::of("new_password", code, detail)])
}

/// `field` is where the request has the password.
pub(crate) fn require_good_password(field: &str, user: &User, new: &SecretString) -> Result<(), Error> {
    let violations = model::password_violations(field, Some(&user.username), new.expose_secret(), LIMITS);
    if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
}
