//! What admins do with other users. The API, the pages of admins and the commands of operators use these operations.
//!
//! **Invariant:** every change is in the audit, with the admin who made it. A repetition of a change is there again,
//! because the first attempt may have stopped before its record.

use std::collections::HashMap;
use std::sync::Arc;

use bson::DateTime;
use bson::oid::ObjectId;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio_util::task::TaskTracker;

use super::model::{Administrator, GivenPassword, ManagedUser, UserPosition, UserQuery};
use super::store::UserPages;
use crate::access_tokens::model::AccessToken;
use crate::audit::store::{Actor, Audit, AuditEntry, AuditQuery, Event};
use crate::auth::store::Session;
use crate::auth::token::{Claims, Role};
use crate::clock::Clock;
use crate::crypto::random_id::RandomId;
use crate::error::{Error, Resource};
use crate::owned::{Conflict, State};
use crate::users::access::{AccessPatch, LastAdmin};
use crate::users::account_changes::require_good_password;
use crate::users::model::{NewUser, User};
use crate::users::operations::{Accounts, ClientInfo};
use crate::users::store::{PasswordGuard, PasswordTerms};

// Each counts the todos of one user.
const COUNTS_AT_A_TIME: usize = 4;

const NO_USER: Error = Error::NotFound(Resource::User);

pub struct Administration {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) pages: UserPages,
    pub(crate) audit: Audit,
    pub(crate) tasks: TaskTracker,
    pub(crate) clock: Clock,
}

impl Administrator {
    /// What the admin does from this client.
    #[must_use]
    pub fn acting_from(&self, client: ClientInfo) -> ClientInfo {
        let by = Actor { user_id: self.user.id, username: self.user.username.clone() };
        ClientInfo { by: Some(by), ..client }
    }
}

impl Administration {
    /// Reads the user and the session, because the roles in the token and the blacklist in memory can be outdated. Returns
    /// [`Error::Forbidden`] if the user is no admin.
    pub async fn administrator(&self, claims: &Claims) -> Result<Administrator, Error> {
        if !claims.roles.contains(&Role::Admin) {
            return Err(Error::Forbidden);
        }
        let user = self.accounts.require_live_caller(claims).await?;
        let is_admin = user.roles.contains(&Role::Admin) && user.disabled_at.is_none();
        if is_admin { Ok(Administrator { user, session_id: claims.sid }) } else { Err(Error::Forbidden) }
    }

    pub async fn users(
        &self,
        query: &UserQuery,
        last: Option<&UserPosition>,
        limit: i64,
    ) -> Result<Vec<ManagedUser>, Error> {
        self.managed(self.pages.page(query, last, limit).await?).await
    }

    /// Without the numbers, which are read for each user.
    pub async fn page(
        &self,
        query: &UserQuery,
        last: Option<&UserPosition>,
        limit: i64,
    ) -> Result<Vec<User>, Error> {
        self.pages.page(query, last, limit).await
    }

    pub async fn user(&self, id: ObjectId) -> Result<ManagedUser, Error> {
        let user = self.existing(id).await?;
        self.managed_one(user).await
    }

    /// Adds the numbers that admins see.
    pub async fn managed_one(&self, user: User) -> Result<ManagedUser, Error> {
        self.managed(vec![user]).await?.pop().ok_or(NO_USER)
    }

    async fn managed(&self, users: Vec<User>) -> Result<Vec<ManagedUser>, Error> {
        let epochs: HashMap<_, _> = users.iter().map(|user| (user.id, user.epoch)).collect();
        let usage = self.accounts.auth.usage(&epochs).await?;
        let counted = users.into_iter().map(|user| {
            let usage = usage.get(&user.id).copied();
            async move {
                let todos = self.accounts.owned.todos.of(user.id);
                Ok(ManagedUser {
                    last_used_at: usage.map(|usage| usage.last_used_at),
                    session_count: usage.map_or(0, |usage| usage.sessions),
                    todo_count: todos.count_in(State::Live, u64::from(u32::MAX)).await?,
                    user,
                })
            }
        });
        stream::iter(counted).buffered(COUNTS_AT_A_TIME).try_collect().await
    }

    /// Like [`Accounts::create_with_id`].
    pub async fn create(&self, id: ObjectId, new: NewUser, by: &ClientInfo) -> Result<User, Error> {
        self.accounts.create_with_id(id, new, by).await
    }

    /// Ends all sessions if anything changes, because tokens carry the roles. Fails with [`Error::LastAdmin`] if no admin
    /// would be left.
    pub async fn set_access(
        &self,
        id: ObjectId,
        patch: &AccessPatch,
        versions: Option<&[i64]>,
        last_admin: LastAdmin,
        by: &ClientInfo,
    ) -> Result<User, Conflict<User>> {
        let users = &self.accounts.users;
        let Some(user) = users.set_access(id, patch, versions, last_admin, self.clock.now()).await? else {
            return Err(self.stale(id).await);
        };
        let why = match patch.disabled {
            Some(true) => "disabled",
            Some(false) => "enabled",
            None => "roles",
        };
        // Also after a repetition, because the first attempt may have stopped here.
        self.accounts.auth.end_sessions_before_epoch(user.id, user.epoch, why).await?;
        if patch.disabled == Some(true) {
            self.accounts.access_tokens.end_before_epoch(&user, by.origin()).await?;
        }
        if patch.roles.is_some() {
            self.accounts.record_event(Event::RolesChanged, &user, None, by).await;
        }
        if let Some(disabled) = patch.disabled {
            let event = if disabled { Event::Disabled } else { Event::Enabled };
            self.accounts.record_event(event, &user, None, by).await;
        }
        Ok(user)
    }

    /// Needs no current password, and ends all sessions.
    pub async fn set_password(
        &self,
        id: ObjectId,
        given: &GivenPassword,
        versions: Option<&[i64]>,
        by: &ClientInfo,
    ) -> Result<User, Conflict<User>> {
        let user = self.existing(id).await?;
        require_good_password("password", &user, &given.password)?;
        let guard = PasswordGuard { epoch: None, versions };
        let terms = PasswordTerms { must_change: given.must_change, end_tokens: false };
        let changed = self.accounts.replace_password(id, guard, &given.password, terms, by).await?;
        let Some(user) = changed else { return Err(self.stale(id).await) };
        self.accounts.record_event(Event::PasswordChanged, &user, None, by).await;
        Ok(user)
    }

    /// The user cannot log in any more and all tokens are revoked when this returns. A task then deletes the data of the
    /// user; [`Accounts::finish_deletions`] completes what is interrupted. Fails with [`Error::LastAdmin`] if no admin
    /// would be left.
    pub async fn delete(
        &self,
        id: ObjectId,
        versions: Option<&[i64]>,
        by: &ClientInfo,
    ) -> Result<(), Conflict<User>> {
        // A user who is being deleted already is not found.
        self.existing(id).await?;
        let Some(user) = self.accounts.begin_deletion(id, versions, by).await? else {
            return Err(self.stale(id).await);
        };
        let accounts = self.accounts.clone();
        self.tasks.spawn(async move {
            if let Err(error) = accounts.complete_deletion(&user).await {
                tracing::warn!(user = %user.id, %error, "cannot complete a deletion, retrying later");
            }
        });
        Ok(())
    }

    pub async fn sessions(&self, id: ObjectId) -> Result<Vec<Session>, Error> {
        let user = self.existing(id).await?;
        self.accounts.auth.live_sessions(user.id, user.epoch).await
    }

    pub async fn end_sessions(&self, id: ObjectId, by: &ClientInfo) -> Result<(), Error> {
        let user = self.accounts.users.raise_epoch(id).await?.ok_or(NO_USER)?;
        self.accounts.auth.end_sessions_before_epoch(user.id, user.epoch, "admin").await?;
        self.accounts.record_event(Event::SessionsEnded, &user, None, by).await;
        Ok(())
    }

    pub async fn end_session(&self, id: ObjectId, sid: RandomId, by: &ClientInfo) -> Result<(), Error> {
        let user = self.existing(id).await?;
        self.accounts.end_session_of(&user, sid, by).await
    }

    pub async fn set_blocked(
        &self,
        id: ObjectId,
        sid: RandomId,
        blocked: bool,
        by: &ClientInfo,
    ) -> Result<Session, Error> {
        let user = self.existing(id).await?;
        let session = self.accounts.auth.set_blocked(sid, user.id, user.epoch, blocked).await?;
        let session = session.ok_or(Error::NotFound(Resource::Session))?;
        let event = if blocked { Event::SessionBlocked } else { Event::SessionUnblocked };
        self.accounts.record_event(event, &user, Some(sid), by).await;
        Ok(session)
    }

    /// Newest first, with expired ones.
    pub async fn tokens(&self, id: ObjectId) -> Result<Vec<AccessToken>, Error> {
        let user = self.existing(id).await?;
        self.accounts.access_tokens.list(user.id).await
    }

    pub async fn end_tokens(&self, id: ObjectId, by: &ClientInfo) -> Result<(), Error> {
        let user = self.existing(id).await?;
        self.accounts.access_tokens.end_all_of(user.id, by.origin()).await?;
        Ok(())
    }

    pub async fn end_token(&self, id: ObjectId, token_id: ObjectId, by: &ClientInfo) -> Result<(), Error> {
        let user = self.existing(id).await?;
        self.accounts.access_tokens.end(&user, token_id, by.origin()).await
    }

    /// Newest first. `last` is the time and the id of the last entry of the previous page.
    pub async fn audit(
        &self,
        query: &AuditQuery,
        last: Option<(DateTime, ObjectId)>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, Error> {
        self.audit.page(query, last, limit).await
    }

    /// For commands of operators.
    pub async fn id_of(&self, username: &str) -> Result<ObjectId, Error> {
        Ok(self.accounts.find_by_name(username).await?.ok_or(NO_USER)?.id)
    }

    async fn existing(&self, id: ObjectId) -> Result<User, Error> {
        self.accounts.users.find_by_id(id).await?.ok_or(NO_USER)
    }

    /// Why a conditional write has found no user.
    async fn stale(&self, id: ObjectId) -> Conflict<User> {
        match self.existing(id).await {
            Ok(current) => Conflict::Stale(Some(Box::new(current))),
            Err(error) => Conflict::Error(error),
        }
    }
}
