//! The open connections of a listener: how many there may be, in total and of one address, and which are closed first.
//!
//! A connection is idle while it has no request: before its first head is complete, and between two requests. When nearly
//! all places are taken, the connections that have been idle for longest are closed, so that idle connections never keep
//! others out.
//!
//! **Invariant:** a connection with a request is never closed to make room.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::HttpBody;
use axum::response::Response;
use metrics::{counter, gauge};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::byte_budget::UNCOUNTED_BYTES;
use super::client_address::Network;
use super::guarded_body::guarded;

pub const OPEN: &str = "todo_api_connections";
pub const CLOSED: &str = "todo_api_connections_closed_total";

// A new client sends its first request at once. Only after this time its connection counts as idle.
const IDLE_AFTER: Duration = Duration::from_millis(100);
// How long a new connection waits until idle ones are closed, if all places are taken.
const PLACE_TIMEOUT: Duration = Duration::from_millis(500);
const PLACE_RETRY: Duration = Duration::from_millis(25);
/// How long the head of a request may take to arrive, and the first one of a connection to begin.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const OVERDUE_PERIOD: Duration = Duration::from_secs(1);
const NO_HEAD: u64 = u64::MAX;

#[derive(Clone, Copy)]
pub struct ConnectionLimits {
    pub total: usize,
    /// `None` if all connections come from a few trusted peers.
    pub per_address: Option<usize>,
}

impl ConnectionLimits {
    /// With trusted proxies in front, every connection comes from one of them.
    pub fn new(total: usize, per_address: Option<usize>, trusted_proxy_hops: usize) -> Self {
        let quarter = (total / 4).max(1);
        Self { total, per_address: (trusted_proxy_hops == 0).then_some(per_address.unwrap_or(quarter)) }
    }

    fn is_near(self, open: usize) -> bool {
        open >= self.total - self.total / 8
    }
}

#[derive(Clone)]
pub struct Connections {
    limits: ConnectionLimits,
    places: Arc<Semaphore>,
    table: Arc<Mutex<Table>>,
    started: Instant,
}

#[derive(Default)]
struct Table {
    by_network: HashMap<Network, usize>,
    open: HashMap<u64, Arc<Activity>>,
    next: u64,
}

/// What one connection does.
pub struct Activity {
    started: Instant,
    requests: AtomicUsize,
    /// Milliseconds from `started` to the end of the last request.
    idle_since: AtomicU64,
    /// Milliseconds from `started` to the first bytes of a head that is not complete, or [`NO_HEAD`].
    head_since: AtomicU64,
    has_begun: AtomicBool,
    is_closing: AtomicBool,
    close: Notify,
}

/// A place among the open connections, which is free again when it is dropped.
pub struct Place {
    connections: Connections,
    number: u64,
    network: Option<Network>,
    pub activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
}

/// While it exists, the connection has a request.
pub struct RequestGuard(Arc<Activity>);

impl Connections {
    pub fn new(limits: ConnectionLimits) -> Self {
        let places = Arc::new(Semaphore::new(limits.total.min(Semaphore::MAX_PERMITS)));
        Self { limits, places, table: Arc::default(), started: Instant::now() }
    }

    /// Returns `None` if the connection must be closed: its address has its share, or every connection has a request.
    pub async fn place(&self, peer: SocketAddr) -> Option<Place> {
        let network = self.limits.per_address.map(|_| Network::of(Some(peer.ip())));
        if !self.has_room(network) {
            counter!(CLOSED, "reason" => "address").increment(1);
            return None;
        }
        if self.limits.is_near(self.table().open.len()) {
            self.close_idle();
        }
        let Some(permit) = self.permit().await else {
            counter!(CLOSED, "reason" => "limit").increment(1);
            return None;
        };
        Some(self.register(network, permit))
    }

    fn has_room(&self, network: Option<Network>) -> bool {
        let (Some(network), Some(max)) = (network, self.limits.per_address) else { return true };
        self.table().by_network.get(&network).is_none_or(|open| *open < max)
    }

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let deadline = Instant::now() + PLACE_TIMEOUT;
        loop {
            if let Ok(permit) = timeout(PLACE_RETRY, self.places.clone().acquire_owned()).await {
                return permit.ok();
            }
            // Without an idle connection the new one is closed at once, so that a load balancer tries another instance.
            if !self.has_idle() || Instant::now() > deadline {
                return None;
            }
            self.close_idle();
        }
    }

    fn register(&self, network: Option<Network>, permit: OwnedSemaphorePermit) -> Place {
        let activity = Arc::new(Activity::new(self.started));
        let mut table = self.table();
        let number = table.next;
        table.next += 1;
        table.open.insert(number, activity.clone());
        if let Some(network) = network {
            *table.by_network.entry(network).or_default() += 1;
        }
        gauge!(OPEN).increment(1.0);
        Place { connections: self.clone(), number, network, activity, _permit: permit }
    }

    /// Closes the connection that has been idle for longest.
    pub fn close_idle(&self) {
        let table = self.table();
        let idle = table.open.values().filter(|activity| activity.is_idle() && !activity.is_closing());
        let Some(oldest) = idle.min_by_key(|activity| activity.idle_since.load(Ordering::Relaxed)) else {
            return;
        };
        if oldest.idle_time() >= IDLE_AFTER {
            oldest.is_closing.store(true, Ordering::Relaxed);
            oldest.close.notify_one();
            counter!(CLOSED, "reason" => "idle").increment(1);
        }
    }

    /// Whether a connection without a request is open, even if it is being closed already.
    fn has_idle(&self) -> bool {
        self.table().open.values().any(|activity| activity.is_idle())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Each change is complete before anything can panic, so the content of a poisoned lock is valid.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        gauge!(OPEN).decrement(1.0);
        let mut table = self.connections.table();
        table.open.remove(&self.number);
        if let Some(network) = self.network
            && let Some(open) = table.by_network.get_mut(&network)
        {
            *open -= 1;
            if *open == 0 {
                table.by_network.remove(&network);
            }
        }
    }
}

impl Activity {
    fn new(started: Instant) -> Self {
        let (requests, idle_since) = (AtomicUsize::new(0), AtomicU64::new(millis(started.elapsed())));
        let head_since = AtomicU64::new(NO_HEAD);
        let (has_begun, is_closing, close) = (AtomicBool::default(), AtomicBool::default(), Notify::new());
        Self { started, requests, idle_since, head_since, has_begun, is_closing, close }
    }

    /// Bytes between two requests are the beginning of the next head.
    pub fn note_arrival(&self) {
        if self.is_idle() && self.head_since.load(Ordering::Relaxed) == NO_HEAD {
            self.head_since.store(millis(self.started.elapsed()), Ordering::Relaxed);
        }
    }

    pub fn begin_request(self: &Arc<Self>) -> RequestGuard {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(NO_HEAD, Ordering::Relaxed);
        self.has_begun.store(true, Ordering::Relaxed);
        RequestGuard(self.clone())
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

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    fn idle_time(&self) -> Duration {
        self.since(self.idle_since.load(Ordering::Relaxed))
    }

    fn since(&self, millis: u64) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_millis(millis))
    }
}

impl RequestGuard {
    /// The request ends when its response has been sent.
    pub fn until_sent(self, response: Response) -> Response {
        // A small response goes to the kernel at once.
        let is_small = response.body().size_hint().exact();
        let is_small =
            is_small.and_then(|size| usize::try_from(size).ok()).is_some_and(|size| size <= UNCOUNTED_BYTES);
        if is_small { response } else { response.map(|body| guarded(body, self)) }
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        // Before the count, so that the connection never seems to be idle since long ago.
        self.0.idle_since.store(millis(self.0.started.elapsed()), Ordering::Relaxed);
        self.0.requests.fetch_sub(1, Ordering::Release);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, pause};

    use super::*;

    fn connections(total: usize, per_address: Option<usize>, hops: usize) -> Connections {
        Connections::new(ConnectionLimits::new(total, per_address, hops))
    }

    fn peer(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 1)
    }

    #[tokio::test]
    async fn each_address_gets_a_quarter_unless_it_is_a_trusted_proxy() {
        for (hops, expected) in [(0, 2), (1, 8)] {
            let connections = connections(8, None, hops);
            let mut places = Vec::new();
            for _ in 0..expected {
                places.extend(connections.place(peer("192.0.2.1")).await);
            }
            assert_eq!(places.len(), expected);
            assert!(connections.place(peer("192.0.2.1")).await.is_none());
            if hops == 0 {
                assert!(connections.place(peer("::ffff:192.0.2.1")).await.is_none(), "the same address");
                places.extend(connections.place(peer("2001:db8::1")).await);
                places.extend(connections.place(peer("2001:db8::2")).await);
                assert!(connections.place(peer("2001:db8::3")).await.is_none(), "the same /64");
                assert!(connections.place(peer("2001:db8:0:1::1")).await.is_some());
                places.remove(0);
                assert!(connections.place(peer("192.0.2.1")).await.is_some());
            }
            drop(places);
            assert!(connections.table().by_network.is_empty() && connections.table().open.is_empty());
        }
    }

    /// Gives up its place when the connection must make room.
    fn obedient(place: Place) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move { place.activity.must_close().await })
    }

    #[tokio::test]
    async fn connection_that_is_idle_for_longest_makes_room() {
        pause();
        let connections = connections(8, Some(8), 0);
        let mut open = Vec::new();
        for _ in 0..8 {
            let place = connections.place(peer("192.0.2.1")).await.unwrap();
            open.push(obedient(place));
            advance(Duration::from_millis(1)).await;
        }
        advance(IDLE_AFTER).await;
        assert!(open.iter().all(|connection| !connection.is_finished()));
        let _new = connections.place(peer("192.0.2.2")).await.unwrap();
        tokio::task::yield_now().await;
        let closed: Vec<_> = open.iter().map(tokio::task::JoinHandle::is_finished).collect();
        assert!(closed[0] && !closed[2..].contains(&true), "{closed:?}");
    }

    #[tokio::test]
    async fn connection_with_a_request_is_never_closed() {
        pause();
        let connections = connections(2, Some(2), 0);
        let (one, two) =
            (connections.place(peer("192.0.2.1")).await, connections.place(peer("192.0.2.1")).await);
        let (one, two) = (one.unwrap(), two.unwrap());
        let (first, second) = (one.activity.begin_request(), two.activity.begin_request());
        let (_one, two) = (obedient(one), obedient(two));
        advance(Duration::from_mins(1)).await;
        assert!(connections.place(peer("192.0.2.2")).await.is_none());
        drop(second);
        advance(IDLE_AFTER).await;
        assert!(connections.place(peer("192.0.2.2")).await.is_some());
        assert!(two.is_finished());
        drop(first);
    }

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
