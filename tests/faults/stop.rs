//! SIGTERM while forty clients send requests. The service finishes every request that it accepted, and exits in time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bson::doc;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::findings::Findings;
use crate::fleet::ANSWER_TIME;
use crate::fleet::account::Account;
use crate::fleet::raw_http::{self, RawResponse};
use crate::fleet::{PASSWORD, StopFlag, exclusive_use};
use crate::service::Service;
use crate::size;

const CLIENTS: usize = 40;
/// One of this many clients registers users. The others create todos.
const REGISTERING: usize = 8;
/// How long the clients have been sending when the signal comes, and how much later the signal is repeated.
const BEFORE: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(20);
/// The interval at which accepted connections are noted.
const LOOKED: Duration = Duration::from_millis(1);
/// At this cost, a registration takes longer than the time between the signals. The log lines of requests are needed.
const SETTINGS: [(&str, &str); 2] = [("BCRYPT_COST", "9"), ("LOG_LEVEL", "info")];
/// How long the exit may take.
const LEAVING: Duration = Duration::from_secs(25);

/// The outcomes of the requests of all clients.
#[derive(Debug, Default)]
struct Sent {
    /// The names of todos and users whose creation was acknowledged.
    acknowledged: Vec<String>,
    /// Responses with 429 or 503.
    refused: usize,
    /// Connections that were refused.
    untaken: usize,
    /// The names of requests on connections that were reset before they were accepted.
    reset: Vec<String>,
    /// Requests without a complete response on connections that the service had accepted.
    dropped: Vec<String>,
    slowest: Duration,
}

/// The outcome of one request.
enum Outcome {
    Answered(RawResponse),
    /// The connection was refused.
    Refused,
    /// The connection was reset without a response, and had not been accepted.
    Reset,
    /// The connection was accepted, and ended without a complete response.
    Dropped,
}

#[tokio::test]
async fn a_stop_under_load_drops_no_request() {
    let _exclusive = exclusive_use().await;
    let (findings, rounds) = (Findings::default(), size(2, 20));
    let (mut all, mut slowest_stop, mut last) = (Sent::default(), Duration::ZERO, None);
    for round in 0..rounds {
        let mut service = Service::start("stop", 1, &SETTINGS).await;
        let account = Account::register("client", &service.instances.to(0)).await;
        let (stop, address) = (StopFlag::default(), raw_http::address(&service.servers[0]));
        let accepted = Accepted::default();
        let clients: JoinSet<_> = (0..CLIENTS)
            .map(|client| {
                send((round, client), address.clone(), account.clone(), accepted.clone(), stop.clone())
            })
            .collect();
        tokio::time::sleep(BEFORE).await;
        accepted.watch(&address, &stop);
        tokio::time::sleep(AGAIN).await;
        let signalled = Instant::now();
        service.servers[0].signal("-TERM");
        tokio::time::sleep(AGAIN).await;
        service.servers[0].signal("-TERM");
        let code = service.servers[0].end().await;
        let took = signalled.elapsed();
        stop.set();
        slowest_stop = slowest_stop.max(took);
        findings.check(code == Some(0) && took <= LEAVING, || format!("exit status {code:?} after {took:?}"));
        let sent = clients.join_all().await;
        look(&sent, &account, &service, &findings).await;
        for one in sent {
            all.add(one);
        }
        last = Some(service);
    }
    findings.check(all.dropped.is_empty(), || format!("dropped: {:?}", all.dropped));
    findings.check(all.slowest <= ANSWER_TIME, || format!("an answer took {:?}", all.slowest));
    let figures = format!(
        "{rounds} stops, the slowest in {slowest_stop:.1?}; {} requests acknowledged, {} refused, {} \
         connections refused, {} reset before they were accepted, {} requests dropped, slowest answer {:.1?}",
        all.acknowledged.len(),
        all.refused,
        all.untaken,
        all.reset.len(),
        all.dropped.len(),
        all.slowest,
    );
    findings.conclude("stop", &figures, &last.unwrap());
}

impl Sent {
    fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.refused += other.refused;
        self.untaken += other.untaken;
        self.reset.extend(other.reset);
        self.dropped.extend(other.dropped);
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// Creates todos or users until `stop`, each over a new connection.
async fn send(
    (round, client): (usize, usize),
    address: String,
    account: Account,
    accepted: Accepted,
    stop: StopFlag,
) -> Sent {
    let mut sent = Sent::default();
    for number in 0.. {
        if stop.is_set() {
            break;
        }
        let name = format!("request-{round}-{client}-{number}");
        let headers = format!("x-request-id: {name}\r\n");
        let (path, body) = if client % REGISTERING == 0 {
            ("/v1/register", json!({ "username": name, "password": PASSWORD }))
        } else {
            ("/v1/todos", json!({ "name": name }))
        };
        let request = raw_http::request("POST", path, &account.access, &headers, &body);
        let began = Instant::now();
        match ask(&address, &request, &accepted).await {
            Outcome::Answered(answer) => {
                sent.slowest = sent.slowest.max(began.elapsed());
                match answer.status {
                    201 => sent.acknowledged.push(name),
                    429 | 503 if answer.head.contains("retry-after: ") => sent.refused += 1,
                    _ => sent.dropped.push(format!("{name}: {answer:?}")),
                }
            }
            Outcome::Refused => {
                sent.untaken += 1;
                stop.sleep(Duration::from_millis(20)).await;
            }
            Outcome::Reset => sent.reset.push(name),
            Outcome::Dropped => sent.dropped.push(name),
        }
    }
    sent
}

/// Sends a request over a new connection.
async fn ask(address: &str, request: &[u8], accepted: &Accepted) -> Outcome {
    let Ok(mut stream) = TcpStream::connect(address).await else { return Outcome::Refused };
    let port = stream.local_addr().unwrap().port();
    let came = match stream.write_all(request).await {
        Ok(()) => match raw_http::read_answer(&mut stream).await {
            Ok(answer) => return Outcome::Answered(answer),
            Err(came) => came,
        },
        Err(_) => Vec::new(),
    };
    if came.is_empty() && !accepted.has(port) { Outcome::Reset } else { Outcome::Dropped }
}

/// The connections that the service has accepted, by the port of the client. In the table of the kernel, a connection
/// has no owner until it is accepted.
#[derive(Clone, Default)]
struct Accepted(Arc<Mutex<HashSet<u16>>>);

impl Accepted {
    /// Reads the table repeatedly in a dedicated thread, until `stop`.
    fn watch(&self, address: &str, stop: &StopFlag) {
        let (ports, stop) = (self.0.clone(), stop.clone());
        let server: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
        std::thread::spawn(move || {
            while !stop.is_set() {
                let ends = raw_http::established().into_iter();
                let accepted = ends.filter(|end| end.local_port == server && end.is_accepted);
                ports.lock().unwrap().extend(accepted.map(|end| end.remote_port));
                std::thread::sleep(LOOKED);
            }
        });
    }

    fn has(&self, port: u16) -> bool {
        self.0.lock().unwrap().contains(&port)
    }
}

/// Checks that acknowledged objects are stored, and that the service never saw the requests on reset connections.
async fn look(sent: &[Sent], account: &Account, service: &Service, findings: &Findings) {
    let lines = service.servers[0].log();
    let (todos, users) = (service.collection("todos").await, service.collection("users").await);
    let count = async |name: &String| {
        let named = todos.count_documents(doc! { "owner_id": account.id, "name": name }).await.unwrap();
        named + users.count_documents(doc! { "username": name }).await.unwrap()
    };
    for name in sent.iter().flat_map(|sent| &sent.acknowledged) {
        let stored = count(name).await;
        findings.check(stored == 1, || format!("{name} was acknowledged, and is stored {stored} times"));
    }
    for name in sent.iter().flat_map(|sent| &sent.reset) {
        let known = lines.iter().any(|line| line["request_id"] == **name);
        let stored = count(name).await;
        findings.check(!known && stored == 0, || format!("the service saw {name}, but reset its connection"));
    }
}
