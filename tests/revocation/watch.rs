//! Tries a token on an instance again and again, and keeps every answer with its moments.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::BOUND;
use crate::fleet::StopFlag;
use crate::fleet::instance::{Answer, Instance};
use crate::protected_route::ProtectedRoute;

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
pub(crate) struct Attempt {
    pub(crate) route: ProtectedRoute,
    pub(crate) sent: Duration,
    pub(crate) took: Duration,
    pub(crate) status: u16,
}

impl Attempt {
    /// Whether the route accepted the token.
    pub(crate) fn was_accepted(&self) -> bool {
        !matches!(self.status, 0 | 401 | 503)
    }
}

/// All that one instance answered to one token.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) instance: usize,
    pub(crate) attempts: Vec<Attempt>,
}

impl Watch {
    /// Tries a token closely from `zero` until past the bound, then now and then until `over`.
    pub(crate) async fn a_revoked_token(
        instance: Instance,
        token: String,
        zero: Instant,
        stop: StopFlag,
    ) -> Self {
        let pace = |elapsed| {
            if elapsed < CLOSELY { Some(PACE) } else { (!stop.is_set()).then_some(LATER_PACE) }
        };
        Self::run(instance, token, zero, pace).await
    }

    /// Tries a token at an even pace until `over`.
    pub(crate) async fn evenly(instance: Instance, token: String, zero: Instant, stop: StopFlag) -> Self {
        Self::run(instance, token, zero, |_| (!stop.is_set()).then_some(2 * PACE)).await
    }

    async fn run(
        instance: Instance,
        token: String,
        zero: Instant,
        pace: impl Fn(Duration) -> Option<Duration>,
    ) -> Self {
        let (mut under_way, mut attempts) = (JoinSet::new(), Vec::new());
        let mut route = ProtectedRoute::ChecksTokenOnly;
        while let Some(pause) = pace(zero.elapsed()) {
            while let Some(attempt) = under_way.try_join_next() {
                attempts.push(attempt.unwrap());
            }
            if under_way.len() < UNDER_WAY {
                let (instance, token) = (instance.clone(), token.clone());
                under_way.spawn(async move { Self::attempt(&instance, route, &token, zero).await });
                route = if route == ProtectedRoute::ReadsDatabase {
                    ProtectedRoute::ChecksTokenOnly
                } else {
                    ProtectedRoute::ReadsDatabase
                };
            }
            tokio::time::sleep(pause).await;
        }
        attempts.extend(under_way.join_all().await);
        attempts.sort_by_key(|attempt| attempt.sent);
        Self { instance: instance.number, attempts }
    }

    async fn attempt(instance: &Instance, route: ProtectedRoute, token: &str, zero: Instant) -> Attempt {
        let Answer { sent, came, status, .. } = instance.attempt(route, token).await;
        Attempt { route, sent: sent - zero, took: came - sent, status }
    }

    /// When the last request was sent that was accepted; zero if none was.
    pub(crate) fn last_acceptance(&self) -> Duration {
        let accepted =
            self.attempts.iter().filter(|attempt| attempt.was_accepted()).map(|attempt| attempt.sent);
        accepted.max().unwrap_or_default()
    }
}
