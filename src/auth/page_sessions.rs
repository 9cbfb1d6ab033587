//! Sessions of the admin pages: one token in a cookie, which is replaced while it is used.
//!
//! **Invariant:** a page token is of its own kind. No other route accepts it, and the pages accept no other token.

use bson::DateTime;

use super::operations::{Auth, after};
use super::store::{NewSession, Session};
use super::token::{Claims, LEEWAY_SECONDS, Subject, TokenKind};
use crate::crypto::random_id::RandomId;
use crate::error::{Error, TokenRejection};

/// A page session ends after this time without a request.
pub const PAGE_TOKEN_TTL_SECONDS: i64 = 30 * 60;

/// A page session ends after this time even if it is used.
pub const PAGE_SESSION_TTL_SECONDS: i64 = 12 * 60 * 60;

/// How long after the password was given the pages act without asking for it again.
pub const PASSWORD_TTL_SECONDS: i64 = 5 * 60;

/// What the list of sessions shows as the device.
pub const PAGE_DEVICE: &str = "admin pages";

// A renewal writes to the session, so not every request renews.
const RENEWAL_SECONDS: i64 = 60;

impl Auth {
    /// Returns the token and the id of the session.
    pub async fn open_page_session(
        &self,
        subject: Subject,
        ip: Option<String>,
    ) -> Result<(String, RandomId), Error> {
        let (now, idle_at) = self.now_and_page_idle_at();
        // If it did not rotate, the original's route would refresh it if its refresh token existed.
        let new = NewSession { rotating: true, device: Some(PAGE_DEVICE.to_owned()), ip };
        let expires_at = after(now, PAGE_SESSION_TTL_SECONDS + LEEWAY_SECONDS);
        let session = Session::begin(&subject, new, now, idle_at, expires_at);
        let token = self.issue_page_token(&session, subject, seconds(now))?;
        self.sessions.insert(&session).await?;
        Ok((token, session.id))
    }

    /// A token of the same session with the later end. `password_given` is whether the user has given the password again.
    pub fn renew_page_token(
        &self,
        claims: &Claims,
        session: &Session,
        subject: Subject,
        password_given: bool,
    ) -> Result<String, Error> {
        let now = seconds(self.clock.now());
        let auth_time = if password_given { now } else { claims.auth_time.unwrap_or_default() };
        self.issue_page_token(session, subject, auth_time)
    }

    fn issue_page_token(&self, session: &Session, subject: Subject, auth_time: i64) -> Result<String, Error> {
        let now = self.clock.now();
        let left = seconds(session.expires_at) - seconds(now) - LEEWAY_SECONDS;
        if left < 1 {
            return Err(Error::Token(TokenRejection::Expired));
        }
        let ttl = PAGE_TOKEN_TTL_SECONDS.min(left);
        let mut claims = Claims::new(TokenKind::Page, subject, session.id, now, ttl);
        claims.auth_time = Some(auth_time);
        self.keys.sign(&claims)
    }

    pub fn page_token_needs_renewal(&self, claims: &Claims) -> bool {
        seconds(self.clock.now()) - claims.iat >= RENEWAL_SECONDS
    }

    pub fn password_is_recent(&self, claims: &Claims) -> bool {
        let age = seconds(self.clock.now()) - claims.auth_time.unwrap_or_default();
        age < PASSWORD_TTL_SECONDS
    }

    pub(super) fn now_and_page_idle_at(&self) -> (DateTime, DateTime) {
        let now = self.clock.now();
        (now, after(now, PAGE_TOKEN_TTL_SECONDS + LEEWAY_SECONDS))
    }
}

fn seconds(time: DateTime) -> i64 {
    time.timestamp_millis().div_euclid(1_000)
}
