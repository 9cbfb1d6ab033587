//! Refreshing tokens, and what a refresh token that was already replaced means.
//!
//! **Invariant:** a session has one chain of refresh tokens. No rule issues tokens of another generation than the newest.

use bson::DateTime;

use super::operations::{Auth, Tokens};
use super::store::{GRACE, Session};
use super::token::{Claims, Subject};
use crate::error::{Error, TokenRejection};

#[derive(Debug)]
pub enum RefreshOutcome {
    Refreshed(Tokens),
    /// The session has ended, or the refresh token was replaced more than once within [`GRACE`].
    Refused,
    /// The refresh token was replaced earlier, so somebody else has a copy. The session has been ended.
    ReuseDetected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Accepted,
    Refused,
    Copied,
}

impl Auth {
    /// In a session that rotates, the result depends on the generation of the presented token:
    ///
    /// - newest: replace the token, and issue tokens of the next generation;
    /// - previous, and its successor is unused or was issued less than [`GRACE`] ago: issue tokens of the newest
    ///   generation again;
    /// - older, and replaced less than [`GRACE`] ago: refuse it;
    /// - older: the token is a copy, so end the session.
    ///
    /// Because of the second rule, a lost response or two tabs that refresh at the same time log nobody out. Both get
    /// the same generation, so there is never a second line of valid tokens that a thief could continue. Because of the
    /// third rule, several tabs that a browser restores together do not end the session.
    pub async fn refresh(&self, presented: &Claims, subject: Subject) -> Result<RefreshOutcome, Error> {
        let (sid, generation, epoch) = (presented.sid, presented.generation, subject.epoch);
        // All tokens of an earlier epoch were revoked, perhaps so recently that the blacklist in memory does not know it.
        // The session itself may continue in the newer epoch.
        if presented.epoch != epoch {
            return Ok(RefreshOutcome::Refused);
        }
        let (now, idle_at) = self.now_and_idle_at();
        if let Some(session) = self.sessions.rotate(sid, generation, epoch, now, idle_at).await? {
            return self.issue(&session, subject, false).map(RefreshOutcome::Refreshed);
        }
        let Some(session) = self.sessions.touch(sid, epoch, now, idle_at).await? else {
            return Ok(RefreshOutcome::Refused);
        };
        match verdict(&session, generation, now) {
            Verdict::Accepted => self.issue(&session, subject, false).map(RefreshOutcome::Refreshed),
            Verdict::Refused => Ok(RefreshOutcome::Refused),
            Verdict::Copied => {
                self.end_session(sid, "reuse").await?;
                Ok(RefreshOutcome::ReuseDetected)
            }
        }
    }

    /// Issues tokens of a session that does not rotate. Fails with [`TokenRejection::Invalid`] for any other session:
    /// without a rotation, the owner of a copied refresh token could not be told from the thief.
    pub async fn refresh_unless_rotating(
        &self,
        presented: &Claims,
        subject: Subject,
    ) -> Result<Tokens, Error> {
        let (sid, epoch) = (presented.sid, subject.epoch);
        if presented.epoch != epoch {
            return Err(Error::Token(TokenRejection::Revoked));
        }
        let (now, idle_at) = self.now_and_idle_at();
        if let Some(session) = self.sessions.touch_unless_rotating(sid, epoch, now, idle_at).await? {
            return self.issue(&session, subject, false);
        }
        let live = self.sessions.find_live(sid, epoch, now).await?;
        // Otherwise it has ended, or is blocked.
        let is_rotating = live.is_some_and(|session| session.rotating && session.blocked_at.is_none());
        Err(Error::Token(if is_rotating { TokenRejection::Invalid } else { TokenRejection::Revoked }))
    }
}

/// The verdict on a refresh token that [`super::store::Sessions::rotate`] did not replace.
fn verdict(session: &Session, generation: i64, now: DateTime) -> Verdict {
    let is_recent = |at: DateTime| now.saturating_duration_since(at) < GRACE;
    let is_previous = generation + 1 == session.generation;
    let is_successor_unused = session.seen < session.generation;
    let is_accepted = is_previous && (is_successor_unused || session.rotated_at.is_some_and(is_recent));
    let mut replaced = session.replaced.iter();
    if !session.rotating || is_accepted {
        Verdict::Accepted
    } else if replaced.any(|replaced| replaced.generation == generation && is_recent(replaced.at)) {
        Verdict::Refused
    } else {
        Verdict::Copied
    }
}
