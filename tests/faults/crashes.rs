//! The service is killed, the primary is killed or steps down, while clients write. No acknowledged write is lost, none
//! is applied twice, and the service recovers without help.

use std::time::{Duration, Instant};

use crate::experiment::{Experiment, WRITERS};
use crate::fleet::replica_set::Node;
use crate::fleet::{RECOVERY, exclusive_use, random, random_millis};
use crate::size;

/// How long the writers run undisturbed between two failures.
const CALM: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn nothing_is_lost_when_an_instance_is_killed() {
    let _exclusive = exclusive_use().await;
    let mut experiment = Experiment::begin("service", WRITERS, true).await;
    let crashes = size(3, 50);
    for _ in 0..crashes {
        tokio::time::sleep(CALM).await;
        let number = random(2);
        experiment.service.servers[number].signal("-KILL");
        tokio::time::sleep(random_millis(1_000)).await;
        let restarted = Instant::now();
        experiment.service.restart(number).await;
        experiment.recover(restarted).await;
    }
    tokio::time::sleep(CALM).await;
    experiment.end("instance killed", &format!("{crashes} times")).await;
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
    let _exclusive = exclusive_use().await;
    let mut experiment = Experiment::begin(part, WRITERS, false).await;
    let crashes = size(3, 50);
    let mut slowest = Duration::ZERO;
    for _ in 0..crashes {
        tokio::time::sleep(CALM).await;
        let (primary, secondaries) = experiment.service.set.nodes().await;
        let struck = Instant::now();
        strike(&primary).await;
        let database = experiment.fail_over(&secondaries, struck).await;
        let whole = struck.elapsed();
        let late = || format!("recovered {whole:.1?} after the crash, the database after {database:.1?}");
        experiment.findings.check(whole <= RECOVERY, late);
        slowest = slowest.max(database);
        experiment.service.set.repair().await;
    }
    tokio::time::sleep(CALM).await;
    experiment
        .end(
            what,
            &format!("{crashes} times, the database took writes again after {slowest:.1?} at the most"),
        )
        .await;
}
