//! The bound and the typical latency with a healthy database.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::findings::{Findings, distribution};
use crate::fleet::instance::Instance;
use crate::fleet::{StopFlag, exclusive_use, random};
use crate::protected_route::ProtectedRoute;
use crate::revocations::Revocations;
use crate::revoked_user::RevocationKind;
use crate::three_instances::ThreeInstances;
use crate::{BOUND, is_long};

#[tokio::test]
async fn other_instances_refuse_a_revoked_token_within_the_bound() {
    let _exclusive = exclusive_use().await;
    let cluster = ThreeInstances::start("calm").await;
    revoke(&cluster, "logout etc.", if is_long() { 2_000 } else { 100 }).await;
}

#[tokio::test]
async fn the_bound_holds_without_change_streams() {
    let _exclusive = exclusive_use().await;
    let cluster = ThreeInstances::start("streamless").await;
    let (primary, secondaries) = cluster.set.nodes().await;
    let nodes = [&primary, &secondaries[0], &secondaries[1]];
    // The first failure ends the open change streams, the second prevents new ones.
    for commands in [["aggregate", "getMore"].as_slice(), &["aggregate"]] {
        for node in nodes {
            node.fail(commands).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    revoke(&cluster, "without change streams", if is_long() { 1_000 } else { 20 }).await;
    for node in nodes {
        node.fail(&[]).await;
    }
}

async fn revoke(cluster: &ThreeInstances, part: &str, count: usize) {
    let stop = StopFlag::default();
    stop.set();
    let users = cluster.users(count).await;
    let revocations = Revocations::begin(cluster, users, Duration::from_millis(150), &stop);
    let mut findings = Findings::default();
    revocations.end(cluster, &mut findings).await;
    findings.conclude(part, cluster);
}

#[tokio::test]
async fn a_logout_reaches_the_other_instances_quickly() {
    let _exclusive = exclusive_use().await;
    let cluster = ThreeInstances::start("latency").await;
    let mut latencies = Vec::new();
    for user in cluster.users(if is_long() { 400 } else { 20 }).await {
        // The logout must fall at a random moment between two rounds of the mirror.
        tokio::time::sleep(Duration::from_millis(u64::try_from(random(500)).unwrap())).await;
        let revocation = user.revoke(RevocationKind::LogOut, &cluster.any()).await;
        let others = cluster.instances.iter().filter(|instance| instance.number != revocation.by);
        let learning: JoinSet<_> = others
            .map(|other| learned(other.clone(), revocation.token().to_owned(), revocation.answered))
            .collect();
        latencies.extend(learning.join_all().await);
    }
    println!("typical latency: {} logouts, refused after {}", latencies.len() / 2, distribution(latencies));
}

/// Returns after how long an instance first refused a token.
async fn learned(instance: Instance, token: String, answered: Instant) -> Duration {
    loop {
        let answer = instance.attempt(ProtectedRoute::ChecksTokenOnly, &token).await;
        if answer.status == 401 {
            return answer.came - answered;
        }
        assert!(answered.elapsed() < 2 * BOUND, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
