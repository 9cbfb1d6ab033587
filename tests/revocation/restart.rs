//! Instances killed right after they have answered a revocation, and started again: what was revoked stays so.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::findings::Findings;
use crate::fleet::Over;
use crate::fleet::turn;
use crate::is_long;
use crate::trio::{SIZE, Trio};
use crate::victim::{Act, Revocation};
use crate::watch::Watch;

/// How long an instance is tried after its start.
const TRIED: Duration = Duration::from_secs(2);

#[tokio::test]
async fn what_was_revoked_is_refused_after_a_restart() {
    let _turn = turn().await;
    let mut trio = Trio::start("restart").await;
    let rounds = if is_long() { 5 } else { 1 };
    let mut victims = trio.victims(rounds * SIZE * Act::ALL.len()).await.into_iter();
    let (mut findings, mut revoked) = (Findings::default(), Vec::<Revocation>::new());
    for number in (0..SIZE).cycle().take(rounds * SIZE) {
        for act in Act::ALL {
            revoked.push(victims.next().unwrap().revoke(act, &trio.instances[number]).await);
        }
        let instance = trio.restart(number).await;
        let over = Over::default();
        let watches: JoinSet<_> = revoked
            .iter()
            .map(|revocation| {
                Watch::evenly(instance.clone(), revocation.token().to_owned(), Instant::now(), over.clone())
            })
            .collect();
        tokio::time::sleep(TRIED).await;
        over.end();
        for watch in watches.join_all().await {
            findings.tally(&watch);
            findings.expect(&watch, "a token revoked before the start", |knock| !knock.was_accepted());
            let last = watch.knocks.last().map(|knock| knock.status);
            findings.check(last == Some(401), || format!("instance {number} ends with {last:?}"));
        }
    }
    for revocation in &revoked {
        findings.add(revocation, &[]);
    }
    findings.conclude("restart", &trio);
}
