//! Failing database commands: one kind at a time, with every error of a failover and some others. What can be retried
//! is retried and succeeds. Otherwise the client gets a 503, and its retry takes effect exactly once.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::findings::Findings;
use crate::fleet::account::{Account, id_of, patiently};
use crate::fleet::instance::{Answer, Instance};
use crate::fleet::replica_set::Node;
use crate::fleet::{PASSWORD, exclusive_use};
use crate::service::Service;
use crate::size;

/// The commands, each with the collection on which a request sends it.
const COMMANDS: [(&str, &str); 8] = [
    ("find", "sessions"),
    ("insert", "users"),
    ("insert", "todos"),
    ("update", "todos"),
    ("delete", "users"),
    ("aggregate", "todos"),
    ("findAndModify", "todos"),
    ("getMore", "todos"),
];

/// The error codes that the database returns. `None` closes the connection. `BadValue` (2) and `MaxTimeMSExpired` (50)
/// must not be retried.
const ERRORS: [Option<i32>; 13] = [
    Some(6),
    Some(7),
    Some(89),
    Some(91),
    Some(189),
    Some(262),
    Some(9_001),
    Some(10_107),
    Some(11_600),
    Some(13_435),
    None,
    Some(2),
    Some(50),
];

/// For how many commands: one, two, or all.
const TIMES: [Option<i32>; 3] = [Some(1), Some(2), None];

/// More todos than the database returns in one batch.
const MANY: usize = 150;

#[derive(Debug, Clone, Copy)]
struct Case {
    command: &'static str,
    collection: &'static str,
    error: Option<i32>,
    times: Option<i32>,
}

impl Case {
    /// Consecutive numbers differ in every component, because the lengths of the three tables have no common factor.
    fn of(number: usize) -> Self {
        let (command, collection) = COMMANDS[number % COMMANDS.len()];
        let (error, times) = (ERRORS[number % ERRORS.len()], TIMES[number % TIMES.len()]);
        Self { command, collection, error, times }
    }

    /// Whether a retry of the driver succeeds. The driver does not retry `getMore`. The service itself retries the
    /// insertion of a todo with another command.
    fn is_overcome(self) -> bool {
        let is_tried_again = self.command != "getMore" && !matches!(self.error, Some(2 | 50));
        is_tried_again && (self.times == Some(1) || self.is_creation())
    }

    fn is_creation(self) -> bool {
        (self.command, self.collection) == ("insert", "todos")
    }

    /// Whether the service itself may send the command in the background: it finishes interrupted deletions.
    fn may_be_used_up(self) -> bool {
        self.command == "delete" && self.times.is_some()
    }

    async fn set(self, node: &Node, database: &str) {
        let mut data = doc! {
            "failCommands": [self.command],
            "namespace": format!("{database}.{}", self.collection),
            "appName": "todo-api",
        };
        match self.error {
            Some(code) => data.insert("errorCode", code),
            None => data.insert("closeConnection", true),
        };
        let mode = self.times.map_or(Bson::from("alwaysOn"), |times| doc! { "times": times }.into());
        node.fail_commands(mode, data).await;
    }
}

/// A request, and how to check its effect.
struct Request {
    method: Method,
    path: String,
    body: Value,
    account: Account,
    /// The todo or the username that the request is about.
    subject: String,
}

#[tokio::test]
async fn failed_commands_are_retried_or_answered_with_503() {
    let _exclusive = exclusive_use().await;
    let service = Service::start("fail_points", 1, &[]).await;
    let (instance, findings) = (service.instances.to(0), Findings::default());
    let reader = reader(&instance).await;
    let (primary, _) = service.set.nodes().await;
    let all = COMMANDS.len() * ERRORS.len() * TIMES.len();
    let (cases, mut overcome) = (size(40, all), 0);
    for number in 0..cases {
        let case = Case::of(number);
        let request = request(case, &reader, &instance).await;
        case.set(&primary, &service.set.database).await;
        let answer = send(&request, number, &instance, &findings).await;
        primary.fail_commands("off", Document::new()).await;
        let seen = || format!("{case:?}: {answer:?}");
        overcome += usize::from(answer.is_success());
        if case.is_overcome() {
            findings.check(answer.is_success(), seen);
        } else {
            let is_used_up = case.may_be_used_up() && answer.is_success();
            findings.check(answer.status == 503 || is_used_up, seen);
        }
        if answer.is_success() {
            look(case, &request, &service, &instance, &findings, &answer).await;
        }
        let again = patiently(async || send(&request, number, &instance, &findings).await).await;
        look(case, &request, &service, &instance, &findings, &again).await;
    }
    let figures = format!(
        "{cases} of {all} cases, {overcome} succeeded at once, {} with the repetition, slowest answer {:.1?}",
        cases - overcome,
        findings.slowest(),
    );
    findings.conclude("commands fail", &figures, &service);
}

/// A user with more todos than the database returns in one batch.
async fn reader(instance: &Instance) -> Account {
    let reader = Account::register("reader", instance).await;
    let list = reader.call(instance, Method::POST, "/v1/lists", &json!({ "name": "all" })).await;
    assert_eq!(list.status, 201, "{list:?}");
    for part in 0..MANY / 50 {
        let command = |number: usize| {
            let (id, body) = (
                ObjectId::new().to_hex(),
                json!({ "name": format!("todo {number}"), "list_id": list.body["id"] }),
            );
            json!({ "id": id, "op": "put", "type": "todo", "target": id, "body": body })
        };
        let commands: Vec<_> = (part * 50..(part + 1) * 50).map(command).collect();
        let body = json!({ "token": null, "limit": 1, "commands": commands });
        let answer = reader.call(instance, Method::POST, "/v1/sync", &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    reader
}

/// The request that sends the command.
async fn request(case: Case, reader: &Account, instance: &Instance) -> Request {
    let name = ObjectId::new().to_hex();
    let simple = |method, path: &str| Request {
        method,
        path: path.to_owned(),
        body: Value::Null,
        account: reader.clone(),
        subject: String::new(),
    };
    match case.command {
        "find" => simple(Method::GET, "/v1/sessions"),
        "aggregate" => simple(Method::GET, "/v1/lists"),
        "getMore" => simple(Method::GET, "/v1/todos?limit=200"),
        "insert" if case.is_creation() => {
            let body = json!({ "name": name });
            Request { body, subject: name, ..simple(Method::POST, "/v1/todos") }
        }
        "insert" => {
            let body = json!({ "username": name, "password": PASSWORD });
            Request { body, subject: name, ..simple(Method::POST, "/v1/register") }
        }
        "delete" => {
            let account = Account::register(&name, instance).await;
            account.make(instance, &json!({ "name": "to go" })).await;
            Request { account, subject: name, ..simple(Method::DELETE, "/v1/user") }
        }
        _ => {
            let todo = reader.make(instance, &json!({ "name": name })).await;
            let path = format!("/v1/todos/{}", id_of(&todo));
            let body = json!({ "name": format!("renamed {name}") });
            let subject = id_of(&todo).to_owned();
            if case.command == "update" {
                Request { subject, ..simple(Method::DELETE, &path) }
            } else {
                Request { body, subject, ..simple(Method::PATCH, &path) }
            }
        }
    }
}

/// Sends a request with its own idempotency key.
async fn send(request: &Request, number: usize, instance: &Instance, findings: &Findings) -> Answer {
    let Request { method, path, body, account, .. } = request;
    let key = format!("case {number}");
    let header = ("idempotency-key", key.as_str());
    let answer = account.call_with(instance, header, method.clone(), path, body).await;
    findings.judge(&answer, || format!("{method} {path}"));
    answer
}

/// Checks that a successful request took effect exactly once.
async fn look(
    case: Case,
    request: &Request,
    service: &Service,
    instance: &Instance,
    findings: &Findings,
    answer: &Answer,
) {
    let subject = &request.subject;
    let items = |name: &str| answer.body[name].as_array().map_or(0, Vec::len);
    let (is_right, seen) = match case.command {
        "find" => (answer.status == 200 && items("items") == 1, Value::Null),
        "aggregate" => (answer.status == 200 && answer.body["items"][0]["open_count"] == MANY, Value::Null),
        "getMore" => (answer.status == 200 && items("items") >= MANY, Value::Null),
        "insert" if case.is_creation() => {
            let todos = service.collection("todos").await.count_documents(doc! { "name": subject }).await;
            (answer.status == 201 && answer.body["version"] == 1 && todos.unwrap() == 1, Value::Null)
        }
        "insert" => {
            let users = service.collection("users").await.count_documents(doc! { "username": subject }).await;
            (answer.status == 201 && users.unwrap() == 1, Value::Null)
        }
        "delete" => {
            // After a deletion, the token of a retry is no longer valid. Maintenance deletes what is left.
            let credentials = json!({ "username": subject, "password": PASSWORD });
            let login = patiently(async || instance.call(Method::POST, "/v1/login", "", &credentials).await);
            let login = login.await;
            let stored = service.stored(request.account.id).await;
            (matches!(answer.status, 204 | 401) && login.status == 401 && stored.is_empty(), login.body)
        }
        "update" => {
            let todo = request.account.todo(instance, subject).await;
            (answer.status == 204 && !todo["deleted_at"].is_null() && todo["version"] == 2, todo)
        }
        _ => {
            let todo = request.account.todo(instance, subject).await;
            (answer.status == 200 && todo["name"] == request.body["name"] && todo["version"] == 2, todo)
        }
    };
    findings.check(is_right, || format!("the effect is not right: {case:?}: {answer:?}: {seen}"));
}
