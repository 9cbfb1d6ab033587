//! Tries a token on an instance repeatedly, and keeps every response with its times.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::BOUND;
use crate::fleet::StopFlag;
use crate::fleet::instance::{Answer, Instance};
use crate::protected_route::ProtectedRoute;

/// The interval between attempts around the bound.
const PACE: Duration = Duration::from_millis(50);
/// How long this interval is used: the bound, plus one second that shows that the refusals last.
const CLOSELY: Duration = BOUND.saturating_add(Duration::from_secs(1));
/// The interval after that.
const LATER_PACE: Duration = Duration::from_millis(500);
/// How many attempts may run at a time.
const UNDER_WAY: usize = 40;

/// One attempt. Times are relative to the start of the watch.
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

/// All responses of one instance to one token.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) instance: usize,
    pub(crate) attempts: Vec<Attempt>,
}

impl Watch {
    /// Tries a token often from `zero` until after the bound, then less often until `stop`.
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

    /// Tries a token at a constant interval until `stop`.
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

    /// When the last accepted request was sent, or zero if none was accepted.
    pub(crate) fn last_acceptance(&self) -> Duration {
        let accepted =
            self.attempts.iter().filter(|attempt| attempt.was_accepted()).map(|attempt| attempt.sent);
        accepted.max().unwrap_or_default()
    }
}
