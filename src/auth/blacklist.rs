//! What has been revoked: a map in memory that every request asks, in front of the collection that outlives us.
//! Must never answer "not revoked" before it knows.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use bson::DateTime;
use bson::oid::ObjectId;
use dashmap::DashMap;

use super::store::{Revocation, Revocations};
use super::token::{Claims, LEEWAY_SECONDS};
use crate::error::Error;
use crate::id::RandomId;

/// Entries outlive the tokens that they revoke by the leeway of the token check and a minute.
const MARGIN_MILLIS: i64 = (LEEWAY_SECONDS + 60) * 1_000;

/// What an entry revokes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// One token, by its `jti`.
    Token(RandomId),
    /// Every token of a session, by their `sid`.
    Session(RandomId),
    /// Every token of a user that is of an earlier epoch than the entry's.
    User(ObjectId),
}

/// What the blacklist says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Not revoked.
    Clear,
    /// Revoked here, but not yet written down: the logout was not acknowledged and may be repeated.
    Pending,
    /// Revoked for good.
    Revoked,
}

struct Entry {
    epoch: i64,
    durable: bool,
}

/// The blacklist of this instance.
pub struct Blacklist {
    entries: DashMap<Target, Entry>,
    store: Revocations,
    loaded: AtomicBool,
}

impl Blacklist {
    /// An empty one in front of `store`, which answers nothing until it is loaded.
    #[must_use]
    pub fn new(store: Revocations) -> Self {
        Self { entries: DashMap::new(), store, loaded: AtomicBool::new(false) }
    }

    /// Reads every live entry of the collection.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn load(&self, now: DateTime) -> Result<(), Error> {
        for stored in self.store.live(now).await? {
            if let Ok(target) = stored.target.parse() {
                self.enter(target, stored.epoch.unwrap_or(i64::MAX), true);
            } else {
                tracing::warn!(target = stored.target, "the blacklist has an entry that is not understood");
            }
        }
        self.loaded.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether a token is revoked.
    ///
    /// # Errors
    /// [`Error::Unavailable`] before the first load.
    pub fn check(&self, claims: &Claims) -> Result<Verdict, Error> {
        if !self.loaded.load(Ordering::Acquire) {
            return Err(Error::unavailable("the blacklist is not loaded yet"));
        }
        let targets = [Target::Token(claims.jti), Target::Session(claims.sid), Target::User(claims.sub)];
        Ok(targets
            .into_iter()
            .map(|target| self.verdict(target, claims.epoch))
            .max()
            .unwrap_or(Verdict::Clear))
    }

    fn verdict(&self, target: Target, epoch: i64) -> Verdict {
        match self.entries.get(&target) {
            Some(entry) if epoch < entry.epoch && entry.durable => Verdict::Revoked,
            Some(entry) if epoch < entry.epoch => Verdict::Pending,
            _ => Verdict::Clear,
        }
    }

    /// Revokes at once in this instance, then for good; `last_exp` (seconds since 1970) is when the last of the
    /// revoked tokens expires. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: refused here all the same, but not yet written down.
    pub async fn revoke(
        &self,
        target: Target,
        epoch: Option<i64>,
        last_exp: i64,
        now: DateTime,
    ) -> Result<(), Error> {
        let below = epoch.unwrap_or(i64::MAX);
        self.enter(target, below, false);
        let expires_at = DateTime::from_millis(last_exp.saturating_mul(1_000).saturating_add(MARGIN_MILLIS));
        self.store
            .put(&Revocation { target: target.to_string(), epoch, revoked_at: now, expires_at })
            .await?;
        self.enter(target, below, true);
        Ok(())
    }

    fn enter(&self, target: Target, epoch: i64, durable: bool) {
        let mut entry = self.entries.entry(target).or_insert(Entry { epoch, durable });
        if epoch > entry.epoch {
            *entry = Entry { epoch, durable };
        } else if epoch == entry.epoch {
            entry.durable |= durable;
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(jti) => write!(f, "jti:{jti}"),
            Self::Session(sid) => write!(f, "sid:{sid}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

impl FromStr for Target {
    type Err = Box<dyn std::error::Error>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("jti", id)) => Ok(Self::Token(id.parse()?)),
            Some(("sid", id)) => Ok(Self::Session(id.parse()?)),
            Some(("user", id)) => Ok(Self::User(id.parse()?)),
            _ => Err("not jti:, sid: or user:".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_survives_its_text() {
        for target in
            [Target::Token(RandomId::new()), Target::Session(RandomId::new()), Target::User(ObjectId::new())]
        {
            assert_eq!(target.to_string().parse::<Target>().unwrap(), target);
        }
    }
}
