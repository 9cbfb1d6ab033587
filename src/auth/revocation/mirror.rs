//! The task that copies the blacklist from the database into memory, one round about every 500 ms.
//!
//! **Invariant:** no request relies on this task. If rounds fail, the map becomes too old and [`super::blacklist`]
//! reads the database for each request.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::blacklist::Blacklist;
use super::store::Revocations;
use crate::clock::Clock;

// The shortest time between two rounds, even if new entries keep arriving.
const PAUSE: Duration = Duration::from_millis(50);
// How much longer the task waits if no new entry arrives. Together with `PAUSE` this is half a second.
const WAIT: Duration = Duration::from_millis(450);
// A round that takes longer counts as failed. Its operations are not cancelled.
const ROUND_TIME: Duration = Duration::from_secs(3);
// About once a minute.
const ROUNDS_PER_CLEANUP: u64 = 120;

pub async fn run(mirrored: Arc<Blacklist>, clock: Clock) {
    let woken = Arc::new(Notify::new());
    tokio::spawn(wake_on_changes(mirrored.store.clone(), woken.clone()));
    let mut healthy = true;
    for round in 1_u64.. {
        let (blacklist, now) = (mirrored.clone(), clock.now());
        // A separate task, because the timeout below must not drop a database operation that is in progress.
        let reading = tokio::spawn(async move {
            blacklist.load(now).await?;
            blacklist.persist_pending().await
        });
        let read = timeout(ROUND_TIME, reading).await;
        let succeeded = matches!(read, Ok(Ok(Ok(()))));
        if healthy && !succeeded {
            tracing::warn!(?read, "cannot read the blacklist: each request now reads the database");
        } else if !healthy && succeeded {
            tracing::info!("the blacklist can be read again");
        }
        healthy = succeeded;
        if round % ROUNDS_PER_CLEANUP == 0 {
            mirrored.remove_expired(clock.now());
        }
        tokio::time::sleep(PAUSE).await;
        let _ = timeout(WAIT, woken.notified()).await;
    }
}

async fn wake_on_changes(store: Revocations, woken: Arc<Notify>) {
    loop {
        if let Err(error) = store.notify_on_changes(&woken).await {
            tracing::debug!(%error, "the change stream of the blacklist ended");
        }
        // The pause keeps a change stream that fails at once from being reopened in a busy loop.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
