//! What users do with their accounts, for every face of the service. Must not know JSON or status codes.

use std::net::IpAddr;
use std::sync::Arc;

use bson::oid::ObjectId;
use secrecy::SecretString;

use super::model::{NewUser, User, username_key};
use super::password::{Hasher, Verdict};
use super::store::Users;
use crate::audit::store::{Audit, Event, RequestContext};
use crate::auth::operations::{Auth, Opening, Renewal, Tokens};
use crate::auth::throttling::failed_logins::FailedLogins;
use crate::auth::throttling::{FAILURES_UNDER_ATTACK, Throttle};
use crate::auth::token::{Claims, USERNAME_MAX_CHARS};
use crate::clock::Clock;
use crate::crypto::random_id::RandomId;
use crate::error::{Error, TokenRejection};
use crate::lists::store::Lists;
use crate::todos::store::Todos;

/// After how long a deletion that has not ended must have been cut off.
pub const DELETION_MILLIS: i64 = 30_000;

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
pub struct Origin {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// What the client calls itself.
    pub device: Option<String>,
}

impl Origin {
    fn ip(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_string())
    }
}

impl Accounts {
    /// Registers a user.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`]; [`Error::Throttled`]; [`Error::UsernameTaken`]; [`Error::Unavailable`].
    pub async fn register(&self, new: NewUser, origin: &Origin) -> Result<User, Error> {
        self.admit(origin)?;
        self.create(new, origin).await
    }

    /// Whether someone may register from there, now.
    ///
    /// # Errors
    /// [`Error::RegistrationClosed`]; [`Error::Throttled`].
    pub fn admit(&self, origin: &Origin) -> Result<(), Error> {
        if !self.registration_open {
            return Err(Error::RegistrationClosed);
        }
        self.throttle.admit_address(origin.ip)
    }

    /// Makes a user, whoever asks for it.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`]; [`Error::Unavailable`].
    pub async fn create(&self, new: NewUser, origin: &Origin) -> Result<User, Error> {
        self.create_under(ObjectId::new(), new, origin).await
    }

    /// As [`Accounts::create`], under an id of the caller's. When there is a user of that id, that one is it: this was
    /// done before.
    ///
    /// # Errors
    /// As [`Accounts::create`].
    pub async fn create_under(&self, id: ObjectId, new: NewUser, origin: &Origin) -> Result<User, Error> {
        let password_hash = self.hasher.hash(&new.password).await?;
        let user = User { id, email: new.email, ..User::new(new.username, password_hash, self.clock.now()) };
        match self.users.insert(&user).await {
            Err(Error::UsernameTaken) => self.users.by_id(id).await?.ok_or(Error::UsernameTaken),
            inserted => {
                inserted?;
                self.note(Event::Register, &user, None, origin).await;
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
        origin: &Origin,
    ) -> Result<(User, Tokens), Error> {
        self.throttle.admit_address(origin.ip)?;
        let user = self.users.by_name(name).await?;
        let user = self.verified(name, user, password, origin).await?;
        let opening = Opening { rotating, device: origin.device.clone(), ip: origin.ip() };
        let tokens = self.auth.open(user.subject(), opening).await?;
        self.note(Event::Login, &user, Some(tokens.session_id), origin).await;
        Ok((user, tokens))
    }

    /// The user, if this is the password; the one place where one is tried.
    pub(super) async fn verified(
        &self,
        name: &str,
        user: Option<User>,
        password: &SecretString,
        origin: &Origin,
    ) -> Result<User, Error> {
        let key = username_key(name);
        let counted = self.throttle.is_enabled();
        let under_attack =
            counted && self.failed_logins.count(&key, self.clock.now()).await? >= FAILURES_UNDER_ATTACK;
        self.throttle.admit_login(&key, origin.ip, under_attack)?;
        let stored = user.as_ref().map(|user| user.password_hash.as_str());
        let verdict = self.hasher.verify(password, stored).await;
        let verdict = verdict.inspect_err(|_| self.throttle.undecided(&key, origin.ip))?;
        match user {
            Some(mut user) if verdict != Verdict::Wrong && user.disabled_at.is_none() => {
                self.throttle.succeeded(&key, origin.ip);
                if verdict == Verdict::RightButOutdated {
                    let renewed = self.hasher.hash(password).await?;
                    self.users.rehash(&user, &renewed).await?;
                    user.password_hash = renewed;
                }
                Ok(user)
            }
            user => {
                if counted {
                    self.failed_logins.add(&key, self.clock.now()).await?;
                }
                let circumstances = RequestContext {
                    user_id: user.map(|user| user.id),
                    username: Some(name.chars().take(USERNAME_MAX_CHARS).collect()),
                    session_id: None,
                    ip: origin.ip(),
                };
                self.audit.note(Event::LoginFailed, circumstances).await;
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
    pub async fn refresh(&self, refresh: &Claims, hand_over: bool, origin: &Origin) -> Result<Tokens, Error> {
        let revoked = Err(Error::Token(TokenRejection::Revoked));
        let Some(user) = self.users.by_id(refresh.sub).await? else { return revoked };
        if user.disabled_at.is_some() {
            return revoked;
        }
        match self.auth.renew(refresh, user.subject(), hand_over).await? {
            Renewal::Renewed(tokens) => Ok(tokens),
            Renewal::Over => revoked,
            Renewal::Reused => {
                self.note(Event::RefreshReuse, &user, Some(refresh.sid), origin).await;
                revoked
            }
        }
    }

    /// Ends the session of a token.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: see [`Auth::log_out`].
    pub async fn log_out(&self, claims: &Claims, origin: &Origin) -> Result<(), Error> {
        self.auth.log_out(claims).await?;
        let circumstances = RequestContext {
            user_id: Some(claims.sub),
            username: Some(claims.username.clone()),
            session_id: Some(claims.sid),
            ip: origin.ip(),
        };
        self.audit.note(Event::Logout, circumstances).await;
        Ok(())
    }

    /// The user of a name, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find(&self, username: &str) -> Result<Option<User>, Error> {
        self.users.by_name(username).await
    }

    /// The caller, asked of the database, as sensitive acts need: the user and the session are still alive.
    ///
    /// # Errors
    /// [`TokenRejection::Revoked`] when they are not; [`Error::Unavailable`].
    pub async fn caller(&self, claims: &Claims) -> Result<User, Error> {
        let user = self.get(claims.sub).await?;
        self.auth.assert_alive(claims.sid, user.epoch).await?;
        Ok(user)
    }

    pub(super) async fn note(
        &self,
        event: Event,
        user: &User,
        session_id: Option<RandomId>,
        origin: &Origin,
    ) {
        let (user_id, username) = (Some(user.id), Some(user.username.clone()));
        self.audit.note(event, RequestContext { user_id, username, session_id, ip: origin.ip() }).await;
    }
}
