//! With the majority of the database gone: past the bound nobody is let in, what is known to be revoked stays refused,
//! and a logout that cannot be written down holds where it was asked for.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::campaign::revoke_and_watch;
use crate::findings::Findings;
use crate::fleet::Over;
use crate::fleet::RECOVERY;
use crate::fleet::replica_set::Node;
use crate::fleet::turn;
use crate::trio::Trio;
use crate::victim::{Act, Victim};
use crate::watch::Watch;
use crate::{BOUND, is_long};

/// How the majority goes.
#[derive(Debug, Clone, Copy)]
enum Way {
    Killed,
    Frozen,
}

/// How long it is gone.
const OUTAGE: Duration = Duration::from_secs(12);
/// When the logouts that cannot succeed are begun: while the lone primary still believes in itself, and past the bound.
const LOGOUTS_AT: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(2_500)];

#[tokio::test]
async fn without_a_majority_past_the_bound_nobody_is_let_in() {
    let _turn = turn().await;
    for round in 1..=if is_long() { 5 } else { 1 } {
        outage(Way::Killed, round).await;
        if is_long() {
            outage(Way::Frozen, round).await;
        }
    }
}

#[tokio::test]
async fn a_logout_that_the_database_leaves_hanging_holds_where_it_was_asked_for() {
    let _turn = turn().await;
    let trio = Trio::start("hanging").await;
    let [victim, good] = <[Victim; 2]>::try_from(trio.victims(2).await).unwrap();
    let (primary, secondaries) = trio.set.nodes().await;
    for node in secondaries.iter().chain([&primary]) {
        node.freeze().await;
    }
    tokio::time::sleep(BOUND + Duration::from_millis(500)).await;
    let (at, mut findings) = (trio.any(), Findings::default());
    let revoking = victim.revoke(Act::LogOut, &at);
    let mend = async {
        tokio::time::sleep(OUTAGE).await;
        trio.mend().await;
    };
    let (revocation, ()) = tokio::join!(revoking, mend);
    let recovered = trio.recover(&good.first.access).await;
    findings.check(recovered < RECOVERY, || format!("recovered only {recovered:?} after the thaw"));
    findings.add(&revocation, &[]);
    println!("  logout of a frozen database: {:.1?}", revocation.tries);
    findings.conclude("all nodes frozen", &trio);
}

async fn outage(way: Way, round: usize) {
    let trio = Trio::start("majority").await;
    let victims: [Victim; 5] = trio.victims(5).await.try_into().unwrap();
    let [good, known, fresh, early, late] = victims;
    let good = good.first.access;
    let known = known.revoke(Act::Everywhere, &trio.any()).await;
    tokio::time::sleep(BOUND).await;
    let (_, others) = trio.set.nodes().await;
    let (over, began) = (Over::default(), Instant::now());
    let on_good = watch_all(&trio, &good, began, &over);
    let on_known = watch_all(&trio, known.token(), began, &over);

    let fresh = fresh.revoke(Act::LogOut, &trio.any()).await;
    for node in &others {
        strike(way, node).await;
    }
    let gone = Instant::now();
    let on_fresh = watch_all(&trio, fresh.token(), fresh.answered, &over);
    let logouts: JoinSet<_> = LOGOUTS_AT
        .into_iter()
        .zip([early, late])
        .map(|(at, victim)| revoke_and_watch(&trio, victim, Act::LogOut, at, &over))
        .collect();
    tokio::time::sleep(OUTAGE).await;
    let mending = Instant::now();
    trio.mend().await;

    let mut findings = Findings::default();
    let mended = mending.elapsed();
    let recovered = trio.recover(&good).await;
    findings.check(recovered < RECOVERY, || format!("recovered only {recovered:?} after the majority"));
    tokio::time::sleep(2 * BOUND).await;
    over.end();

    let outage = (gone + BOUND - began)..(mending - began);
    for watch in on_good.join_all().await {
        findings.tally(&watch);
        findings.expect(&watch, "a good token past the bound", |knock| {
            let is_within = outage.contains(&knock.sent) && outage.contains(&(knock.sent + knock.took));
            !is_within || knock.status == 503
        });
        findings.expect(&watch, "a good token", |knock| knock.status != 401);
    }
    for watch in on_known.join_all().await {
        findings.tally(&watch);
        findings.expect(&watch, "a token that is known to be revoked", |knock| knock.status == 401);
    }
    findings.add(&fresh, &on_fresh.join_all().await);
    for (revocation, watches) in logouts.join_all().await {
        let is_later = revocation.answered > mending;
        findings.check(is_later, || format!("acknowledged without a majority: {:?}", revocation.tries));
        findings.add(&revocation, &watches);
    }
    println!("  majority {way:?}: mended in {mended:.1?}, recovered {recovered:.1?} later");
    findings.conclude(&format!("majority {way:?}, round {round}"), &trio);
}

async fn strike(way: Way, node: &Node) {
    match way {
        Way::Killed => node.kill().await,
        Way::Frozen => node.freeze().await,
    }
}

fn watch_all(trio: &Trio, token: &str, zero: Instant, over: &Over) -> JoinSet<Watch> {
    let watch = |instance: &_| Watch::evenly(Clone::clone(instance), token.to_owned(), zero, over.clone());
    trio.instances.iter().map(watch).collect()
}
