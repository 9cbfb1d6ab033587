//! Opens sessions, issues tokens and authenticates them. [`super::refresh`] refreshes tokens, [`super::revocation`] ends
//! sessions.
//!
//! **Invariant:** this file does not check passwords.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;
use bson::oid::ObjectId;

use super::revocation::blacklist::{Blacklist, RevocationStatus};
use super::revocation::target::Revocable;
use super::store::{NewSession, Session, Sessions};
use super::token::{Claims, LEEWAY_SECONDS, REFRESH_TTL_SECONDS, SigningKeys, Subject, TokenKind};
use super::usage::Usage;
use crate::clock::Clock;
use crate::crypto::random_id::RandomId;
use crate::error::{Error, TokenRejection};
use crate::owned::bounded_map::{BoundedMap, Expires};

/// A session ends after 90 days even if it is used.
pub const SESSION_TTL_SECONDS: i64 = 90 * 24 * 60 * 60;

// A forgotten session costs one more write of `Sessions::record_seen`.
const SEEN_GENERATIONS_MAX: usize = 100_000;

pub struct Auth {
    pub(super) keys: SigningKeys,
    pub(super) blacklist: Arc<Blacklist>,
    pub(super) sessions: Sessions,
    pub(super) clock: Clock,
    access_ttl: Duration,
    seen_generations: BoundedMap<RandomId, SeenGeneration>,
}

#[derive(Clone, Copy)]
struct SeenGeneration {
    generation: i64,
    /// When the last access token that this instance has seen of this generation expires, in milliseconds since 1970.
    expires_at: i64,
}

impl Expires for SeenGeneration {
    fn expires_at(&self) -> i64 {
        self.expires_at
    }
}

/// Lifetimes are in seconds.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub access: String,
    pub access_expires_in: i64,
    pub refresh: String,
    pub refresh_expires_in: i64,
    pub session_id: RandomId,
}

impl Auth {
    pub fn new(
        keys: SigningKeys,
        blacklist: Arc<Blacklist>,
        sessions: Sessions,
        clock: Clock,
        access_ttl: Duration,
    ) -> Self {
        Self {
            keys,
            blacklist,
            sessions,
            clock,
            access_ttl,
            seen_generations: BoundedMap::new(SEEN_GENERATIONS_MAX),
        }
    }

    /// Checks the signature and the times of a token of either kind, without the database.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenRejection> {
        self.keys.verify(token, self.clock.now())
    }

    /// For claims that [`Auth::verify`] returned. Fails with [`Error::Unavailable`] if it is unknown whether the token is
    /// revoked.
    pub async fn authenticate(&self, claims: Claims, needed: TokenKind) -> Result<Claims, Error> {
        let claims = require_kind(claims, &[needed])?;
        self.check_revocation(&claims).await?;
        self.record_generation_seen(&claims);
        Ok(claims)
    }

    pub fn authenticate_logout(&self, claims: Claims, accepted: &[TokenKind]) -> Result<Claims, Error> {
        let claims = require_kind(claims, accepted)?;
        // The map is enough, however old it is: a logout then takes effect in this instance even during an outage, and
        // revoking a token that another instance has already revoked does no harm.
        match self.blacklist.check_in_memory((&claims).into()) {
            RevocationStatus::Revoked => Err(Error::Token(TokenRejection::Revoked)),
            // Pending: an earlier logout was answered 503, and the client repeats it.
            RevocationStatus::Pending | RevocationStatus::NotRevoked => Ok(claims),
        }
    }

    /// The claims of a logout that either token may request, or `None` if the session of the token is over already. A
    /// blocked session is not over, and refuses the logout like every request.
    pub fn session_to_end(&self, claims: Claims) -> Result<Option<Claims>, Error> {
        let either = [TokenKind::Access, TokenKind::Refresh];
        let claims = require_kind(claims, &either)?;
        match self.blacklist.check_in_memory(Revocable::from(&claims).without_block()) {
            RevocationStatus::Revoked => Ok(None),
            _ => self.authenticate_logout(claims, &either).map(Some),
        }
    }

    /// Like [`Auth::session_to_end`], for a token that [`Auth::verify`] refused as expired.
    pub async fn session_to_end_of_expired(&self, token: &str) -> Result<Option<Claims>, Error> {
        let claims = self.keys.verify_signature(token).map_err(Error::Token)?;
        let Some(claims) = self.session_to_end(claims)? else { return Ok(None) };
        // Not from the blacklist, which forgets a revocation when the last token that it revokes has expired.
        let is_live = self.has_live_session(claims.sid, claims.sub, claims.epoch).await?;
        Ok(is_live.then_some(claims))
    }

    /// When the client has used a generation, only a copy can present the refresh token of the generation before.
    fn record_generation_seen(&self, claims: &Claims) {
        let is_recorded = || {
            let recorded = self.seen_generations.get(&claims.sid);
            recorded.is_some_and(|recorded| recorded.generation >= claims.generation)
        };
        // Generation 0 has no predecessor.
        if claims.kind != TokenKind::Access || claims.generation == 0 || is_recorded() {
            return;
        }
        let expires_at = claims.exp.saturating_add(LEEWAY_SECONDS).saturating_mul(1_000);
        let seen = SeenGeneration { generation: claims.generation, expires_at };
        self.seen_generations.insert(claims.sid, seen, self.clock.now().timestamp_millis());
        let (sessions, sid, generation) = (self.sessions.clone(), claims.sid, claims.generation);
        // The request does not wait for this write. Losing it only means that a copy is detected later.
        tokio::spawn(async move {
            if let Err(error) = sessions.record_seen(sid, generation).await {
                tracing::debug!(%error, "could not record that a refresh token was received");
            }
        });
    }

    pub async fn open_session(&self, subject: Subject, new: NewSession) -> Result<Tokens, Error> {
        let (now, idle_at) = self.now_and_idle_at();
        let lifetime = if new.rotating { SESSION_TTL_SECONDS } else { REFRESH_TTL_SECONDS };
        let session = Session::begin(&subject, new, now, idle_at, after(now, lifetime + LEEWAY_SECONDS));
        // Fresh, because the caller has just given the password.
        let tokens = self.issue(&session, subject, true)?;
        self.sessions.insert(&session).await?;
        Ok(tokens)
    }

    pub(super) fn issue(&self, session: &Session, subject: Subject, fresh: bool) -> Result<Tokens, Error> {
        let now = self.clock.now();
        let left = (session.expires_at.timestamp_millis() - now.timestamp_millis()) / 1_000 - LEEWAY_SECONDS;
        if left < 1 {
            return Err(Error::Token(TokenRejection::Expired));
        }
        // No token outlives the session.
        let (access_ttl, refresh_ttl) = (self.access_ttl().min(left), REFRESH_TTL_SECONDS.min(left));
        let mut access = Claims::new(TokenKind::Access, subject.clone(), session.id, now, access_ttl);
        let mut refresh = Claims::new(TokenKind::Refresh, subject, session.id, now, refresh_ttl);
        access.fresh = fresh;
        access.generation = session.generation;
        refresh.generation = session.generation;
        Ok(Tokens {
            access: self.keys.sign(&access)?,
            access_expires_in: access_ttl,
            refresh: self.keys.sign(&refresh)?,
            refresh_expires_in: refresh_ttl,
            session_id: session.id,
        })
    }

    fn access_ttl(&self) -> i64 {
        i64::try_from(self.access_ttl.as_secs()).unwrap_or(i64::MAX)
    }

    /// The current time, and when a session that is used now ends unless it is used again.
    pub(super) fn now_and_idle_at(&self) -> (DateTime, DateTime) {
        let now = self.clock.now();
        // With the leeway of the token check, so that a session does not end before its refresh token is refused.
        (now, after(now, REFRESH_TTL_SECONDS + LEEWAY_SECONDS))
    }

    /// Fails with [`TokenRejection::Revoked`] unless the session is alive and `epoch`, the user's, is that of the token.
    pub async fn require_live_session(&self, claims: &Claims, epoch: i64) -> Result<Session, Error> {
        let revoked = Error::Token(TokenRejection::Revoked);
        // `Auth::end_other_sessions` moves a session to a later epoch. The session lives on, but not its earlier tokens.
        if claims.epoch != epoch {
            return Err(revoked);
        }
        let (now, idle_at) = match claims.kind {
            TokenKind::Page => self.now_and_page_idle_at(),
            TokenKind::Access | TokenKind::Refresh => self.now_and_idle_at(),
        };
        self.sessions.touch(claims.sid, epoch, now, idle_at).await?.ok_or(revoked)
    }

    pub async fn has_live_session(
        &self,
        sid: RandomId,
        user_id: ObjectId,
        epoch: i64,
    ) -> Result<bool, Error> {
        let session = self.sessions.find_live(sid, epoch, self.clock.now()).await?;
        Ok(session.is_some_and(|session| session.user_id == user_id))
    }

    /// `users` are ids with their epochs.
    pub async fn usage(&self, users: &HashMap<ObjectId, i64>) -> Result<HashMap<ObjectId, Usage>, Error> {
        self.sessions.usage(users, self.clock.now()).await
    }

    pub async fn live_sessions(&self, user_id: ObjectId, epoch: i64) -> Result<Vec<Session>, Error> {
        self.sessions.live_of_user(user_id, epoch, self.clock.now()).await
    }
}

fn require_kind(claims: Claims, accepted: &[TokenKind]) -> Result<Claims, Error> {
    if accepted.contains(&claims.kind) { Ok(claims) } else { Err(Error::Token(TokenRejection::Invalid)) }
}

pub(super) fn after(now: DateTime, seconds: i64) -> DateTime {
    now.saturating_add_millis(seconds * 1_000)
}
