//! Instances that are killed right after acknowledging a revocation. After a restart they still refuse the token.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::findings::Findings;
use crate::fleet::StopFlag;
use crate::fleet::exclusive_use;
use crate::is_long;
use crate::revoked_user::{Revocation, RevocationKind};
use crate::three_instances::{SIZE, ThreeInstances};
use crate::watch::Watch;

/// How long an instance is tested after its start.
const TRIED: Duration = Duration::from_secs(2);

#[tokio::test]
async fn revoked_tokens_are_refused_after_a_restart() {
    let _exclusive = exclusive_use().await;
    let mut cluster = ThreeInstances::start("restart").await;
    let rounds = if is_long() { 5 } else { 1 };
    let mut users = cluster.users(rounds * SIZE * RevocationKind::ALL.len()).await.into_iter();
    let (mut findings, mut revoked) = (Findings::default(), Vec::<Revocation>::new());
    for number in (0..SIZE).cycle().take(rounds * SIZE) {
        for kind in RevocationKind::ALL {
            revoked.push(users.next().unwrap().revoke(kind, &cluster.instances[number]).await);
        }
        let instance = cluster.restart(number).await;
        let stop = StopFlag::default();
        let watches: JoinSet<_> = revoked
            .iter()
            .map(|revocation| {
                Watch::evenly(instance.clone(), revocation.token().to_owned(), Instant::now(), stop.clone())
            })
            .collect();
        tokio::time::sleep(TRIED).await;
        stop.set();
        for watch in watches.join_all().await {
            findings.tally(&watch);
            findings.expect(&watch, "a token revoked before the start", |attempt| !attempt.was_accepted());
            let last = watch.attempts.last().map(|attempt| attempt.status);
            findings.check(last == Some(401), || format!("instance {number} ends with {last:?}"));
        }
    }
    for revocation in &revoked {
        findings.add(revocation, &[]);
    }
    findings.conclude("restart", &cluster);
}
