//! The memory for bodies of requests and responses that wait for their clients. All clients share it, and each has a part.
//!
//! A client may hold at most a sixteenth of what the other clients leave free. So one client that reads slowly gets a
//! sixteenth of everything. However many clients do so, something stays free for the next one, whose part becomes smaller.
//!
//! **Invariant:** never more than the maximum, except for responses to writes, which [`ByteBudget::hold`] never refuses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::client::ClientKey;
use crate::error::Error;

// A body of this size is not counted. It fits into the buffers of its connection, whose number is limited.
pub const UNCOUNTED_BYTES: usize = 4 * 1024;

/// A client may hold one of so many parts of what the others leave free.
pub const PARTS: usize = 16;

const RETRY_AFTER: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct ByteBudget {
    max: usize,
    held: Arc<Mutex<Held>>,
}

/// Who holds too much.
#[derive(Clone, Copy)]
enum Excess {
    OfClient,
    OfAll,
}

fn unavailable(excess: Excess) -> Error {
    match excess {
        Excess::OfClient => Error::unavailable("the client holds its part of MAX_ANSWER_BYTES"),
        Excess::OfAll => Error::unavailable("MAX_ANSWER_BYTES are in use"),
    }
}

#[derive(Default)]
struct Held {
    total: usize,
    by_client: HashMap<ClientKey, usize>,
}

impl ByteBudget {
    pub fn new(max: usize) -> Self {
        Self { max, held: Arc::default() }
    }

    /// The bytes that are held now.
    pub fn held_bytes(&self) -> usize {
        self.held().total
    }

    /// Fails if the client holds its part already, so that a request is refused before it changes anything.
    pub fn check(&self, client: ClientKey) -> Result<(), Error> {
        self.fits(&self.held(), client, 0).map_err(unavailable)
    }

    /// Nothing yet: [`HeldBytes::grow_to`] takes bytes.
    pub fn empty(&self, client: ClientKey) -> HeldBytes {
        HeldBytes { budget: self.clone(), client, bytes: 0 }
    }

    /// Takes bytes even past the client's part.
    pub fn hold(&self, client: ClientKey, bytes: usize) -> HeldBytes {
        let mut taken = self.empty(client);
        taken.add(&mut self.held(), bytes);
        taken
    }

    pub fn try_hold(&self, client: ClientKey, bytes: usize) -> Result<HeldBytes, Error> {
        let mut taken = self.empty(client);
        let mut held = self.held();
        self.fits(&held, client, bytes).map_err(unavailable)?;
        taken.add(&mut held, bytes);
        Ok(taken)
    }

    fn fits(&self, held: &Held, client: ClientKey, more: usize) -> Result<(), Excess> {
        let own = held.by_client.get(&client).copied().unwrap_or_default();
        let left_by_others = self.max.saturating_sub(held.total - own);
        // The first body may be larger than the part, so that a client that holds nothing is served as long as possible.
        let (part, excess) = if own == 0 {
            (left_by_others / 2, Excess::OfAll)
        } else {
            (left_by_others / PARTS, Excess::OfClient)
        };
        if own + more <= part { Ok(()) } else { Err(excess) }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Each change is complete before anything can panic, so the content of a poisoned lock is valid.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Free again when it is dropped.
pub struct HeldBytes {
    budget: ByteBudget,
    client: ClientKey,
    bytes: usize,
}

impl HeldBytes {
    /// Holds at least so many bytes, of which the first [`UNCOUNTED_BYTES`] do not count.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Error> {
        let more = bytes.saturating_sub(UNCOUNTED_BYTES).saturating_sub(self.bytes);
        if more > 0 {
            let budget = self.budget.clone();
            let mut held = budget.held();
            budget.fits(&held, self.client, more).map_err(|excess| match excess {
                // The client can help it by finishing its other requests.
                Excess::OfClient => Error::Throttled { retry_after: RETRY_AFTER },
                Excess::OfAll => unavailable(excess),
            })?;
            self.add(&mut held, more);
        }
        Ok(())
    }

    /// Holds at most so many bytes, counted like those of [`Self::grow_to`].
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes.saturating_sub(UNCOUNTED_BYTES));
        if less == 0 {
            return;
        }
        let mut held = self.budget.held();
        held.total -= less;
        if let Some(own) = held.by_client.get_mut(&self.client) {
            *own -= less;
            if *own == 0 {
                held.by_client.remove(&self.client);
            }
        }
        self.bytes -= less;
    }

    fn add(&mut self, held: &mut Held, bytes: usize) {
        self.bytes += bytes;
        held.total += bytes;
        *held.by_client.entry(self.client).or_default() += bytes;
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;

    use super::*;

    const MAX: usize = 1_600_000;

    fn client(number: u8) -> ClientKey {
        ClientKey::User(ObjectId::from_bytes([number; 12]))
    }

    /// Takes 1,000 bytes at a time until they are refused.
    fn fill(budget: &ByteBudget, number: u8) -> Vec<HeldBytes> {
        std::iter::from_fn(|| budget.try_hold(client(number), 1_000).ok()).collect()
    }

    #[test]
    fn client_gets_its_part_and_others_are_served() {
        let budget = ByteBudget::new(MAX);
        let all = fill(&budget, 1);
        assert_eq!(all.len(), MAX / PARTS / 1_000);
        assert!(matches!(budget.try_hold(client(1), 1_000), Err(Error::Unavailable(_))));
        let mut body = budget.empty(client(1));
        assert!(matches!(body.grow_to(10_000), Err(Error::Throttled { .. })));
        assert!(budget.check(client(1)).is_ok(), "exactly its part");
        let more = budget.hold(client(1), 1);
        assert!(budget.check(client(1)).is_err());
        assert!(budget.check(client(2)).is_ok());
        let one = budget.try_hold(client(2), 500_000).ok();
        assert!(one.is_some(), "the first body may be larger than the part");
        drop((all, more, one));
        assert_eq!(budget.held_bytes(), 0);
        assert!(budget.held().by_client.is_empty());
        assert!(budget.try_hold(client(1), 1_000).is_ok());
    }

    #[test]
    fn something_is_free_for_one_more_client_however_many_hold_their_part() {
        let budget = ByteBudget::new(MAX);
        let all: Vec<_> = (0..60).map(|number| fill(&budget, number)).collect();
        assert!(all.iter().all(|of_client| !of_client.is_empty()));
        assert!(budget.held_bytes() < MAX);
        assert!(budget.try_hold(client(200), 1_000).is_ok());
        let refused = budget.try_hold(client(200), MAX).err();
        assert!(matches!(refused, Some(Error::Unavailable(_))), "not the fault of this client");
    }

    #[test]
    fn small_bodies_are_not_counted() {
        let budget = ByteBudget::new(MAX);
        let mut body = budget.empty(client(1));
        body.grow_to(UNCOUNTED_BYTES).unwrap();
        assert_eq!(budget.held_bytes(), 0);
        body.grow_to(UNCOUNTED_BYTES + 5).unwrap();
        body.grow_to(UNCOUNTED_BYTES + 5).unwrap();
        assert_eq!(budget.held_bytes(), 5);
        body.shrink_to(UNCOUNTED_BYTES + 6);
        body.shrink_to(UNCOUNTED_BYTES + 3);
        assert_eq!(budget.held_bytes(), 3);
        drop(body);
        assert_eq!(budget.held_bytes(), 0);
    }
}
