//! Limits how many imports run at the same time, and the memory that they need: one for each user, and few for all users.
//!
//! One thread reads all files and compares them with the accounts, one after the other, because a file takes a second of CPU
//! time and more memory than its size.
//! It is always the same thread: the allocator keeps what a thread has freed for some seconds, for later use by this thread.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use bson::oid::ObjectId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use crate::error::Error;

/// Imports that an instance reads or writes at the same time.
pub const JOBS_MAX: usize = 3;
/// In bytes, of the lists and todos that imports read and write now. A larger import waits until no other has any.
pub const PLANS_MAX: usize = 48 * 1024 * 1024;
// Of a permit.
const ROOM_BYTES: usize = 1024;
// Of an import for one of the places.
const PATIENCE: Duration = Duration::from_secs(4);
const RETRY_AFTER: Duration = Duration::from_secs(5);

type Work = Box<dyn FnOnce() + Send>;

pub struct Jobs {
    places: Arc<Semaphore>,
    busy: Arc<Mutex<HashSet<ObjectId>>>,
    reading: Semaphore,
    reader: OnceLock<mpsc::Sender<Work>>,
    room: Arc<Semaphore>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(JOBS_MAX)),
            busy: Arc::default(),
            reading: Semaphore::new(1),
            reader: OnceLock::new(),
            room: Arc::new(Semaphore::new(PLANS_MAX / ROOM_BYTES)),
        }
    }
}

/// The place of an import. Free again when it is dropped.
pub struct Turn {
    _user: BusyUser,
    _place: OwnedSemaphorePermit,
}

/// The memory that an import may take. Free again when it is dropped.
pub struct Room(#[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit);

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

    /// Runs `work` on the thread for imports. `size` is the memory that it may need, in bytes; `work` returns how much its
    /// result needs. Only for the holder of a [`Turn`].
    pub async fn read<T: Send + 'static>(
        &self,
        size: usize,
        work: impl FnOnce() -> Result<(usize, T), Error> + Send + 'static,
    ) -> Result<(T, Room), Error> {
        // Only one import waits for room, so a large one does not wait for ever behind many small ones.
        let _reading = self.reading.acquire().await.map_err(Error::internal)?;
        let room = self.room.clone().acquire_many_owned(permits(size)?).await.map_err(Error::internal)?;
        let (done, result) = oneshot::channel();
        // The work goes on if the client leaves, so the room belongs to the work.
        let work: Work = Box::new(move || drop(done.send(work().map(|(size, read)| (size, read, room)))));
        let sent = self.reader.get_or_init(reader).send(work);
        sent.map_err(|_| Error::unavailable("the thread that reads imports could not be started"))?;
        let (size, read, mut room) = result.await.map_err(Error::internal)??;
        let (held, needed) = (room.num_permits(), permits(size)? as usize);
        if let Some(more) = needed.checked_sub(held) {
            let more = u32::try_from(more).map_err(Error::internal)?;
            room.merge(self.room.clone().acquire_many_owned(more).await.map_err(Error::internal)?);
        } else {
            drop(room.split(held - needed));
        }
        Ok((read, Room(room)))
    }
}

/// Of the room, for so many bytes.
fn permits(bytes: usize) -> Result<u32, Error> {
    u32::try_from((bytes.min(PLANS_MAX) / ROOM_BYTES).max(1)).map_err(Error::internal)
}

fn reader() -> mpsc::Sender<Work> {
    let (sender, works) = mpsc::channel::<Work>();
    let run = move || {
        for work in works {
            // A panic ends the import, and not the thread.
            let _ = catch_unwind(AssertUnwindSafe(work));
        }
    };
    // Without the thread, sending fails.
    let _ = thread::Builder::new().name("imports".to_owned()).spawn(run);
    sender
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
