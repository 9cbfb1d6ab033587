//! The password of an account in every request of a client, as in Basic authentication, if the operator allows it.
//!
//! A hash for each request would take too long, so an instance remembers a verified password for up to an hour. It
//! remembers only a keyed digest, whose key no other process has.
//!
//! A remembered password is refused as soon as the tokens of a session are. Every change that makes the password wrong, and
//! every one that disables or deletes the user, raises the user's epoch, then writes an entry to the blacklist, and only
//! then succeeds. Each request checks the blacklist for the epoch with which the password was verified, so every instance
//! refuses the password within [`crate::auth::revocation::blacklist::AGE_MAX`] and then verifies it again.
//!
//! **Invariant:** the blacklist is checked after the user was read, also in the request that verifies the password. A
//! former primary that is cut off from the others still returns the earlier user, and this user has the earlier epoch.

use std::sync::Arc;

use aws_lc_rs::hmac;
use bson::oid::ObjectId;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::model::username_key;
use super::operations::{Accounts, ClientInfo};
use crate::audit::store::Event;
use crate::auth::revocation::target::{Revocable, RevocationTarget};
use crate::crypto::random_id::random_bytes;
use crate::error::Error;
use crate::owned::bounded_map::{BoundedMap, Expires};

/// Verified passwords that an instance remembers. A forgotten one costs a hash.
pub const VERIFIED_MAX: usize = 20_000;
/// Refused passwords that an instance remembers.
pub const REFUSED_MAX: usize = 10_000;
// Far below the life of an entry of the blacklist.
const VERIFIED_MILLIS: i64 = 60 * 60 * 1_000;
// So that the requests that a client sends together count as one failed login.
const REFUSED_MILLIS: i64 = 30_000;
const TURNS: usize = 64;

pub struct BasicPasswords {
    accounts: Arc<Accounts>,
    is_enabled: bool,
    key: hmac::Key,
    verified: BoundedMap<Digest, Verified>,
    refused: BoundedMap<Digest, Refused>,
    /// Requests that a client sends together cost one hash.
    turns: [Mutex<()>; TURNS],
}

/// Of a name and a password.
type Digest = [u8; 32];

#[derive(Clone)]
struct Verified {
    user: BasicUser,
    epoch: i64,
    until: i64,
}

#[derive(Clone, Copy)]
struct Refused {
    until: i64,
}

#[derive(Clone)]
pub struct BasicUser {
    pub id: ObjectId,
    pub username: Arc<str>,
}

impl Expires for Verified {
    fn expires_at(&self) -> i64 {
        self.until
    }
}

impl Expires for Refused {
    fn expires_at(&self) -> i64 {
        self.until
    }
}

impl From<&Verified> for Revocable {
    fn from(verified: &Verified) -> Self {
        let all = RevocationTarget::User(verified.user.id);
        Self { targets: [Some(all), None, None, None], epoch: verified.epoch }
    }
}

impl BasicPasswords {
    pub fn new(accounts: Arc<Accounts>, is_enabled: bool) -> Self {
        Self {
            accounts,
            is_enabled,
            key: hmac::Key::new(hmac::HMAC_SHA256, &random_bytes::<32>()),
            verified: BoundedMap::new(VERIFIED_MAX),
            refused: BoundedMap::new(REFUSED_MAX),
            turns: std::array::from_fn(|_| Mutex::default()),
        }
    }

    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Fails like a login, and with [`Error::Unavailable`] if it is unknown whether the password has changed.
    pub async fn verify(
        &self,
        name: &str,
        password: &SecretString,
        client: &ClientInfo,
    ) -> Result<BasicUser, Error> {
        if !self.is_enabled {
            return Err(Error::InvalidCredentials);
        }
        let digest = self.digest(name, password);
        if let Some(known) = self.known(&digest).await? {
            return Ok(known);
        }
        // Addresses that may not try are refused before they can delay others.
        self.accounts.throttle.check_address(client.ip)?;
        let _turn = self.turns[usize::from(digest[0]) % TURNS].lock().await;
        if let Some(known) = self.known(&digest).await? {
            return Ok(known);
        }
        self.accounts.admit_attempt(client)?;
        let verified = self.look_up(name, password, client).await.inspect_err(|error| {
            if matches!(error, Error::InvalidCredentials) {
                let now = self.now();
                self.refused.insert(digest, Refused { until: now + REFUSED_MILLIS }, now);
            }
        })?;
        self.accounts.auth.check_revocation(&verified).await?;
        let user = verified.user.clone();
        self.verified.insert(digest, verified, self.now());
        Ok(user)
    }

    /// Fails if the password was refused a moment ago. `None` if it must be verified.
    async fn known(&self, digest: &Digest) -> Result<Option<BasicUser>, Error> {
        let now = self.now();
        if self.refused.get_unexpired(digest, now).is_some() {
            return Err(Error::InvalidCredentials);
        }
        let Some(known) = self.verified.get_unexpired(digest, now) else {
            return Ok(None);
        };
        match self.accounts.auth.check_revocation(&known).await {
            Ok(()) => Ok(Some(known.user)),
            Err(Error::Token(_)) => {
                self.verified.remove(digest);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn look_up(
        &self,
        name: &str,
        password: &SecretString,
        client: &ClientInfo,
    ) -> Result<Verified, Error> {
        let user = self.accounts.find_by_name(name).await?;
        let user = self.accounts.verify_password(name, user, password, client).await?;
        if user.must_change_password {
            return Err(Error::PasswordChangeRequired);
        }
        self.accounts.record_event(Event::Login, &user, None, client).await;
        let until = self.now() + VERIFIED_MILLIS;
        let shown = BasicUser { id: user.id, username: user.username.into() };
        Ok(Verified { user: shown, epoch: user.epoch, until })
    }

    fn digest(&self, name: &str, password: &SecretString) -> Digest {
        let name = username_key(name);
        let mut context = hmac::Context::with_key(&self.key);
        // With its length, so that no other name and password have the same digest.
        context.update(&name.len().to_be_bytes());
        context.update(name.as_bytes());
        context.update(password.expose_secret().as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    fn now(&self) -> i64 {
        self.accounts.clock.now().timestamp_millis()
    }
}
