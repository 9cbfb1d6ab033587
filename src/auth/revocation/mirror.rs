//! Keeps the blacklist in memory close behind the collection, round by round. Must not be relied on to succeed: how old
//! the map may be is the blacklist's to judge.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::blacklist::Blacklist;
use super::store::Revocations;
use crate::clock::Clock;

/// The least time between two rounds, however often the mirror is woken.
const PAUSE: Duration = Duration::from_millis(50);
/// How long it waits after that to be woken: half a second in all.
const WAIT: Duration = Duration::from_millis(450);
/// How long a round may take before it counts as failed; what hangs in it goes on by itself.
const ROUND_TIME: Duration = Duration::from_secs(3);
/// How many rounds lie between two sweeps of expired entries: a minute's.
const ROUNDS_A_SWEEP: u64 = 120;

/// Reads the collection again and again, for as long as the service runs.
pub async fn run(mirrored: Arc<Blacklist>, clock: Clock) {
    let woken = Arc::new(Notify::new());
    tokio::spawn(wake_on_changes(mirrored.store.clone(), woken.clone()));
    let mut healthy = true;
    for round in 1_u64.. {
        let (blacklist, now) = (mirrored.clone(), clock.now());
        // In a task of its own, so that an operation under way is never dropped.
        let reading = tokio::spawn(async move {
            blacklist.load(now).await?;
            blacklist.persist_pending().await
        });
        let read = timeout(ROUND_TIME, reading).await;
        let succeeded = matches!(read, Ok(Ok(Ok(()))));
        if healthy && !succeeded {
            tracing::warn!(?read, "the blacklist cannot be read: requests are checked one by one");
        } else if !healthy && succeeded {
            tracing::info!("the blacklist is read again");
        }
        healthy = succeeded;
        if round % ROUNDS_A_SWEEP == 0 {
            mirrored.remove_expired(clock.now());
        }
        tokio::time::sleep(PAUSE).await;
        let _ = timeout(WAIT, woken.notified()).await;
    }
}

/// Notifies `woken` when somebody writes an entry.
async fn wake_on_changes(store: Revocations, woken: Arc<Notify>) {
    loop {
        if let Err(error) = store.notify_on_changes(&woken).await {
            tracing::debug!(%error, "the blacklist's change stream ended");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
