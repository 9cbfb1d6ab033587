//! A primary that has written a batch of commands, which no other node has, and then loses its role. The batch must not be
//! confirmed, because its writes are rolled back. Its repetition makes every change, and makes it once.
//!
//! A primary that steps down is not enough for that: the next one first copies what the others have.

use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use bson::{Document, doc};
use mongodb::Client;
use reqwest::Method;
use serde_json::{Value, json};
use todo_api::mongo::commands;
use todo_api::mongo::deferred::Deferred;

use crate::findings::Findings;
use crate::fleet::account::{Account, id_of, patiently};
use crate::fleet::instance::{Answer, Instance};
use crate::fleet::process::eventually;
use crate::fleet::replica_set::{Node, ReplicaSet};
use crate::fleet::{RECOVERY, exclusive_use};
use crate::service::Service;
use crate::size;

/// The commands of a batch: for each of these numbers one of each [`KINDS`].
const EACH: usize = 8;
const KINDS: usize = 5;
/// How long the first change waits on the primary. If replication has not stopped until then, the round does not count.
const HEAD_START: Duration = Duration::from_secs(3);
/// How many rounds may not count, for each that must.
const VOID_ROUNDS: usize = 4;
/// So many new todos on the primary show that it is making the changes.
const BEGUN: i64 = 3;

/// A batch, and what it must change.
struct Batch {
    account: Account,
    commands: Vec<Value>,
    /// The ids of new todos, and of those that get another name, get completed, get another name if they have a version, and
    /// go to the trash.
    ids: [Vec<String>; KINDS],
}

impl Batch {
    async fn prepare(name: &str, instance: &Instance) -> Self {
        let account = Account::register(name, instance).await;
        let ids = std::array::from_fn(|_| (0..EACH).map(|_| ObjectId::new().to_hex()).collect());
        let mut batch = Self { account, commands: Vec::new(), ids };
        let [_, existing @ ..] = &batch.ids;
        let put = |id: &String| command(&format!("first {id}"), "put", id, &json!({ "name": "old" }));
        batch.commands = existing.iter().flatten().map(put).collect();
        let answer = patiently(async || batch.send(instance).await).await;
        assert!(statuses(&answer).iter().all(|status| *status == 201), "{answer:?}");
        // Last, because a write with side effects waits for a majority itself.
        let trash = |id: &String| command(id, "delete", id, &json!({}));
        let trashed = batch.ids[KINDS - 1].iter().map(trash);
        batch.commands = (0..EACH).flat_map(|number| batch.changes(number)).chain(trashed).collect();
        batch
    }

    fn changes(&self, number: usize) -> [Value; KINDS - 1] {
        let [new, named, done, guarded, _] = self.ids.each_ref().map(|ids| &ids[number]);
        let mut guarded = command(guarded, "patch", guarded, &json!({ "name": "new" }));
        guarded["if_version"] = json!(1);
        [
            command(new, "put", new, &json!({ "name": "new" })),
            command(named, "patch", named, &json!({ "name": "new" })),
            command(done, "patch", done, &json!({ "completed": true })),
            guarded,
        ]
    }

    async fn send(&self, instance: &Instance) -> Answer {
        let body = json!({ "token": null, "limit": 1, "commands": self.commands });
        self.account.call(instance, Method::POST, "/v1/sync", &body).await
    }

    /// How many commands have not taken effect, and how many did so more than once.
    async fn missing(&self, instance: &Instance) -> (usize, usize) {
        let todos = self.account.todos(instance).await;
        let (mut missing, mut doubled) = (0, 0);
        for (kind, ids) in self.ids.iter().enumerate() {
            for id in ids {
                let todo = todos.iter().find(|todo| id_of(todo) == id).unwrap_or(&Value::Null);
                let has_effect = match kind {
                    2 => todo["completed"] == true,
                    4 => !todo["deleted_at"].is_null(),
                    _ => todo["name"] == "new",
                };
                let version = if kind == 0 { 1 } else { 2 };
                missing += usize::from(!has_effect);
                doubled += usize::from(todo["version"].as_i64().is_some_and(|stored| stored > version));
            }
        }
        (missing, doubled)
    }
}

fn command(id: &str, op: &str, target: &str, body: &Value) -> Value {
    json!({ "id": id, "op": op, "type": "todo", "target": target, "body": body })
}

fn statuses(answer: &Answer) -> Vec<i64> {
    let results = answer.body["results"].as_array().cloned().unwrap_or_default();
    results.iter().map(|result| result["status"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_batch_is_not_confirmed_if_its_writes_are_rolled_back() {
    let _exclusive = exclusive_use().await;
    let service = Service::start("batches", 1, &[]).await;
    let (instance, findings) = (service.instances.to(0), Findings::default());
    let (rounds, mut counted, mut rolled_back) = (size(2, 40), 0, 0);
    for round in 0..rounds * (1 + VOID_ROUNDS) {
        if counted == rounds {
            break;
        }
        let batch = Batch::prepare(&format!("user-{round}"), &instance).await;
        let all = batch.commands.len();
        let sent = send_and_strike(&batch, counted % 2 == 0, &instance, &service).await;
        let Some(answer) = sent else { continue };
        counted += 1;
        let (missing, doubled) = batch.missing(&instance).await;
        findings.check(answer.status == 503 && missing > 0 && doubled == 0, || {
            format!("round {round}: {missing} of {all} missing, {doubled} doubled: {answer:?}")
        });
        rolled_back += missing;
        let again = patiently(async || batch.send(&instance).await).await;
        let (missing, doubled) = batch.missing(&instance).await;
        // A condition on the version no longer holds if the first attempt survived.
        let is_right = statuses(&again).len() == all
            && statuses(&again).iter().all(|status| matches!(status, 200..300 | 412));
        findings.check(is_right && missing == 0 && doubled == 0, || {
            format!("round {round}, repeated: {missing} of {all} missing, {doubled} doubled: {again:?}")
        });
    }
    findings.check(counted == rounds, || format!("only {counted} rounds counted"));
    let figures = format!(
        "{counted} batches of {} commands, {rolled_back} commands rolled back, none confirmed",
        EACH * KINDS
    );
    findings.conclude("batches", &figures, &service);
}

/// Stops replication after the claims and before the first change, and takes the role from the primary when it has made
/// changes: it is killed, or frozen until there is another primary. `None` if the first change may have been replicated.
async fn send_and_strike(
    batch: &Batch,
    is_killed: bool,
    instance: &Instance,
    service: &Service,
) -> Option<Answer> {
    let (primary, secondaries) = service.set.nodes().await;
    let database = &service.set.database;
    let delay = doc! {
        "failCommands": ["insert"], "namespace": format!("{database}.todos"), "appName": "todo-api",
        "blockTimeMS": i64::try_from(HEAD_START.as_millis()).unwrap(),
    };
    let delayed = primary.delay_next(delay).await;
    let sent = Instant::now();
    let strike = async {
        // By now a majority has the claims.
        primary.wait_for(delayed).await;
        for secondary in &secondaries {
            secondary.replicate(false).await;
        }
        let is_in_time = sent.elapsed() < HEAD_START;
        if is_in_time {
            // From here on, the batch cannot be confirmed.
            let new: Vec<_> = batch.ids[0].iter().map(|id| ObjectId::parse_str(id).unwrap()).collect();
            let new = doc! { "_id": { "$in": new } };
            let has_begun =
                async || (primary.count(database, "todos", new.clone()).await >= BEGUN).then_some(());
            eventually("the primary makes the changes", has_begun).await;
            if is_killed { primary.kill().await } else { primary.freeze().await }
        }
        for secondary in &secondaries {
            secondary.replicate(true).await;
        }
        if is_in_time {
            let [one, other] = &secondaries;
            let struck = Instant::now();
            while !(one.takes_writes().await || other.takes_writes().await) {
                assert!(struck.elapsed() < 4 * RECOVERY, "MongoDB does not fail over");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            // Not earlier, because the primary could be elected again with all its writes.
            if !is_killed {
                primary.thaw().await;
            }
        }
        is_in_time
    };
    let (answer, is_in_time) = tokio::join!(batch.send(instance), strike);
    service.set.repair().await;
    is_in_time.then_some(answer)
}

#[tokio::test]
async fn writes_are_not_confirmed_if_their_primary_was_elected_again_in_between() {
    let _exclusive = exclusive_use().await;
    let set = ReplicaSet::start("elections").await;
    let client = Client::with_uri_str(&set.uri).await.unwrap();
    let written = client.default_database().unwrap().collection::<Document>("written");
    let write = async |deferred: &Deferred| {
        commands::insert(&written, doc! { "_id": ObjectId::new() }, Some(deferred)).await
    };
    let deferred = Deferred::begin(&written).await.unwrap().expect("a primary with an election");
    assert!(write(&deferred).await.unwrap());
    deferred.confirm().await.unwrap();
    assert!(write(&deferred).await.unwrap());
    let (primary, _) = set.nodes().await;
    primary.step_down_at_once().await;
    eventually("the node is the primary again", async || is_primary_again(&primary).await.then_some(()))
        .await;
    eventually("the driver knows", async || write(&deferred).await.is_ok().then_some(())).await;
    assert!(deferred.confirm().await.is_err(), "writes of two elections were confirmed together");
    set.repair().await;
}

async fn is_primary_again(node: &Node) -> bool {
    node.step_up().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    node.takes_writes().await
}
