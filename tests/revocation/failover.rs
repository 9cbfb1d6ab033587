//! The bound while the primary is killed, stepped down or frozen. The service recovers without help.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::findings::Findings;
use crate::fleet::RECOVERY;
use crate::fleet::StopFlag;
use crate::fleet::exclusive_use;
use crate::fleet::replica_set::Node;
use crate::is_long;
use crate::protected_route::ProtectedRoute;
use crate::revocations::Revocations;
use crate::three_instances::ThreeInstances;
use crate::watch::Watch;

/// What happens to the primary.
#[derive(Debug, Clone, Copy)]
enum PrimaryFailure {
    Killed,
    SteppedDown,
    Frozen,
}

/// How long after the first revocation the primary fails.
const BEFORE: Duration = Duration::from_secs(2);
/// How long revocations and attempts continue after the recovery.
const AFTER: Duration = Duration::from_secs(2);
const PACE: Duration = Duration::from_millis(300);

impl PrimaryFailure {
    /// How long the primary stays away before it is repaired.
    fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Killed => 7,
            Self::SteppedDown => 4,
            Self::Frozen => 16,
        })
    }

    async fn inflict(self, primary: &Node) {
        match self {
            Self::Killed => primary.kill().await,
            Self::SteppedDown => primary.step_down().await,
            Self::Frozen => primary.freeze().await,
        }
    }

    async fn repair(self, primary: &Node, cluster: &ThreeInstances) {
        match self {
            Self::Killed => cluster.set.repair().await,
            Self::SteppedDown => {}
            Self::Frozen => primary.thaw().await,
        }
    }
}

#[tokio::test]
async fn the_bound_holds_while_the_primary_is_killed() {
    run(PrimaryFailure::Killed).await;
}

#[tokio::test]
async fn the_bound_holds_while_the_primary_steps_down() {
    run(PrimaryFailure::SteppedDown).await;
}

#[tokio::test]
async fn the_bound_holds_while_the_primary_is_frozen() {
    run(PrimaryFailure::Frozen).await;
}

async fn run(failure: PrimaryFailure) {
    let _exclusive = exclusive_use().await;
    for round in 1..=if is_long() { 10 } else { 1 } {
        fail_once(failure, round).await;
    }
}

async fn fail_once(failure: PrimaryFailure, round: usize) {
    let cluster = ThreeInstances::start("failover").await;
    let count = (BEFORE + failure.duration() + AFTER).as_millis() / PACE.as_millis();
    let mut users = cluster.users(usize::try_from(count).unwrap() + 1).await;
    let good = users.pop().unwrap().first.access;
    let (primary, _) = cluster.set.nodes().await;
    let (stop, began) = (StopFlag::default(), Instant::now());
    let revocations = Revocations::begin(&cluster, users, PACE, &stop);
    let watches: JoinSet<_> = cluster
        .instances
        .iter()
        .map(|instance| Watch::evenly(instance.clone(), good.clone(), began, stop.clone()))
        .collect();

    tokio::time::sleep(BEFORE).await;
    let failed_at = began.elapsed();
    failure.inflict(&primary).await;
    tokio::time::sleep(failure.duration()).await;
    failure.repair(&primary, &cluster).await;
    let repaired = began.elapsed();
    let mut findings = Findings::default();
    let recovered = cluster.recover(&good).await;
    findings.check(recovered < RECOVERY, || format!("recovered only {recovered:?} after the repair"));
    tokio::time::sleep(AFTER).await;
    stop.set();

    for watch in watches.join_all().await {
        findings.tally(&watch);
        report(&mut findings, &watch, (failure, round), failed_at, repaired);
    }
    revocations.end(&cluster, &mut findings).await;
    findings.conclude(&format!("primary {failure:?}, round {round}"), &cluster);
}

/// Reports what happened to a token that was valid all the time.
fn report(
    findings: &mut Findings,
    watch: &Watch,
    what: (PrimaryFailure, usize),
    failed_at: Duration,
    repaired: Duration,
) {
    findings.expect(watch, "a good token", |attempt| attempt.status != 401);
    let behind = watch.attempts.iter().filter(|attempt| attempt.route == ProtectedRoute::ReadsDatabase);
    let refused: Vec<_> =
        behind.filter(|attempt| !attempt.was_accepted()).map(|attempt| attempt.sent).collect();
    let (first, last) = (refused.first().copied(), refused.last().copied());
    let from = |time: Option<Duration>| time.map(|time| time.as_secs_f64() - failed_at.as_secs_f64());
    println!(
        "  {what:?}, instance {}: {} of {} good requests refused, sent from {:.1?} to {:.1?} s after the failure",
        watch.instance,
        refused.len(),
        watch.attempts.len() / 2,
        from(first),
        from(last),
    );
    let healed = match what.0 {
        PrimaryFailure::Frozen => repaired,
        PrimaryFailure::Killed | PrimaryFailure::SteppedDown => failed_at,
    };
    let limit = healed + RECOVERY;
    findings.expect(watch, "a good token after the recovery", |attempt| {
        attempt.sent < limit || attempt.was_accepted()
    });
}
