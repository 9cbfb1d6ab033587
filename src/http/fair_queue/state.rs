//! Who holds a slot and who waits. Nothing here waits, and nothing here is called without the lock.

use std::collections::{HashMap, VecDeque};

use crate::http::client::ClientKey;

/// What one client may have of a queue.
#[derive(Clone, Copy)]
pub struct Share {
    pub slots: usize,
    pub waiting: usize,
}

pub struct Bounds {
    /// The label of the queue in the metrics.
    pub name: &'static str,
    pub slots: usize,
    /// Of all clients.
    pub waiting: usize,
    pub user: Share,
    pub address: Share,
}

impl Bounds {
    fn share(&self, client: ClientKey) -> Share {
        match client {
            ClientKey::User(_) => self.user,
            ClientKey::Address(_) => self.address,
            ClientKey::Operator => Share { slots: self.slots, waiting: self.waiting },
        }
    }
}

#[derive(Clone, Copy)]
pub enum Refusal {
    /// The client has as many requests as it may have.
    Client,
    /// The client waited with the most requests while the queue was full.
    Displaced,
    /// The queue is full, and nobody waits with more requests than this client.
    Full,
    /// The request waited until its deadline.
    Deadline,
}

/// `W` is how a waiter learns its outcome.
pub(super) struct State<W> {
    bounds: Bounds,
    free: usize,
    waiting: usize,
    next_id: u64,
    clients: HashMap<ClientKey, Client<W>>,
    // How many requests from each wider network hold a slot or wait.
    networks: HashMap<ClientKey, usize>,
    // The clients that wait and hold less than their share, in the order of their turns.
    turns: VecDeque<ClientKey>,
    // Those that had no request here before the one that waits.
    new_turns: VecDeque<ClientKey>,
    was_new_turn: bool,
}

struct Client<W> {
    held: usize,
    waiting: VecDeque<Waiter<W>>,
    in_turn: bool,
}

impl<W> Default for Client<W> {
    fn default() -> Self {
        Self { held: 0, waiting: VecDeque::new(), in_turn: false }
    }
}

struct Waiter<W> {
    id: u64,
    is_refusable: bool,
    outcome: W,
}

pub(super) enum Entry<W> {
    /// The client now holds a slot.
    Slot,
    /// The client may wait. The waiter, if any, was displaced.
    Queue(Option<W>),
}

impl<W> State<W> {
    pub(super) fn new(bounds: Bounds) -> Self {
        let (clients, networks) = (HashMap::new(), HashMap::new());
        let (turns, new_turns, was_new_turn) = (VecDeque::new(), VecDeque::new(), false);
        let (free, waiting, next_id) = (bounds.slots, 0, 0);
        Self { bounds, free, waiting, next_id, clients, networks, turns, new_turns, was_new_turn }
    }

    pub(super) fn busy(&self) -> (usize, usize) {
        (self.bounds.slots - self.free, self.waiting)
    }

    pub(super) fn enter(&mut self, key: ClientKey) -> Result<Entry<W>, Refusal> {
        if self.is_network_full(key) {
            return Err(Refusal::Client);
        }
        if self.take_slot(key) {
            return Ok(Entry::Slot);
        }
        let own = self.clients.get(&key).map_or(0, |client| client.waiting.len());
        if own >= self.bounds.share(key).waiting {
            return Err(Refusal::Client);
        }
        if self.waiting < self.bounds.waiting {
            return Ok(Entry::Queue(None));
        }
        self.displace(own + 1).map(|waiter| Entry::Queue(Some(waiter))).ok_or(Refusal::Full)
    }

    /// Whether another client waits for a slot that this client holds.
    pub(super) fn others_wait(&self, key: ClientKey) -> bool {
        self.new_turns.iter().chain(&self.turns).any(|other| *other != key)
    }

    fn is_network_full(&self, key: ClientKey) -> bool {
        let Share { slots, waiting } = self.bounds.share(key);
        // No network takes more than half, however many clients are in it.
        let half = usize::midpoint(self.bounds.slots, self.bounds.waiting);
        key.wider().any(|(network, factor)| {
            let requests = self.networks.get(&network).copied().unwrap_or(0);
            requests >= ((slots + waiting) * factor).min(half)
        })
    }

    pub(super) fn take_slot(&mut self, key: ClientKey) -> bool {
        if self.free == 0 {
            return false;
        }
        let share = self.bounds.share(key);
        let client = self.clients.entry(key).or_default();
        if client.held >= share.slots {
            return false;
        }
        client.held += 1;
        self.free -= 1;
        self.count_in_networks(key);
        true
    }

    /// Returns the id of the waiter.
    pub(super) fn push_back(&mut self, key: ClientKey, is_refusable: bool, outcome: W) -> u64 {
        self.push(key, is_refusable, outcome, VecDeque::push_back)
    }

    pub(super) fn push_front(&mut self, key: ClientKey, outcome: W) -> u64 {
        self.push(key, false, outcome, VecDeque::push_front)
    }

    fn push(
        &mut self,
        key: ClientKey,
        is_refusable: bool,
        outcome: W,
        push: fn(&mut VecDeque<Waiter<W>>, Waiter<W>),
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.waiting += 1;
        self.count_in_networks(key);
        let is_new = !self.clients.contains_key(&key);
        push(&mut self.clients.entry(key).or_default().waiting, Waiter { id, is_refusable, outcome });
        self.queue_up(key, is_new);
        id
    }

    /// Gives the client a turn if it waits and holds less than its share.
    fn queue_up(&mut self, key: ClientKey, is_new: bool) {
        let share = self.bounds.share(key);
        let Some(client) = self.clients.get_mut(&key) else { return };
        if !client.in_turn && !client.waiting.is_empty() && client.held < share.slots {
            client.in_turn = true;
            let turns = if is_new { &mut self.new_turns } else { &mut self.turns };
            turns.push_back(key);
        }
    }

    /// Returns the waiter that gets the slot, and its client.
    pub(super) fn release(&mut self, key: ClientKey) -> Option<(ClientKey, W)> {
        self.free += 1;
        if let Some(client) = self.clients.get_mut(&key) {
            client.held -= 1;
        }
        self.queue_up(key, false);
        self.forget(key);

        let next = self.take_turn()?;
        let client = self.clients.get_mut(&next)?;
        client.in_turn = false;
        let waiter = client.waiting.pop_front()?;
        client.held += 1;
        self.free -= 1;
        self.waiting -= 1;
        self.queue_up(next, false);
        Some((next, waiter.outcome))
    }

    /// New clients and others take turns, so that neither can keep the others waiting.
    fn take_turn(&mut self) -> Option<ClientKey> {
        self.was_new_turn = !self.new_turns.is_empty() && (!self.was_new_turn || self.turns.is_empty());
        if self.was_new_turn { self.new_turns.pop_front() } else { self.turns.pop_front() }
    }

    pub(super) fn leave(&mut self, key: ClientKey, id: u64) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        let Some(at) = client.waiting.iter().position(|waiter| waiter.id == id) else { return };
        client.waiting.remove(at);
        if client.waiting.is_empty() && client.in_turn {
            client.in_turn = false;
            for turns in [&mut self.turns, &mut self.new_turns] {
                turns.retain(|other| *other != key);
            }
        }
        self.waiting -= 1;
        self.forget(key);
    }

    /// Removes the last waiter of the client with the most, if these are more than `own`.
    fn displace(&mut self, own: usize) -> Option<W> {
        let (key, client) = self.clients.iter_mut().max_by_key(|(_, client)| client.waiting.len())?;
        if client.waiting.len() <= own {
            return None;
        }
        let last = client.waiting.iter().rposition(|waiter| waiter.is_refusable)?;
        let waiter = client.waiting.remove(last)?;
        let key = *key;
        self.waiting -= 1;
        self.forget(key);
        Some(waiter.outcome)
    }

    fn count_in_networks(&mut self, key: ClientKey) {
        for (network, _) in key.wider() {
            *self.networks.entry(network).or_default() += 1;
        }
    }

    /// Forgets a request that has ended, and its client if it has no other.
    fn forget(&mut self, key: ClientKey) {
        for (network, _) in key.wider() {
            if let Some(requests) = self.networks.get_mut(&network) {
                *requests -= 1;
                if *requests == 0 {
                    self.networks.remove(&network);
                }
            }
        }
        if self.clients.get(&key).is_some_and(|client| client.held == 0 && client.waiting.is_empty()) {
            self.clients.remove(&key);
        }
    }
}

#[cfg(test)]
impl<W> State<W> {
    /// Which client is next, unless that depends on the client that releases its slot.
    pub(super) fn next_turn(&self) -> Option<ClientKey> {
        let (new, other) = (self.new_turns.front(), self.turns.front());
        if self.was_new_turn { other } else { new.or(other) }.copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.check();
        self.free == self.bounds.slots && self.clients.is_empty()
    }

    /// Checks what must always hold.
    pub(super) fn check(&self) {
        let sum = |count: fn(&Client<W>) -> usize| self.clients.values().map(count).sum::<usize>();
        assert_eq!(self.free + sum(|client| client.held), self.bounds.slots);
        assert_eq!(self.waiting, sum(|client| client.waiting.len()));
        let refusable =
            |client: &Client<W>| client.waiting.iter().filter(|waiter| waiter.is_refusable).count();
        assert!(sum(refusable) <= self.bounds.waiting);
        let turns: Vec<_> = self.turns.iter().chain(&self.new_turns).copied().collect();
        assert!(self.free == 0 || turns.is_empty(), "a slot is free although a client has a turn");
        let mut networks = HashMap::new();
        for (key, client) in &self.clients {
            let Share { slots, waiting } = self.bounds.share(*key);
            assert!(client.held + client.waiting.len() > 0, "{key:?} is idle");
            assert!(client.held <= slots && refusable(client) <= waiting, "{key:?} has too much");
            let turns = turns.iter().filter(|turn| *turn == key).count();
            let has_turn = !client.waiting.is_empty() && client.held < slots;
            assert_eq!((turns, client.in_turn), (usize::from(has_turn), has_turn), "{key:?}");
            for (network, _) in key.wider() {
                *networks.entry(network).or_default() += client.held + client.waiting.len();
            }
        }
        assert_eq!(self.networks, networks);
        assert!(turns.iter().all(|key| self.clients.contains_key(key)));
    }
}
