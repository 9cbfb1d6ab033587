//! Ends sessions and revokes their tokens.
//!
//! - [`target`]: what an entry of the blacklist revokes.
//! - [`store`]: the blacklist in the database, which is the authority.
//! - [`blacklist`]: the copy in memory that every request checks, and why every instance refuses a token soon enough.
//! - [`mirror`]: the task that keeps the copy up to date.
//!
//! **Invariant:** an operation that ends sessions first writes an entry to the blacklist and then updates `sessions`.
//! The tokens are refused after the first step, so the client or a later run can safely repeat the rest. Only a block
//! begins in `sessions`, because the session counts its blocks and unblocks, which orders the entries.

pub mod blacklist;
pub mod mirror;
pub mod store;
pub mod target;

use std::time::Duration;

use bson::DateTime;
use bson::oid::ObjectId;
use tokio::sync::watch;

use self::blacklist::RevocationStatus;
use self::target::{Revocable, RevocationTarget};
use super::operations::{Auth, Tokens};
use super::store::Session;
use super::token::{Claims, REFRESH_TTL_SECONDS, Subject};
use crate::crypto::random_id::RandomId;
use crate::error::{Error, TokenRejection};

impl Auth {
    /// If this fails with [`Error::Unavailable`], this instance refuses the tokens nevertheless. Safe to repeat.
    pub async fn log_out(&self, claims: &Claims) -> Result<(), Error> {
        self.end_session(claims.sid, "logout").await?;
        self.blacklist.revoke(RevocationTarget::Token(claims.jti), None, claims.exp, self.clock.now()).await
    }

    /// `why` is stored in the session. Fails like [`Auth::log_out`].
    pub async fn end_session(&self, sid: RandomId, why: &str) -> Result<(), Error> {
        let now = self.clock.now();
        self.blacklist.revoke(RevocationTarget::Session(sid), None, last_exp(now), now).await?;
        self.sessions.end(sid, why, now).await
    }

    /// Blocks a session, which then refuses all its tokens, or unblocks it. Safe to repeat. `None` if the user has no such
    /// session. Fails like [`Auth::log_out`].
    pub async fn set_blocked(
        &self,
        sid: RandomId,
        user_id: ObjectId,
        epoch: i64,
        blocked: bool,
    ) -> Result<Option<Session>, Error> {
        let now = self.clock.now();
        // First, because this write counts the change. No refresh issues further tokens while the session is blocked.
        let Some(session) = self.sessions.set_blocked(sid, user_id, epoch, blocked, now).await? else {
            return Ok(None);
        };
        let (target, count) = (RevocationTarget::Block(sid), session.blocks);
        if blocked {
            self.blacklist.revoke(target, Some(count), last_exp(now), now).await?;
        } else {
            self.blacklist.lift(target, count, last_exp(now), now).await?;
        }
        Ok(Some(session))
    }

    /// Revokes every token of an epoch before `epoch`, and ends the user's sessions. Fails like [`Auth::log_out`].
    ///
    /// The caller must already have raised the user's epoch in the database. A login or refresh that runs at the same
    /// time then gets a token of the earlier epoch, which is revoked too.
    pub async fn end_sessions_before_epoch(
        &self,
        user_id: ObjectId,
        epoch: i64,
        why: &str,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        self.revoke_before_epoch(user_id, epoch, now).await?;
        self.sessions.end_before_epoch(user_id, epoch, why, now).await
    }

    /// Like [`Auth::end_sessions_before_epoch`] with the epoch of `subject`, except that the session `sid` continues with
    /// new tokens. Its earlier tokens are revoked too, so that a copy of them is worthless. Fails with
    /// [`TokenRejection::Revoked`] if the session has ended.
    pub async fn end_other_sessions(
        &self,
        sid: RandomId,
        subject: Subject,
        why: &str,
    ) -> Result<Tokens, Error> {
        let (now, idle_at) = self.now_and_idle_at();
        self.revoke_before_epoch(subject.user_id, subject.epoch, now).await?;
        // Before the others end, because afterwards this session would count as ended.
        let session = self.sessions.carry_over(sid, subject.epoch, now, idle_at).await?;
        self.sessions.end_before_epoch(subject.user_id, subject.epoch, why, now).await?;
        let session = session.ok_or(Error::Token(TokenRejection::Revoked))?;
        // Not fresh, because the caller has not given the password.
        self.issue(&session, subject, false)
    }

    async fn revoke_before_epoch(&self, user_id: ObjectId, epoch: i64, now: DateTime) -> Result<(), Error> {
        self.blacklist.revoke(RevocationTarget::User(user_id), Some(epoch), last_exp(now), now).await
    }

    /// Revokes a personal access token. If this fails with [`Error::Unavailable`], this instance refuses it nevertheless.
    pub async fn revoke_access_token(&self, id: ObjectId) -> Result<(), Error> {
        let now = self.clock.now();
        self.blacklist.revoke(RevocationTarget::AccessToken(id), None, last_exp(now), now).await
    }

    /// Revokes the personal access tokens of an epoch before `epoch`. The caller must already have raised the user's
    /// `token_epoch` in the database. Fails like [`Auth::revoke_access_token`].
    pub async fn revoke_access_tokens_before_epoch(
        &self,
        user_id: ObjectId,
        epoch: i64,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let all = RevocationTarget::AccessTokensOf(user_id);
        self.blacklist.revoke(all, Some(epoch), last_exp(now), now).await
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
    pub async fn check_revocation(&self, token: impl Into<Revocable>) -> Result<(), Error> {
        match self.blacklist.check(token.into()).await? {
            RevocationStatus::NotRevoked => Ok(()),
            RevocationStatus::Pending | RevocationStatus::Revoked => {
                Err(Error::Token(TokenRejection::Revoked))
            }
        }
    }

    /// Like [`Auth::check_revocation`], except that it never asks the database.
    pub fn is_known_revoked(&self, token: impl Into<Revocable>) -> bool {
        self.blacklist.check_in_memory(token.into()) != RevocationStatus::NotRevoked
    }

    pub fn watch_revocations(&self) -> watch::Receiver<()> {
        self.blacklist.watch()
    }

    /// The number of entries in memory and their age. The age is `None` before the first load.
    pub fn blacklist_state(&self) -> (usize, Option<Duration>) {
        (self.blacklist.len(), self.blacklist.age())
    }

    pub fn time_until(&self, time: DateTime) -> Duration {
        time.saturating_duration_since(self.clock.now())
    }
}

/// When the last token of a session that could have been issued until now expires, in seconds since 1970. Personal access
/// tokens can live longer, but after this time no instance still knows an ended one: their documents say that they ended.
fn last_exp(now: DateTime) -> i64 {
    now.timestamp_millis() / 1_000 + REFRESH_TTL_SECONDS
}
