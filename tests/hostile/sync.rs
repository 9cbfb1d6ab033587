//! Many commands of sync at the same time, and commands that fail with a large object in their result.

use bson::doc;
use bson::oid::ObjectId;
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::attacker::{HOSTILE, Request};
use crate::texts::unspaced;
use crate::{bulk, is_long, table};

const REQUESTS: usize = 80;
const COMMANDS: usize = 100;
/// How many failing patches are sent, and how many bytes each may leave behind.
const FAILING: usize = 1_000;
const STORED_MAX: i64 = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn batches_of_commands() {
    let mut arena = Arena::prepare("sync", &[]).await;
    let mallory = arena.register("mallory").await;
    arena
        .attack(&format!("sync: {REQUESTS} x {COMMANDS} puts"), async |assault| {
            let client = assault.attacker(HOSTILE, &mallory.access);
            let targets: Vec<_> = (0..REQUESTS * COMMANDS).map(|_| ObjectId::new()).collect();
            for round in 0..if is_long() { 10 } else { 1 } {
                let requests = targets.chunks(COMMANDS).map(|some| (client.clone(), puts(some, round)));
                assault.once(requests).await;
            }
        })
        .await;
    arena.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn failing_commands_on_a_large_todo() {
    let mut arena = Arena::prepare("failing", &[]).await;
    let mallory = arena.register("mallory").await;
    let large = json!({ "name": "large", "description": unspaced(1) });
    let target = bulk::create(&mallory, &arena.hostile_instance(), [large]).await[0];
    let patch = |number: usize| {
        json!({ "id": format!("failing {number}"), "op": "patch", "type": "todo", "target": target.to_hex(),
                "if_version": 999, "body": { "completed": true } })
    };
    let tally = arena
        .attack(&format!("sync: {FAILING} failing patches"), async |assault| {
            let client = assault.attacker(HOSTILE, &mallory.access);
            let numbers: Vec<_> = (0..FAILING).collect();
            let requests = numbers
                .chunks(COMMANDS)
                .map(|some| commands(&some.iter().copied().map(patch).collect::<Vec<_>>()));
            assault.once(requests.map(|request| (client.clone(), request))).await;
        })
        .await;
    let stored = arena.stored_results().await;
    table::add(&format!(
        "failing patches: {:.2} MB stored in `idempotency` after {}",
        f64::from(i32::try_from(stored / 1_000).unwrap()) / 1_000.0,
        tally.text()
    ));
    let most = STORED_MAX * i64::try_from(FAILING).unwrap();
    arena.faults.check(stored <= most, || format!("{stored} bytes of results are stored"));
    arena.faults.check(tally.number(200..201) > 0, || "no batch was answered".to_owned());
    arena.end().await;
}

impl Arena {
    /// The size of all stored results, in bytes.
    async fn stored_results(&self) -> i64 {
        let sum = doc! { "$group": { "_id": null, "bytes": { "$sum": { "$bsonSize": "$$ROOT" } } } };
        let results = self.database().await.collection::<bson::Document>("idempotency");
        let sums: Vec<_> = results.aggregate([sum]).await.unwrap().try_collect().await.unwrap();
        sums.first().map_or(0, |sum| {
            bson::Bson::as_i64(&sum["bytes"]).or(sum["bytes"].as_i32().map(i64::from)).unwrap()
        })
    }
}

/// A request of sync that creates these todos, or renames them.
pub(crate) fn puts(targets: &[ObjectId], round: usize) -> Request {
    let put = |target: &ObjectId| bulk::put(*target, &json!({ "name": format!("put {round}") }));
    commands(&targets.iter().map(put).collect::<Vec<_>>())
}

/// A request of sync with these commands. The page of changes is small.
fn commands(commands: &[Value]) -> Request {
    let body = json!({ "token": null, "limit": 1, "commands": commands });
    Request::post("/v1/sync", body.to_string())
}
