//! A primary that is ahead of the others and then lost. An instance writes what no majority has. A second instance gets
//! the same request and finds it done. It must not acknowledge it before a majority has it, because the write is lost
//! with the primary.

use std::time::Duration;

use bson::oid::ObjectId;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::findings::Findings;
use crate::fleet::account::{Account, id_of, patiently};
use crate::fleet::exclusive_use;
use crate::fleet::instance::{Answer, Instance};
use crate::fleet::process::eventually;
use crate::service::Service;
use crate::size;

/// The delay until the first instance has written everything to the primary, and then until the second would have
/// answered.
const HEAD_START: Duration = Duration::from_millis(500);

/// A field that the test adds to the shown object.
const TRASHED: &str = "is in the trash";

/// A request that can be repeated, and its effect.
struct RepeatableRequest {
    method: Method,
    path: String,
    body: Value,
    /// Where the effect shows, and the expected fields. Null if the object must not exist.
    shown: (String, Value),
}

impl RepeatableRequest {
    fn of(method: Method, path: &str, body: Value, object: &str, shows: Value) -> Self {
        Self { method, path: path.to_owned(), body, shown: (object.to_owned(), shows) }
    }

    async fn ask(&self, account: &Account, instance: &Instance) -> Answer {
        account.call(instance, self.method.clone(), &self.path, &self.body).await
    }

    /// Whether a response acknowledges the request. A deletion is also acknowledged by 404.
    fn is_acknowledged(&self, answer: &Answer) -> bool {
        answer.is_success() || (answer.status == 404 && self.shown.1.is_null())
    }

    async fn is_fulfilled(&self, account: &Account, instance: &Instance) -> bool {
        let (path, shows) = &self.shown;
        let mut answer =
            patiently(async || account.call(instance, Method::GET, path, &Value::Null).await).await;
        answer.body[TRASHED] = json!(!answer.body["deleted_at"].is_null());
        let Some(members) = shows.as_object() else { return answer.status == 404 };
        answer.status == 200 && members.iter().all(|(name, value)| answer.body[name] == *value)
    }
}

#[tokio::test]
async fn a_repeated_request_is_not_acknowledged_before_a_majority_has_it() {
    let _exclusive = exclusive_use().await;
    let mut service = Service::start("unreplicated", 2, &[]).await;
    let findings = Findings::default();
    let rounds = size(1, 20);
    let (mut asked, mut acknowledged) = (0, 0);
    for round in 0..rounds {
        let second = service.instances.to(1);
        let account = Account::register(&format!("asker-{round}"), &second).await;
        let requests = requests(&account, &second).await;
        let answers = ask_twice(&requests, &account, &mut service).await;
        for (request, answer) in requests.iter().zip(&answers) {
            let text = || format!("{} {} {}", request.method, request.path, request.body);
            findings.judge(answer, text);
            let is_acknowledged = request.is_acknowledged(answer);
            let is_lost = is_acknowledged && !request.is_fulfilled(&account, &second).await;
            findings.check(!is_lost, || format!("{} was acknowledged and is lost: {answer:?}", text()));
            acknowledged += usize::from(is_acknowledged);
        }
        for request in &requests {
            let answer = patiently(async || request.ask(&account, &second).await).await;
            let is_right = request.is_acknowledged(&answer) && request.is_fulfilled(&account, &second).await;
            findings.check(is_right, || {
                format!("{} {} after the recovery: {answer:?}", request.method, request.path)
            });
        }
        asked += requests.len();
    }
    let figures = format!(
        "{asked} requests that no majority had when asked for again, {acknowledged} acknowledged later"
    );
    findings.conclude("unreplicated", &figures, &service);
}

/// Lets the first instance write to a primary that cannot replicate, and sends the same requests to the second. Then
/// the first instance and the primary are killed. Returns the responses of the second instance.
async fn ask_twice(requests: &[RepeatableRequest], account: &Account, service: &mut Service) -> Vec<Answer> {
    let (first, second) = (service.instances.to(0), service.instances.to(1));
    let (primary, secondaries) = service.set.nodes().await;
    for secondary in &secondaries {
        secondary.replicate(false).await;
    }
    let stopped = async || (!primary.takes_writes().await).then_some(());
    eventually("writes reach no majority", stopped).await;
    let written = join_all(requests.iter().map(|request| request.ask(account, &first)));
    let answered = async {
        tokio::time::sleep(HEAD_START).await;
        join_all(requests.iter().map(|request| request.ask(account, &second))).await
    };
    let strike = async {
        tokio::time::sleep(2 * HEAD_START).await;
        service.servers[0].signal("-KILL");
        primary.kill().await;
        for secondary in &secondaries {
            secondary.replicate(true).await;
        }
    };
    let (written, answers, ()) = tokio::join!(written, answered, strike);
    assert!(written.iter().all(|answer| answer.status == 0), "a write was acknowledged: {written:?}");
    service.set.repair().await;
    service.restart(0).await;
    answers
}

/// One of each kind of request that finds nothing to do when it is repeated.
async fn requests(account: &Account, instance: &Instance) -> Vec<RepeatableRequest> {
    let mut todos = Vec::new();
    for _ in 0..7 {
        let todo = account.make(instance, &json!({ "name": "todo", "due": { "date": "2030-01-01" } })).await;
        todos.push(format!("/v1/todos/{}", id_of(&todo)));
    }
    let list = async || {
        let make =
            async || account.call(instance, Method::POST, "/v1/lists", &json!({ "name": "list" })).await;
        format!("/v1/lists/{}", id_of(&patiently(make).await.body))
    };
    let (changed, put, deleted, removed) = (list().await, list().await, list().await, list().await);
    let gone =
        patiently(async || account.call(instance, Method::DELETE, &todos[5], &Value::Null).await).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    let (new, name) = (format!("/v1/todos/{}", ObjectId::new()), json!({ "name": "new" }));
    let trashed = |is_so: bool| json!({ TRASHED: is_so });
    let (done, tagged) = (json!({ "completed": true }), json!({ "tags": ["new"] }));
    let of = RepeatableRequest::of;
    vec![
        of(Method::PUT, &new, name.clone(), &new, name.clone()),
        of(Method::PUT, &todos[0], name.clone(), &todos[0], name.clone()),
        of(Method::PATCH, &todos[1], name.clone(), &todos[1], name.clone()),
        of(Method::PATCH, &todos[2], done.clone(), &todos[2], done),
        of(Method::PUT, &format!("{}/tags/new", todos[3]), Value::Null, &todos[3], tagged),
        of(Method::DELETE, &todos[4], Value::Null, &todos[4], trashed(true)),
        of(Method::POST, &format!("{}/restore", todos[5]), Value::Null, &todos[5], trashed(false)),
        of(Method::PATCH, &changed, name.clone(), &changed, name.clone()),
        of(Method::PUT, &put, name.clone(), &put, name),
        of(Method::DELETE, &deleted, Value::Null, &deleted, trashed(true)),
        of(Method::DELETE, &format!("{}?permanent=true", todos[6]), Value::Null, &todos[6], Value::Null),
        of(Method::DELETE, &format!("{removed}?permanent=true"), Value::Null, &removed, Value::Null),
    ]
}
