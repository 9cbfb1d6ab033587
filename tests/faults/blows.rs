//! The service killed, the primary killed, the primary stepped down, while clients write: nothing that was acknowledged
//! is lost, nothing is done twice, and the service recovers by itself.

use std::time::{Duration, Instant};

use crate::fleet::{random, random_millis, turn};
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
    let _turn = turn().await;
    let mut trial = Trial::begin("primary", LANES, false).await;
    let blows = size(3, 50);
    for _ in 0..blows {
        tokio::time::sleep(CALM).await;
        let (primary, _) = trial.service.set.nodes().await;
        let killed = Instant::now();
        primary.kill().await;
        trial.recover(killed).await;
        trial.service.mend().await;
    }
    tokio::time::sleep(CALM).await;
    trial.end("primary killed", &format!("{blows} times")).await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_primary_steps_down() {
    let _turn = turn().await;
    let mut trial = Trial::begin("step_down", LANES, false).await;
    let blows = size(3, 50);
    for _ in 0..blows {
        tokio::time::sleep(CALM).await;
        let (primary, _) = trial.service.set.nodes().await;
        let stepped_down = Instant::now();
        primary.step_down().await;
        trial.recover(stepped_down).await;
        trial.service.mend().await;
    }
    tokio::time::sleep(CALM).await;
    trial.end("primary stepped down", &format!("{blows} times")).await;
}
