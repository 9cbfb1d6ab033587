//! Half again as many requests as the service can answer. It still answers most of what it can, and refuses the rest at
//! once. The generator and the database share the processors, so that even a refusal takes from what can be answered:
//! about 0.3 of a response in a debug build, generator included. Under such a price, 0.79 of the peak is left.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::findings::Findings;
use crate::fleet::ANSWER_TIME;
use crate::fleet::account::Account;
use crate::fleet::exclusive_use;
use crate::fleet::raw_http;
use crate::rate;
use crate::service::Service;

/// No line per request: the suite already omits the lines of responses, and this test also omits those of refusals. All
/// connections come from one address.
const SETTINGS: [(&str, &str); 2] =
    [("LOG_LEVEL", "info,todo_api::http::access_log=error"), ("MAX_CONNECTIONS_PER_ADDRESS", "4096")];
/// How many todos a client reads, as on a first page.
const TODOS: usize = 20;
/// Peak and overload take turns, because the speed of a shared machine can change by a third between two minutes.
const ROUNDS: u32 = 3;
/// How the peak rate of the service is measured in each round.
const CLIENTS: usize = 32;
const PEAK_TIME: Duration = Duration::from_secs(3);
/// The factor of the overload, its duration in each round, and the maximum number of connections.
const OVERLOAD: f64 = 1.5;
const OVERLOAD_TIME: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 2_000;
/// The interval at which due requests are sent.
const TICK: Duration = Duration::from_millis(10);
/// The share of the peak rate that the service must still answer.
const USEFUL: f64 = 0.6;

/// A persistent connection with its read buffer.
struct Connection {
    stream: TcpStream,
    bytes: Vec<u8>,
}

/// The outcomes of the requests.
#[derive(Debug, Default)]
struct Count {
    useful: usize,
    refused: usize,
    /// Requests that were due while all connections waited for a response.
    not_offered: usize,
    wrong: Vec<String>,
    slowest: Duration,
}

/// The state that all tasks of the generator share.
struct Generator {
    address: String,
    request: Vec<u8>,
    idle: Mutex<Vec<Connection>>,
    count: Mutex<Count>,
    end: Instant,
}

impl Connection {
    async fn open(address: &str) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), bytes: Vec::with_capacity(32_768) }
    }

    /// Sends a request, and returns the status and whether there is a `Retry-After`.
    async fn ask(&mut self, request: &[u8]) -> std::io::Result<(u16, bool)> {
        self.stream.write_all(request).await?;
        self.bytes.clear();
        loop {
            if self.stream.read_buf(&mut self.bytes).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = raw_http::whole(&self.bytes) {
                return Ok((answer.status, answer.head.contains("retry-after: ")));
            }
        }
    }
}

impl Generator {
    fn new(address: &str, request: &[u8], time: Duration) -> Self {
        Self {
            address: address.to_owned(),
            request: request.to_vec(),
            idle: Mutex::default(),
            count: Mutex::default(),
            end: Instant::now() + time,
        }
    }

    /// Sends one request, and counts its outcome.
    async fn ask(&self, line: &mut Connection) -> bool {
        let sent = Instant::now();
        let answer = line.ask(&self.request).await;
        let now = Instant::now();
        let mut count = self.count.lock().unwrap();
        count.slowest = count.slowest.max(now - sent);
        match answer {
            // A response after the end is not part of the measured time.
            Ok((200, _)) => count.useful += usize::from(now <= self.end),
            // 429, because all requests come from one user, whose share of the queue is full first.
            Ok((429 | 503, true)) => count.refused += 1,
            ref other => count.wrong.push(format!("{other:?}")),
        }
        answer.is_ok()
    }

    /// A closed loop: each client sends its next request after the response.
    async fn closed_loop(self: Arc<Self>) {
        let client = async |generator: Arc<Self>| {
            let mut line = Connection::open(&generator.address).await;
            while Instant::now() < generator.end && generator.ask(&mut line).await {}
        };
        (0..CLIENTS).map(|_| client(self.clone())).collect::<JoinSet<_>>().join_all().await;
    }

    /// An open loop: `rate` requests per second, whatever happens to them.
    async fn open_loop(self: Arc<Self>, rate: f64) {
        let (began, mut sent, mut lines) = (Instant::now(), 0.0, 0);
        let mut tasks = JoinSet::new();
        while Instant::now() < self.end {
            tokio::time::sleep(TICK).await;
            let due = began.elapsed().as_secs_f64() * rate;
            while sent < due {
                sent += 1.0;
                let idle = self.idle.lock().unwrap().pop();
                if idle.is_none() && lines == CONNECTIONS {
                    self.count.lock().unwrap().not_offered += 1;
                    continue;
                }
                lines += usize::from(idle.is_none());
                tasks.spawn(self.clone().arrival(idle));
            }
            while tasks.try_join_next().is_some() {}
        }
        tasks.join_all().await;
    }

    async fn arrival(self: Arc<Self>, idle: Option<Connection>) {
        let mut line = match idle {
            Some(line) => line,
            None => Connection::open(&self.address).await,
        };
        if self.ask(&mut line).await {
            self.idle.lock().unwrap().push(line);
        }
    }

    /// The outcomes are added to `total`.
    fn add_to(&self, total: &mut Count) {
        let count = std::mem::take(&mut *self.count.lock().unwrap());
        total.useful += count.useful;
        total.refused += count.refused;
        total.not_offered += count.not_offered;
        total.wrong.extend(count.wrong);
        total.slowest = total.slowest.max(count.slowest);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn overload_leaves_most_of_the_throughput() {
    let _exclusive = exclusive_use().await;
    let service = Service::start("overload", 1, &SETTINGS).await;
    let (instance, findings) = (service.instances.to(0), Findings::default());
    let reader = Account::register("reader", &instance).await;
    for number in 0..TODOS {
        reader.make(&instance, &json!({ "name": format!("todo {number}") })).await;
    }
    let address = raw_http::address(&service.servers[0]);
    let request = raw_http::request("GET", "/v1/todos", &reader.access, "", &Value::Null);

    let (mut calm, mut flood) = (Count::default(), Count::default());
    for _ in 0..ROUNDS {
        let before = calm.useful;
        let generator = Arc::new(Generator::new(&address, &request, PEAK_TIME));
        generator.clone().closed_loop().await;
        generator.add_to(&mut calm);
        let peak = rate(calm.useful - before, PEAK_TIME);
        let generator = Arc::new(Generator::new(&address, &request, OVERLOAD_TIME));
        generator.clone().open_loop(OVERLOAD * peak).await;
        generator.add_to(&mut flood);
    }
    let (peak, useful) = (rate(calm.useful, PEAK_TIME * ROUNDS), rate(flood.useful, OVERLOAD_TIME * ROUNDS));

    for count in [&calm, &flood] {
        let wrong = &count.wrong;
        findings.check(wrong.is_empty(), || format!("{} wrong answers: {}", wrong.len(), wrong[0]));
        findings.check(count.slowest <= ANSWER_TIME, || format!("an answer took {:?}", count.slowest));
    }
    findings.check(calm.refused == 0, || format!("{} refused without overload", calm.refused));
    findings.check(useful >= USEFUL * peak, || format!("{useful:.0}/s of {peak:.0}/s"));
    let figures = format!(
        "peak {peak:.0}/s; of {:.0}/s offered {useful:.0}/s were useful ({:.2} of the peak), {:.0}/s refused, {} could \
         not be sent; slowest answer {:.1?}",
        OVERLOAD * peak,
        useful / peak,
        rate(flood.refused, OVERLOAD_TIME * ROUNDS),
        flood.not_offered,
        flood.slowest,
    );
    findings.conclude("overload", &figures, &service);
}
