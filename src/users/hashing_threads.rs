//! The threads that hash passwords, one for each core. The last one has the lowest priority, so that it uses a core only while
//! this core has nothing else to do.
//!
//! The others keep the usual priority. Otherwise nobody could log in while other requests need all cores. For the same reason,
//! a hash that takes long on the last thread starts again on one of the others.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::spawn_blocking;

use crate::error::Error;

// An idle core takes a third of this for a hash of the default cost.
const PATIENCE: Duration = Duration::from_secs(1);

pub struct HashingThreads {
    count: usize,
    usual: Arc<Semaphore>,
    patience: Duration,
}

impl Default for HashingThreads {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        // One core stays free for everything else.
        let usual = cores.saturating_sub(1).max(1);
        // In a thread of its own, which can never raise its priority again.
        let can_yield = thread::spawn(yield_to_others).join().unwrap_or(false);
        let count = if can_yield { cores } else { usual };
        Self { count, usual: Arc::new(Semaphore::new(usual)), patience: PATIENCE }
    }
}

impl HashingThreads {
    pub fn count(&self) -> usize {
        self.count
    }

    /// The caller must not run more than `count` at a time. The work may run twice.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Fn() -> T + Clone + Send + 'static,
    ) -> Result<T, Error> {
        let Ok(usual) = self.usual.clone().try_acquire_owned() else {
            return tokio::select! {
                result = run_at_leisure(work.clone()) => result,
                usual = self.later() => run_as_usual(usual?, work).await,
            };
        };
        run_as_usual(usual, work).await
    }

    async fn later(&self) -> Result<OwnedSemaphorePermit, Error> {
        tokio::time::sleep(self.patience).await;
        self.usual.clone().acquire_owned().await.map_err(Error::internal)
    }
}

async fn run_as_usual<T: Send + 'static>(
    usual: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let hashing = spawn_blocking(move || {
        let _usual = usual;
        work()
    });
    hashing.await.map_err(Error::internal)
}

async fn run_at_leisure<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let (done, result) = oneshot::channel();
    let hashing = move || {
        yield_to_others();
        // Nobody waits for the result any more if the request was dropped, or the work was started again.
        let _ = done.send(work());
    };
    thread::Builder::new().name("hashing".to_owned()).spawn(hashing).map_err(Error::unavailable)?;
    result.await.map_err(Error::internal)
}

/// Gives the current thread the lowest priority. Returns whether it has it.
#[cfg(target_os = "linux")]
fn yield_to_others() -> bool {
    // On Linux, each thread has a priority of its own: see setpriority(2), "C library/kernel differences".
    const LOWEST: i32 = 19;
    rustix::process::setpriority_process(None, LOWEST).is_ok()
}

/// On other systems, this would change the priority of the whole process.
#[cfg(not(target_os = "linux"))]
fn yield_to_others() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    #[cfg(target_os = "linux")]
    fn priority() -> i32 {
        rustix::process::getpriority_process(None).unwrap()
    }

    #[cfg(target_os = "linux")]
    fn two_threads(patience: Duration) -> HashingThreads {
        HashingThreads { count: 2, usual: Arc::new(Semaphore::new(1)), patience }
    }

    /// Work that returns its priority after the sender is dropped.
    #[cfg(target_os = "linux")]
    fn held_work() -> (mpsc::Sender<()>, impl Fn() -> i32 + Clone) {
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let work = move || {
            let _ = held.lock().unwrap().recv();
            priority()
        };
        (release, work)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_hash_that_no_idle_core_computes_starts_again_with_the_usual_priority() {
        let threads = two_threads(Duration::from_millis(1));
        let usual = priority();
        let (release, held) = held_work();
        let mut first = Box::pin(threads.run(held));
        assert!(futures_util::poll!(&mut first).is_pending());
        let (_never, starved) = held_work();
        let work = move || if priority() == usual { usual } else { starved() };
        let mut second = Box::pin(threads.run(work));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(release);
        assert_eq!(first.await.unwrap(), usual);
        assert_eq!(second.await.unwrap(), usual);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_the_hash_on_the_last_core_has_the_lowest_priority() {
        let threads = two_threads(PATIENCE);
        let usual = priority();
        let (release, held) = held_work();
        let mut first = Box::pin(threads.run(held));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert_eq!(threads.run(priority).await.unwrap(), 19);
        drop(release);
        assert_eq!(first.await.unwrap(), usual);
        assert_eq!(threads.run(priority).await.unwrap(), usual, "the thread is used again");
        assert_eq!(priority(), usual);
    }

    #[test]
    fn there_is_a_thread_for_each_core() {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let expected = if cfg!(target_os = "linux") { cores } else { cores.saturating_sub(1).max(1) };
        assert_eq!(HashingThreads::default().count(), expected);
    }
}
