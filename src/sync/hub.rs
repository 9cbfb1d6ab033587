//! Delivers the changes of one change stream to every event stream of this instance.
//!
//! **Invariant:** delivery never waits. A listener with a full buffer is disconnected, and catches up from its token.
//!
//! The change stream is open only while there are listeners. A new listener first registers and then waits until the
//! change stream is open; it reads earlier changes itself. The change stream is closed under the lock under which
//! listeners register, so a listener never takes a stream that is about to close for an open one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bson::oid::ObjectId;
use metrics::counter;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::feed::{ChangeEvent, Feed, Interruption, Position};
use crate::crypto::random_id::RandomId;
use crate::error::Error;
use crate::http::fair_queue::REFUSALS;

/// The most event streams of one user on one instance, if `MAX_EVENT_CONNECTIONS` is at least 160.
pub const USER_STREAMS_MAX: usize = 20;
// Also if that is more than an eighth of `MAX_EVENT_CONNECTIONS`, but never more than half of it.
const USER_STREAMS_MIN: usize = 4;

// Changes that may wait for one listener, and their bytes of JSON. One change may always wait.
const BUFFER: usize = 256;
const BUFFER_BYTES: usize = 256 * 1024;
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_DELAY: Duration = Duration::from_millis(500);

struct Listener {
    changes: mpsc::Sender<Arc<ChangeEvent>>,
    waiting_bytes: Arc<AtomicUsize>,
}

impl Listener {
    fn new() -> (Self, mpsc::Receiver<Arc<ChangeEvent>>) {
        let (changes, receiver) = mpsc::channel(BUFFER);
        (Self { changes, waiting_bytes: Arc::default() }, receiver)
    }

    /// Returns false if the buffer is full or the listener is gone.
    fn deliver(&self, change: &Arc<ChangeEvent>) -> bool {
        let size = change.object.size();
        // Counted before the change is sent, so that the listener never subtracts it first.
        let waiting = self.waiting_bytes.fetch_add(size, Ordering::Relaxed);
        (waiting == 0 || waiting + size <= BUFFER_BYTES) && self.changes.try_send(change.clone()).is_ok()
    }
}

pub struct Hub {
    feed: Feed,
    listeners: Mutex<Listeners>,
    slots: Arc<Semaphore>,
    streams_per_user: usize,
    // Wakes `run` when a listener has registered.
    wanted: Notify,
    is_open: watch::Sender<bool>,
}

#[derive(Default)]
struct Listeners {
    by_owner: HashMap<ObjectId, Vec<Listener>>,
    // Set when the service shuts down.
    closed: bool,
}

/// Dropping it unregisters the listener.
pub struct Subscription {
    hub: Arc<Hub>,
    owner_id: ObjectId,
    changes: mpsc::Receiver<Arc<ChangeEvent>>,
    waiting_bytes: Arc<AtomicUsize>,
    _slot: OwnedSemaphorePermit,
}

impl Hub {
    pub fn new(feed: Feed, connections_max: usize) -> Self {
        Self {
            feed,
            listeners: Mutex::default(),
            streams_per_user: streams_per_user(connections_max),
            slots: Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS))),
            wanted: Notify::new(),
            is_open: watch::Sender::new(false),
        }
    }

    pub async fn lineage(&self) -> Result<Option<RandomId>, Error> {
        self.feed.lineage.id().await
    }

    /// The listener receives every change of this user from the moment this returns. Fails with
    /// [`Error::TooManyConnections`] at the limit of one user, and with [`Error::Unavailable`] at the limit of all.
    pub async fn subscribe(self: &Arc<Self>, owner_id: ObjectId) -> Result<Subscription, Error> {
        let (listener, changes) = Listener::new();
        let waiting_bytes = listener.waiting_bytes.clone();
        let slot = self.register(owner_id, listener)?;
        let subscription = Subscription { hub: self.clone(), owner_id, changes, waiting_bytes, _slot: slot };
        // Only now, because `run` stops reading if it finds no listener.
        self.wanted.notify_one();
        let late = |_| Error::unavailable("the change stream was not opened in time");
        let mut is_open = self.is_open.subscribe();
        let opened = timeout(OPEN_TIMEOUT, is_open.wait_for(|is_open| *is_open)).await;
        opened.map_err(late)?.map_err(Error::internal)?;
        Ok(subscription)
    }

    fn register(&self, owner_id: ObjectId, listener: Listener) -> Result<OwnedSemaphorePermit, Error> {
        let mut listeners = self.listeners();
        if listeners.closed {
            return Err(Error::unavailable("the service is shutting down"));
        }
        let of_owner = listeners.by_owner.get(&owner_id).map_or(0, Vec::len);
        if of_owner >= self.streams_per_user {
            refused("client");
            return Err(Error::TooManyConnections);
        }
        let slot = self.slots.clone().try_acquire_owned().map_err(|_| {
            refused("full");
            Error::unavailable("all MAX_EVENT_CONNECTIONS are in use")
        })?;
        listeners.by_owner.entry(owner_id).or_default().push(listener);
        Ok(slot)
    }

    pub fn connections(&self) -> usize {
        self.listeners().by_owner.values().map(Vec::len).sum()
    }

    pub fn close(&self) {
        let mut listeners = self.listeners();
        // Under the same lock, so that no listener registers after the others were disconnected.
        listeners.closed = true;
        listeners.by_owner.clear();
    }

    pub async fn run(&self) -> ! {
        loop {
            self.wanted.notified().await;
            if let Err(error) = self.read_until_idle().await {
                tracing::warn!(%error, "the change stream cannot be resumed; all event streams catch up from their tokens");
                self.disconnect_all();
            }
        }
    }

    /// Returns an error if the change stream has a gap, so that all listeners must catch up.
    async fn read_until_idle(&self) -> Result<(), Error> {
        let mut position: Option<Position> = None;
        while !self.close_if_idle() {
            match self.read_from(&mut position).await {
                Ok(()) => return Ok(()),
                Err(Interruption::Lost(error)) => return Err(error),
                Err(Interruption::Passing(error)) => {
                    tracing::warn!(%error, "the change stream was interrupted and will be resumed");
                }
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
        Ok(())
    }

    async fn read_from(&self, position: &mut Option<Position>) -> Result<(), Interruption> {
        let mut stream = self.feed.open(position.as_ref()).await?;
        self.is_open.send_replace(true);
        loop {
            let change = stream.next().await;
            // Also after a failure, so that the next stream begins where this one ended.
            *position = stream.position().or(position.take());
            match change? {
                Some(change) => self.deliver(change),
                None if self.close_if_idle() => return Ok(()),
                None => {}
            }
        }
    }

    fn deliver(&self, change: ChangeEvent) {
        let mut listeners = self.listeners();
        let Some(of_owner) = listeners.by_owner.get_mut(&change.owner_id) else { return };
        let change = Arc::new(change);
        // A listener that is dropped here still receives the changes in its buffer.
        of_owner.retain(|listener| listener.deliver(&change));
    }

    fn close_if_idle(&self) -> bool {
        // The lock is held until the stream counts as closed: see the head of this file.
        let listeners = self.listeners();
        let is_idle = listeners.by_owner.is_empty();
        if is_idle {
            self.is_open.send_replace(false);
        }
        is_idle
    }

    fn disconnect_all(&self) {
        let mut listeners = self.listeners();
        self.is_open.send_replace(false);
        listeners.by_owner.clear();
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An eighth of all streams within the constants above, so that no user can take all of them.
fn streams_per_user(all: usize) -> usize {
    let half = (all / 2).max(1);
    (all / 8).clamp(USER_STREAMS_MIN, USER_STREAMS_MAX).min(half)
}

fn refused(reason: &'static str) {
    counter!(REFUSALS, "queue" => "event_streams", "reason" => reason).increment(1);
}

impl Subscription {
    /// Returns `None` after the hub has disconnected this listener. Cancel safe.
    pub async fn next(&mut self) -> Option<Arc<ChangeEvent>> {
        let change = self.changes.recv().await?;
        self.waiting_bytes.fetch_sub(change.object.size(), Ordering::Relaxed);
        Some(change)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Closes the channel first: this listener's sender is then the one that reports `is_closed`.
        self.changes.close();
        let mut listeners = self.hub.listeners();
        if let Some(of_owner) = listeners.by_owner.get_mut(&self.owner_id) {
            of_owner.retain(|listener| !listener.changes.is_closed());
            if of_owner.is_empty() {
                listeners.by_owner.remove(&self.owner_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bson::Timestamp;
    use serde_json::value::RawValue;

    use super::*;
    use crate::sync::kind::{ChangedObject, ObjectState};
    use crate::sync::kinds::KINDS;

    fn change(bytes: usize) -> Arc<ChangeEvent> {
        let body = RawValue::from_string(format!("\"{}\"", "x".repeat(bytes))).unwrap();
        let id = ObjectId::from_bytes([1; 12]);
        let state = ObjectState { id, version: 1, body: Some(body) };
        let object = ChangedObject { kind: &KINDS[0], state };
        Arc::new(ChangeEvent { owner_id: id, at: Timestamp { time: 1, increment: 0 }, object })
    }

    #[tokio::test]
    async fn listener_is_disconnected_when_too_many_changes_or_bytes_wait() {
        let delivered = |size: usize| {
            let (listener, receiver) = Listener::new();
            let count = (0..2 * BUFFER).take_while(|_| listener.deliver(&change(size))).count();
            drop(receiver);
            count
        };
        assert_eq!(delivered(1), BUFFER);
        assert_eq!(delivered(BUFFER_BYTES / 4), 3);
        assert_eq!(delivered(2 * BUFFER_BYTES), 1);
    }
}
