//! Clients that write all the time while the service or its database fails, and the comparison at the end.

use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::findings::Findings;
use crate::fleet::account::Account;
use crate::fleet::replica_set::Node;
use crate::fleet::{RECOVERY, StopFlag};
use crate::rate;
use crate::service::Service;
use crate::writer::{Difference, Writer};

/// The usual number of writers, and the interval of each one: a hundred writes per second in total.
pub(crate) const WRITERS: usize = 50;
const PERIOD: Duration = Duration::from_millis(500);
/// The interval of the probes that show whether the service has recovered.
const PROBED: Duration = Duration::from_millis(50);

/// Two instances of the service, with their writers.
pub(crate) struct Experiment {
    pub(crate) service: Service,
    pub(crate) findings: Findings,
    writers: JoinSet<Writer>,
    stop: StopFlag,
    began: Instant,
    /// The user that probes whether the service works, by writing the todo `probe`.
    prober: Account,
    probe: String,
    slowest_recovery: Duration,
}

impl Experiment {
    /// Starts `writers` writers. `is_lossy` if instances are going to be killed.
    pub(crate) async fn begin(part: &str, writers: usize, is_lossy: bool) -> Self {
        let service = Service::start(part, 2, &[]).await;
        let (findings, stop) = (Findings::default(), StopFlag::default());
        let prober = Account::register("prober", &service.instances.to(0)).await;
        let mut all = Vec::new();
        for number in 0..writers {
            all.push(Writer::begin(number, &service.instances, &findings, is_lossy).await);
        }
        let writers = all.into_iter().map(|writer| writer.run(PERIOD, stop.clone())).collect();
        let probe = format!("/v1/todos/{}", ObjectId::new());
        let (began, slowest_recovery) = (Instant::now(), Duration::ZERO);
        Self { service, findings, writers, stop, began, prober, probe, slowest_recovery }
    }

    /// Waits until every instance accepts a write, which must be soon after `since`. Returns the time since then.
    pub(crate) async fn recover(&mut self, since: Instant) -> Duration {
        let mut tries = Vec::new();
        for instance in self.service.instances.all() {
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

    /// Waits until one of these nodes accepts majority writes, which is MongoDB's task, and then until the service has
    /// recovered, which must be soon after that. Returns how long MongoDB took since it was `struck`.
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

    /// Stops the writers, compares what is stored with what was acknowledged, and prints the measurements after `what`.
    pub(crate) async fn end(self, part: &str, what: &str) {
        self.stop.set();
        let writers = self.writers.join_all().await;
        let writing = self.began.elapsed();
        let mut sum = Difference::default();
        for (number, writer) in writers.iter().enumerate() {
            let difference = writer.compare(&self.service.instances.to(number % 2), &self.service).await;
            sum.lost += difference.lost;
            sum.doubled += difference.doubled;
        }
        let acknowledged: usize = writers.iter().map(|writer| writer.acknowledged).sum();
        let repeated: usize = writers.iter().map(|writer| writer.repeated).sum();
        self.findings.check(acknowledged > writers.len(), || format!("only {acknowledged} writes"));
        let figures = format!(
            "{what}; {acknowledged} writes acknowledged ({:.0}/s of {:.0}/s), {repeated} repeated, {} lost, {} doubled, slowest \
             answer {:.1?}, slowest recovery {:.1?}",
            rate(acknowledged, writing),
            rate(writers.len(), PERIOD),
            sum.lost,
            sum.doubled,
            self.findings.slowest(),
            self.slowest_recovery,
        );
        self.findings.conclude(part, &figures, &self.service);
    }
}
