//! What users do with their accounts, for every face of the service. Must not know JSON or status codes.

use std::net::IpAddr;
use std::sync::Arc;

use bson::oid::ObjectId;
use secrecy::SecretString;

use super::model::{NewUser, User, username_key};
use super::password::{Hasher, PasswordCheck};
use super::store::Users;
use crate::audit::store::{Audit, Event, RequestContext};
use crate::auth::operations::{Auth, NewSession, RefreshOutcome, Tokens};
use crate::auth::throttling::failed_logins::FailedLogins;
use crate::auth::throttling::{FAILURES_UNDER_ATTACK, Throttle};
use crate::auth::token::{Claims, USERNAME_MAX_CHARS};
use crate::clock::Clock;
use crate::crypto::random_id::RandomId;
use crate::error::{Error, TokenRejection};
use crate::lists::store::Lists;
use crate::todos::store::Todos;

/// After how long a deletion that has not ended must have been cut off.
pub const DELETION_TIMEOUT_MILLIS: i64 = 30_000;

/// The acts on users, over the stores that they concern.
pub struct Accounts {
    pub(crate) users: Users,
    /// Deleted with their owner, as are the lists.
    pub(crate) todos: Todos,
    pub(crate) lists: Lists,
    pub(crate) auth: Arc<Auth>,
    pub(crate) audit: Audit,
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) throttle: Throttle,
    pub(crate) failed_logins: FailedLogins,
    pub(crate) clock: Clock,
    pub(crate) registration_open: bool,
}

/// Where a request comes from.
#[derive(Debug, Clone, Default)]
pub struct ClientInfo {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// What the client calls itself.
    pub device: Option<String>,
}

impl ClientInfo {
    fn ip(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_string())
    }
}

impl Accounts {
    /// Registers a user.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`]; [`Error::Throttled`]; [`Error::UsernameTaken`]; [`Error::Unavailable`].
    pub async fn register(&self, new: NewUser, client: &ClientInfo) -> Result<User, Error> {
        self.admit_registration(client)?;
        self.create(new, client).await
    }

    /// Whether someone may register from there, now.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`]; [`Error::Throttled`].
    pub fn admit_registration(&self, client: &ClientInfo) -> Result<(), Error> {
        if !self.registration_open {
            return Err(Error::RegistrationClosed);
        }
        self.throttle.admit_address(client.ip)
    }

    /// Makes a user, whoever asks for it.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`]; [`Error::Unavailable`].
    pub async fn create(&self, new: NewUser, client: &ClientInfo) -> Result<User, Error> {
        self.create_with_id(ObjectId::new(), new, client).await
    }

    /// As [`Accounts::create`], under an id of the caller's. When there is a user of that id, that one is it: this was
    /// done before.
    ///
    /// # Errors
    /// As [`Accounts::create`].
    pub async fn create_with_id(
        &self,
        id: ObjectId,
        new: NewUser,
        client: &ClientInfo,
    ) -> Result<User, Error> {
        let password_hash = self.hasher.hash(&new.password).await?;
        let user = User { id, email: new.email, ..User::new(new.username, password_hash, self.clock.now()) };
        match self.users.insert(&user).await {
            Err(Error::UsernameTaken) => self.users.find_by_id(id).await?.ok_or(Error::UsernameTaken),
            inserted => {
                inserted?;
                self.record_event(Event::Register, &user, None, client).await;
                Ok(user)
            }
        }
    }

    /// Opens a session for a name and its password, rotating or as the original's clients expect. An unknown name costs
    /// a hash too, and asks the database as often.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`]; [`Error::Throttled`]; [`Error::Unavailable`].
    pub async fn login(
        &self,
        name: &str,
        password: &SecretString,
        rotating: bool,
        client: &ClientInfo,
    ) -> Result<(User, Tokens), Error> {
        self.throttle.admit_address(client.ip)?;
        let user = self.users.find_by_name(name).await?;
        let user = self.verify_password(name, user, password, client).await?;
        let opening = NewSession { rotating, device: client.device.clone(), ip: client.ip() };
        let tokens = self.auth.open_session(user.subject(), opening).await?;
        self.record_event(Event::Login, &user, Some(tokens.session_id), client).await;
        Ok((user, tokens))
    }

    /// The user, if this is the password; the one place where one is tried.
    pub(super) async fn verify_password(
        &self,
        name: &str,
        user: Option<User>,
        password: &SecretString,
        client: &ClientInfo,
    ) -> Result<User, Error> {
        let key = username_key(name);
        let counted = self.throttle.is_enabled();
        let under_attack =
            counted && self.failed_logins.count(&key, self.clock.now()).await? >= FAILURES_UNDER_ATTACK;
        self.throttle.admit_login(&key, client.ip, under_attack)?;
        let stored = user.as_ref().map(|user| user.password_hash.as_str());
        let verdict = self.hasher.verify(password, stored).await;
        let verdict = verdict.inspect_err(|_| self.throttle.login_undecided(&key, client.ip))?;
        match user {
            Some(mut user) if verdict != PasswordCheck::Wrong && user.disabled_at.is_none() => {
                self.throttle.login_succeeded(&key, client.ip);
                if verdict == PasswordCheck::CorrectButOutdated {
                    let renewed = self.hasher.hash(password).await?;
                    self.users.replace_hash(&user, &renewed).await?;
                    user.password_hash = renewed;
                }
                Ok(user)
            }
            user => {
                if counted {
                    self.failed_logins.record(&key, self.clock.now()).await?;
                }
                let circumstances = RequestContext {
                    user_id: user.map(|user| user.id),
                    username: Some(name.chars().take(USERNAME_MAX_CHARS).collect()),
                    session_id: None,
                    ip: client.ip(),
                };
                self.audit.record(Event::LoginFailed, circumstances).await;
                Err(Error::InvalidCredentials)
            }
        }
    }

    /// New tokens, not fresh, for the session of a refresh token, with the user's roles as they are now; `hand_over`
    /// says whether the caller is given the refresh token, too.
    ///
    /// # Errors
    /// [`TokenRejection::Revoked`] when the user or the session is over, or the token is a copy of one that was replaced;
    /// [`Error::Unavailable`].
    pub async fn refresh(
        &self,
        refresh: &Claims,
        hand_over: bool,
        client: &ClientInfo,
    ) -> Result<Tokens, Error> {
        let revoked = Err(Error::Token(TokenRejection::Revoked));
        let Some(user) = self.users.find_by_id(refresh.sub).await? else { return revoked };
        if user.disabled_at.is_some() {
            return revoked;
        }
        match self.auth.refresh(refresh, user.subject(), hand_over).await? {
            RefreshOutcome::Refreshed(tokens) => Ok(tokens),
            RefreshOutcome::SessionEnded => revoked,
            RefreshOutcome::ReuseDetected => {
                self.record_event(Event::RefreshReuse, &user, Some(refresh.sid), client).await;
                revoked
            }
        }
    }

    /// Ends the session of a token.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: see [`Auth::log_out`].
    pub async fn log_out(&self, claims: &Claims, client: &ClientInfo) -> Result<(), Error> {
        self.auth.log_out(claims).await?;
        let circumstances = RequestContext {
            user_id: Some(claims.sub),
            username: Some(claims.username.clone()),
            session_id: Some(claims.sid),
            ip: client.ip(),
        };
        self.audit.record(Event::Logout, circumstances).await;
        Ok(())
    }

    /// The user of a name, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_by_name(&self, username: &str) -> Result<Option<User>, Error> {
        self.users.find_by_name(username).await
    }

    /// The caller, asked of the database, as sensitive acts need: the user and the session are still alive.
    ///
    /// # Errors
    /// [`TokenRejection::Revoked`] when they are not; [`Error::Unavailable`].
    pub async fn require_live_caller(&self, claims: &Claims) -> Result<User, Error> {
        let user = self.get(claims.sub).await?;
        self.auth.require_live_session(claims.sid, user.epoch).await?;
        Ok(user)
    }

    pub(super) async fn record_event(
        &self,
        event: Event,
        user: &User,
        session_id: Option<RandomId>,
        client: &ClientInfo,
    ) {
        let (user_id, username) = (Some(user.id), Some(user.username.clone()));
        self.audit.record(event, RequestContext { user_id, username, session_id, ip: client.ip() }).await;
    }
}
