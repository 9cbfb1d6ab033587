//! Keeps work on the database whole: it goes on when the client leaves, and the client gets an answer in time even
//! when the work goes on. Must wrap every handler that touches the database.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::error::Error;

/// How long a client waits for an answer at the most.
pub const DEADLINE: Duration = Duration::from_secs(9);

/// A layer: runs the rest in a task of its own, which `tasks` knows, so that the stop can wait for it. The driver must
/// not have its futures dropped half-way, as would happen when a client disconnects. A panic becomes a 500.
///
/// # Errors
/// [`Error::Unavailable`] past the [`DEADLINE`], [`Error::Internal`] for a panic.
pub async fn detach(
    State(tasks): State<TaskTracker>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    match timeout(DEADLINE, tasks.spawn(next.run(request))).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(panic)) => Err(Error::internal(panic)),
        Err(_) => Err(Error::unavailable("the deadline has passed; the work goes on")),
    }
}
