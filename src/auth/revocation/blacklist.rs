//! What has been revoked: a map in memory that every request asks, the mirror of a collection that all instances share.
//! Must never answer "not revoked" when it cannot know.
//!
//! The promise: once a logout has been answered, this instance refuses the tokens at once, and every other refuses them
//! within [`AGE_MAX`], whatever fails. It holds because a request is answered from the map only while the map is younger
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
use super::target::{RevocationScope, RevocationTarget};
use crate::auth::token::{Claims, LEEWAY_SECONDS};
use crate::error::Error;

/// How old the map may be for a request to be answered from it.
pub const AGE_MAX: Duration = Duration::from_secs(2);

/// How many entries the map holds; with more, every request reads the collection.
pub const ENTRIES_MAX: usize = 1_000_000;

/// How long a request waits for an exact read.
pub const EXACT_READ_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How many requests read exactly at a time, with three connections each.
const EXACT_READS_MAX: usize = 6;

/// Entries outlive the tokens that they revoke by the leeway of the token check and a minute.
const MARGIN_MILLIS: i64 = (LEEWAY_SECONDS + 60) * 1_000;

/// What the blacklist says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RevocationStatus {
    /// Not revoked.
    NotRevoked,
    /// Revoked here, but not yet written down: the logout was not acknowledged and may be repeated.
    Pending,
    /// Revoked for good.
    Revoked,
}

struct Entry {
    scope: RevocationScope,
    expires_at: DateTime,
    durable: bool,
}

impl Entry {
    fn of(stored: &Revocation) -> Self {
        Self { scope: scope(stored), expires_at: stored.expires_at, durable: true }
    }
}

/// From where the next round reads on.
#[derive(Clone, Copy)]
enum ReadFrom {
    /// From the beginning: at first, and after a round that failed.
    Start,
    /// From the highest stamp that was seen.
    Stamp(Timestamp),
}

/// The blacklist of this instance.
pub struct Blacklist {
    entries: DashMap<RevocationTarget, Entry>,
    entries_max: usize,
    exact_reads: Arc<Semaphore>,
    pub(super) store: Revocations,
    /// What is refused here and not yet written down.
    pending: DashMap<RevocationTarget, Revocation>,
    read_from: Mutex<ReadFrom>,
    changed: watch::Sender<()>,
    created_at: Instant,
    /// When the last successful round began, in milliseconds since `began`, plus one; 0 before the first.
    read_at: AtomicU64,
}

impl Blacklist {
    /// An empty one in front of `store`, which answers nothing by itself before its first round. It holds
    /// `entries_max` entries; see [`ENTRIES_MAX`].
    #[must_use]
    pub fn new(store: Revocations, entries_max: usize) -> Self {
        let read_from = Mutex::new(ReadFrom::Start);
        Self {
            entries: DashMap::new(),
            pending: DashMap::new(),
            entries_max,
            exact_reads: Arc::new(Semaphore::new(EXACT_READS_MAX)),
            store,
            read_from,
            changed: watch::Sender::new(()),
            created_at: Instant::now(),
            read_at: AtomicU64::new(0),
        }
    }

    /// Whether a token is revoked.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the map is too old to tell, and the collection cannot be read in [`EXACT_READ_TIMEOUT`].
    pub async fn check(&self, claims: &Claims) -> Result<RevocationStatus, Error> {
        // Asked before the map is: what is merged meanwhile may come too late for the look-up.
        let fresh = self.age().is_some_and(|age| age < AGE_MAX);
        match self.check_in_memory(claims) {
            verdict if fresh || verdict > RevocationStatus::NotRevoked => Ok(verdict),
            _ => self.check_in_database(claims).await,
        }
    }

    /// What the map alone says, however old it is: a token that it knows to be revoked is.
    #[must_use]
    pub fn check_in_memory(&self, claims: &Claims) -> RevocationStatus {
        RevocationTarget::all_of(claims)
            .into_iter()
            .map(|target| self.status_of(target, claims))
            .max()
            .unwrap_or(RevocationStatus::NotRevoked)
    }

    fn status_of(&self, target: RevocationTarget, claims: &Claims) -> RevocationStatus {
        match self.entries.get(&target) {
            Some(entry) if entry.scope.covers(claims) && entry.durable => RevocationStatus::Revoked,
            Some(entry) if entry.scope.covers(claims) => RevocationStatus::Pending,
            _ => RevocationStatus::NotRevoked,
        }
    }

    /// Reads the collection itself, linearizably, a few requests at a time, so that reads which hang in a database that
    /// does not answer leave connections to everyone else. They go on in a task of their own past the time limit.
    async fn check_in_database(&self, claims: &Claims) -> Result<RevocationStatus, Error> {
        let [token, session, user] = RevocationTarget::all_of(claims).map(|target| target.to_string());
        let late = |_| Error::unavailable("the blacklist cannot be read in time");
        let deadline = Instant::now() + EXACT_READ_TIMEOUT;
        let permit =
            timeout_at(deadline.into(), self.exact_reads.clone().acquire_owned()).await.map_err(late)?;
        let (store, permit) = (self.store.clone(), permit.map_err(Error::internal)?);
        let reading = tokio::spawn(async move {
            let _permit = permit;
            tokio::try_join!(
                store.find_linearizable(&token),
                store.find_linearizable(&session),
                store.find_linearizable(&user)
            )
        });
        let read = timeout_at(deadline.into(), reading).await.map_err(late)?;
        let (token, session, user) = read.map_err(Error::internal)??;
        let revoked =
            token.is_some() || session.is_some() || user.is_some_and(|user| scope(&user).covers(claims));
        Ok(if revoked { RevocationStatus::Revoked } else { RevocationStatus::NotRevoked })
    }

    /// Revokes at once in this instance, then for good; `last_exp` (seconds since 1970) is when the last of the
    /// revoked tokens expires. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: refused here all the same, but not yet written down.
    pub async fn revoke(
        &self,
        target: RevocationTarget,
        scope: RevocationScope,
        last_exp: i64,
        now: DateTime,
    ) -> Result<(), Error> {
        let expires_at = DateTime::from_millis(last_exp.saturating_mul(1_000).saturating_add(MARGIN_MILLIS));
        self.insert_in_memory(target, Entry { scope, expires_at, durable: false });
        let epoch = matches!(target, RevocationTarget::User(_)).then_some(scope.epoch);
        let entry = Revocation {
            target: target.to_string(),
            epoch,
            except: scope.except,
            revoked_at: now,
            expires_at,
        };
        self.pending.insert(target, entry.clone());
        self.persist(target, entry).await
    }

    async fn persist(&self, target: RevocationTarget, entry: Revocation) -> Result<(), Error> {
        self.store.upsert(&entry).await?;
        self.insert_in_memory(target, Entry::of(&entry));
        self.pending.remove_if(&target, |_, pending| *pending == entry);
        Ok(())
    }

    /// Tries again to write down what could not be: a logout that was answered 503 comes into force everywhere as soon
    /// as the database is back.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn persist_pending(&self) -> Result<(), Error> {
        let pending: Vec<_> =
            self.pending.iter().map(|entry| (*entry.key(), entry.value().clone())).collect();
        for (target, entry) in pending {
            self.persist(target, entry).await?;
        }
        Ok(())
    }

    /// One round of the mirror: everything at first and after a failure, else what is new. A map that is full is not
    /// read into, so that it grows old and requests read the collection, until a sweep has made room.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the map then grows old, and the next round reads everything.
    pub async fn load(&self, now: DateTime) -> Result<(), Error> {
        let began = self.millis();
        let next = std::mem::replace(&mut *self.read_from(), ReadFrom::Start);
        if self.is_full() {
            return Ok(());
        }
        let merge = |entry: Revocation| {
            // What does not fit is looked up by each request, for the round does not count then.
            if self.is_full() {
                return;
            }
            match entry.target.parse() {
                Ok(target) => self.insert_in_memory(target, Entry::of(&entry)),
                Err(_) => {
                    tracing::warn!(
                        target = entry.target,
                        "the blacklist has an entry that is not understood"
                    );
                }
            }
        };
        let newest = match next {
            ReadFrom::Start => self.store.read_all(now, merge).await?,
            ReadFrom::Stamp(newest) => self.store.read_since(newest, merge).await?.max(Some(newest)),
        };
        if self.is_full() {
            return Ok(());
        }
        if let Some(newest) = newest {
            *self.read_from() = ReadFrom::Stamp(newest);
        }
        self.read_at.fetch_max(began + 1, Ordering::Release);
        Ok(())
    }

    /// Removes entries whose tokens have expired.
    pub fn remove_expired(&self, now: DateTime) {
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
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
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
        u64::try_from(self.created_at.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn read_from(&self) -> MutexGuard<'_, ReadFrom> {
        self.read_from.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert_in_memory(&self, target: RevocationTarget, new: Entry) {
        let mut entry = match self.entries.entry(target) {
            Occupied(entry) if new.scope.epoch <= entry.get().scope.epoch => entry.into_ref(),
            other => {
                drop(other.insert(new));
                self.changed.send_replace(());
                return;
            }
        };
        entry.durable |= new.durable && new.scope.epoch == entry.scope.epoch;
        entry.expires_at = entry.expires_at.max(new.expires_at);
    }
}

fn scope(entry: &Revocation) -> RevocationScope {
    RevocationScope { epoch: entry.epoch.unwrap_or(i64::MAX), except: entry.except }
}
