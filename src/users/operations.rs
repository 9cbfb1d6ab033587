//! Registration, login, refresh and logout. Every API surface uses these operations.

use std::net::IpAddr;
use std::sync::Arc;

use bson::oid::ObjectId;
use metrics::counter;
use secrecy::SecretString;

use super::model::{NewUser, User, username_key};
use super::password::{Hasher, PasswordCheck};
use super::store::Users;
use crate::access_tokens::operations::{AccessTokens, Origin};
use crate::audit::store::{Actor, Audit, Event, RequestContext};
use crate::auth::operations::{Auth, Tokens};
use crate::auth::refresh::RefreshOutcome;
use crate::auth::store::{NewSession, Session};
use crate::auth::throttling::failed_logins::FailedLogins;
use crate::auth::throttling::{FAILURES_UNDER_ATTACK, Throttle};
use crate::auth::token::{Claims, USERNAME_MAX_CHARS};
use crate::clock::Clock;
use crate::crypto::random_id::RandomId;
use crate::error::{Error, TokenRejection};
use crate::http::admission::Requester;
use crate::idempotency::store::Idempotency;
use crate::mongo::object_id;
use crate::transfer::store::Imports;
use crate::workspace::stores::OwnedStores;

pub const FAILED_LOGINS: &str = "todo_api_failed_logins_total";

/// A deletion that takes longer than this was interrupted.
pub const DELETION_TIMEOUT_MILLIS: i64 = 30_000;

pub struct Accounts {
    pub(crate) users: Users,
    // Deleted with their owner.
    pub(crate) owned: OwnedStores,
    pub(crate) idempotency: Arc<Idempotency>,
    pub(crate) imports: Imports,
    pub(crate) auth: Arc<Auth>,
    pub(crate) access_tokens: Arc<AccessTokens>,
    pub(crate) audit: Audit,
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) throttle: Throttle,
    pub(crate) failed_logins: FailedLogins,
    pub(crate) clock: Clock,
    pub(crate) registration_open: bool,
}

#[derive(Clone)]
pub struct ClientInfo {
    pub ip: Option<IpAddr>,
    pub device: Option<String>,
    /// For whom passwords are hashed.
    pub requester: Requester,
    /// The admin who acts on another user's account.
    pub by: Option<Actor>,
    /// Whether this is a command instead of a request.
    pub is_operator: bool,
}

impl ClientInfo {
    pub const OPERATOR: Self =
        Self { ip: None, device: None, requester: Requester::OPERATOR, by: None, is_operator: true };

    /// For a change of another user's account.
    #[must_use]
    pub fn acting_as(self, admin: &Claims) -> Self {
        Self { by: Some(Actor { user_id: admin.sub, username: admin.username.clone() }), ..self }
    }

    pub(super) fn ip(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_string())
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin { ip: self.ip(), by: self.by.clone(), is_operator: self.is_operator }
    }
}

impl Accounts {
    pub fn admit_registration(&self, client: &ClientInfo) -> Result<(), Error> {
        if !self.registration_open {
            return Err(Error::RegistrationClosed);
        }
        self.admit_attempt(client)
    }

    /// Must be called before every attempt to log in or to change a password.
    pub fn admit_attempt(&self, client: &ClientInfo) -> Result<(), Error> {
        self.throttle.admit_address(client.ip)
    }

    /// Creates a user without the checks of [`Accounts::admit_registration`].
    pub async fn create(&self, new: NewUser, client: &ClientInfo) -> Result<User, Error> {
        let create =
            async || self.create_with_id(object_id::generate(self.clock.now()), new.clone(), client).await;
        object_id::until_free(create).await
    }

    /// Returns an existing user with this id and name, because an earlier attempt of the same request created it. Fails with
    /// [`Error::IdTaken`] if another user has this id.
    pub async fn create_with_id(
        &self,
        id: ObjectId,
        new: NewUser,
        client: &ClientInfo,
    ) -> Result<User, Error> {
        let password_hash = self.hasher.hash(&client.requester, &new.password).await?;
        let NewUser { username, email, roles, must_change_password, .. } = new;
        let user = User::new(id, username, password_hash, self.clock.now());
        let user = User { email, roles, must_change_password, ..user };
        match self.users.insert(&user).await {
            // The unique index on names or the one on ids may have refused the user.
            Err(Error::UsernameTaken) => match self.users.find_by_id(id).await? {
                Some(earlier) if earlier.username_key == user.username_key => Ok(earlier),
                Some(_) => Err(Error::IdTaken),
                None => Err(Error::UsernameTaken),
            },
            inserted => {
                inserted?;
                self.record_event(Event::Register, &user, None, client).await;
                Ok(user)
            }
        }
    }

    /// `new` replaces a password that is for one use. `rotating` is false for clients of the original.
    pub async fn login(
        &self,
        name: &str,
        password: &SecretString,
        new: Option<&SecretString>,
        rotating: bool,
        client: &ClientInfo,
    ) -> Result<(User, Tokens), Error> {
        let user = self.users.find_by_name(name).await?;
        let user = self.verify_password(name, user, password, client).await?;
        let user = self.replace_one_time_password(user, password, new, client).await?;
        let new_session = NewSession { rotating, device: client.device.clone(), ip: client.ip() };
        let tokens = self.auth.open_session(user.subject(), new_session).await?;
        self.record_event(Event::Login, &user, Some(tokens.session_id), client).await;
        Ok((user, tokens))
    }

    /// Every check of a password goes through here.
    pub(super) async fn verify_password(
        &self,
        name: &str,
        user: Option<User>,
        password: &SecretString,
        client: &ClientInfo,
    ) -> Result<User, Error> {
        let key = username_key(name);
        let under_attack = self.throttle.is_enabled()
            && self.failed_logins.count(&key, self.clock.now()).await? >= FAILURES_UNDER_ATTACK;
        self.throttle.admit_login(&key, client.ip, under_attack)?;
        // An unknown name and a disabled user take the same steps as a wrong password: the same database operations, and
        // hashes of the same cost, because `None` is compared with a dummy hash. Neither the response nor its time reveals
        // whether a user has this name, or that the password of a disabled user is right.
        let enabled = user.as_ref().filter(|user| user.disabled_at.is_none());
        let stored = enabled.map(|user| user.password_hash.as_str());
        let check = self.hasher.verify(&client.requester, password, stored).await;
        let check = check.inspect_err(|_| self.throttle.login_undecided(&key, client.ip))?;
        let is_correct = matches!(check, PasswordCheck::Correct | PasswordCheck::CorrectButOutdated);
        if let (PasswordCheck::Damaged, Some(user)) = (check, &user) {
            tracing::error!(user = %user.id, "the stored password hash is damaged; set a new password");
        }
        match user {
            Some(user) if is_correct => {
                self.throttle.login_succeeded(&key, client.ip);
                if check == PasswordCheck::CorrectButOutdated {
                    return self.renew_hash(user, password, client).await;
                }
                Ok(user)
            }
            user => {
                self.record_failed_login(name, user.map(|user| user.id), client).await?;
                Err(Error::InvalidCredentials)
            }
        }
    }

    /// See [`Hasher::expect_stored_cost`]. Reads every user, so it is for the start and for rare repetitions.
    pub async fn learn_hash_costs(&self) -> Result<(), Error> {
        self.hasher.expect_stored_cost(self.highest_hash_cost().await?);
        Ok(())
    }

    pub async fn highest_hash_cost(&self) -> Result<Option<u32>, Error> {
        self.users.highest_hash_cost().await
    }

    async fn renew_hash(
        &self,
        mut user: User,
        password: &SecretString,
        client: &ClientInfo,
    ) -> Result<User, Error> {
        match self.hasher.hash(&client.requester, password).await {
            Ok(renewed) => {
                self.users.replace_hash(&user, &renewed).await?;
                user.password_hash = renewed;
            }
            // The next login tries again.
            Err(error) => tracing::debug!(%error, user = %user.id, "kept an outdated password hash"),
        }
        Ok(user)
    }

    async fn record_failed_login(
        &self,
        name: &str,
        user_id: Option<ObjectId>,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        if self.throttle.is_enabled() {
            self.failed_logins.record(&username_key(name), self.clock.now()).await?;
        }
        // The name is whatever the client sent, so its length is limited.
        let username = Some(name.chars().take(USERNAME_MAX_CHARS).collect());
        let context = RequestContext { user_id, username, ip: client.ip(), ..RequestContext::default() };
        counter!(FAILED_LOGINS).increment(1);
        self.audit.record(Event::LoginFailed, context).await;
        Ok(())
    }

    /// See [`Auth::refresh`] for the rule about tokens that were already replaced.
    pub async fn refresh(&self, refresh: &Claims, client: &ClientInfo) -> Result<Tokens, Error> {
        let user = self.enabled_user(refresh).await?;
        match self.auth.refresh(refresh, user.subject()).await? {
            RefreshOutcome::Refreshed(tokens) => return Ok(tokens),
            RefreshOutcome::Refused => {}
            RefreshOutcome::ReuseDetected => {
                self.record_event(Event::RefreshReuse, &user, Some(refresh.sid), client).await;
            }
        }
        Err(Error::Token(TokenRejection::Revoked))
    }

    /// For clients of the original: see [`Auth::refresh_unless_rotating`].
    pub async fn refresh_unless_rotating(&self, refresh: &Claims) -> Result<Tokens, Error> {
        let user = self.enabled_user(refresh).await?;
        self.auth.refresh_unless_rotating(refresh, user.subject()).await
    }

    async fn enabled_user(&self, claims: &Claims) -> Result<User, Error> {
        // From the database, because the roles may have changed since the token was issued.
        let user = self.users.find_by_id(claims.sub).await?.filter(|user| user.disabled_at.is_none());
        user.ok_or(Error::Token(TokenRejection::Revoked))
    }

    pub async fn log_out(&self, claims: &Claims, client: &ClientInfo) -> Result<(), Error> {
        self.auth.log_out(claims).await?;
        let context = RequestContext {
            user_id: Some(claims.sub),
            username: Some(claims.username.clone()),
            session_id: Some(claims.sid),
            ip: client.ip(),
            ..RequestContext::default()
        };
        self.audit.record(Event::Logout, context).await;
        Ok(())
    }

    pub async fn find_by_name(&self, username: &str) -> Result<Option<User>, Error> {
        self.users.find_by_name(username).await
    }

    /// Returns [`TokenRejection::Revoked`] unless the user exists and the session is alive.
    pub async fn require_live_caller(&self, claims: &Claims) -> Result<User, Error> {
        Ok(self.require_live_session(claims).await?.0)
    }

    pub(super) async fn require_live_session(&self, claims: &Claims) -> Result<(User, Session), Error> {
        // From the database, because the blacklist in memory can be up to 2 s old: too old for a sensitive operation.
        let user = self.get(claims.sub).await?;
        let session = self.auth.require_live_session(claims, user.epoch).await?;
        Ok((user, session))
    }

    pub(crate) async fn record_event(
        &self,
        event: Event,
        user: &User,
        session_id: Option<RandomId>,
        client: &ClientInfo,
    ) {
        let (user_id, username) = (Some(user.id), Some(user.username.clone()));
        let (ip, by, by_operator) = (client.ip(), client.by.clone(), client.is_operator);
        let roles = (event == Event::RolesChanged).then(|| user.roles.clone());
        let context =
            RequestContext { user_id, username, session_id, token_id: None, ip, by, by_operator, roles };
        self.audit.record(event, context).await;
    }
}
