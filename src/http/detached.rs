//! Keeps work on the database whole: it goes on when the client leaves, and the client gets an answer in time even
//! when the work goes on. Must wrap every handler that touches the database.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::Response;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::error::Error;

/// How long a client waits for an answer at the most.
pub const DEADLINE: Duration = Duration::from_secs(9);

/// Runs `work` to its end: when the client leaves, or the deadline passes, the rest of it goes on in `tasks`, which the
/// stop waits for. The driver must not have its futures dropped half-way. A panic becomes a 500.
///
/// # Errors
/// [`Error::Unavailable`] past the [`DEADLINE`], [`Error::Internal`] for a panic; those of `work`.
pub async fn run_to_completion(
    tasks: TaskTracker,
    work: impl Future<Output = Result<Response, Error>> + Send + 'static,
) -> Result<Response, Error> {
    let work = Box::pin(AssertUnwindSafe(work).catch_unwind());
    match timeout(DEADLINE, SeenThrough { work: Some(work), tasks }).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Error::internal("a handler panicked")),
        Err(_) => Err(Error::unavailable("the deadline has passed; the work goes on")),
    }
}

/// A future that is not dropped with whoever waits for it.
struct SeenThrough<F: Future<Output: Send> + Send + 'static> {
    work: Option<Pin<Box<F>>>,
    tasks: TaskTracker,
}

impl<F: Future<Output: Send> + Send + 'static> Future for SeenThrough<F> {
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

impl<F: Future<Output: Send> + Send + 'static> Drop for SeenThrough<F> {
    fn drop(&mut self) {
        // Outside of the runtime it is too late for anything.
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
    async fn work_goes_on_when_nobody_waits_for_it_any_more() {
        let (tasks, go, done) = (TaskTracker::new(), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let work = {
            let (go, done) = (go.clone(), done.clone());
            async move {
                go.notified().await;
                done.notify_one();
                Ok(().into_response())
            }
        };
        let mut waiting = Box::pin(run_to_completion(tasks.clone(), work));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(waiting);
        assert_eq!(tasks.len(), 1);
        go.notify_one();
        done.notified().await;
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn past_the_deadline_the_client_gets_an_answer_and_the_work_goes_on() {
        pause();
        let (tasks, go) = (TaskTracker::new(), Arc::new(Notify::new()));
        let work = {
            let go = go.clone();
            async move {
                go.notified().await;
                Ok(().into_response())
            }
        };
        let waiting = tokio::spawn(run_to_completion(tasks.clone(), work));
        tokio::task::yield_now().await;
        advance(DEADLINE).await;
        assert!(matches!(waiting.await.unwrap(), Err(Error::Unavailable(_))));
        assert_eq!(tasks.len(), 1);
        go.notify_one();
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let answer = run_to_completion(TaskTracker::new(), async { panic!("on purpose") }).await;
        assert!(matches!(answer, Err(Error::Internal(_))));
    }
}
