//! Many revocations, one after the other begun and all watched at once, on instances and in ways of no order.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::door::Door;
use crate::findings::Findings;
use crate::fleet::Over;
use crate::trio::Trio;
use crate::victim::{Act, Revocation, Victim};
use crate::watch::Watch;

/// Revocations under way and done.
pub(crate) struct Campaign(JoinSet<(Revocation, Vec<Watch>)>);

impl Campaign {
    /// Begins one revocation each `pace`; their tokens are tried on all instances from the acknowledgement until past
    /// the bound, and on until `over`.
    pub(crate) fn begin(trio: &Trio, victims: Vec<Victim>, pace: Duration, over: &Over) -> Self {
        let mut tasks = JoinSet::new();
        let mut delay = Duration::ZERO;
        for victim in victims {
            tasks.spawn(revoke_and_watch(trio, victim, Act::any(), delay, over));
            delay += pace;
        }
        Self(tasks)
    }

    /// Waits for the end of all, and looks whether they revoked what they should and nothing else. The database must be
    /// well again.
    pub(crate) async fn end(self, trio: &Trio, findings: &mut Findings) {
        for (revocation, watches) in self.0.join_all().await {
            findings.add(&revocation, &watches);
            look_after(&revocation, trio, findings).await;
        }
    }
}

async fn look_after(revocation: &Revocation, trio: &Trio, findings: &mut Findings) {
    let what = |status: u16| format!("{:?} ({:?}): {status}", revocation.act, revocation.tries);
    for instance in &trio.instances {
        let again = instance.knock(Door::User, revocation.token()).await;
        findings.check(again.status == 401, || format!("accepted in the end: {}", what(again.status)));
        if let Some(session) = revocation.survivor() {
            let other = instance.knock(Door::User, &session.access).await;
            findings.check(other.status == 200, || format!("another session ended: {}", what(other.status)));
        }
    }
    let refresh = trio.any().call(Method::POST, "/v1/refresh", revocation.refresh(), &Value::Null).await;
    findings.check(refresh.status == 401, || format!("refreshed in the end: {}", what(refresh.status)));
}

/// Revokes after a while on any instance, repeating it until it is acknowledged; then all are watched.
pub(crate) fn revoke_and_watch(
    trio: &Trio,
    victim: Victim,
    act: Act,
    delay: Duration,
    over: &Over,
) -> impl Future<Output = (Revocation, Vec<Watch>)> + Send + use<> {
    let (at, instances, over) = (trio.any(), trio.instances.clone(), over.clone());
    async move {
        tokio::time::sleep(delay).await;
        let revocation = victim.revoke(act, &at).await;
        let watches: JoinSet<_> = instances
            .into_iter()
            .map(|instance| {
                let token = revocation.token().to_owned();
                Watch::a_revoked_token(instance, token, revocation.answered, over.clone())
            })
            .collect();
        let watches = watches.join_all().await;
        (revocation, watches)
    }
}
