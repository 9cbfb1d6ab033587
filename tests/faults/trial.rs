//! Clients that write all the time while something is done to the service or to its database, and what came of it.

use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::account::Account;
use crate::findings::Findings;
use crate::fleet::replica_set::Node;
use crate::fleet::{Over, RECOVERY};
use crate::lane::{Difference, Lane};
use crate::rate;
use crate::service::Service;

/// How many write unless a part says otherwise, and how often each does: a hundred writes in a second.
pub(crate) const LANES: usize = 50;
const PERIOD: Duration = Duration::from_millis(500);
/// How often is tried whether the service is well.
const PROBED: Duration = Duration::from_millis(50);

/// A service of two instances with its writers.
pub(crate) struct Trial {
    pub(crate) service: Service,
    pub(crate) findings: Findings,
    lanes: JoinSet<Lane>,
    over: Over,
    began: Instant,
    /// Who tries whether the service is well, by writing this todo.
    prober: Account,
    probe: String,
    slowest_recovery: Duration,
}

impl Trial {
    /// Begins to write in so many lanes; `is_lossy` if instances are going to be killed.
    pub(crate) async fn begin(part: &str, lanes: usize, is_lossy: bool) -> Self {
        let service = Service::start(part, 2, &[]).await;
        let (findings, over) = (Findings::default(), Over::default());
        let prober = Account::register("prober", &service.ways.to(0)).await;
        let mut all = Vec::new();
        for number in 0..lanes {
            all.push(Lane::begin(number, &service.ways, &findings, is_lossy).await);
        }
        let lanes = all.into_iter().map(|lane| lane.run(PERIOD, over.clone())).collect();
        let probe = format!("/v1/todos/{}", ObjectId::new());
        let (began, slowest_recovery) = (Instant::now(), Duration::ZERO);
        Self { service, findings, lanes, over, began, prober, probe, slowest_recovery }
    }

    /// Waits until every instance answers a write with success, which it must soon after `since`, and says how long
    /// that took from there.
    pub(crate) async fn recover(&mut self, since: Instant) -> Duration {
        let mut tries = Vec::new();
        for instance in self.service.ways.all() {
            loop {
                let body = json!({ "name": format!("{:?}", since.elapsed()) });
                let answer = self.prober.call(&instance, Method::PUT, &self.probe, &body).await;
                self.findings.judge_if_any(&answer, || format!("PUT {}", self.probe));
                tries.push((instance.number, answer.status, answer.took()));
                if answer.is_success() {
                    break;
                }
                let log = || self.service.log();
                assert!(
                    since.elapsed() < 4 * RECOVERY,
                    "the service does not recover: {answer:?}\n{}",
                    log()
                );
                tokio::time::sleep(PROBED).await;
            }
        }
        let took = since.elapsed();
        self.slowest_recovery = self.slowest_recovery.max(took);
        self.findings.check(took <= RECOVERY, || format!("recovered only after {took:.1?}: {tries:.1?}"));
        took
    }

    /// Waits until one of these nodes takes writes with a majority, which is MongoDB's part, and then until the service is
    /// well, which must be soon after that. Says how long MongoDB took since it was `struck`.
    pub(crate) async fn fail_over(&mut self, to: &[Node; 2], struck: Instant) -> Duration {
        let [one, other] = to;
        while !(one.takes_writes().await || other.takes_writes().await) {
            assert!(struck.elapsed() < 4 * RECOVERY, "MongoDB does not recover: {to:?}");
            tokio::time::sleep(PROBED).await;
        }
        let took = struck.elapsed();
        self.recover(struck + took).await;
        took
    }

    /// Ends the writing, compares, and prints the figures behind `what`.
    pub(crate) async fn end(self, part: &str, what: &str) {
        self.over.end();
        let lanes = self.lanes.join_all().await;
        let writing = self.began.elapsed();
        let mut sum = Difference::default();
        for (number, lane) in lanes.iter().enumerate() {
            let difference = lane.compare(&self.service.ways.to(number % 2), &self.service).await;
            sum.lost += difference.lost;
            sum.doubled += difference.doubled;
        }
        let acknowledged: usize = lanes.iter().map(|lane| lane.acknowledged).sum();
        let repeated: usize = lanes.iter().map(|lane| lane.repeated).sum();
        self.findings.check(acknowledged > lanes.len(), || format!("only {acknowledged} writes"));
        let figures = format!(
            "{what}; {acknowledged} writes acknowledged ({:.0}/s of {:.0}/s), {repeated} repeated, {} lost, {} doubled, slowest \
             answer {:.1?}, slowest recovery {:.1?}",
            rate(acknowledged, writing),
            rate(lanes.len(), PERIOD),
            sum.lost,
            sum.doubled,
            self.findings.slowest(),
            self.slowest_recovery,
        );
        self.findings.conclude(part, &figures, &self.service);
    }
}
