//! A client that was away while thousands of todos changed: it catches up in pages, and the server needs no memory for it.

use std::time::Instant;

use bson::oid::ObjectId;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::caller::Caller;
use crate::findings::Findings;
use crate::fleet::instance::Instance;
use crate::fleet::turn;
use crate::follower::Follower;
use crate::pair::Pair;

const TODOS: usize = 5_000;
const BATCH: usize = 100;
/// How many write at a time.
const LANES: usize = 5;
const PAGE: usize = 200;
/// By how much the server's memory may grow meanwhile.
const GROWTH: u64 = 20 * 1024 * 1024;

#[tokio::test]
async fn who_was_away_catches_up_in_pages_without_memory_of_the_server() {
    let _turn = turn().await;
    let pair = Pair::start("catch_up", &[]).await;
    let findings = Findings::default();
    let caller = Caller::register("away", &pair.instances[1], &findings).await;
    let mut client = Follower::new("who was away".to_owned(), caller);
    client.catch_up(&pair.instances[1], PAGE).await;

    let ids: Vec<_> = (0..TODOS).map(|_| ObjectId::new().to_hex()).collect();
    write(&pair, &ids, "put").await;
    read(&pair, &mut client, "made").await;
    write(&pair, &ids, "patch").await;
    read(&pair, &mut client, "changed").await;

    let mut caller = Caller::log_in("away", &pair.instances[0], &findings).await;
    let server = caller.server_state(&pair.instances[0]).await;
    assert_eq!(server.len(), TODOS);
    let differences = client.replica.differences(&server);
    findings
        .check(differences.is_empty(), || format!("{} differences: {}", differences.len(), differences[0]));
    findings
        .check(server.values().all(|todo| todo["version"] == 2), || "not all were changed once".to_owned());
    findings.conclude("catch_up", &format!("{} todos", server.len()), &pair);
}

/// One command for each todo, in batches through the first process.
async fn write(pair: &Pair, ids: &[String], op: &'static str) {
    let began = Instant::now();
    let mut lanes = JoinSet::new();
    for lane in ids.chunks(TODOS / LANES) {
        // On a slow machine that is no fault of the service, so these findings are not told.
        let caller = Caller::log_in("away", &pair.instances[0], &Findings::default()).await;
        lanes.spawn(write_lane(caller, pair.instances[0].clone(), lane.to_vec(), op));
    }
    let repeated: usize = lanes.join_all().await.into_iter().sum();
    println!("catch_up: {TODOS} {op} commands in {:.1?}, {repeated} batches repeated", began.elapsed());
}

/// Says how often a batch was sent again, which a client does when it has taken longer than a request may.
async fn write_lane(mut caller: Caller, instance: Instance, ids: Vec<String>, op: &str) -> usize {
    let mut repeated = 0;
    for batch in ids.chunks(BATCH) {
        let command = |id: &String| {
            let body = json!({ "name": format!("{op} {id}"), "description": "d".repeat(200) });
            json!({ "id": format!("{op} {id}"), "op": op, "type": "todo", "target": id, "body": body })
        };
        let commands: Vec<Value> = batch.iter().map(command).collect();
        let body = json!({ "token": null, "limit": 1, "commands": commands });
        let mut answer = caller.call(&instance, Method::POST, "/v1/sync", &body).await;
        while answer.status == 503 {
            repeated += 1;
            answer = caller.call(&instance, Method::POST, "/v1/sync", &body).await;
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
        let results = answer.body["results"].as_array().unwrap();
        let wanted = if op == "put" { 201 } else { 200 };
        assert!(results.len() == batch.len() && results.iter().all(|result| result["status"] == wanted));
    }
    repeated
}

/// Catches up through the second process, and looks at its memory.
async fn read(pair: &Pair, client: &mut Follower, what: &str) {
    let server = &pair.resources[1];
    server.forget_peak();
    let before = server.peak_memory();
    let (began, came) = (Instant::now(), client.replica.came);
    let pages = client.catch_up(&pair.instances[1], PAGE).await;
    let (took, came) = (began.elapsed(), client.replica.came - came);
    let growth = server.peak_memory() - before;
    println!(
        "catch_up: {came} objects that were {what}: {pages} pages in {took:.1?}, peak memory from {} to {} kB",
        before / 1024,
        (before + growth) / 1024,
    );
    client.caller.findings.check(growth < GROWTH, || format!("memory grew by {growth} bytes"));
    client.caller.findings.check(pages <= TODOS / PAGE + 2, || format!("{pages} pages"));
}
