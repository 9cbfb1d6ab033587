//! Runs a handler to completion even if its client disconnects or the deadline passes.
//!
//! **Invariant:** every handler that uses the database runs in here, because the driver must not have its futures dropped
//! half-way.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::Response;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::error::Error;

/// How long a client waits for a response.
pub const DEADLINE: Duration = Duration::from_secs(9);

/// After `deadline` the work continues, and the client gets [`Error::Unavailable`]. A panic of `work` becomes
/// [`Error::Internal`].
pub async fn run_to_completion(
    tasks: TaskTracker,
    deadline: Instant,
    work: impl Future<Output = Result<Response, Error>> + Send + 'static,
) -> Result<Response, Error> {
    // Polled in the task of the connection, because a task per request costs about 2 µs more. Only if this future is
    // dropped, or the deadline passes, the work moves to `tasks`, for which the stop waits.
    let work = Box::pin(AssertUnwindSafe(work).catch_unwind());
    match timeout_at(deadline, Detachable { work: Some(work), tasks }).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Error::internal("a handler panicked")),
        Err(_) => Err(Error::unavailable("the deadline passed; the work continues")),
    }
}

/// Moves its work to a task when it is dropped.
struct Detachable<F: Future<Output: Send> + Send + 'static> {
    work: Option<Pin<Box<F>>>,
    tasks: TaskTracker,
}

impl<F: Future<Output: Send> + Send + 'static> Future for Detachable<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let output = work.as_mut().poll(context);
        if output.is_ready() {
            self.work = None;
        }
        output
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Detachable<F> {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and nothing can run any more.
        if let (Some(work), Ok(runtime)) = (self.work.take(), Handle::try_current()) {
            self.tasks.spawn_on(work, &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::response::IntoResponse;
    use tokio::sync::Notify;
    use tokio::time::{advance, pause};

    use super::*;

    #[tokio::test]
    async fn work_continues_after_the_client_disconnects() {
        let (tasks, go, done) = (TaskTracker::new(), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let work = {
            let (go, done) = (go.clone(), done.clone());
            async move {
                go.notified().await;
                done.notify_one();
                Ok(().into_response())
            }
        };
        let mut waiting = Box::pin(run_to_completion(tasks.clone(), Instant::now() + DEADLINE, work));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(waiting);
        assert_eq!(tasks.len(), 1);
        go.notify_one();
        done.notified().await;
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn past_the_deadline_the_client_gets_a_503_and_the_work_continues() {
        pause();
        let (tasks, go) = (TaskTracker::new(), Arc::new(Notify::new()));
        let work = {
            let go = go.clone();
            async move {
                go.notified().await;
                Ok(().into_response())
            }
        };
        let waiting = tokio::spawn(run_to_completion(tasks.clone(), Instant::now() + DEADLINE, work));
        tokio::task::yield_now().await;
        advance(DEADLINE).await;
        assert!(matches!(waiting.await.unwrap(), Err(Error::Unavailable(_))));
        assert_eq!(tasks.len(), 1);
        go.notify_one();
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn panic_becomes_an_internal_error() {
        let deadline = Instant::now() + DEADLINE;
        let result = run_to_completion(TaskTracker::new(), deadline, async { panic!("on purpose") }).await;
        assert!(matches!(result, Err(Error::Internal(_))));
    }
}
