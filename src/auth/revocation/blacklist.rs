//! The blacklist in memory, which every request checks. It is a copy of a collection that all instances share.
//!
//! After a successful response to a logout, this instance refuses the tokens at once, and every other instance refuses
//! them within [`AGE_MAX`], whatever fails. The reason is that a request relies on the map only while the map is
//! younger than this bound. The age counts from the start of the last successful round, and a round reads every entry
//! that was acknowledged before its start. When the map is older, each request reads the collection itself, and is
//! answered 503 if the read fails.
//!
//! **Invariant:** the result is never "not revoked" while that is unknown.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bson::{DateTime, Timestamp};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry::{Occupied, Vacant};
use futures_util::future::try_join_all;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout_at;

use super::store::{Revocation, Revocations};
use super::target::{Revocable, RevocationTarget};
use crate::error::Error;

pub const AGE_MAX: Duration = Duration::from_secs(2);

// When the map is full, every request reads the collection. Live entries are never evicted, because forgetting one
// would accept a revoked token.
pub const ENTRIES_MAX: usize = 1_000_000;

/// How many revocations that could not be stored are kept in order to store them later. The others are refused in this
/// instance only, until the client repeats the request, which was answered 503.
pub const PENDING_MAX: usize = 10_000;

pub const EXACT_READ_TIMEOUT: Duration = Duration::from_millis(1_500);

// Each uses up to four connections, so together they use 20 of the 32 of the pool (`mongo::POOL_MAX`).
const EXACT_READS_MAX: usize = 5;

// The order counts: a token has the highest status of its targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RevocationStatus {
    NotRevoked,
    /// Revoked in this instance, and not yet stored. The logout was answered 503, and the client may repeat it.
    Pending,
    Revoked,
}

struct Entry {
    /// See [`RevocationTarget::revokes`].
    epoch: i64,
    expires_at: DateTime,
    durable: bool,
}

impl Entry {
    fn of(stored: &Revocation, durable: bool) -> Self {
        Self { epoch: stored.epoch(), expires_at: stored.expires_at, durable }
    }
}

#[derive(Clone, Copy)]
enum ReadFrom {
    /// In the first round, and after a failed round.
    Start,
    Stamp(Timestamp),
}

pub struct Blacklist {
    entries: DashMap<RevocationTarget, Entry>,
    entries_max: usize,
    exact_reads: Arc<Semaphore>,
    pub(super) store: Revocations,
    pending: DashMap<RevocationTarget, Revocation>,
    read_from: Mutex<ReadFrom>,
    changed: watch::Sender<()>,
    created_at: Instant,
    /// When the last successful round started, in milliseconds since `created_at`, plus one. 0 before the first round.
    read_at: AtomicU64,
}

impl Blacklist {
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
            // 0 until the first round has succeeded, so that every request reads the collection until then.
            read_at: AtomicU64::new(0),
        }
    }

    /// Fails with [`Error::Unavailable`] if the map is too old and the collection cannot be read in time.
    pub async fn check(&self, token: Revocable) -> Result<RevocationStatus, Error> {
        // The age must be read before the map. In the other order a round could finish in between: the lookup would
        // miss the round's entries, and the age would be that of the finished round.
        let fresh = self.age().is_some_and(|age| age < AGE_MAX);
        match self.check_in_memory(token) {
            // A revoked token stays revoked, so this result is right however old the map is.
            status if fresh || status > RevocationStatus::NotRevoked => Ok(status),
            _ => self.check_in_database(token).await,
        }
    }

    /// Checks the map without regard to its age. `NotRevoked` means only that the map has no entry.
    pub fn check_in_memory(&self, token: Revocable) -> RevocationStatus {
        let statuses = token.targets().map(|target| self.status_of(target, token));
        statuses.max().unwrap_or(RevocationStatus::NotRevoked)
    }

    fn status_of(&self, target: RevocationTarget, token: Revocable) -> RevocationStatus {
        match self.entries.get(&target) {
            Some(entry) if !target.revokes(entry.epoch, token) => RevocationStatus::NotRevoked,
            Some(entry) if entry.durable => RevocationStatus::Revoked,
            Some(_) => RevocationStatus::Pending,
            None => RevocationStatus::NotRevoked,
        }
    }

    async fn check_in_database(&self, token: Revocable) -> Result<RevocationStatus, Error> {
        let late = |_| Error::unavailable("reading the blacklist took too long");
        let deadline = Instant::now() + EXACT_READ_TIMEOUT;
        // Only a few requests read at the same time. Otherwise reads that hang in a database that does not respond
        // would use up all connections.
        let permit =
            timeout_at(deadline.into(), self.exact_reads.clone().acquire_owned()).await.map_err(late)?;
        let (store, permit) = (self.store.clone(), permit.map_err(Error::internal)?);
        // A separate task, because the timeout below must not drop a database operation that is in progress. The permit
        // is released when the reads end, not when the request stops waiting.
        let reading = tokio::spawn(async move {
            let _permit = permit;
            let reads = token.targets().map(|target| {
                let (store, text) = (store.clone(), target.to_string());
                async move { Ok::<_, Error>((target, store.find_linearizable(&text).await?)) }
            });
            try_join_all(reads).await
        });
        let read = timeout_at(deadline.into(), reading).await.map_err(late)?;
        let entries = read.map_err(Error::internal)??;
        let is_match = |(target, entry): &(RevocationTarget, Option<Revocation>)| {
            entry.as_ref().is_some_and(|entry| target.revokes(entry.epoch(), token))
        };
        let revoked = entries.iter().any(is_match);
        Ok(if revoked { RevocationStatus::Revoked } else { RevocationStatus::NotRevoked })
    }

    /// Safe to repeat. If storing the entry fails, this instance refuses the tokens nevertheless, and
    /// [`Blacklist::persist_pending`] tries again. `epoch` is needed for all tokens of a user and for a block: see
    /// `RevocationTarget::revokes`. `last_exp` is in seconds since 1970.
    pub async fn revoke(
        &self,
        target: RevocationTarget,
        epoch: Option<i64>,
        last_exp: i64,
        now: DateTime,
    ) -> Result<(), Error> {
        let entry = Revocation::new(target, epoch, last_exp, now);
        // Before the write, so that this instance refuses the tokens even if the write fails.
        self.insert_in_memory(target, Entry::of(&entry, false));
        self.remember_pending(target, &entry);
        self.persist(target, entry).await
    }

    /// Takes a block back with a higher, even epoch. Unlike a revocation it holds in this instance only after it is stored,
    /// because accepting a token too late does no harm.
    pub async fn lift(
        &self,
        target: RevocationTarget,
        epoch: i64,
        last_exp: i64,
        now: DateTime,
    ) -> Result<(), Error> {
        self.persist(target, Revocation::new(target, Some(epoch), last_exp, now)).await
    }

    fn remember_pending(&self, target: RevocationTarget, entry: &Revocation) {
        // Before `entry`, which locks a shard, because `len` locks every shard.
        let is_full = self.pending.len() >= PENDING_MAX;
        match self.pending.entry(target) {
            // The earlier revocation may be of a higher epoch.
            Occupied(mut earlier) => earlier.get_mut().include(entry),
            Vacant(_) if is_full => {}
            Vacant(free) => drop(free.insert(entry.clone())),
        }
    }

    async fn persist(&self, target: RevocationTarget, entry: Revocation) -> Result<(), Error> {
        self.store.upsert(&entry).await?;
        self.insert_in_memory(target, Entry::of(&entry, true));
        // Another revocation of the same target may have raised the pending entry during the write.
        self.pending.remove_if(&target, |_, pending| *pending == entry);
        Ok(())
    }

    /// After an outage, a logout that was answered 503 thus takes effect in every instance.
    pub async fn persist_pending(&self) -> Result<(), Error> {
        let pending: Vec<_> =
            self.pending.iter().map(|entry| (*entry.key(), entry.value().clone())).collect();
        for (target, entry) in pending {
            self.persist(target, entry).await?;
        }
        Ok(())
    }

    /// One round of the mirror. A round that fails, or finds the map full, does not count: the map becomes too old and
    /// requests read the collection, until a later round succeeds or expired entries have been removed.
    pub async fn load(&self, now: DateTime) -> Result<(), Error> {
        let began = self.millis();
        // If this round fails or is dropped, the next one reads everything.
        let next = std::mem::replace(&mut *self.read_from(), ReadFrom::Start);
        if self.is_full() {
            return Ok(());
        }
        let merge = |entry: Revocation| {
            // The round will not count, so each request will read the entries that do not fit.
            if self.is_full() {
                return;
            }
            match entry.target.parse() {
                Ok(target) => self.insert_in_memory(target, Entry::of(&entry, true)),
                Err(_) => {
                    tracing::warn!(target = entry.target, "cannot parse an entry of the blacklist");
                }
            }
        };
        let newest = match next {
            ReadFrom::Start => self.store.read_all(now, merge).await?,
            // `max`, because a round may find nothing, or only entries of the overlap.
            ReadFrom::Stamp(newest) => self.store.read_since(newest, merge).await?.max(Some(newest)),
        };
        if self.is_full() {
            return Ok(());
        }
        if let Some(newest) = newest {
            *self.read_from() = ReadFrom::Stamp(newest);
        }
        // Only now, because a request that sees the new age must find the new entries in the map. `fetch_max`, because
        // a round that timed out continues and may end after a later round.
        self.read_at.fetch_max(began + 1, Ordering::Release);
        Ok(())
    }

    pub fn remove_expired(&self, now: DateTime) {
        self.entries.retain(|_, entry| entry.expires_at > now);
    }

    /// Since the start of the last successful round. `None` before the first.
    pub fn age(&self) -> Option<Duration> {
        let read_at = self.read_at.load(Ordering::Acquire).checked_sub(1)?;
        Some(Duration::from_millis(self.millis().saturating_sub(read_at)))
    }

    /// The receiver changes when an entry revokes more than before.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    #[expect(clippy::len_without_is_empty, reason = "a metric, not a collection")]
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
            Occupied(entry) if new.epoch <= entry.get().epoch => entry.into_ref(),
            other => {
                drop(other.insert(new));
                self.changed.send_replace(());
                return;
            }
        };
        // The existing entry covers at least as much, so nothing new is revoked. The entry counts as stored only if an
        // entry of the same epoch was stored.
        entry.durable |= new.durable && new.epoch == entry.epoch;
        entry.expires_at = entry.expires_at.max(new.expires_at);
    }
}
