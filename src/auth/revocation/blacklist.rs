//! What has been revoked: a map in memory that every request asks, the mirror of a collection that all instances share.
//! Must never answer "not revoked" when it cannot know.
//!
//! The promise: once a logout has been answered, this instance refuses the tokens at once, and every other refuses them
//! within [`BOUND`], whatever fails. It holds because a request is answered from the map only while the map is younger
//! than the bound; past it, each request reads the collection itself, and gets a 503 when that cannot be done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bson::{DateTime, Timestamp};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry::Occupied;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout_at;

use super::store::{Revocation, Revocations};
use super::target::{RevocationScope, Target};
use crate::auth::token::{Claims, LEEWAY_SECONDS};
use crate::error::Error;

/// How old the map may be for a request to be answered from it.
pub const BOUND: Duration = Duration::from_secs(2);

/// How many entries the map holds; with more, every request reads the collection.
pub const ENTRIES_MAX: usize = 1_000_000;

/// How long a request waits for an exact read.
pub const EXACT_TIME: Duration = Duration::from_millis(1_500);

/// How many requests read exactly at a time, with three connections each.
const EXACT_READERS: usize = 6;

/// Entries outlive the tokens that they revoke by the leeway of the token check and a minute.
const MARGIN_MILLIS: i64 = (LEEWAY_SECONDS + 60) * 1_000;

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
    reach: RevocationScope,
    expires_at: DateTime,
    durable: bool,
}

impl Entry {
    fn of(stored: &Revocation) -> Self {
        Self { reach: reach(stored), expires_at: stored.expires_at, durable: true }
    }
}

/// From where the next round reads on.
#[derive(Clone, Copy)]
enum Next {
    /// From the beginning: at first, and after a round that failed.
    Everything,
    /// From the highest stamp that was seen.
    Since(Timestamp),
}

/// The blacklist of this instance.
pub struct Blacklist {
    entries: DashMap<Target, Entry>,
    entries_max: usize,
    exact_readers: Arc<Semaphore>,
    pub(super) store: Revocations,
    /// What is refused here and not yet written down.
    pending: DashMap<Target, Revocation>,
    next: Mutex<Next>,
    entered: watch::Sender<()>,
    began: Instant,
    /// When the last successful round began, in milliseconds since `began`, plus one; 0 before the first.
    read_at: AtomicU64,
}

impl Blacklist {
    /// An empty one in front of `store`, which answers nothing by itself before its first round. It holds
    /// `entries_max` entries; see [`ENTRIES_MAX`].
    #[must_use]
    pub fn new(store: Revocations, entries_max: usize) -> Self {
        let next = Mutex::new(Next::Everything);
        Self {
            entries: DashMap::new(),
            pending: DashMap::new(),
            entries_max,
            exact_readers: Arc::new(Semaphore::new(EXACT_READERS)),
            store,
            next,
            entered: watch::Sender::new(()),
            began: Instant::now(),
            read_at: AtomicU64::new(0),
        }
    }

    /// Whether a token is revoked.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the map is too old to tell, and the collection cannot be read in [`EXACT_TIME`].
    pub async fn check(&self, claims: &Claims) -> Result<Verdict, Error> {
        // Asked before the map is: what is merged meanwhile may come too late for the look-up.
        let fresh = self.age().is_some_and(|age| age < BOUND);
        match self.known(claims) {
            verdict if fresh || verdict > Verdict::Clear => Ok(verdict),
            _ => self.check_exactly(claims).await,
        }
    }

    /// What the map alone says, however old it is: a token that it knows to be revoked is.
    #[must_use]
    pub fn known(&self, claims: &Claims) -> Verdict {
        Target::of(claims)
            .into_iter()
            .map(|target| self.look_up(target, claims))
            .max()
            .unwrap_or(Verdict::Clear)
    }

    fn look_up(&self, target: Target, claims: &Claims) -> Verdict {
        match self.entries.get(&target) {
            Some(entry) if entry.reach.covers(claims) && entry.durable => Verdict::Revoked,
            Some(entry) if entry.reach.covers(claims) => Verdict::Pending,
            _ => Verdict::Clear,
        }
    }

    /// Reads the collection itself, linearizably, a few requests at a time, so that reads which hang in a database that
    /// does not answer leave connections to everyone else. They go on in a task of their own past the time limit.
    async fn check_exactly(&self, claims: &Claims) -> Result<Verdict, Error> {
        let [token, session, user] = Target::of(claims).map(|target| target.to_string());
        let late = |_| Error::unavailable("the blacklist cannot be read in time");
        let deadline = Instant::now() + EXACT_TIME;
        let permit =
            timeout_at(deadline.into(), self.exact_readers.clone().acquire_owned()).await.map_err(late)?;
        let (store, permit) = (self.store.clone(), permit.map_err(Error::internal)?);
        let reading = tokio::spawn(async move {
            let _permit = permit;
            tokio::try_join!(store.exact(&token), store.exact(&session), store.exact(&user))
        });
        let read = timeout_at(deadline.into(), reading).await.map_err(late)?;
        let (token, session, user) = read.map_err(Error::internal)??;
        let revoked =
            token.is_some() || session.is_some() || user.is_some_and(|user| reach(&user).covers(claims));
        Ok(if revoked { Verdict::Revoked } else { Verdict::Clear })
    }

    /// Revokes at once in this instance, then for good; `last_exp` (seconds since 1970) is when the last of the
    /// revoked tokens expires. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: refused here all the same, but not yet written down.
    pub async fn revoke(
        &self,
        target: Target,
        reach: RevocationScope,
        last_exp: i64,
        now: DateTime,
    ) -> Result<(), Error> {
        let expires_at = DateTime::from_millis(last_exp.saturating_mul(1_000).saturating_add(MARGIN_MILLIS));
        self.enter(target, Entry { reach, expires_at, durable: false });
        let epoch = matches!(target, Target::User(_)).then_some(reach.epoch);
        let entry = Revocation {
            target: target.to_string(),
            epoch,
            except: reach.except,
            revoked_at: now,
            expires_at,
        };
        self.pending.insert(target, entry.clone());
        self.write_down(target, entry).await
    }

    async fn write_down(&self, target: Target, entry: Revocation) -> Result<(), Error> {
        self.store.put(&entry).await?;
        self.enter(target, Entry::of(&entry));
        self.pending.remove_if(&target, |_, pending| *pending == entry);
        Ok(())
    }

    /// Tries again to write down what could not be: a logout that was answered 503 comes into force everywhere as soon
    /// as the database is back.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn write_pending(&self) -> Result<(), Error> {
        let pending: Vec<_> =
            self.pending.iter().map(|entry| (*entry.key(), entry.value().clone())).collect();
        for (target, entry) in pending {
            self.write_down(target, entry).await?;
        }
        Ok(())
    }

    /// One round of the mirror: everything at first and after a failure, else what is new. A map that is full is not
    /// read into, so that it grows old and requests read the collection, until a sweep has made room.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the map then grows old, and the next round reads everything.
    pub async fn read(&self, now: DateTime) -> Result<(), Error> {
        let began = self.millis();
        let next = std::mem::replace(&mut *self.next(), Next::Everything);
        if self.is_full() {
            return Ok(());
        }
        let merge = |entry: Revocation| {
            // What does not fit is looked up by each request, for the round does not count then.
            if self.is_full() {
                return;
            }
            match entry.target.parse() {
                Ok(target) => self.enter(target, Entry::of(&entry)),
                Err(_) => {
                    tracing::warn!(
                        target = entry.target,
                        "the blacklist has an entry that is not understood"
                    );
                }
            }
        };
        let newest = match next {
            Next::Everything => self.store.all(now, merge).await?,
            Next::Since(newest) => self.store.since(newest, merge).await?.max(Some(newest)),
        };
        if self.is_full() {
            return Ok(());
        }
        if let Some(newest) = newest {
            *self.next() = Next::Since(newest);
        }
        self.read_at.fetch_max(began + 1, Ordering::Release);
        Ok(())
    }

    /// Removes entries whose tokens have expired.
    pub fn sweep(&self, now: DateTime) {
        self.entries.retain(|_, entry| entry.expires_at > now);
    }

    /// How old the map is; `None` before its first round.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let read_at = self.read_at.load(Ordering::Acquire).checked_sub(1)?;
        Some(Duration::from_millis(self.millis().saturating_sub(read_at)))
    }

    /// Changes whenever something is revoked that was not before.
    #[must_use]
    pub fn entered(&self) -> watch::Receiver<()> {
        self.entered.subscribe()
    }

    /// How many entries it has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a figure, not a collection")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    fn is_full(&self) -> bool {
        self.len() >= self.entries_max
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, target: Target, new: Entry) {
        let mut entry = match self.entries.entry(target) {
            Occupied(entry) if new.reach.epoch <= entry.get().reach.epoch => entry.into_ref(),
            other => {
                drop(other.insert(new));
                self.entered.send_replace(());
                return;
            }
        };
        entry.durable |= new.durable && new.reach.epoch == entry.reach.epoch;
        entry.expires_at = entry.expires_at.max(new.expires_at);
    }
}

fn reach(entry: &Revocation) -> RevocationScope {
    RevocationScope { epoch: entry.epoch.unwrap_or(i64::MAX), except: entry.except }
}
