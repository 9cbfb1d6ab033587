//! Attacks the service next to the calm user, and compares what the user saw with what is promised.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::arena::Arena;
use crate::attack_time;
use crate::attacker::{Attacker, Request, Tally};
use crate::experience::Experience;
use crate::fleet::StopFlag;
use crate::slow_reader::read_slowly;
use crate::table;
use crate::victim::Victim;

/// Longer than any attack.
const FOREVER: Duration = Duration::from_hours(1);
/// How long the calm user is measured before the attack.
const CALM_TIME: Duration = Duration::from_millis(1_500);
/// The promise: 99 of 100 requests of others are answered within a second, in milliseconds.
const P99_MAX: f64 = 1_000.0;
/// A probe needs no database, so that only a blocked runtime or too few processors delay it. In milliseconds.
const LIVEZ_P99_MAX: f64 = 250.0;

/// What an attacker needs to know. Clones share the counts.
#[derive(Clone)]
pub(crate) struct Assault {
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) stop: StopFlag,
    pub(crate) tally: Tally,
}

impl Assault {
    pub(crate) fn attacker(&self, from: IpAddr, token: &str) -> Attacker {
        Attacker::new(&self.url, from, token, &self.tally)
    }

    /// Each of the clients sends requests on a connection of its own, one after the other, until the attack ends.
    /// `request` receives the number of the client and the number of the request.
    pub(crate) async fn repeat<R>(&self, clients: Vec<Attacker>, request: R)
    where
        R: Fn(usize, usize) -> Request + Clone + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        for (number, client) in clients.into_iter().enumerate() {
            let (stop, request) = (self.stop.clone(), request.clone());
            tasks.spawn(async move {
                for time in 0.. {
                    if stop.is_set() {
                        break;
                    }
                    tokio::select! {
                        _ = client.send(request(number, time)) => {}
                        () = stop.sleep(FOREVER) => {}
                    }
                }
            });
        }
        tasks.join_all().await;
    }

    /// Sends each request from the client beside it, at the same time, and waits for all responses.
    pub(crate) async fn once(&self, requests: impl IntoIterator<Item = (Attacker, Request)>) {
        let send = |(client, request): (Attacker, Request)| async move { client.send(request).await };
        requests.into_iter().map(send).collect::<JoinSet<_>>().join_all().await;
    }

    /// Reads the responses to these requests slowly until the attack ends, each on a connection from its address.
    pub(crate) async fn read_slowly(&self, requests: impl IntoIterator<Item = (IpAddr, Vec<u8>)>) {
        let read =
            |(from, request)| read_slowly(self.address, from, request, self.stop.clone(), self.tally.clone());
        requests.into_iter().map(read).collect::<JoinSet<_>>().join_all().await;
    }
}

impl Arena {
    /// Runs an attack in a new process, for the usual time and until the attack returns. Prints a line, and notes every
    /// broken promise.
    pub(crate) async fn attack<F>(&mut self, row: &str, attack: impl FnOnce(Assault) -> F) -> Tally
    where
        F: Future<Output = ()>,
    {
        self.restart().await;
        let (service, mongod) = (self.service(), self.mongod);
        let victim = Victim::start(self.calm.clone(), self.server());
        let calm_from = Instant::now();
        tokio::time::sleep(CALM_TIME).await;
        let assault = Assault {
            url: self.server().url(""),
            address: self.address(),
            stop: StopFlag::default(),
            tally: Tally::default(),
        };
        let (idle, used) = (service.memory(), (service.cpu(), mongod.cpu()));
        service.reset_peak();
        let from = Instant::now();
        let end = async {
            tokio::time::sleep(attack_time()).await;
            assault.stop.set();
        };
        tokio::join!(attack(assault.clone()), end);
        let to = Instant::now();
        let (service_cpu, mongod_cpu) = (service.cpu() - used.0, mongod.cpu() - used.1);
        let samples = victim.end().await;
        let peak = service.peak();
        let (calm, seen) = (Experience::of(&samples, calm_from, from), Experience::of(&samples, from, to));
        table::add(&format!(
            "{row} | {:.0} / {:.0} | {:.0} / {:.0} | {:.1} / {:.0} | {} of {} | {idle:.0} + {:.0} | {:.1} / {:.1} of {:.0} | {}",
            calm.p50,
            calm.p99,
            seen.p50,
            seen.p99,
            seen.livez_p50,
            seen.livez_p99,
            seen.rejections.len(),
            seen.count,
            peak - idle,
            mongod_cpu,
            service_cpu,
            (to - from).as_secs_f64(),
            assault.tally.text(),
        ));
        self.judge(row, &seen, peak - idle).await;
        assault.tally
    }

    async fn judge(&self, row: &str, seen: &Experience, memory: f64) {
        let faults = &self.faults;
        let rejections = &seen.rejections;
        faults.check(rejections.is_empty(), || {
            format!("{row}: {} requests of the calm user were rejected: {}", rejections.len(), seen.reasons())
        });
        faults.check(seen.p99 < P99_MAX, || format!("{row}: p99 of the calm user {:.0} ms", seen.p99));
        faults.check(seen.livez_p99 < LIVEZ_P99_MAX, || {
            format!("{row}: p99 of /livez {:.0} ms", seen.livez_p99)
        });
        faults.check(memory <= self.memory_max, || format!("{row}: {memory:.0} MB more memory"));
        if let Some(missing) = self.calm.missing(&self.calm_instance()).await {
            faults.add(&format!("{row}: of the calm user only {missing}"));
        }
    }
}
