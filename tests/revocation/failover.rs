//! With the primary killed, stepped down and frozen in mid-run: the bound holds, and the service recovers by itself.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::campaign::Campaign;
use crate::door::Door;
use crate::findings::Findings;
use crate::fleet::Over;
use crate::fleet::RECOVERY;
use crate::fleet::replica_set::Node;
use crate::fleet::turn;
use crate::is_long;
use crate::trio::Trio;
use crate::watch::Watch;

/// What becomes of the primary.
#[derive(Debug, Clone, Copy)]
enum Blow {
    Killed,
    SteppedDown,
    Frozen,
}

/// When the primary is struck, from the first revocation on.
const BEFORE: Duration = Duration::from_secs(2);
/// How long revocations and tries go on after the recovery.
const AFTER: Duration = Duration::from_secs(2);
const PACE: Duration = Duration::from_millis(300);

impl Blow {
    /// How long the primary stays away before somebody mends it.
    fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Killed => 7,
            Self::SteppedDown => 4,
            Self::Frozen => 16,
        })
    }

    async fn strike(self, primary: &Node) {
        match self {
            Self::Killed => primary.kill().await,
            Self::SteppedDown => primary.step_down().await,
            Self::Frozen => primary.freeze().await,
        }
    }

    async fn mend(self, primary: &Node, trio: &Trio) {
        match self {
            Self::Killed => trio.mend().await,
            Self::SteppedDown => {}
            Self::Frozen => primary.thaw().await,
        }
    }
}

#[tokio::test]
async fn the_bound_holds_while_the_primary_is_killed() {
    run(Blow::Killed).await;
}

#[tokio::test]
async fn the_bound_holds_while_the_primary_steps_down() {
    run(Blow::SteppedDown).await;
}

#[tokio::test]
async fn the_bound_holds_while_the_primary_is_frozen() {
    run(Blow::Frozen).await;
}

async fn run(blow: Blow) {
    let _turn = turn().await;
    for round in 1..=if is_long() { 10 } else { 1 } {
        strike_once(blow, round).await;
    }
}

async fn strike_once(blow: Blow, round: usize) {
    let trio = Trio::start("failover").await;
    let count = (BEFORE + blow.duration() + AFTER).as_millis() / PACE.as_millis();
    let mut victims = trio.victims(usize::try_from(count).unwrap() + 1).await;
    let good = victims.pop().unwrap().first.access;
    let (primary, _) = trio.set.nodes().await;
    let (over, began) = (Over::default(), Instant::now());
    let campaign = Campaign::begin(&trio, victims, PACE, &over);
    let watches: JoinSet<_> = trio
        .instances
        .iter()
        .map(|instance| Watch::evenly(instance.clone(), good.clone(), began, over.clone()))
        .collect();

    tokio::time::sleep(BEFORE).await;
    let struck = began.elapsed();
    blow.strike(&primary).await;
    tokio::time::sleep(blow.duration()).await;
    blow.mend(&primary, &trio).await;
    let mended = began.elapsed();
    let mut findings = Findings::default();
    let recovered = trio.recover(&good).await;
    findings
        .check(recovered < RECOVERY, || format!("recovered only {recovered:?} after the end of the blow"));
    tokio::time::sleep(AFTER).await;
    over.end();

    for watch in watches.join_all().await {
        findings.tally(&watch);
        report(&mut findings, &watch, (blow, round), struck, mended);
    }
    campaign.end(&trio, &mut findings).await;
    findings.conclude(&format!("primary {blow:?}, round {round}"), &trio);
}

/// What became of a token that was good all the time.
fn report(findings: &mut Findings, watch: &Watch, what: (Blow, usize), struck: Duration, mended: Duration) {
    findings.expect(watch, "a good token", |knock| knock.status != 401);
    let behind = watch.knocks.iter().filter(|knock| knock.door == Door::User);
    let refused: Vec<_> = behind.filter(|knock| !knock.was_accepted()).map(|knock| knock.sent).collect();
    let (first, last) = (refused.first().copied(), refused.last().copied());
    let from = |time: Option<Duration>| time.map(|time| time.as_secs_f64() - struck.as_secs_f64());
    println!(
        "  {what:?}, instance {}: {} of {} good requests refused, sent from {:.1?} to {:.1?} s after the blow",
        watch.instance,
        refused.len(),
        watch.knocks.len() / 2,
        from(first),
        from(last),
    );
    let healed = match what.0 {
        Blow::Frozen => mended,
        Blow::Killed | Blow::SteppedDown => struck,
    };
    let limit = healed + RECOVERY;
    findings
        .expect(watch, "a good token after the recovery", |knock| knock.sent < limit || knock.was_accepted());
}
