//! Ends sessions and revokes their tokens.
//!
//! - [`target`]: what an entry of the blacklist revokes.
//! - [`store`]: the blacklist in the database, which is the authority.
//! - [`blacklist`]: the copy in memory that every request checks, and why every instance refuses a token soon enough.
//! - [`mirror`]: the task that keeps the copy up to date.
//!
//! **Invariant:** an operation that ends sessions first writes an entry to the blacklist and then updates `sessions`.
//! The tokens are refused after the first step, so the client or a later run can safely repeat the rest.

pub mod blacklist;
pub mod mirror;
pub mod store;
pub mod target;

use std::time::Duration;

use bson::DateTime;
use bson::oid::ObjectId;
use tokio::sync::watch;

use self::blacklist::RevocationStatus;
use self::target::{RevocationScope, RevocationTarget};
use super::operations::Auth;
use super::token::{Claims, LEEWAY_SECONDS, REFRESH_TTL_SECONDS};
use crate::crypto::random_id::RandomId;
use crate::error::{Error, TokenRejection};

impl Auth {
    /// If this fails with [`Error::Unavailable`], this instance refuses the tokens nevertheless. Safe to repeat.
    pub async fn log_out(&self, claims: &Claims) -> Result<(), Error> {
        self.end_session(claims.sid, "logout").await?;
        self.blacklist
            .revoke(RevocationTarget::Token(claims.jti), RevocationScope::ALL, claims.exp, self.clock.now())
            .await
    }

    /// `why` is stored in the session. Fails like [`Auth::log_out`].
    pub async fn end_session(&self, sid: RandomId, why: &str) -> Result<(), Error> {
        let now = self.clock.now();
        self.blacklist
            .revoke(RevocationTarget::Session(sid), RevocationScope::ALL, last_exp(now), now)
            .await?;
        self.sessions.end(sid, why, now).await
    }

    /// Ends the user's sessions of an epoch before `epoch`, except the session `except`. Fails like [`Auth::log_out`].
    ///
    /// The caller must already have raised the user's epoch in the database. A login or refresh that runs at the same
    /// time then gets a token of the earlier epoch, which is revoked too.
    pub async fn end_sessions_before_epoch(
        &self,
        user_id: ObjectId,
        epoch: i64,
        except: Option<RandomId>,
        why: &str,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        // First, because the caller may need this session to repeat the request if a later step fails.
        if let Some(sid) = except {
            self.sessions.raise_epoch(sid, epoch).await?;
        }
        self.blacklist
            .revoke(RevocationTarget::User(user_id), RevocationScope { epoch, except }, last_exp(now), now)
            .await?;
        self.sessions.end_before_epoch(user_id, epoch, why, now).await
    }

    /// The caller must already have ended the sessions with [`Auth::end_sessions_before_epoch`].
    pub async fn delete_sessions(&self, user_id: ObjectId) -> Result<(), Error> {
        self.sessions.delete_all_of_user(user_id).await
    }

    pub async fn load_blacklist(&self) -> Result<(), Error> {
        self.blacklist.load(self.clock.now()).await
    }

    pub async fn mirror_blacklist(&self) {
        mirror::run(self.blacklist.clone(), self.clock.clone()).await;
    }

    /// Fails with [`Error::Unavailable`] if it is unknown whether the token is revoked.
    pub async fn check_revocation(&self, claims: &Claims) -> Result<(), Error> {
        match self.blacklist.check(claims).await? {
            RevocationStatus::NotRevoked => Ok(()),
            RevocationStatus::Pending | RevocationStatus::Revoked => {
                Err(Error::Token(TokenRejection::Revoked))
            }
        }
    }

    /// Like [`Auth::check_revocation`], except that it never asks the database.
    pub fn is_known_revoked(&self, claims: &Claims) -> bool {
        self.blacklist.check_in_memory(claims) != RevocationStatus::NotRevoked
    }

    pub fn watch_revocations(&self) -> watch::Receiver<()> {
        self.blacklist.watch()
    }

    /// The number of entries in memory and their age. The age is `None` before the first load.
    pub fn blacklist_state(&self) -> (usize, Option<Duration>) {
        (self.blacklist.len(), self.blacklist.age())
    }

    pub fn time_until_expiry(&self, claims: &Claims) -> Duration {
        // Verification accepts a token until the end of the leeway.
        let millis = (claims.exp + LEEWAY_SECONDS)
            .saturating_mul(1_000)
            .saturating_sub(self.clock.now().timestamp_millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

/// When the last token that could have been issued until now expires, in seconds since 1970.
fn last_exp(now: DateTime) -> i64 {
    now.timestamp_millis() / 1_000 + REFRESH_TTL_SECONDS
}
