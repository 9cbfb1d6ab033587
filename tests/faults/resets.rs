//! Clients that disconnect before the response. They leave nothing behind in the service except the complete effect of
//! their request.

use std::time::Duration;

use bson::doc;
use bson::oid::ObjectId;
use reqwest::Method;
use serde_json::{Value, json};
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::findings::Findings;
use crate::fleet::account::{Account, id_of};
use crate::fleet::instance::Instance;
use crate::fleet::process::eventually;
use crate::fleet::raw_http;
use crate::fleet::{PASSWORD, exclusive_use, random_millis};
use crate::service::Service;
use crate::size;

/// How many clients one user has before everything is compared, and how many run at a time.
const ROUND: usize = 500;
const AT_A_TIME: usize = 20;
/// How long a client stays at most, in milliseconds.
const STAYS: usize = 51;
/// How many samples show the service at rest.
const SAMPLES: usize = 50;

/// A request whose client disconnects.
struct AbandonedRequest {
    method: &'static str,
    path: String,
    key: String,
    body: Value,
    /// The name and the version of the todo that exists afterwards.
    left: Option<(String, i64)>,
}

/// The resources that the service uses.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Load {
    working: f64,
    waiting: f64,
    hashing: f64,
    database: f64,
    clients: usize,
}

impl Load {
    async fn of(service: &Service) -> Self {
        let server = &service.servers[0];
        let address =
            server.log().iter().find_map(|line| Some(line["metrics"].as_str()?.to_owned())).unwrap();
        let figures = reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap();
        let figure = |name: &str| {
            let line = figures.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name}: {figures}")).trim().parse::<f64>().unwrap()
        };
        let port: u16 = raw_http::address(server).rsplit(':').next().unwrap().parse().unwrap();
        Self {
            working: figure("todo_api_requests{state=\"working\"}"),
            waiting: figure("todo_api_requests{state=\"waiting\"}"),
            hashing: figure("todo_api_password_hashing"),
            database: figure("todo_api_db_connections{state=\"in_use\"}"),
            clients: raw_http::established().iter().filter(|socket| socket.local_port == port).count(),
        }
    }

    /// The maximum of each value in some time without clients. The service itself queries the database now and then.
    async fn at_rest(service: &Service) -> Self {
        let mut most = Self::of(service).await;
        for _ in 0..SAMPLES {
            let now = Self::of(service).await;
            most.database = most.database.max(now.database);
            most.clients = most.clients.max(now.clients);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { working: 0.0, waiting: 0.0, hashing: 0.0, ..most }
    }

    fn is_within(self, rest: Self) -> bool {
        self.working <= rest.working
            && self.waiting <= rest.waiting
            && self.hashing <= rest.hashing
            && self.database <= rest.database
            && self.clients <= rest.clients
    }
}

#[tokio::test]
async fn reset_connections_leak_nothing() {
    let _exclusive = exclusive_use().await;
    let service = Service::start("resets", 1, &[("METRICS_ADDR", "127.0.0.1:0")]).await;
    let (instance, findings) = (service.instances.to(0), Findings::default());
    let rounds = size(1, 40);
    let (mut done, mut rest) = (0, None);
    for round in 0..rounds {
        let name = format!("visitor-{round}");
        let account = Account::register(&name, &instance).await;
        let requests = requests(&name, &account, &instance).await;
        let rest = *rest.get_or_insert(Load::at_rest(&service).await);
        let (address, mut visiting) = (raw_http::address(&service.servers[0]), JoinSet::new());
        for request in &requests {
            if visiting.len() == AT_A_TIME {
                visiting.join_next().await.unwrap().unwrap();
            }
            visiting.spawn(send_and_reset(address.clone(), bytes(request, &account)));
        }
        visiting.join_all().await;
        eventually("the service is at rest", async || Load::of(&service).await.is_within(rest).then_some(()))
            .await;
        done += look(&requests, &account, &service, &findings).await;
        for request in requests.iter().filter(|request| request.left.is_some()) {
            repeat(request, &account, &instance, &findings).await;
        }
        look_at_all(&requests, &account, &service, &findings).await;
    }
    let all = rounds * ROUND;
    let figures = format!(
        "{all} connections reset; of {} that change something {done} were fulfilled nevertheless, all with the \
         repetition; at rest {:?}",
        all / 5 * 3,
        rest.unwrap(),
    );
    findings.conclude("resets", &figures, &service);
}

/// All kinds of requests in turn. Todos that get updated are created first.
async fn requests(name: &str, account: &Account, instance: &Instance) -> Vec<AbandonedRequest> {
    let mut requests = Vec::new();
    for number in 0..ROUND {
        let left = |version| Some((format!("left {number}"), version));
        let todo = json!({ "name": format!("left {number}") });
        let request = |method, path: &str, body, left| AbandonedRequest {
            method,
            path: path.to_owned(),
            key: format!("request {number}"),
            body,
            left,
        };
        requests.push(match number % 5 {
            0 => request("POST", "/v1/todos", todo, left(1)),
            1 => {
                let made = account.make(instance, &json!({ "name": "made before" })).await;
                request("PATCH", &format!("/v1/todos/{}", id_of(&made)), todo, left(2))
            }
            2 => {
                let id = ObjectId::new().to_hex();
                let command = json!({ "id": id, "op": "put", "type": "todo", "target": id, "body": todo });
                let body = json!({ "token": null, "limit": 1, "commands": [command] });
                request("POST", "/v1/sync", body, left(1))
            }
            3 => request("GET", "/v1/todos?limit=200", Value::Null, None),
            _ => request("POST", "/v1/login", json!({ "username": name, "password": PASSWORD }), None),
        });
    }
    requests
}

fn bytes(request: &AbandonedRequest, account: &Account) -> Vec<u8> {
    let key = format!("idempotency-key: {}\r\n", request.key);
    raw_http::request(request.method, &request.path, &account.access, &key, &request.body)
}

async fn send_and_reset(address: String, request: Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&request).await.unwrap();
    tokio::time::sleep(random_millis(STAYS)).await;
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Sends a request again, from a client that stays.
async fn repeat(request: &AbandonedRequest, account: &Account, instance: &Instance, findings: &Findings) {
    let method = Method::from_bytes(request.method.as_bytes()).unwrap();
    let header = ("idempotency-key", request.key.as_str());
    let answer = account.call_with(instance, header, method, &request.path, &request.body).await;
    findings.judge(&answer, || format!("{} {} again", request.method, request.path));
    let result = &answer.body["results"][0]["status"];
    let is_right = answer.is_success() && (result.is_null() || matches!(result.as_u64(), Some(200 | 201)));
    findings.check(is_right, || format!("{} {} again: {answer:?}", request.method, request.path));
}

/// Checks that each todo exists at most once, and returns how many exist.
async fn look(
    requests: &[AbandonedRequest],
    account: &Account,
    service: &Service,
    findings: &Findings,
) -> usize {
    let (todos, mut done) = (service.collection("todos").await, 0);
    for (name, _) in requests.iter().filter_map(|request| request.left.as_ref()) {
        let own = doc! { "owner_id": account.id, "name": name };
        let count = todos.count_documents(own).await.unwrap();
        findings.check(count <= 1, || format!("{name} exists {count} times"));
        done += usize::from(count > 0);
    }
    done
}

/// Checks that each todo exists exactly once, and that every way to read shows what is stored.
async fn look_at_all(
    requests: &[AbandonedRequest],
    account: &Account,
    service: &Service,
    findings: &Findings,
) {
    let instance = &service.instances.to(0);
    let mut todos = account.todos(instance).await;
    for (name, version) in requests.iter().filter_map(|request| request.left.as_ref()) {
        let found: Vec<_> = todos.iter().filter(|todo| todo["name"] == **name).collect();
        let is_right = found.len() == 1 && found[0]["version"] == *version;
        findings.check(is_right, || format!("{name} should exist once with version {version}: {found:?}"));
    }
    let (mut synced, mut token) = (Vec::new(), Value::Null);
    loop {
        let body = json!({ "token": token, "limit": 200 });
        let page = account.call(instance, Method::POST, "/v1/sync", &body).await.body;
        synced.extend(page["todos"].as_array().unwrap().iter().cloned());
        token = page["token"].clone();
        if page["has_more"] == false {
            break;
        }
    }
    for all in [&mut todos, &mut synced] {
        all.sort_by_key(|todo| todo["id"].to_string());
    }
    findings.check(todos == synced, || format!("{} are listed, {} synced", todos.len(), synced.len()));
    let shown =
        todos.iter().map(|todo| (id_of(todo).to_owned(), todo["version"].as_i64().unwrap())).collect();
    let stored = service.stored(account.id).await;
    findings.check(stored == shown, || format!("{} are stored, {} shown", stored.len(), todos.len()));
}
