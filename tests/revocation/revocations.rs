//! Many concurrent revocations of random kinds on random instances, each of which is watched.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::findings::Findings;
use crate::fleet::StopFlag;
use crate::protected_route::ProtectedRoute;
use crate::revoked_user::{Revocation, RevocationKind, RevokedUser};
use crate::three_instances::ThreeInstances;
use crate::watch::Watch;

/// The revocations of a test, running or finished.
pub(crate) struct Revocations(JoinSet<(Revocation, Vec<Watch>)>);

impl Revocations {
    /// Begins one revocation every `pace`. Its token is tried on all instances from the acknowledgement until after the
    /// bound, and then until `stop`.
    pub(crate) fn begin(
        cluster: &ThreeInstances,
        users: Vec<RevokedUser>,
        pace: Duration,
        stop: &StopFlag,
    ) -> Self {
        let mut tasks = JoinSet::new();
        let mut delay = Duration::ZERO;
        for user in users {
            tasks.spawn(revoke_and_watch(cluster, user, RevocationKind::any(), delay, stop));
            delay += pace;
        }
        Self(tasks)
    }

    /// Waits for all revocations, and checks that they revoked the right tokens and no others. The database must be
    /// healthy again.
    pub(crate) async fn end(self, cluster: &ThreeInstances, findings: &mut Findings) {
        for (revocation, watches) in self.0.join_all().await {
            findings.add(&revocation, &watches);
            look_after(&revocation, cluster, findings).await;
        }
    }
}

async fn look_after(revocation: &Revocation, cluster: &ThreeInstances, findings: &mut Findings) {
    let what = |status: u16| format!("{:?} ({:?}): {status}", revocation.kind, revocation.tries);
    for instance in &cluster.instances {
        for ended in revocation.ended() {
            let again = instance.attempt(ProtectedRoute::ReadsDatabase, &ended.access).await;
            findings.check(again.status == 401, || format!("accepted in the end: {}", what(again.status)));
        }
        if let Some(session) = revocation.survivor() {
            let other = instance.attempt(ProtectedRoute::ReadsDatabase, &session.access).await;
            findings.check(other.status == 200, || format!("another session ended: {}", what(other.status)));
        }
    }
    for ended in revocation.ended() {
        let refresh = cluster.any().call(Method::POST, "/v1/refresh", &ended.refresh, &Value::Null).await;
        findings.check(refresh.status == 401, || format!("refreshed in the end: {}", what(refresh.status)));
    }
}

/// Waits for `delay`, revokes on a random instance, retries until the revocation is acknowledged, then watches all
/// instances.
pub(crate) fn revoke_and_watch(
    cluster: &ThreeInstances,
    user: RevokedUser,
    kind: RevocationKind,
    delay: Duration,
    stop: &StopFlag,
) -> impl Future<Output = (Revocation, Vec<Watch>)> + Send + use<> {
    let (at, instances, stop) = (cluster.any(), cluster.instances.clone(), stop.clone());
    async move {
        tokio::time::sleep(delay).await;
        let revocation = user.revoke(kind, &at).await;
        let watches: JoinSet<_> = instances
            .into_iter()
            .map(|instance| {
                let token = revocation.token().to_owned();
                Watch::a_revoked_token(instance, token, revocation.answered, stop.clone())
            })
            .collect();
        let watches = watches.join_all().await;
        (revocation, watches)
    }
}
