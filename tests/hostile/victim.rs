//! The calm user: twenty ordinary requests a second and a login now and then, from a thread of their own, so that a busy
//! attacker does not delay them. A request is sent when it is due, even if earlier ones have no response yet.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::attacker::CALM;
use crate::fleet::account::{Account, id_of};
use crate::fleet::instance::{Answer, Instance};
use crate::fleet::process::Server;
use crate::fleet::{PASSWORD, StopFlag};
use crate::is_long;

/// The interval of the requests, and of the requests to `/livez`.
const PACE: Duration = Duration::from_millis(50);
pub(crate) const NAME: &str = "calm";
/// How many todos the user has at first, which are not recurring.
const TODOS: usize = 20;
/// How many recurring todos the user has. They are completed in turn, so that no completion has to wait for the one before.
const RECURRING: usize = 8;
/// One of so many requests is a login: one every two seconds, or every four seconds during a minute, because more logins
/// of one address are refused.
const LOGIN: usize = 40;
const LOGIN_LONG: usize = 80;

/// One response to the calm user.
pub(crate) struct Sample {
    pub(crate) is_probe: bool,
    pub(crate) sent: Instant,
    pub(crate) took: Duration,
    /// What was asked and answered, if the answer was no success.
    pub(crate) rejection: Option<String>,
}

/// The calm user, with what has been acknowledged. Clones share it.
#[derive(Clone)]
pub(crate) struct CalmUser {
    account: Account,
    todos: Arc<Vec<String>>,
    recurring: Arc<Vec<String>>,
    token: Arc<Mutex<Option<String>>>,
    created: Arc<Mutex<usize>>,
    completed: Arc<Mutex<usize>>,
}

pub(crate) struct Victim {
    stop: StopFlag,
    thread: JoinHandle<Vec<Sample>>,
}

impl CalmUser {
    pub(crate) async fn register(instance: &Instance) -> Self {
        let account = Account::register(NAME, instance).await;
        let mut todos = Vec::new();
        for number in 0..TODOS {
            let todo = account.make(instance, &json!({ "name": format!("buy milk {number}") })).await;
            todos.push(id_of(&todo).to_owned());
        }
        let daily = json!({ "name": "water", "due": { "date": "2026-01-01" }, "recurrence": { "rule": "FREQ=DAILY" } });
        let mut recurring = Vec::new();
        for _ in 0..RECURRING {
            recurring.push(id_of(&account.make(instance, &daily).await).to_owned());
        }
        let (token, created, completed) = (Arc::default(), Arc::default(), Arc::default());
        Self { account, todos: Arc::new(todos), recurring: Arc::new(recurring), token, created, completed }
    }

    /// Compares the stored todos with the acknowledged ones.
    pub(crate) async fn missing(&self, instance: &Instance) -> Option<String> {
        let all = self.account.todos(instance).await;
        let records = all.iter().filter(|todo| !todo["occurrence_of"].is_null()).count();
        let (made, completed) = (*self.created.lock().unwrap(), *self.completed.lock().unwrap());
        let (todos, expected) = (all.len() - records, TODOS + RECURRING + made);
        // Requests without a success may have been carried out.
        (todos < expected || records < completed).then(|| {
            format!("{todos} of {expected} todos and {records} records of {completed} completions are there")
        })
    }

    /// The request with this number.
    async fn ask(&self, instance: &Instance, number: usize) -> (&'static str, Answer) {
        let call =
            async |method, path: &str, body: Value| self.account.call(instance, method, path, &body).await;
        let one = format!("/v1/todos/{}", self.todos[number % TODOS]);
        let login = if is_long() { LOGIN_LONG } else { LOGIN };
        if number % login == login / 2 {
            return ("login", instance.log_in(NAME, PASSWORD).await);
        }
        match number % 10 {
            0 => ("list", call(Method::GET, "/v1/todos?limit=20", Value::Null).await),
            1 => {
                let name = format!("errand {number}");
                let answer = call(Method::POST, "/v1/todos", json!({ "name": name })).await;
                *self.created.lock().unwrap() += usize::from(answer.is_success());
                ("create", answer)
            }
            2 => {
                ("patch", call(Method::PATCH, &one, json!({ "description": format!("note {number}") })).await)
            }
            3 | 8 => ("sync", self.sync(instance).await),
            4 => ("search", call(Method::GET, "/v1/todos?q=milk&limit=20", Value::Null).await),
            5 => ("tags", call(Method::GET, "/v1/tags", Value::Null).await),
            6 => {
                let path = format!("/v1/todos/{}", self.recurring[number / 10 % RECURRING]);
                let answer = call(Method::PATCH, &path, json!({ "completed": true })).await;
                *self.completed.lock().unwrap() += usize::from(answer.is_success());
                ("complete", answer)
            }
            _ => ("get", call(Method::GET, &one, Value::Null).await),
        }
    }

    async fn sync(&self, instance: &Instance) -> Answer {
        let token = self.token.lock().unwrap().clone();
        let answer = self
            .account
            .call(instance, Method::POST, "/v1/sync", &json!({ "token": token, "limit": 50 }))
            .await;
        if let Some(token) = answer.body["token"].as_str() {
            *self.token.lock().unwrap() = Some(token.to_owned());
        }
        answer
    }
}

impl Victim {
    pub(crate) fn start(user: CalmUser, server: &Server) -> Self {
        let stop = StopFlag::default();
        let (instance, flag) = (Instance::from_address(0, &server.url(""), CALM), stop.clone());
        let livez = server.url("/livez");
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (mut samples, probes) =
                    tokio::join!(requests(&user, &instance, &flag), probes(&livez, &flag));
                samples.extend(probes);
                samples
            })
        });
        Self { stop, thread }
    }

    /// Stops, and waits for the responses to all requests.
    pub(crate) async fn end(self) -> Vec<Sample> {
        self.stop.set();
        tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap()
    }
}

async fn requests(user: &CalmUser, instance: &Instance, stop: &StopFlag) -> Vec<Sample> {
    every(stop, |number| {
        let (user, instance) = (user.clone(), instance.clone());
        async move {
            let (request, answer) = user.ask(&instance, number).await;
            let rejection = (!answer.is_success())
                .then(|| format!("{request}: {} {}", answer.status, reason(&answer.body)));
            Sample { is_probe: false, sent: answer.sent, took: answer.took(), rejection }
        }
    })
    .await
}

fn reason(body: &Value) -> &str {
    body["code"].as_str().unwrap_or("the connection broke")
}

/// `/livez` on a new connection each time.
async fn probes(url: &str, stop: &StopFlag) -> Vec<Sample> {
    let http = reqwest::Client::builder().local_address(CALM).pool_max_idle_per_host(0);
    let http = http.timeout(Duration::from_secs(30)).build().unwrap();
    every(stop, |_| {
        let request = http.get(url).send();
        async move {
            let sent = Instant::now();
            let rejection = match request.await {
                Ok(response) if response.status() == 200 => None,
                Ok(response) => Some(format!("livez: {}", response.status())),
                Err(_) => Some("livez: the connection broke".to_owned()),
            };
            Sample { is_probe: true, sent, took: sent.elapsed(), rejection }
        }
    })
    .await
}

/// Starts a task at every tick until `stop`, and then waits for all tasks.
async fn every<F>(stop: &StopFlag, task: impl Fn(usize) -> F) -> Vec<Sample>
where
    F: Future<Output = Sample> + Send + 'static,
{
    let (mut tasks, mut ticks) = (JoinSet::new(), interval(PACE));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0.. {
        ticks.tick().await;
        if stop.is_set() {
            break;
        }
        tasks.spawn(task(number));
    }
    tasks.join_all().await
}
