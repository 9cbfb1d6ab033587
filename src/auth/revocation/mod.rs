//! How sessions and tokens end. Must refuse first and tidy up later: each act begins with the entry in the blacklist that
//! makes the rest safe to repeat.

pub mod blacklist;
pub mod mirror;
pub mod store;
pub mod target;

use std::time::Duration;

use bson::DateTime;
use bson::oid::ObjectId;

use self::blacklist::RevocationStatus;
use self::target::{RevocationScope, RevocationTarget};
use super::operations::Auth;
use super::token::{Claims, LEEWAY_SECONDS, REFRESH_TTL_SECONDS};
use crate::crypto::random_id::RandomId;
use crate::error::{Error, TokenRejection};
use tokio::sync::watch;

impl Auth {
    /// Ends the session of a token. The first step already refuses all its tokens, here at once and for good once
    /// written; the rest may be repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: refused in this instance all the same, and safe to repeat.
    pub async fn log_out(&self, claims: &Claims) -> Result<(), Error> {
        self.end_session(claims.sid, "logout").await?;
        self.blacklist
            .revoke(RevocationTarget::Token(claims.jti), RevocationScope::ALL, claims.exp, self.clock.now())
            .await
    }

    /// Ends a session, in the order of [`Auth::log_out`].
    ///
    /// # Errors
    /// As [`Auth::log_out`].
    pub async fn end_session(&self, sid: RandomId, why: &str) -> Result<(), Error> {
        let now = self.clock.now();
        self.blacklist
            .revoke(RevocationTarget::Session(sid), RevocationScope::ALL, last_exp(now), now)
            .await?;
        self.sessions.end(sid, why, now).await
    }

    /// Refuses every token of a user that is of an earlier epoch than `epoch`, but those of the session `except`, and
    /// ends the sessions. The epoch must have been raised in the database before: a login or refresh that races with
    /// this yields a token of the earlier epoch, which is dead.
    ///
    /// # Errors
    /// As [`Auth::log_out`].
    pub async fn end_sessions_before_epoch(
        &self,
        user_id: ObjectId,
        epoch: i64,
        except: Option<RandomId>,
        why: &str,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        // First, so that the session which is spared can repeat what is cut off here.
        if let Some(sid) = except {
            self.sessions.raise_epoch(sid, epoch).await?;
        }
        self.blacklist
            .revoke(RevocationTarget::User(user_id), RevocationScope { epoch, except }, last_exp(now), now)
            .await?;
        self.sessions.end_before_epoch(user_id, epoch, why, now).await
    }

    /// Removes every session of a user; their tokens must have been locked out before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_sessions(&self, user_id: ObjectId) -> Result<(), Error> {
        self.sessions.delete_all_of_user(user_id).await
    }

    /// Reads the blacklist for the first time.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn load_blacklist(&self) -> Result<(), Error> {
        self.blacklist.load(self.clock.now()).await
    }

    /// Mirrors the blacklist for as long as the service runs.
    pub async fn mirror_blacklist(&self) {
        mirror::run(self.blacklist.clone(), self.clock.clone()).await;
    }

    /// Refuses claims that were revoked since they were authenticated.
    ///
    /// # Errors
    /// [`Error::Token`]; [`Error::Unavailable`] when that cannot be known.
    pub async fn check_revocation(&self, claims: &Claims) -> Result<(), Error> {
        match self.blacklist.check(claims).await? {
            RevocationStatus::NotRevoked => Ok(()),
            RevocationStatus::Pending | RevocationStatus::Revoked => {
                Err(Error::Token(TokenRejection::Revoked))
            }
        }
    }

    /// As [`Auth::check_revocation`], as far as this instance knows already.
    #[must_use]
    pub fn is_known_revoked(&self, claims: &Claims) -> bool {
        self.blacklist.check_in_memory(claims) != RevocationStatus::NotRevoked
    }

    /// Changes whenever this instance learns of a revocation.
    #[must_use]
    pub fn watch_revocations(&self) -> watch::Receiver<()> {
        self.blacklist.watch()
    }

    /// How many entries the blacklist in memory has, and how old it is, if it was ever read.
    #[must_use]
    pub fn blacklist_state(&self) -> (usize, Option<Duration>) {
        (self.blacklist.len(), self.blacklist.age())
    }

    /// How long an access token is still accepted.
    #[must_use]
    pub fn time_until_expiry(&self, claims: &Claims) -> Duration {
        let millis = (claims.exp + LEEWAY_SECONDS)
            .saturating_mul(1_000)
            .saturating_sub(self.clock.now().timestamp_millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

/// When the last token that is valid now expires, in seconds since 1970.
fn last_exp(now: DateTime) -> i64 {
    now.timestamp_millis() / 1_000 + REFRESH_TTL_SECONDS
}
