//! Limits how many imports run at the same time: one for each user, and few for all users, because each holds its file.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bson::oid::ObjectId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::Error;

/// Imports that an instance reads or writes at the same time.
pub const JOBS_MAX: usize = 3;
// Of an import for one of the places.
const PATIENCE: Duration = Duration::from_secs(4);
const RETRY_AFTER: Duration = Duration::from_secs(5);

pub struct Jobs {
    places: Arc<Semaphore>,
    busy: Arc<Mutex<HashSet<ObjectId>>>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(JOBS_MAX)), busy: Arc::default() }
    }
}

/// The place of an import. Free again when it is dropped.
pub struct Turn {
    _user: BusyUser,
    _place: OwnedSemaphorePermit,
}

struct BusyUser {
    owner_id: ObjectId,
    busy: Arc<Mutex<HashSet<ObjectId>>>,
}

impl Jobs {
    /// Fails with [`Error::Throttled`] while another import of this user runs, or if all places stay taken.
    pub async fn turn(&self, owner_id: ObjectId) -> Result<Turn, Error> {
        let throttled = || Error::Throttled { retry_after: RETRY_AFTER };
        if !lock(&self.busy).insert(owner_id) {
            return Err(throttled());
        }
        let user = BusyUser { owner_id, busy: self.busy.clone() };
        let place = timeout(PATIENCE, self.places.clone().acquire_owned()).await;
        Ok(Turn { _user: user, _place: place.map_err(|_| throttled())?.map_err(Error::internal)? })
    }
}

impl Drop for BusyUser {
    fn drop(&mut self) {
        lock(&self.busy).remove(&self.owner_id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code under this lock can panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
