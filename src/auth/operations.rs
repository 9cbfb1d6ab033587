//! What becomes of sessions and tokens: opened, checked, renewed, ended. Must not check passwords.

use std::time::Duration;

use bson::DateTime;
use bson::oid::ObjectId;

use super::blacklist::{Blacklist, Target, Verdict};
use super::store::{Session, Sessions};
use super::token::{Claims, Keys, Kind, LEEWAY_SECONDS, REFRESH_TTL_SECONDS, Subject};
use crate::clock::Clock;
use crate::error::{Error, TokenFault};
use crate::id::RandomId;

/// The acts on sessions and tokens, over their stores.
pub struct Auth {
    keys: Keys,
    blacklist: Blacklist,
    sessions: Sessions,
    clock: Clock,
    access_ttl: Duration,
}

/// What a login hands out.
pub struct TokenPair {
    /// Opens the routes, the sensitive ones too.
    pub access: String,
    /// Gets new access tokens.
    pub refresh: String,
}

impl Auth {
    /// The acts over these stores; access tokens are valid for `access_ttl`.
    #[must_use]
    pub fn new(
        keys: Keys,
        blacklist: Blacklist,
        sessions: Sessions,
        clock: Clock,
        access_ttl: Duration,
    ) -> Self {
        Self { keys, blacklist, sessions, clock, access_ttl }
    }

    /// The claims of a token that is right, of the kind that is needed, and not revoked, in this order.
    ///
    /// # Errors
    /// [`Error::Token`]; [`Error::Unavailable`] before the blacklist is loaded.
    pub fn authenticate(&self, token: &str, needed: Kind) -> Result<Claims, Error> {
        match self.check(token, needed)? {
            (claims, Verdict::Clear) => Ok(claims),
            _ => Err(Error::Token(TokenFault::Revoked)),
        }
    }

    /// As [`Auth::authenticate`], but for a logout, which may be repeated until it has been written down.
    ///
    /// # Errors
    /// As [`Auth::authenticate`].
    pub fn authenticate_logout(&self, token: &str) -> Result<Claims, Error> {
        match self.check(token, Kind::Access)? {
            (_, Verdict::Revoked) => Err(Error::Token(TokenFault::Revoked)),
            (claims, _) => Ok(claims),
        }
    }

    fn check(&self, token: &str, needed: Kind) -> Result<(Claims, Verdict), Error> {
        let claims = self.keys.verify(token, self.clock.now()).map_err(Error::Token)?;
        if claims.kind != needed {
            return Err(Error::Token(TokenFault::Invalid));
        }
        let verdict = self.blacklist.check(&claims)?;
        Ok((claims, verdict))
    }

    /// Opens a session whose refresh token stays the same, as the original's clients expect. The access token is fresh.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open(&self, subject: Subject, ip: Option<String>) -> Result<TokenPair, Error> {
        let now = self.clock.now();
        let sid = RandomId::new();
        let mut access = self.access_claims(subject.clone(), sid, now);
        access.fresh = true;
        let refresh = Claims::new(Kind::Refresh, subject.clone(), sid, now, REFRESH_TTL_SECONDS);
        // As long as the check of the token leaves it.
        let end = DateTime::from_millis((refresh.exp + LEEWAY_SECONDS) * 1_000);
        let pair = TokenPair { access: self.keys.sign(&access)?, refresh: self.keys.sign(&refresh)? };
        self.sessions
            .insert(&Session {
                id: sid,
                user_id: subject.user_id,
                epoch: subject.epoch,
                generation: 0,
                seen: 0,
                rotating: false,
                rotated_at: None,
                created_at: now,
                last_used_at: now,
                idle_at: end,
                expires_at: end,
                ended_at: None,
                ended_why: None,
                device: None,
                ip,
            })
            .await?;
        Ok(pair)
    }

    /// A new access token, not fresh, for the session of a refresh token. Always asks the database.
    ///
    /// # Errors
    /// [`TokenFault::Revoked`] when the session is over; [`Error::Unavailable`].
    pub async fn renew(&self, sid: RandomId, subject: Subject) -> Result<String, Error> {
        let now = self.clock.now();
        let session = self.sessions.touch(sid, now).await?;
        match session {
            Some(session) if session.user_id == subject.user_id && session.epoch == subject.epoch => {
                self.keys.sign(&self.access_claims(subject, sid, now))
            }
            _ => Err(Error::Token(TokenFault::Revoked)),
        }
    }

    fn access_claims(&self, subject: Subject, sid: RandomId, now: DateTime) -> Claims {
        let ttl = i64::try_from(self.access_ttl.as_secs()).unwrap_or(i64::MAX);
        Claims::new(Kind::Access, subject, sid, now, ttl)
    }

    /// Ends the session of a token. The first step already refuses all its tokens, here at once and for good once
    /// written; the rest may be repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: refused in this instance all the same, and safe to repeat.
    pub async fn log_out(&self, claims: &Claims) -> Result<(), Error> {
        let now = self.clock.now();
        let session_end = now.timestamp_millis() / 1_000 + REFRESH_TTL_SECONDS;
        self.blacklist.revoke(Target::Session(claims.sid), None, session_end, now).await?;
        self.blacklist.revoke(Target::Token(claims.jti), None, claims.exp, now).await?;
        self.sessions.end(claims.sid, "logout", now).await
    }

    /// Refuses every token of a user that is of an earlier epoch than `epoch`.
    ///
    /// # Errors
    /// As [`Auth::log_out`].
    pub async fn lock_out(&self, user_id: ObjectId, epoch: i64) -> Result<(), Error> {
        let now = self.clock.now();
        let last = now.timestamp_millis() / 1_000 + REFRESH_TTL_SECONDS;
        self.blacklist.revoke(Target::User(user_id), Some(epoch), last, now).await
    }

    /// Removes every session of a user; their tokens must have been locked out before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn forget(&self, user_id: ObjectId) -> Result<(), Error> {
        self.sessions.remove_all_of(user_id).await
    }

    /// Reads the blacklist; before that, no token is accepted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn load_blacklist(&self) -> Result<(), Error> {
        self.blacklist.load(self.clock.now()).await
    }
}
