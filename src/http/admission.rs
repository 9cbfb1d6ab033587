//! How much goes to the database at a time: what is more waits for its turn, and what would wait too long is told to come
//! back. Must not count a request that waits for its client.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::HttpBody;
use axum::extract::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// How many requests work at a time: twice the connections to the database, so that none of these is ever idle.
pub const WORKING_MAX: usize = 64;
/// How many more may wait for their turn.
pub const WAITING_MAX: usize = 448;

/// The turns of this instance; cheap to clone.
#[derive(Clone)]
pub struct Admission {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// A request's turn, which goes on until the last clone is dropped.
#[derive(Clone)]
pub struct Slot {
    admission: Admission,
    permit: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            working: Arc::new(Semaphore::new(WORKING_MAX)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        }
    }
}

impl Admission {
    /// How many requests work, and how many wait for their turn.
    #[must_use]
    pub fn busy(&self) -> (usize, usize) {
        let (working, waiting) = (self.working.available_permits(), self.waiting.available_permits());
        (WORKING_MAX.saturating_sub(working), WAITING_MAX.saturating_sub(waiting))
    }

    /// Waits for a request's turn. What reads its body may pause it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait.
    pub async fn admit(&self, request: &mut Request) -> Result<Slot, Error> {
        let permit = Arc::new(Mutex::new(Some(self.turn().await?)));
        let turn = Slot { admission: self.clone(), permit };
        if !request.body().is_end_stream() {
            request.extensions_mut().insert(turn.clone());
        }
        Ok(turn)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = self.working.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let too_many = |_| Error::unavailable("too many requests are waiting");
        let _place = self.waiting.clone().try_acquire_owned().map_err(too_many)?;
        self.working.clone().acquire_owned().await.map_err(Error::internal)
    }
}

impl Slot {
    /// Lets others go first while this request waits for its client.
    pub fn pause(&self) {
        self.permit().take();
    }

    /// Waits for another turn.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when too many wait.
    pub async fn resume(&self) -> Result<(), Error> {
        let permit = self.admission.turn().await?;
        self.permit().replace(permit);
        Ok(())
    }

    fn permit(&self) -> std::sync::MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_more_waits_and_what_is_more_than_that_is_refused() {
        let admission = Admission::default();
        let mut working = Vec::new();
        for _ in 0..WORKING_MAX {
            working.push(admission.turn().await.unwrap());
        }
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| {
                let admission = admission.clone();
                tokio::spawn(async move { admission.turn().await.map(drop) })
            })
            .collect();
        while admission.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(admission.turn().await, Err(Error::Unavailable(_))));
        drop(working);
        for waiting in waiting {
            waiting.await.unwrap().unwrap();
        }
        assert!(admission.turn().await.is_ok());
    }

    #[tokio::test]
    async fn who_waits_for_a_client_lets_others_go_first() {
        let admission = Admission::default();
        let mut turns = Vec::new();
        for _ in 0..WORKING_MAX {
            let permit = Arc::new(Mutex::new(Some(admission.turn().await.unwrap())));
            turns.push(Slot { admission: admission.clone(), permit });
        }
        turns[0].pause();
        let other = admission.turn().await.unwrap();
        let resumed = tokio::spawn({
            let turn = turns[0].clone();
            async move { turn.resume().await }
        });
        drop(other);
        resumed.await.unwrap().unwrap();
        assert_eq!(admission.working.available_permits(), 0);
    }
}
