//! Tries a token on an instance again and again, and keeps every answer with its moments.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::BOUND;
use crate::door::Door;
use crate::fleet::Over;
use crate::fleet::instance::{Answer, Instance};

/// How often a token is tried while it matters most.
const PACE: Duration = Duration::from_millis(50);
/// How long that is: the bound, and as long as shows that the refusals stay.
const CLOSELY: Duration = BOUND.saturating_add(Duration::from_secs(1));
/// How often it is tried later.
const LATER_PACE: Duration = Duration::from_millis(500);
/// How many tries may be under way at a time.
const UNDER_WAY: usize = 40;

/// One try, by the time since the watch's zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Knock {
    pub(crate) door: Door,
    pub(crate) sent: Duration,
    pub(crate) took: Duration,
    pub(crate) status: u16,
}

impl Knock {
    /// Whether the token opened the door.
    pub(crate) fn was_accepted(&self) -> bool {
        !matches!(self.status, 0 | 401 | 503)
    }
}

/// All that one instance answered to one token.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) instance: usize,
    pub(crate) knocks: Vec<Knock>,
}

impl Watch {
    /// Tries a token closely from `zero` until past the bound, then now and then until `over`.
    pub(crate) async fn a_revoked_token(
        instance: Instance,
        token: String,
        zero: Instant,
        over: Over,
    ) -> Self {
        let pace = |elapsed| {
            if elapsed < CLOSELY { Some(PACE) } else { (!over.has_come()).then_some(LATER_PACE) }
        };
        Self::run(instance, token, zero, pace).await
    }

    /// Tries a token at an even pace until `over`.
    pub(crate) async fn evenly(instance: Instance, token: String, zero: Instant, over: Over) -> Self {
        Self::run(instance, token, zero, |_| (!over.has_come()).then_some(2 * PACE)).await
    }

    async fn run(
        instance: Instance,
        token: String,
        zero: Instant,
        pace: impl Fn(Duration) -> Option<Duration>,
    ) -> Self {
        let (mut under_way, mut knocks) = (JoinSet::new(), Vec::new());
        let mut door = Door::Unreadable;
        while let Some(pause) = pace(zero.elapsed()) {
            while let Some(knock) = under_way.try_join_next() {
                knocks.push(knock.unwrap());
            }
            if under_way.len() < UNDER_WAY {
                let (instance, token) = (instance.clone(), token.clone());
                under_way.spawn(async move { Self::knock(&instance, door, &token, zero).await });
                door = if door == Door::User { Door::Unreadable } else { Door::User };
            }
            tokio::time::sleep(pause).await;
        }
        knocks.extend(under_way.join_all().await);
        knocks.sort_by_key(|knock| knock.sent);
        Self { instance: instance.number, knocks }
    }

    async fn knock(instance: &Instance, door: Door, token: &str, zero: Instant) -> Knock {
        let Answer { sent, came, status, .. } = instance.knock(door, token).await;
        Knock { door, sent: sent - zero, took: came - sent, status }
    }

    /// When the last request was sent that was accepted; zero if none was.
    pub(crate) fn last_acceptance(&self) -> Duration {
        let accepted = self.knocks.iter().filter(|knock| knock.was_accepted()).map(|knock| knock.sent);
        accepted.max().unwrap_or_default()
    }
}
