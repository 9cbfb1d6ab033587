//! A client that writes at a constant interval, repeats unanswered requests, and knows what must be stored in the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use chrono::{Days, NaiveDate};
use reqwest::Method;
use serde_json::{Value, json};

use crate::findings::Findings;
use crate::fleet::account::{Account, id_of};
use crate::fleet::instance::{Answer, Instance};
use crate::fleet::{StopFlag, random_millis};
use crate::service::{Instances, Service};
use crate::size;

/// How long a client repeats a request.
const PATIENCE: Duration = Duration::from_mins(1);
/// One of this many requests is invalid.
const REFUSED_EACH: usize = 10;
/// One of this many writers sends batches, but none at the gate size: with all the other requests, a batch can take 10 s after a
/// failover.
const BATCH_EACH: usize = 10;
/// The number of new todos in a batch.
const BATCH: usize = 2;
const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(2030, 1, 1).unwrap();

/// The kind of request that a writer repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `POST` with an idempotency key.
    Create,
    /// `PATCH` of its todo with a key.
    Patch,
    /// `PUT` of new todos with ids of the client.
    Put,
    /// Completes its recurring todo, with a key.
    Complete,
    /// `PUT` and `DELETE` in turn.
    Delete,
    /// Commands of sync: completes its recurring todo between new todos.
    Batch,
}

/// One client with its own user.
pub(crate) struct Writer {
    kind: Kind,
    account: Account,
    instances: Instances,
    findings: Findings,
    /// Whether instances get killed, so that responses may be missing.
    is_lossy: bool,
    /// The id of the todo that it changes.
    own: String,
    /// The number of changes of this todo, and its current name.
    changed: u64,
    last_name: String,
    /// The ids of created todos by name, and the names of those in the trash.
    made: BTreeMap<String, String>,
    trashed: Vec<String>,
    refused: Vec<String>,
    pub(crate) acknowledged: usize,
    pub(crate) repeated: usize,
}

/// How the stored todos differ from the acknowledged writes.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Difference {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
}

impl Kind {
    fn of(number: usize) -> Self {
        if size(1, 2) > 1 && number % BATCH_EACH == BATCH_EACH - 1 {
            return Self::Batch;
        }
        [Self::Create, Self::Patch, Self::Put, Self::Complete, Self::Delete][number % 5]
    }
}

impl Writer {
    /// Registers the user, and creates the todo that gets changed.
    pub(crate) async fn begin(
        number: usize,
        instances: &Instances,
        findings: &Findings,
        is_lossy: bool,
    ) -> Self {
        let instance = instances.any();
        let account = Account::register(&format!("writer-{number}"), &instance).await;
        let due = json!({ "date": FIRST_DAY.to_string() });
        let daily = json!({ "rule": "FREQ=DAILY", "basis": "due" });
        let own = match Kind::of(number) {
            Kind::Complete | Kind::Batch => json!({ "name": "own", "due": due, "recurrence": daily }),
            _ => json!({ "name": "own" }),
        };
        let own = id_of(&account.make(&instance, &own).await).to_owned();
        Self {
            kind: Kind::of(number),
            account,
            instances: instances.clone(),
            findings: findings.clone(),
            is_lossy,
            own,
            changed: 0,
            last_name: "own".to_owned(),
            made: BTreeMap::new(),
            trashed: Vec::new(),
            refused: Vec::new(),
            acknowledged: 0,
            repeated: 0,
        }
    }

    /// Writes once per `period` until `stop`. Late writes are sent as soon as possible.
    pub(crate) async fn run(mut self, period: Duration, stop: StopFlag) -> Self {
        let mut due =
            tokio::time::Instant::now() + random_millis(usize::try_from(period.as_millis()).unwrap());
        for number in 0.. {
            tokio::time::sleep_until(due).await;
            if stop.is_set() {
                break;
            }
            self.write(number).await;
            due += period;
        }
        self
    }

    async fn write(&mut self, number: usize) {
        let name = format!("{:?} {number}", self.kind);
        match self.kind {
            Kind::Create if number % REFUSED_EACH == REFUSED_EACH - 1 => self.create_wrongly(name).await,
            Kind::Create => self.create(name).await,
            Kind::Patch | Kind::Complete => self.change(name).await,
            Kind::Delete if number % 2 == 1 => self.delete().await,
            Kind::Batch => self.send_batch(&name).await,
            Kind::Put | Kind::Delete => self.put(name).await,
        }
    }

    async fn create(&mut self, name: String) {
        let body = json!({ "name": name, "tags": ["writer"] });
        let Some(answer) = self.answered(Method::POST, "/v1/todos", Some(&name), &body).await else { return };
        if self.expect(&answer, answer.status == 201 && answer.body["name"] == name, "a creation") {
            self.made.insert(name, id_of(&answer.body).to_owned());
        }
    }

    async fn create_wrongly(&mut self, name: String) {
        let body = json!({ "name": name, "priority": "odd" });
        let Some(answer) = self.answered(Method::POST, "/v1/todos", Some(&name), &body).await else { return };
        self.findings.check(answer.status == 422, || format!("an unknown priority was accepted: {answer:?}"));
        self.refused.push(name);
    }

    async fn change(&mut self, name: String) {
        let body = match self.kind {
            Kind::Complete => json!({ "completed": true }),
            _ => json!({ "name": name }),
        };
        let path = format!("/v1/todos/{}", self.own);
        let Some(answer) = self.answered(Method::PATCH, &path, Some(&name), &body).await else { return };
        if !self.expect(&answer, answer.status == 200, "a change") {
            return;
        }
        self.changed += 1;
        let is_right = match self.kind {
            Kind::Complete => answer.body["due"]["date"] == self.day(),
            _ => answer.body["version"] == self.changed + 1 && answer.body["name"] == name,
        };
        self.findings.check(is_right, || format!("change {} returned {}", self.changed, answer.body));
        self.last_name = name;
    }

    async fn put(&mut self, name: String) {
        let id = ObjectId::new().to_hex();
        let (path, repeated) = (format!("/v1/todos/{id}"), self.repeated);
        let Some(answer) = self.answered(Method::PUT, &path, None, &json!({ "name": name })).await else {
            return;
        };
        let again = self.repeated > repeated && answer.status == 200;
        let is_right = (answer.status == 201 || again) && answer.body["version"] == 1;
        if self.expect(&answer, is_right, "a todo under an id of its own") {
            self.made.insert(name, id);
        }
    }

    async fn send_batch(&mut self, name: &str) {
        let new: Vec<_> =
            (0..BATCH).map(|part| (format!("{name}.{part}"), ObjectId::new().to_hex())).collect();
        let put = |(name, id): &(String, String)| {
            let body = json!({ "name": name });
            json!({ "id": id, "op": "put", "type": "todo", "target": id, "body": body })
        };
        let mut commands: Vec<_> = new.iter().map(put).collect();
        let done = json!({ "completed": true });
        let complete = json!({ "id": name, "op": "patch", "type": "todo", "target": self.own, "body": done });
        commands.insert(BATCH / 2, complete);
        let (body, repeated) = (json!({ "token": null, "limit": 1, "commands": commands }), self.repeated);
        let Some(answer) = self.answered(Method::POST, "/v1/sync", None, &body).await else { return };
        let is_repeated = self.repeated > repeated;
        let results = answer.body["results"].as_array().cloned().unwrap_or_default();
        let is_done = |result: &Value| {
            let is_new = result["status"] == 201 || is_repeated && result["status"] == 200;
            result["id"] == name && result["status"] == 200 || is_new && result["version"] == 1
        };
        let is_right = results.len() == commands.len() && results.iter().all(is_done);
        if self.expect(&answer, is_right, "a batch") {
            self.changed += 1;
            self.made.extend(new);
        }
    }

    async fn delete(&mut self) {
        let Some((name, id)) = self.made.iter().find(|(name, _)| !self.trashed.contains(name)) else {
            return;
        };
        let (name, path, repeated) = (name.clone(), format!("/v1/todos/{id}"), self.repeated);
        let Some(answer) = self.answered(Method::DELETE, &path, None, &Value::Null).await else { return };
        let again = self.repeated > repeated && answer.status == 404;
        if self.expect(&answer, answer.status == 204 || again, "a removal") {
            self.trashed.push(name);
        }
    }

    /// Reports a fault unless the response is right, and counts it if it is.
    fn expect(&mut self, answer: &Answer, is_right: bool, what: &str) -> bool {
        self.findings.check(is_right, || format!("{what}: {answer:?}"));
        self.acknowledged += usize::from(is_right);
        is_right
    }

    /// Sends a request to random instances until one responds.
    async fn answered(
        &mut self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Option<Answer> {
        let began = Instant::now();
        let headers: Vec<_> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut tries = Vec::new();
        while began.elapsed() < PATIENCE {
            let instance = self.instances.any();
            let token = &self.account.access;
            let answer = instance.send(method.clone(), path, token, &headers, body.clone()).await;
            let request = || format!("{method} {path} {body}");
            if self.is_lossy {
                self.findings.judge_if_any(&answer, request);
            } else {
                self.findings.judge(&answer, request);
            }
            if !answer.is_unavailable() {
                return Some(answer);
            }
            self.repeated += 1;
            tries.push((answer.status, answer.took()));
            tokio::time::sleep(Duration::from_millis(100) + random_millis(200)).await;
        }
        self.findings.check(false, || format!("{method} {path} gets no answer: {tries:?}"));
        None
    }

    /// The due date of the recurring todo after all completions.
    fn day(&self) -> String {
        (FIRST_DAY + Days::new(self.changed)).to_string()
    }

    /// Compares what must exist with what the API shows, and that with what is stored.
    pub(crate) async fn compare(&self, instance: &Instance, service: &Service) -> Difference {
        let todos = self.account.todos(instance).await;
        let mut by_name: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for todo in &todos {
            by_name.entry(todo["name"].as_str().unwrap()).or_default().push(todo);
        }
        let mut difference = Difference::default();
        for (name, id) in &self.made {
            let found = by_name.remove(name.as_str()).unwrap_or_default();
            let is_right = |todo: &&&Value| {
                todo["id"] == **id && todo["deleted_at"].is_null() != self.trashed.contains(name)
            };
            self.count(&mut difference, name, found.iter().filter(is_right).count(), found.len());
        }
        let own = by_name.remove(self.last_name_now()).unwrap_or_default();
        self.compare_own(&mut difference, &own);
        for (name, todos) in by_name {
            let refused = self.refused.iter().any(|refused| refused == name);
            difference.doubled += u64::try_from(todos.len()).unwrap();
            self.findings.check(false, || format!("an unexpected todo (refused: {refused}): {todos:?}"));
        }
        let shown: BTreeMap<String, i64> =
            todos.iter().map(|todo| (id_of(todo).to_owned(), todo["version"].as_i64().unwrap())).collect();
        let stored = service.stored(self.account.id).await;
        self.findings.check(shown == stored, || format!("shown {} but stored {}", shown.len(), stored.len()));
        difference
    }

    /// The name that its todo must have. The records of completed occurrences have the same name.
    fn last_name_now(&self) -> &str {
        if self.kind == Kind::Patch { &self.last_name } else { "own" }
    }

    fn compare_own(&self, difference: &mut Difference, found: &[&Value]) {
        let (own, records): (Vec<&Value>, Vec<&Value>) =
            found.iter().copied().partition(|todo| todo["id"] == *self.own);
        let [own] = own[..] else {
            difference.lost += self.changed.max(1);
            self.findings.check(false, || format!("{:?} {:?} is missing", self.kind, self.last_name_now()));
            return;
        };
        let done = match self.kind {
            Kind::Complete | Kind::Batch => {
                let day: NaiveDate = own["due"]["date"].as_str().unwrap().parse().unwrap();
                let (days, records) = ((day - FIRST_DAY).num_days(), records.len());
                self.findings.check(i64::try_from(records) == Ok(days), || {
                    format!("{days} occurrences have passed, {records} are recorded")
                });
                u64::try_from(days).unwrap()
            }
            _ => own["version"].as_u64().unwrap() - 1,
        };
        difference.lost += self.changed.saturating_sub(done);
        difference.doubled += done.saturating_sub(self.changed);
        self.findings
            .check(done == self.changed, || format!("{} changes were acknowledged: {own}", self.changed));
    }

    fn count(&self, difference: &mut Difference, name: &str, right: usize, found: usize) {
        difference.lost += u64::from(right == 0);
        difference.doubled += u64::try_from(found.saturating_sub(1)).unwrap();
        self.findings.check(right == 1 && found == 1, || {
            format!("{name} exists {found} times, {right} times as it was created")
        });
    }
}
