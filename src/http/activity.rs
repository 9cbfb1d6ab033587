//! What one connection does: whether it has requests, since when it is idle, and when it must close.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::HttpBody;
use axum::response::Response;
use metrics::counter;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::byte_budget::UNCOUNTED_BYTES;
use super::guarded_body::guarded;

pub const CLOSED: &str = "todo_api_connections_closed_total";

/// Requests of one connection that its client may cancel before the response.
pub const ABANDONED_MAX: usize = 100;
/// How long the head of a request may take to arrive, and the first one of a connection to begin.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const OVERDUE_PERIOD: Duration = Duration::from_secs(1);
const NO_HEAD: u64 = u64::MAX;

pub struct Activity {
    started: Instant,
    requests: AtomicUsize,
    /// Milliseconds from `started` to the end of the last request.
    idle_since: AtomicU64,
    /// Milliseconds from `started` to the first bytes of a head that is not complete, or [`NO_HEAD`].
    head_since: AtomicU64,
    has_begun: AtomicBool,
    /// HTTP/2: bytes between two requests need not be a head.
    is_multiplexed: AtomicBool,
    lingers: AtomicBool,
    /// Requests whose client did not wait for the response.
    abandoned: AtomicUsize,
    is_closing: AtomicBool,
    close: Notify,
}

/// While it exists, the connection has a request.
pub struct RequestGuard {
    activity: Arc<Activity>,
    is_answered: bool,
}

impl Activity {
    pub fn new(started: Instant) -> Self {
        let (requests, idle_since) = (AtomicUsize::new(0), AtomicU64::new(millis(started.elapsed())));
        let head_since = AtomicU64::new(NO_HEAD);
        Self {
            started,
            requests,
            idle_since,
            head_since,
            has_begun: AtomicBool::default(),
            is_multiplexed: AtomicBool::default(),
            lingers: AtomicBool::default(),
            abandoned: AtomicUsize::default(),
            is_closing: AtomicBool::default(),
            close: Notify::new(),
        }
    }

    pub fn note_http2(&self) {
        self.is_multiplexed.store(true, Ordering::Relaxed);
    }

    /// The connection closes although its client may still send.
    pub fn linger(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    pub fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed)
    }

    /// A client that resets many streams of HTTP/2 makes the service work for nothing (CVE-2023-44487).
    fn note_abandoned(&self) {
        if self.abandoned.fetch_add(1, Ordering::Relaxed) + 1 >= ABANDONED_MAX && !self.is_closing() {
            self.begin_close("resets");
        }
    }

    /// `reason` is for the metric.
    pub fn begin_close(&self, reason: &'static str) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.close.notify_one();
        counter!(CLOSED, "reason" => reason).increment(1);
    }

    /// Bytes between two requests are the beginning of the next head.
    pub fn note_arrival(&self) {
        let is_head = self.is_idle() && !self.is_multiplexed.load(Ordering::Relaxed);
        if is_head && self.head_since.load(Ordering::Relaxed) == NO_HEAD {
            self.head_since.store(millis(self.started.elapsed()), Ordering::Relaxed);
        }
    }

    pub fn begin_request(self: &Arc<Self>) -> RequestGuard {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(NO_HEAD, Ordering::Relaxed);
        self.has_begun.store(true, Ordering::Relaxed);
        RequestGuard { activity: self.clone(), is_answered: false }
    }

    /// Completes when the connection must make room.
    pub async fn must_close(&self) {
        self.close.notified().await;
    }

    /// Completes when a head takes longer than [`HEAD_TIMEOUT`], or no request arrives for `keep_alive`.
    pub async fn is_overdue(&self, keep_alive: Duration) {
        loop {
            let left = self.time_left(keep_alive);
            if left.is_zero() {
                return;
            }
            // Looking once a second costs less than a timer for each request.
            sleep(left.min(OVERDUE_PERIOD)).await;
        }
    }

    fn time_left(&self, keep_alive: Duration) -> Duration {
        let idle = self.idle_time();
        if !self.is_idle() {
            return Duration::MAX;
        }
        let head = self.head_since.load(Ordering::Relaxed);
        match head {
            NO_HEAD if self.has_begun.load(Ordering::Relaxed) => keep_alive.saturating_sub(idle),
            NO_HEAD => HEAD_TIMEOUT.saturating_sub(idle),
            since => HEAD_TIMEOUT.saturating_sub(self.since(since)),
        }
    }

    pub fn is_idle(&self) -> bool {
        self.requests.load(Ordering::Relaxed) == 0
    }

    pub fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    /// Milliseconds from the start.
    pub fn idle_since(&self) -> u64 {
        self.idle_since.load(Ordering::Relaxed)
    }

    pub fn idle_time(&self) -> Duration {
        self.since(self.idle_since.load(Ordering::Relaxed))
    }

    fn since(&self, millis: u64) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_millis(millis))
    }
}

impl RequestGuard {
    /// The request ends when its response has been sent.
    pub fn until_sent(mut self, response: Response) -> Response {
        self.is_answered = true;
        // A small response goes to the kernel at once.
        let is_small = response.body().size_hint().exact();
        let is_small =
            is_small.and_then(|size| usize::try_from(size).ok()).is_some_and(|size| size <= UNCOUNTED_BYTES);
        if is_small { response } else { response.map(|body| guarded(body, self)) }
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let activity = &self.activity;
        if !self.is_answered {
            activity.note_abandoned();
        }
        // Before the count, so that the connection never seems to be idle since long ago.
        activity.idle_since.store(millis(activity.started.elapsed()), Ordering::Relaxed);
        activity.requests.fetch_sub(1, Ordering::Release);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, pause};

    use super::*;

    #[tokio::test]
    async fn request_lasts_until_its_large_response_has_been_sent() {
        let activity = Arc::new(Activity::new(Instant::now()));
        let response = activity.begin_request().until_sent(Response::new("small".into()));
        assert!(activity.is_idle());
        drop(response);
        let response = activity.begin_request().until_sent(Response::new("x".repeat(10_000).into()));
        assert!(!activity.is_idle());
        drop(response);
        assert!(activity.is_idle());
    }

    #[tokio::test]
    async fn heads_have_their_own_time_limit() {
        const KEEP_ALIVE: Duration = Duration::from_secs(100);
        pause();
        let activity = Arc::new(Activity::new(Instant::now()));
        let overdue_after = async || {
            let now = Instant::now();
            activity.is_overdue(KEEP_ALIVE).await;
            now.elapsed().as_secs()
        };
        assert_eq!(overdue_after().await, 10, "no request ever");
        drop(activity.begin_request());
        assert_eq!(overdue_after().await, 100);
        drop(activity.begin_request());
        advance(Duration::from_secs(99)).await;
        activity.note_arrival();
        activity.note_arrival();
        assert_eq!(overdue_after().await, 10, "a head that does not end");
        let request = activity.begin_request();
        activity.note_arrival();
        advance(Duration::from_mins(10)).await;
        assert_eq!(activity.time_left(KEEP_ALIVE), Duration::MAX);
        drop(request);
        assert_eq!(overdue_after().await, 100);
    }
}
