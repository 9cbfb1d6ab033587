//! The bound without a majority of the database. After the bound every token is refused, known revocations stay in
//! force, and a logout that cannot be stored holds on the instance that received it.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::findings::Findings;
use crate::fleet::RECOVERY;
use crate::fleet::StopFlag;
use crate::fleet::exclusive_use;
use crate::fleet::replica_set::Node;
use crate::revocations::revoke_and_watch;
use crate::revoked_user::{RevocationKind, RevokedUser};
use crate::three_instances::ThreeInstances;
use crate::watch::Watch;
use crate::{BOUND, is_long};

/// How the majority disappears.
#[derive(Debug, Clone, Copy)]
enum Way {
    Killed,
    Frozen,
}

/// How long the majority is gone.
const OUTAGE: Duration = Duration::from_secs(12);
/// When the logouts that cannot succeed begin: while the lone primary still believes that it is primary, and after the
/// bound.
const LOGOUTS_AT: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(2_500)];

#[tokio::test]
async fn without_a_majority_every_token_is_refused_after_the_bound() {
    let _exclusive = exclusive_use().await;
    for round in 1..=if is_long() { 5 } else { 1 } {
        outage(Way::Killed, round).await;
        if is_long() {
            outage(Way::Frozen, round).await;
        }
    }
}

#[tokio::test]
async fn a_logout_without_a_database_holds_on_its_own_instance() {
    let _exclusive = exclusive_use().await;
    let cluster = ThreeInstances::start("hanging").await;
    let [user, good] = <[RevokedUser; 2]>::try_from(cluster.users(2).await).unwrap();
    let (primary, secondaries) = cluster.set.nodes().await;
    for node in secondaries.iter().chain([&primary]) {
        node.freeze().await;
    }
    tokio::time::sleep(BOUND + Duration::from_millis(500)).await;
    let (at, mut findings) = (cluster.any(), Findings::default());
    let revoking = user.revoke(RevocationKind::LogOut, &at);
    let repair = async {
        tokio::time::sleep(OUTAGE).await;
        cluster.set.repair().await;
    };
    let (revocation, ()) = tokio::join!(revoking, repair);
    let recovered = cluster.recover(&good.first.access).await;
    findings.check(recovered < RECOVERY, || format!("recovered only {recovered:?} after the thaw"));
    findings.add(&revocation, &[]);
    println!("  logout of a frozen database: {:.1?}", revocation.tries);
    findings.conclude("all nodes frozen", &cluster);
}

async fn outage(way: Way, round: usize) {
    let cluster = ThreeInstances::start("majority").await;
    let users: [RevokedUser; 5] = cluster.users(5).await.try_into().unwrap();
    let [good, known, fresh, early, late] = users;
    let good = good.first.access;
    let known = known.revoke(RevocationKind::Everywhere, &cluster.any()).await;
    tokio::time::sleep(BOUND).await;
    let (_, others) = cluster.set.nodes().await;
    let (stop, began) = (StopFlag::default(), Instant::now());
    let on_good = watch_all(&cluster, &good, began, &stop);
    let on_known = watch_all(&cluster, known.token(), began, &stop);

    let fresh = fresh.revoke(RevocationKind::LogOut, &cluster.any()).await;
    for node in &others {
        inflict(way, node).await;
    }
    let gone = Instant::now();
    let on_fresh = watch_all(&cluster, fresh.token(), fresh.answered, &stop);
    let logouts: JoinSet<_> = LOGOUTS_AT
        .into_iter()
        .zip([early, late])
        .map(|(at, user)| revoke_and_watch(&cluster, user, RevocationKind::LogOut, at, &stop))
        .collect();
    tokio::time::sleep(OUTAGE).await;
    let repair_began = Instant::now();
    cluster.set.repair().await;

    let mut findings = Findings::default();
    let repaired = repair_began.elapsed();
    let recovered = cluster.recover(&good).await;
    findings.check(recovered < RECOVERY, || {
        format!("recovered only {recovered:?} after the return of the majority")
    });
    tokio::time::sleep(2 * BOUND).await;
    stop.set();

    let outage = (gone + BOUND - began)..(repair_began - began);
    for watch in on_good.join_all().await {
        findings.tally(&watch);
        findings.expect(&watch, "a good token past the bound", |attempt| {
            let is_within = outage.contains(&attempt.sent) && outage.contains(&(attempt.sent + attempt.took));
            !is_within || attempt.status == 503
        });
        findings.expect(&watch, "a good token", |attempt| attempt.status != 401);
    }
    for watch in on_known.join_all().await {
        findings.tally(&watch);
        findings.expect(&watch, "a token that is known to be revoked", |attempt| attempt.status == 401);
    }
    findings.add(&fresh, &on_fresh.join_all().await);
    for (revocation, watches) in logouts.join_all().await {
        let is_later = revocation.answered > repair_began;
        findings.check(is_later, || format!("acknowledged without a majority: {:?}", revocation.tries));
        findings.add(&revocation, &watches);
    }
    println!("  majority {way:?}: repaired in {repaired:.1?}, recovered {recovered:.1?} later");
    findings.conclude(&format!("majority {way:?}, round {round}"), &cluster);
}

async fn inflict(way: Way, node: &Node) {
    match way {
        Way::Killed => node.kill().await,
        Way::Frozen => node.freeze().await,
    }
}

fn watch_all(cluster: &ThreeInstances, token: &str, zero: Instant, stop: &StopFlag) -> JoinSet<Watch> {
    let watch = |instance: &_| Watch::evenly(Clone::clone(instance), token.to_owned(), zero, stop.clone());
    cluster.instances.iter().map(watch).collect()
}
