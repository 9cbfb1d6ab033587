//! A fixed number of slots that clients share fairly.
//!
//! A client holds at most its share of the slots. Its further requests wait in a queue of its own with a bounded length.
//! A free slot goes to the next client in turn. Every second slot goes to a client that had no request here, if one waits.
//! So a client that sends one request at a time waits for hardly anybody, and any other request waits for at most two rounds
//! of the other clients, however many requests they send. If too many requests wait in all, a new request displaces the last request of the
//! client with the most waiting requests.
//!
//! **Invariant:** no slot is free while a client that holds less than its share waits.

mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::counter;
use tokio::sync::oneshot;

pub use self::state::{Bounds, Refusal, Share};
use self::state::{Entry, State};
use super::client::ClientKey;
use crate::error::Error;

/// Requests that were refused because of too much load, by queue and reason.
pub const REFUSALS: &str = "todo_api_refusals_total";

const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct FairQueue {
    name: &'static str,
    state: Arc<Mutex<State<oneshot::Sender<Outcome>>>>,
}

/// A slot, until it is dropped.
pub struct Permit {
    queue: FairQueue,
    client: ClientKey,
}

type Outcome = Result<Permit, Error>;

/// A place in the queue, until it is dropped.
struct Ticket {
    queue: FairQueue,
    client: ClientKey,
    id: u64,
    outcome: oneshot::Receiver<Outcome>,
}

impl FairQueue {
    pub fn new(bounds: Bounds) -> Self {
        Self { name: bounds.name, state: Arc::new(Mutex::new(State::new(bounds))) }
    }

    /// The numbers of requests that hold a slot and that wait for one.
    pub fn busy(&self) -> (usize, usize) {
        self.state().busy()
    }

    /// Returns [`Error::Throttled`] if the client has too many requests, and [`Error::Unavailable`] if too many clients
    /// wait. Dropping the future gives up the place in the queue.
    pub async fn acquire(&self, client: ClientKey) -> Outcome {
        let ticket = {
            let mut state = self.state();
            match state.enter(client).map_err(|refusal| self.refuse(refusal))? {
                Entry::Slot => return Ok(self.permit(client)),
                Entry::Queue(displaced) => {
                    if let Some(displaced) = displaced {
                        let _ = displaced.send(Err(self.refuse(Refusal::Displaced)));
                    }
                    self.ticket(client, |outcome| state.push_back(client, true, outcome))
                }
            }
        };
        ticket.wait().await
    }

    /// Like [`FairQueue::acquire`], and never refused. Only for work that is bounded in another way.
    pub async fn rejoin(&self, client: ClientKey) -> Outcome {
        let ticket = {
            let mut state = self.state();
            if state.take_slot(client) {
                return Ok(self.permit(client));
            }
            self.ticket(client, |outcome| state.push_back(client, false, outcome))
        };
        ticket.wait().await
    }

    /// Counts a refusal, and returns its error.
    pub fn refuse(&self, refusal: Refusal) -> Error {
        let (reason, error) = match refusal {
            Refusal::Client => ("client", Error::Throttled { retry_after: RETRY_AFTER }),
            Refusal::Displaced => ("displaced", Error::Throttled { retry_after: RETRY_AFTER }),
            Refusal::Full => ("full", Error::unavailable("too many requests are waiting")),
            Refusal::Deadline => {
                ("deadline", Error::unavailable("the deadline passed while the request was waiting"))
            }
        };
        counter!(REFUSALS, "queue" => self.name, "reason" => reason).increment(1);
        error
    }

    fn permit(&self, client: ClientKey) -> Permit {
        Permit { queue: self.clone(), client }
    }

    fn ticket(&self, client: ClientKey, push: impl FnOnce(oneshot::Sender<Outcome>) -> u64) -> Ticket {
        let (sender, outcome) = oneshot::channel();
        Ticket { queue: self.clone(), client, id: push(sender), outcome }
    }

    fn state(&self) -> MutexGuard<'_, State<oneshot::Sender<Outcome>>> {
        // The methods of `State` do not panic half-way, so the content of a poisoned lock is valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Lets other clients that wait go first. Other requests of the same client do not, so that work that has begun ends
    /// before more work of the client begins. Never refused.
    pub async fn give_way(self) -> Outcome {
        let ticket = {
            let mut state = self.queue.state();
            if !state.others_wait(self.client) {
                drop(state);
                return Ok(self);
            }
            self.queue.ticket(self.client, |outcome| state.push_front(self.client, outcome))
        };
        drop(self);
        ticket.wait().await
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = self.queue.state().release(self.client);
        if let Some((client, outcome)) = next {
            // Not under the lock: if the waiter has just left, the permit is dropped here and goes to the next one.
            let _ = outcome.send(Ok(self.queue.permit(client)));
        }
    }
}

impl Ticket {
    async fn wait(mut self) -> Outcome {
        (&mut self.outcome).await.map_err(Error::internal)?
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.queue.state().leave(self.client, self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};
    use std::pin::Pin;

    use bson::oid::ObjectId;
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::super::client_address::Network;
    use super::*;

    const USER: Share = Share { slots: 2, waiting: 3 };

    fn queue(slots: usize, waiting: usize) -> FairQueue {
        FairQueue::new(Bounds { name: "test", slots, waiting, user: USER, address: USER })
    }

    fn user(number: u8) -> ClientKey {
        let mut id = [0; 12];
        id[11] = number;
        ClientKey::User(ObjectId::from_bytes(id))
    }

    /// An address in one /56.
    fn address(number: u8) -> ClientKey {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 0, u16::from(number), 0, 0, 0, 1);
        ClientKey::Address(Network::of(Some(IpAddr::V6(address))))
    }

    type Waiting = Pin<Box<dyn Future<Output = Outcome>>>;

    /// A request that must wait.
    fn waiting(queue: &FairQueue, client: ClientKey) -> Waiting {
        let queue = queue.clone();
        let mut waiting: Waiting = Box::pin(async move { queue.acquire(client).await });
        assert!((&mut waiting).now_or_never().is_none(), "{client:?} does not wait");
        waiting
    }

    fn now(queue: &FairQueue, client: ClientKey) -> Outcome {
        queue.acquire(client).now_or_never().expect("the request waits")
    }

    fn is_ready(waiting: &mut Waiting) -> bool {
        waiting.now_or_never().is_some_and(|outcome| outcome.is_ok())
    }

    fn is_throttled(outcome: &Outcome) -> bool {
        matches!(outcome, Err(Error::Throttled { .. }))
    }

    #[test]
    fn a_client_past_its_share_waits_and_past_its_queue_is_refused() {
        let queue = queue(4, 8);
        let mut held = vec![now(&queue, user(1)).unwrap(), now(&queue, user(1)).unwrap()];
        let _others = [waiting(&queue, user(1)), waiting(&queue, user(1)), waiting(&queue, user(1))];
        assert!(is_throttled(&now(&queue, user(1))));
        let _other_client = now(&queue, user(2)).unwrap();
        assert_eq!(queue.busy(), (3, 3));
        held.pop();
        assert_eq!(queue.busy(), (3, 2));
    }

    #[test]
    fn free_slots_go_to_the_clients_in_turn() {
        let queue = queue(2, 8);
        let (held, _ben) = (now(&queue, user(1)).unwrap(), now(&queue, user(2)).unwrap());
        let mut anns = [waiting(&queue, user(1)), waiting(&queue, user(1))];
        let mut ben = waiting(&queue, user(2));
        drop(held);
        // Each permit is dropped at once, so the next waiter has it.
        let [first, second] = &mut anns;
        assert!(!is_ready(second) && !is_ready(&mut ben));
        assert!(is_ready(first));
        assert!(!is_ready(second));
        assert!(is_ready(&mut ben));
        assert!(is_ready(second));
    }

    #[test]
    fn a_client_without_other_requests_goes_first_and_every_second_time() {
        let queue = queue(1, 16);
        let held = now(&queue, user(1)).unwrap();
        let (mut ann, mut ben) =
            (waiting(&queue, user(1)), [waiting(&queue, user(2)), waiting(&queue, user(2))]);
        drop(held);
        drop((&mut ben[0]).now_or_never().expect("ben is new").unwrap());
        let held = (&mut ann).now_or_never().expect("it is ann's turn").unwrap();
        let (mut eve, mut dan) = (waiting(&queue, user(3)), waiting(&queue, user(4)));
        drop(held);
        let held = (&mut eve).now_or_never().expect("eve is new").unwrap();
        drop(held);
        assert!(!is_ready(&mut dan), "the turn before was that of a new client");
        drop((&mut ben[1]).now_or_never().expect("it is ben's turn").unwrap());
        assert!(is_ready(&mut dan));
    }

    #[test]
    fn a_full_queue_refuses_the_last_request_of_the_client_with_the_most() {
        let queue = queue(1, 4);
        let _held = now(&queue, user(1)).unwrap();
        let mut anns = [waiting(&queue, user(1)), waiting(&queue, user(1)), waiting(&queue, user(1))];
        let _ben = waiting(&queue, user(2));
        let _eve = waiting(&queue, user(3));
        let outcomes = anns.each_mut().map(|ann| ann.now_or_never().as_ref().map(is_throttled));
        assert_eq!(outcomes, [None, None, Some(true)]);
        assert!(
            matches!(now(&queue, user(2)), Err(Error::Unavailable(_))),
            "ann waits with no more than ben would"
        );
    }

    #[test]
    fn a_request_that_leaves_gives_up_its_place_or_its_slot() {
        let queue = queue(1, 8);
        let held = now(&queue, user(1)).unwrap();
        let (leaves, granted, mut last) =
            (waiting(&queue, user(1)), waiting(&queue, user(2)), waiting(&queue, user(3)));
        drop(leaves);
        assert_eq!(queue.busy(), (1, 2));
        drop(held);
        drop(granted);
        assert!(is_ready(&mut last));
        drop(last);
        assert_eq!(queue.busy(), (0, 0));
        assert!(queue.state().is_empty());
    }

    #[test]
    fn work_that_gives_way_goes_on_before_other_work_of_its_client() {
        let queue = queue(1, 8);
        let working = now(&queue, user(1)).unwrap();
        let mut next = waiting(&queue, user(1));
        let working = working.give_way().now_or_never().expect("no other client waits").unwrap();
        let mut ben = waiting(&queue, user(2));
        let mut working = Box::pin(working.give_way());
        assert!((&mut working).now_or_never().is_none());
        drop((&mut ben).now_or_never().expect("it is ben's turn").unwrap());
        drop((&mut working).now_or_never().expect("it is the worker's turn again").unwrap());
        assert!(is_ready(&mut next));
    }

    #[test]
    fn a_network_takes_at_most_half_of_everything() {
        let queue = queue(8, 24);
        let mut granted = Vec::new();
        for number in 0..8 {
            granted.push(now(&queue, address(number)).unwrap());
        }
        let mut requests = Vec::new();
        for number in 0..8 {
            requests.push(waiting(&queue, address(number)));
        }
        assert!(is_throttled(&now(&queue, address(9))));
        drop(waiting(&queue, user(1)));
        requests.pop();
        drop(waiting(&queue, address(9)));
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Acquire,
        Rejoin,
        GiveWay,
        Release,
        Leave,
    }

    fn step() -> impl Strategy<Value = (Step, usize)> {
        let step = prop_oneof![
            6 => Just(Step::Acquire),
            1 => Just(Step::Rejoin),
            2 => Just(Step::GiveWay),
            5 => Just(Step::Release),
            2 => Just(Step::Leave),
        ];
        (step, 0_usize..1_000)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn slots_are_shared_fairly_in_any_order_of_events(steps in prop::collection::vec(step(), 1..100)) {
            let queue = queue(4, 10);
            let clients: Vec<_> = (0..4).map(user).chain((0..3).map(address)).collect();
            let mut held: Vec<Permit> = Vec::new();
            let mut waits: Vec<(ClientKey, Waiting)> = Vec::new();
            for (step, number) in steps {
                let client = clients[number % clients.len()];
                let owned = queue.clone();
                let before = queue.state().next_turn();
                match step {
                    Step::Acquire => waits.push((client, Box::pin(async move { owned.acquire(client).await }))),
                    Step::Rejoin => waits.push((client, Box::pin(async move { owned.rejoin(client).await }))),
                    Step::GiveWay if !held.is_empty() => {
                        let permit = held.swap_remove(number % held.len());
                        waits.push((permit.client, Box::pin(permit.give_way())));
                    }
                    Step::Release if !held.is_empty() => drop(held.swap_remove(number % held.len())),
                    Step::Leave if !waits.is_empty() => drop(waits.swap_remove(number % waits.len())),
                    _ => {}
                }
                // Twice, because giving way wakes a request that may have been polled before.
                let mut granted = Vec::new();
                for _ in 0..2 {
                    waits.retain_mut(|(client, waiting)| match waiting.now_or_never() {
                        None => true,
                        Some(Ok(permit)) => {
                            granted.push(*client);
                            held.push(permit);
                            false
                        }
                        Some(Err(_)) => false,
                    });
                }
                queue.state().check();
                // Whoever got a slot while others had a turn was the first of them.
                if let (Some(next), Step::Release) = (before, step) {
                    prop_assert!(granted.is_empty() || granted == [next], "{granted:?} {before:?}");
                }
            }
            drop((held, waits));
            prop_assert!(queue.state().is_empty());
        }
    }
}
