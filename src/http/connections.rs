//! The open connections of a listener: how many there may be, in total and of one address, and which are closed first.
//!
//! A connection is idle while it has no request: before its first head is complete, and between two requests. When nearly
//! all places are taken, the connections that have been idle for longest are closed, so that idle connections never keep
//! others out.
//!
//! **Invariant:** a connection with a request is never closed to make room.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::activity::{Activity, CLOSED};
use super::client_address::Network;

pub const OPEN: &str = "todo_api_connections";

// A new client sends its first request at once. Only after this time its connection counts as idle.
const IDLE_AFTER: Duration = Duration::from_millis(100);
// How long a new connection waits until idle ones are closed, if all places are taken.
const PLACE_TIMEOUT: Duration = Duration::from_millis(500);
const PLACE_RETRY: Duration = Duration::from_millis(25);

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

/// A place among the open connections, which is free again when it is dropped.
pub struct Place {
    connections: Connections,
    number: u64,
    network: Option<Network>,
    pub activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
}

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
        let Some(oldest) = idle.min_by_key(|activity| activity.idle_since()) else {
            return;
        };
        if oldest.idle_time() >= IDLE_AFTER {
            oldest.begin_close("idle");
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
}
