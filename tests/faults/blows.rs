//! The service killed, the primary killed, the primary stepped down, while clients write: nothing that was acknowledged
//! is lost, nothing is done twice, and the service recovers by itself.

use std::time::{Duration, Instant};

use crate::fleet::replica_set::Node;
use crate::fleet::{RECOVERY, random, random_millis, turn};
use crate::size;
use crate::trial::{LANES, Trial};

/// How long the writers have the service to themselves between two blows.
const CALM: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn nothing_is_lost_when_an_instance_is_killed() {
    let _turn = turn().await;
    let mut trial = Trial::begin("service", LANES, true).await;
    let blows = size(3, 50);
    for _ in 0..blows {
        tokio::time::sleep(CALM).await;
        let number = random(2);
        trial.service.servers[number].signal("-KILL");
        tokio::time::sleep(random_millis(1_000)).await;
        let restarted = Instant::now();
        trial.service.restart(number).await;
        trial.recover(restarted).await;
    }
    tokio::time::sleep(CALM).await;
    trial.end("instance killed", &format!("{blows} times")).await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_primary_is_killed() {
    strike_primaries("primary", "primary killed", Node::kill).await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_primary_steps_down() {
    strike_primaries("step_down", "primary stepped down", Node::step_down).await;
}

async fn strike_primaries(part: &str, what: &str, strike: impl AsyncFn(&Node)) {
    let _turn = turn().await;
    let mut trial = Trial::begin(part, LANES, false).await;
    let blows = size(3, 50);
    let mut slowest = Duration::ZERO;
    for _ in 0..blows {
        tokio::time::sleep(CALM).await;
        let (primary, secondaries) = trial.service.set.nodes().await;
        let struck = Instant::now();
        strike(&primary).await;
        let database = trial.fail_over(&secondaries, struck).await;
        let whole = struck.elapsed();
        let late = || format!("recovered {whole:.1?} after the blow, the database after {database:.1?}");
        trial.findings.check(whole <= RECOVERY, late);
        slowest = slowest.max(database);
        trial.service.mend().await;
    }
    tokio::time::sleep(CALM).await;
    trial
        .end(what, &format!("{blows} times, the database took writes again after {slowest:.1?} at the most"))
        .await;
}
