//! The note of pending effects in a stored document: when it may be cleared.
//!
//! **Invariant:** a note is cleared only after everything that it stands for is written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bson::oid::ObjectId;
use futures_util::future::BoxFuture;

use crate::error::Error;

/// What a stored document says about its pending effects. It is cleared when the last handle is [released](release).
pub struct Note {
    id: Option<ObjectId>,
    clear: Box<dyn Fn() -> BoxFuture<'static, Result<(), Error>> + Send + Sync>,
    is_complete: AtomicBool,
    /// Notes that contain this one.
    later: Mutex<Vec<Arc<Self>>>,
}

impl Note {
    pub fn new(
        id: Option<ObjectId>,
        clear: impl Fn() -> BoxFuture<'static, Result<(), Error>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (is_complete, later) = (AtomicBool::new(false), Mutex::default());
        Arc::new(Self { id, clear: Box::new(clear), is_complete, later })
    }

    /// For changes that no stored document notes.
    pub fn none() -> Arc<Self> {
        Self::new(None, || Box::pin(async { Ok(()) }))
    }

    /// All effects are written or registered. Without this, the stored note stays, and the upkeep repeats the effects.
    pub fn complete(&self) {
        self.is_complete.store(true, Ordering::SeqCst);
    }

    /// `later` replaces this note in the stored document, and is cleared after both are done.
    pub fn precedes(&self, later: Arc<Self>) {
        lock(&self.later).push(later);
    }

    pub(super) fn find(self: &Arc<Self>, id: ObjectId) -> Option<Arc<Self>> {
        if self.id == Some(id) && self.is_complete.load(Ordering::SeqCst) {
            return Some(self.clone());
        }
        lock(&self.later).iter().find_map(|later| later.find(id))
    }
}

/// Gives back a handle of a note. The last one clears the stored note.
pub async fn release(note: Arc<Note>) {
    let mut notes = vec![note];
    while let Some(note) = notes.pop() {
        let Some(note) = Arc::into_inner(note) else { continue };
        if note.is_complete.load(Ordering::SeqCst)
            && let Err(error) = (note.clear)().await
        {
            tracing::warn!(%error, "cannot clear a note of completed effects; the upkeep will");
        }
        notes.extend(note.later.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code under these locks can panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
