//! The turns of requests that read whole collections, because each holds its response in memory and needs much CPU time.

use crate::error::Error;
use crate::http::admission::Requester;
use crate::http::fair_queue::{Bounds, FairQueue, Permit, Share};

/// Responses about whole collections that an instance writes at the same time.
pub(crate) const REPORTS_MAX: usize = 2;
/// Requests that wait for their turn.
pub(crate) const WAITING_MAX: usize = 448;
/// Of a user.
pub(crate) const SHARE: Share = Share { slots: 1, waiting: WAITING_MAX / 8 };

#[derive(Clone)]
pub struct Turns(FairQueue);

impl Default for Turns {
    fn default() -> Self {
        let (slots, waiting) = (REPORTS_MAX, WAITING_MAX);
        Self(FairQueue::new(Bounds { name: "reports", slots, waiting, user: SHARE, address: SHARE }))
    }
}

impl Turns {
    /// Waits without a slot, so that the requests of other routes go on.
    pub(crate) async fn next(&self, requester: &Requester) -> Result<Permit, Error> {
        requester.without_slot(self.0.acquire(requester.client)).await
    }
}
