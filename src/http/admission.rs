//! Limits how many requests use the database at a time. Further requests wait in a queue; a full queue refuses them.
//!
//! **Invariant:** a request that waits for its client holds no slot.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::HttpBody;
use axum::extract::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

// Twice the number of connections to the database, so that no connection is idle while requests wait.
pub const SLOTS: usize = 64;
pub const QUEUE_MAX: usize = 448;

#[derive(Clone)]
pub struct Admission {
    slots: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

/// Free again when the last clone is dropped.
#[derive(Clone)]
pub struct Slot {
    admission: Admission,
    permit: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Default for Admission {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(SLOTS)), queue: Arc::new(Semaphore::new(QUEUE_MAX)) }
    }
}

impl Admission {
    /// The numbers of requests that hold a slot and that wait for one.
    pub fn busy(&self) -> (usize, usize) {
        let (slots, queue) = (self.slots.available_permits(), self.queue.available_permits());
        (SLOTS.saturating_sub(slots), QUEUE_MAX.saturating_sub(queue))
    }

    pub async fn admit(&self, request: &mut Request) -> Result<Slot, Error> {
        let permit = Arc::new(Mutex::new(Some(self.acquire().await?)));
        let slot = Slot { admission: self.clone(), permit };
        // Reading a body frees the slot while the client sends, so only requests with a body need it.
        if !request.body().is_end_stream() {
            request.extensions_mut().insert(slot.clone());
        }
        Ok(slot)
    }

    async fn acquire(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = self.slots.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let too_many = |_| Error::unavailable("too many requests are waiting");
        let _place = self.queue.clone().try_acquire_owned().map_err(too_many)?;
        self.slots.clone().acquire_owned().await.map_err(Error::internal)
    }
}

impl Slot {
    pub fn pause(&self) {
        self.permit().take();
    }

    pub async fn resume(&self) -> Result<(), Error> {
        let permit = self.admission.acquire().await?;
        self.permit().replace(permit);
        Ok(())
    }

    fn permit(&self) -> std::sync::MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        // A panic cannot leave the option half-written, so the content of a poisoned lock is valid.
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_queue_for_slots_and_a_full_queue_refuses() {
        let admission = Admission::default();
        let mut held = Vec::new();
        for _ in 0..SLOTS {
            held.push(admission.acquire().await.unwrap());
        }
        let waiting: Vec<_> = (0..QUEUE_MAX)
            .map(|_| {
                let admission = admission.clone();
                tokio::spawn(async move { admission.acquire().await.map(drop) })
            })
            .collect();
        while admission.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(admission.acquire().await, Err(Error::Unavailable(_))));
        drop(held);
        for waiting in waiting {
            waiting.await.unwrap().unwrap();
        }
        assert!(admission.acquire().await.is_ok());
    }

    #[tokio::test]
    async fn paused_request_frees_its_slot() {
        let admission = Admission::default();
        let mut slots = Vec::new();
        for _ in 0..SLOTS {
            let permit = Arc::new(Mutex::new(Some(admission.acquire().await.unwrap())));
            slots.push(Slot { admission: admission.clone(), permit });
        }
        slots[0].pause();
        let other = admission.acquire().await.unwrap();
        let resumed = tokio::spawn({
            let slot = slots[0].clone();
            async move { slot.resume().await }
        });
        drop(other);
        resumed.await.unwrap().unwrap();
        assert_eq!(admission.slots.available_permits(), 0);
    }
}
