//! Hands changes out to those who listen on this instance. Must not wait for anyone: who reads too slowly is cut off,
//! and reads by itself what it missed.
//!
//! The change stream is open while somebody listens. A listener is entered first and then waits until the stream is
//! open; what was written before that it reads by itself. The stream is closed under the same lock under which
//! listeners are entered, so nobody believes it open when it is not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bson::oid::ObjectId;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::feed::{ChangeEvent, Feed, Interruption, Position};
use crate::crypto::random_id::RandomId;
use crate::error::Error;

/// How many connections a user may have on one instance.
pub const CONNECTIONS_MAX: usize = 20;

/// How many changes may wait for one connection.
const BUFFER: usize = 256;
/// How long a listener waits for the stream to be opened.
const OPENING_TIME: Duration = Duration::from_secs(5);
/// The time between two tries to open the stream.
const RETRY: Duration = Duration::from_millis(500);

type Sender = mpsc::Sender<Arc<ChangeEvent>>;

/// Who listens on this instance.
pub struct Hub {
    feed: Feed,
    listeners: Mutex<Listeners>,
    places: Arc<Semaphore>,
    wanted: Notify,
    open: watch::Sender<bool>,
}

#[derive(Default)]
struct Listeners {
    by_owner: HashMap<ObjectId, Vec<Sender>>,
    closed: bool,
}

/// A listener's end. Dropped, it leaves.
pub struct Subscription {
    hub: Arc<Hub>,
    owner_id: ObjectId,
    changes: mpsc::Receiver<Arc<ChangeEvent>>,
    _place: OwnedSemaphorePermit,
}

impl Hub {
    /// A hub for at most `connections_max` listeners in all.
    #[must_use]
    pub fn new(feed: Feed, connections_max: usize) -> Self {
        Self {
            feed,
            listeners: Mutex::default(),
            places: Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS))),
            wanted: Notify::new(),
            open: watch::Sender::new(false),
        }
    }

    /// What sync tokens have to be of: see [`crate::sync::lineage::Lineage`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn lineage(&self) -> Result<Option<RandomId>, Error> {
        self.feed.lineage.id().await
    }

    /// Listens to the changes of one user, all of them from when this returns.
    ///
    /// # Errors
    /// [`Error::TooManyConnections`] of this user; [`Error::Unavailable`]: of all, or the stream cannot be opened.
    pub async fn subscribe(self: &Arc<Self>, owner_id: ObjectId) -> Result<Subscription, Error> {
        let full = |_| Error::unavailable("MAX_EVENT_CONNECTIONS are in use");
        let place = self.places.clone().try_acquire_owned().map_err(full)?;
        let (sender, changes) = mpsc::channel(BUFFER);
        self.enter(owner_id, sender)?;
        let subscription = Subscription { hub: self.clone(), owner_id, changes, _place: place };
        self.wanted.notify_one();
        let late = |_| Error::unavailable("the change stream is not open in time");
        let mut open = self.open.subscribe();
        timeout(OPENING_TIME, open.wait_for(|open| *open)).await.map_err(late)?.map_err(Error::internal)?;
        Ok(subscription)
    }

    fn enter(&self, owner_id: ObjectId, sender: Sender) -> Result<(), Error> {
        let mut listeners = self.listeners();
        if listeners.closed {
            return Err(Error::unavailable("the service stops"));
        }
        let own = listeners.by_owner.entry(owner_id).or_default();
        if own.len() >= CONNECTIONS_MAX {
            return Err(Error::TooManyConnections);
        }
        own.push(sender);
        Ok(())
    }

    /// How many listen.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.listeners().by_owner.values().map(Vec::len).sum()
    }

    /// Ends all connections, and takes no more.
    pub fn close(&self) {
        let mut listeners = self.listeners();
        listeners.closed = true;
        listeners.by_owner.clear();
    }

    /// Reads the change stream whenever somebody listens, for as long as the service runs.
    pub async fn run(&self) -> ! {
        loop {
            self.wanted.notified().await;
            if let Err(error) = self.follow().await {
                tracing::warn!(%error, "the change stream cannot go on where it was: all who listen begin anew");
                self.cut_off();
            }
        }
    }

    /// Hands changes out until nobody listens.
    async fn follow(&self) -> Result<(), Error> {
        let mut position: Option<Position> = None;
        while !self.is_left() {
            match self.hand_out_from(&mut position).await {
                Ok(()) => return Ok(()),
                Err(Interruption::Lost(error)) => return Err(error),
                Err(Interruption::Passing(error)) => {
                    tracing::warn!(%error, "the change stream is interrupted");
                }
            }
            tokio::time::sleep(RETRY).await;
        }
        Ok(())
    }

    async fn hand_out_from(&self, position: &mut Option<Position>) -> Result<(), Interruption> {
        let mut stream = self.feed.open(position.as_ref()).await?;
        self.open.send_replace(true);
        loop {
            let change = stream.next().await;
            *position = stream.position().or(position.take());
            match change? {
                Some(change) => self.hand_out(change),
                None if self.is_left() => return Ok(()),
                None => {}
            }
        }
    }

    fn hand_out(&self, change: ChangeEvent) {
        let mut listeners = self.listeners();
        let Some(own) = listeners.by_owner.get_mut(&change.owner_id) else { return };
        let change = Arc::new(change);
        // Cut off, a listener still reads what waits for it.
        own.retain(|listener| listener.try_send(change.clone()).is_ok());
    }

    /// Whether nobody listens any more; the stream counts as closed then.
    fn is_left(&self) -> bool {
        let listeners = self.listeners();
        let is_left = listeners.by_owner.is_empty();
        if is_left {
            self.open.send_replace(false);
        }
        is_left
    }

    /// Lets go of everyone.
    fn cut_off(&self) {
        let mut listeners = self.listeners();
        self.open.send_replace(false);
        listeners.by_owner.clear();
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// The next change; `None` when the hub has cut this listener off. Safe to drop while it waits.
    pub async fn next(&mut self) -> Option<Arc<ChangeEvent>> {
        self.changes.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.changes.close();
        let mut listeners = self.hub.listeners();
        if let Some(own) = listeners.by_owner.get_mut(&self.owner_id) {
            own.retain(|listener| !listener.is_closed());
            if own.is_empty() {
                listeners.by_owner.remove(&self.owner_id);
            }
        }
    }
}
