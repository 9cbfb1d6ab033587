//! What becomes of sessions and tokens: opened, checked, renewed, ended. Must not check passwords.

use std::sync::Arc;
use std::time::Duration;

use bson::DateTime;
use bson::oid::ObjectId;

use super::revocation::blacklist::{Blacklist, RevocationStatus};
use super::store::{Session, Sessions};
use super::token::{Claims, LEEWAY_SECONDS, REFRESH_TTL_SECONDS, SigningKeys, Subject, TokenKind};
use crate::clock::Clock;
use crate::crypto::random_id::RandomId;
use crate::error::{Error, TokenRejection};
use crate::owned::bounded_map::{BoundedMap, Expires};

/// How long a session lives in any case, in seconds: 90 days.
pub const SESSION_TTL_SECONDS: i64 = 90 * 24 * 60 * 60;

/// How long a refresh token that was replaced is still answered, whatever became of its successor.
pub const GRACE: Duration = Duration::from_secs(10);

/// How many sessions are remembered whose newest generation is noted. One that is forgotten is noted again.
const SEEN_GENERATIONS_MAX: usize = 100_000;

/// The acts on sessions and tokens, over their stores.
pub struct Auth {
    keys: SigningKeys,
    pub(super) blacklist: Arc<Blacklist>,
    pub(super) sessions: Sessions,
    pub(super) clock: Clock,
    access_ttl: Duration,
    /// The generation of each session that is noted in the database as seen.
    seen_generations: BoundedMap<RandomId, SeenGeneration>,
}

/// A generation that is noted in the database as seen.
#[derive(Clone, Copy)]
struct SeenGeneration {
    generation: i64,
    expires_at: i64,
}

impl Expires for SeenGeneration {
    fn expires_at(&self) -> i64 {
        self.expires_at
    }
}

/// What a login or a refresh hands out.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Opens the routes.
    pub access: String,
    /// How long it is valid, in seconds.
    pub access_expires_in: i64,
    /// Gets new access tokens.
    pub refresh: String,
    /// How long it is valid, in seconds.
    pub refresh_expires_in: i64,
    /// The session that both belong to.
    pub session_id: RandomId,
}

/// How a session is opened.
#[derive(Debug, Clone, Default)]
pub struct NewSession {
    /// Whether each refresh replaces the refresh token; the original's clients expect that it stays.
    pub rotating: bool,
    /// What the client calls itself.
    pub device: Option<String>,
    /// Where the login comes from.
    pub ip: Option<String>,
}

/// What a refresh came to.
#[derive(Debug)]
pub enum RefreshOutcome {
    /// New tokens.
    Refreshed(Tokens),
    /// The session is over, or never was.
    SessionEnded,
    /// A refresh token that had long been replaced: somebody has a copy. The session has been ended.
    ReuseDetected,
}

impl Auth {
    /// The acts over these stores; access tokens are valid for `access_ttl`.
    #[must_use]
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

    /// The claims of a token that is right, of the kind that is needed, and not revoked, in this order.
    ///
    /// # Errors
    /// [`Error::Token`]; [`Error::Unavailable`] when it cannot be known whether it is revoked.
    pub async fn authenticate(&self, token: &str, needed: TokenKind) -> Result<Claims, Error> {
        let claims = self.verify(token, &[needed])?;
        self.check_revocation(&claims).await?;
        self.record_generation_seen(&claims);
        Ok(claims)
    }

    /// As [`Auth::authenticate`], but for a logout by a token of one of the kinds. Asks the map alone, so that a logout
    /// is refused here at once whatever the database does: to refuse a token twice does no harm.
    ///
    /// # Errors
    /// [`Error::Token`].
    pub fn authenticate_logout(&self, token: &str, accepted: &[TokenKind]) -> Result<Claims, Error> {
        let claims = self.verify(token, accepted)?;
        match self.blacklist.check_in_memory(&claims) {
            RevocationStatus::Revoked => Err(Error::Token(TokenRejection::Revoked)),
            RevocationStatus::Pending | RevocationStatus::NotRevoked => Ok(claims),
        }
    }

    fn verify(&self, token: &str, accepted: &[TokenKind]) -> Result<Claims, Error> {
        let claims = self.keys.verify(token, self.clock.now()).map_err(Error::Token)?;
        if accepted.contains(&claims.kind) { Ok(claims) } else { Err(Error::Token(TokenRejection::Invalid)) }
    }

    /// Notes, behind the request, that the client has received this generation's tokens: whoever presents the refresh
    /// token before it from now on has a copy. Once a generation, and lost without harm.
    fn record_generation_seen(&self, claims: &Claims) {
        let noted = || {
            self.seen_generations.get(&claims.sid).is_some_and(|noted| noted.generation >= claims.generation)
        };
        if claims.kind != TokenKind::Access || claims.generation == 0 || noted() {
            return;
        }
        let expires_at = claims.exp.saturating_add(LEEWAY_SECONDS).saturating_mul(1_000);
        let noted = SeenGeneration { generation: claims.generation, expires_at };
        self.seen_generations.insert(claims.sid, noted, self.clock.now().timestamp_millis());
        let (sessions, sid, generation) = (self.sessions.clone(), claims.sid, claims.generation);
        tokio::spawn(async move {
            if let Err(error) = sessions.record_seen(sid, generation).await {
                tracing::debug!(%error, "a generation was not noted");
            }
        });
    }

    /// Opens a session. The access token is fresh.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open_session(&self, subject: Subject, opening: NewSession) -> Result<Tokens, Error> {
        let (now, idle_at) = self.now_and_idle_at();
        let lifetime = if opening.rotating { SESSION_TTL_SECONDS } else { REFRESH_TTL_SECONDS };
        let session = Session {
            id: RandomId::new(),
            user_id: subject.user_id,
            epoch: subject.epoch,
            generation: 0,
            seen: 0,
            rotating: opening.rotating,
            rotated_at: None,
            created_at: now,
            last_used_at: now,
            idle_at,
            expires_at: after(now, lifetime + LEEWAY_SECONDS),
            ended_at: None,
            ended_why: None,
            device: opening.device,
            ip: opening.ip,
        };
        let tokens = self.issue(&session, subject, true)?;
        self.sessions.insert(&session).await?;
        Ok(tokens)
    }

    /// The tokens of a session's newest generation.
    fn issue(&self, session: &Session, subject: Subject, fresh: bool) -> Result<Tokens, Error> {
        let now = self.clock.now();
        let left = (session.expires_at.timestamp_millis() - now.timestamp_millis()) / 1_000 - LEEWAY_SECONDS;
        if left < 1 {
            return Err(Error::Token(TokenRejection::Expired));
        }
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

    /// New tokens, not fresh, for the session of a refresh token; always asks the database. If the session rotates and
    /// the caller is going to be handed the successor, the token is replaced. A token that was replaced is answered with
    /// its successor's generation again, so that no branch appears, while the successor has not been used or the
    /// replacement is less than [`GRACE`] old: an answer that got lost and twin tabs log nobody out. An older one is a
    /// copy, and ends the session.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn refresh(
        &self,
        presented: &Claims,
        subject: Subject,
        hand_over: bool,
    ) -> Result<RefreshOutcome, Error> {
        let (now, idle_at) = self.now_and_idle_at();
        let (sid, generation, epoch) = (presented.sid, presented.generation, subject.epoch);
        if hand_over && let Some(session) = self.sessions.rotate(sid, generation, epoch, now, idle_at).await?
        {
            return self.issue(&session, subject, false).map(RefreshOutcome::Refreshed);
        }
        let Some(session) = self.sessions.touch(sid, epoch, now, idle_at).await? else {
            return Ok(RefreshOutcome::SessionEnded);
        };
        let since = session.rotated_at.map(|at| now.saturating_duration_since(at));
        let unused = session.seen < session.generation;
        let newest = generation == session.generation && !hand_over;
        let forgiven =
            generation + 1 == session.generation && (unused || since.is_some_and(|since| since < GRACE));
        if !session.rotating || newest || forgiven {
            return self.issue(&session, subject, false).map(RefreshOutcome::Refreshed);
        }
        self.end_session(sid, "reuse").await?;
        Ok(RefreshOutcome::ReuseDetected)
    }

    /// The time, and until when a session that is used now goes on: as long as the check of its tokens leaves them.
    fn now_and_idle_at(&self) -> (DateTime, DateTime) {
        let now = self.clock.now();
        (now, after(now, REFRESH_TTL_SECONDS + LEEWAY_SECONDS))
    }

    /// New tokens for a session that [`Auth::end_sessions_before_epoch`] has spared; fresh, for the caller has just given the password.
    ///
    /// # Errors
    /// [`TokenRejection::Revoked`] when the session is over; [`Error::Unavailable`].
    pub async fn issue_fresh_tokens(&self, sid: RandomId, subject: Subject) -> Result<Tokens, Error> {
        let (now, idle_at) = self.now_and_idle_at();
        let mut session = self.sessions.touch(sid, subject.epoch, now, idle_at).await?;
        if let Some(rotating) = session.as_ref().filter(|session| session.rotating) {
            session = self.sessions.rotate(sid, rotating.generation, subject.epoch, now, idle_at).await?;
        }
        let session = session.ok_or(Error::Token(TokenRejection::Revoked))?;
        self.issue(&session, subject, true)
    }

    /// Whether a session lives, in this epoch of its user. Always asks the database.
    ///
    /// # Errors
    /// [`TokenRejection::Revoked`] if it does not; [`Error::Unavailable`].
    pub async fn require_live_session(&self, sid: RandomId, epoch: i64) -> Result<(), Error> {
        let (now, idle_at) = self.now_and_idle_at();
        let alive = self.sessions.touch(sid, epoch, now, idle_at).await?;
        alive.map(|_| ()).ok_or(Error::Token(TokenRejection::Revoked))
    }

    /// Whether a user has this living session.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn has_live_session(
        &self,
        sid: RandomId,
        user_id: ObjectId,
        epoch: i64,
    ) -> Result<bool, Error> {
        self.sessions.is_live(sid, user_id, epoch, self.clock.now()).await
    }

    /// The living sessions of a user, last used first, at most [`crate::auth::store::LISTED_MAX`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn live_sessions(&self, user_id: ObjectId, epoch: i64) -> Result<Vec<Session>, Error> {
        self.sessions.live_of_user(user_id, epoch, self.clock.now()).await
    }
}

fn after(now: DateTime, seconds: i64) -> DateTime {
    now.saturating_add_millis(seconds * 1_000)
}
