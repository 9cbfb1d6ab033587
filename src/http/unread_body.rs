//! What remains of a request body when the response is ready before all of it has arrived, as when a token is refused.
//!
//! The next request of the connection follows the body. So either the rest of the body is read first, or the connection
//! closes and the response says so.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// A rest of at most this many bytes is read. Longer ones cost more than a new connection.
pub const REST_MAX: usize = 64 * 1024;
/// How long a response waits for the rest.
pub const REST_TIMEOUT: Duration = Duration::from_millis(250);

/// A body, or what remains of it after the request was dropped.
#[derive(Clone, Default)]
pub struct UnreadBody(Arc<Mutex<Progress>>);

#[derive(Default)]
enum Progress {
    /// Handlers run on after the deadline of the response, and may still read.
    #[default]
    BeingRead,
    Complete,
    Dropped(Incoming),
}

struct WatchedBody {
    body: Option<Incoming>,
    progress: UnreadBody,
}

/// `None` if the request has no body.
pub fn watch(request: Request<Incoming>) -> (Request<Body>, Option<UnreadBody>) {
    if request.body().is_end_stream() {
        return (request.map(Body::new), None);
    }
    let progress = UnreadBody::default();
    let watched = |body| WatchedBody { body: Some(body), progress: progress.clone() };
    (request.map(|body| Body::new(watched(body))), Some(progress))
}

impl UnreadBody {
    fn set(&self, progress: Progress) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// Returns whether nothing of the body remains. `waits_for_100`: the client sends the body only when it is read.
    pub async fn read_rest(self, waits_for_100: bool) -> bool {
        let progress = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        match progress {
            Progress::BeingRead => false,
            Progress::Complete => true,
            Progress::Dropped(body) if body.is_end_stream() => true,
            Progress::Dropped(body) => {
                let is_long = body.size_hint().upper().is_some_and(|upper| upper > REST_MAX as u64);
                !is_long && !waits_for_100 && timeout(REST_TIMEOUT, is_short(body)).await.unwrap_or(false)
            }
        }
    }
}

async fn is_short(mut body: Incoming) -> bool {
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        size += frame.data_ref().map_or(0, Bytes::len);
        if size > REST_MAX {
            return false;
        }
    }
    true
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(context));
        if frame.is_none() {
            self.progress.set(Progress::Complete);
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            self.progress.set(Progress::Dropped(body));
        }
    }
}
