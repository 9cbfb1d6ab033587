//! Limits how many requests use the database at a time, in all and for each client.
//!
//! **Invariant:** a request that waits for its client or for a hash holds no slot.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::Extensions;
use tokio::time::{Instant, timeout_at};

use super::client::ClientKey;
use super::fair_queue::{Bounds, FairQueue, Permit, Refusal, Share};
use crate::error::Error;

// Twice the number of connections to the database, so that no connection is idle while requests wait.
pub const SLOTS: usize = 64;
pub const QUEUE_MAX: usize = 448;
/// Of a user, and of an address for requests without a valid token.
pub const CLIENT_SHARE: Share = Share { slots: SLOTS / 8, waiting: QUEUE_MAX / 8 };

#[derive(Clone)]
pub struct Admission(FairQueue);

/// Free again when the last clone is dropped.
#[derive(Clone)]
pub struct Slot {
    queue: FairQueue,
    client: ClientKey,
    permit: Arc<Mutex<Option<Permit>>>,
}

impl Default for Admission {
    fn default() -> Self {
        let (slots, waiting) = (SLOTS, QUEUE_MAX);
        let (user, address) = (CLIENT_SHARE, CLIENT_SHARE);
        Self(FairQueue::new(Bounds { name: "slots", slots, waiting, user, address }))
    }
}

impl Admission {
    /// The numbers of requests that hold a slot and that wait for one.
    pub fn busy(&self) -> (usize, usize) {
        self.0.busy()
    }

    /// A request whose client leaves, or whose deadline passes, while it waits gives up its place.
    pub async fn admit(
        &self,
        client: ClientKey,
        request: &mut Request,
        deadline: Instant,
    ) -> Result<Slot, Error> {
        let acquired = timeout_at(deadline, self.0.acquire(client)).await;
        let permit = acquired.map_err(|_| self.0.refuse(Refusal::Deadline))??;
        let slot = Slot { queue: self.0.clone(), client, permit: Arc::new(Mutex::new(Some(permit))) };
        // For what needs no slot: sending the body, hashing a password, running commands one by one, waiting for a turn.
        request.extensions_mut().insert(slot.clone());
        Ok(slot)
    }

    /// A slot for work outside of a request, such as a part of an event stream. Never refused, so the caller must bound
    /// how many wait.
    pub async fn slot_for(&self, client: ClientKey) -> Result<Permit, Error> {
        self.0.rejoin(client).await
    }
}

impl Slot {
    pub fn pause(&self) {
        drop(self.take());
    }

    /// Refused like a new request, because any number of requests can be paused.
    pub async fn resume(&self) -> Result<(), Error> {
        let permit = self.queue.acquire(self.client).await?;
        self.put(permit);
        Ok(())
    }

    /// Lets other clients go first. Never refused.
    pub async fn give_way(&self) -> Result<(), Error> {
        if let Some(permit) = self.take() {
            self.put(permit.give_way().await?);
        }
        Ok(())
    }

    fn take(&self) -> Option<Permit> {
        self.permit().take()
    }

    fn put(&self, permit: Permit) {
        self.permit().replace(permit);
    }

    fn permit(&self) -> std::sync::MutexGuard<'_, Option<Permit>> {
        // A panic cannot leave the option half-written, so the content of a poisoned lock is valid.
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For whom work is done that has a queue of its own.
#[derive(Clone)]
pub struct Requester {
    pub client: ClientKey,
    slot: Option<Slot>,
}

impl Requester {
    pub const OPERATOR: Self = Self::new(ClientKey::Operator);

    pub const fn new(client: ClientKey) -> Self {
        Self { client, slot: None }
    }

    pub fn of_request(extensions: &Extensions) -> Self {
        let client = extensions.get().copied().unwrap_or(ClientKey::UNKNOWN);
        Self { client, slot: extensions.get().cloned() }
    }

    /// Gives the slot back during `work`.
    pub async fn without_slot<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let Some(slot) = &self.slot else { return work.await };
        slot.pause();
        let done = work.await;
        // Never refused, because the queue of `work` has bounded how many requests get here.
        slot.put(slot.queue.rejoin(slot.client).await?);
        done
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use bson::oid::ObjectId;
    use futures_util::FutureExt;
    use tokio::time::{advance, pause};

    use super::*;

    fn request() -> Request {
        Request::new(Body::from("body"))
    }

    #[tokio::test]
    async fn a_request_that_waits_past_its_deadline_leaves_the_queue() {
        pause();
        let (admission, ann) = (Admission::default(), ClientKey::User(ObjectId::new()));
        let deadline = Instant::now() + Duration::from_secs(9);
        let mut held = Vec::new();
        for _ in 0..CLIENT_SHARE.slots {
            held.push(admission.admit(ann, &mut request(), deadline).await.unwrap());
        }
        let mut late = request();
        let mut waiting = Box::pin(admission.admit(ann, &mut late, deadline));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(admission.busy(), (CLIENT_SHARE.slots, 1));
        advance(Duration::from_secs(9)).await;
        assert!(matches!(waiting.await, Err(Error::Unavailable(_))));
        assert_eq!(admission.busy(), (CLIENT_SHARE.slots, 0));
    }

    #[tokio::test]
    async fn a_paused_request_holds_no_slot() {
        let (admission, ann) = (Admission::default(), ClientKey::User(ObjectId::new()));
        let deadline = Instant::now() + Duration::from_secs(9);
        let (mut paused, mut held) = (request(), Vec::new());
        let slot = admission.admit(ann, &mut paused, deadline).await.unwrap();
        slot.pause();
        for _ in 0..CLIENT_SHARE.slots {
            held.push(admission.admit(ann, &mut request(), deadline).await.unwrap());
        }
        assert!(slot.resume().now_or_never().is_none());
        let requester = Requester::of_request(paused.extensions());
        held.pop();
        slot.resume().await.unwrap();
        let busy = requester.without_slot(async { Ok(admission.busy()) }).await.unwrap();
        assert_eq!((busy, admission.busy()), ((7, 0), (8, 0)));
    }
}
