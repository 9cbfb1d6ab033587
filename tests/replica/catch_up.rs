//! A client that was offline while thousands of todos changed. It catches up in pages, which needs no additional server
//! memory.

use std::time::Instant;

use bson::oid::ObjectId;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api_client::ApiClient;
use crate::findings::Findings;
use crate::fleet::exclusive_use;
use crate::fleet::instance::Instance;
use crate::follower::Follower;
use crate::two_instances::TwoInstances;

const TODOS: usize = 5_000;
const BATCH: usize = 100;
/// How many clients write at a time.
const WRITERS: usize = 5;
const PAGE: usize = 200;
/// How much the memory of the server may grow.
const GROWTH: u64 = 20 * 1024 * 1024;

#[tokio::test]
async fn a_returning_client_catches_up_without_using_server_memory() {
    let _exclusive = exclusive_use().await;
    let cluster = TwoInstances::start("catch_up", &[]).await;
    let findings = Findings::default();
    let caller = ApiClient::register("away", &cluster.instances[1], &findings).await;
    let mut client = Follower::new("who was away".to_owned(), caller);
    client.catch_up(&cluster.instances[1], PAGE).await;

    let ids: Vec<_> = (0..TODOS).map(|_| ObjectId::new().to_hex()).collect();
    write(&cluster, &ids, "put").await;
    read(&cluster, &mut client, "made").await;
    write(&cluster, &ids, "patch").await;
    read(&cluster, &mut client, "changed").await;

    let mut caller = ApiClient::log_in("away", &cluster.instances[0], &findings).await;
    let server = caller.server_state(&cluster.instances[0]).await;
    assert_eq!(server.len(), TODOS);
    let differences = client.replica.differences(&server);
    findings
        .check(differences.is_empty(), || format!("{} differences: {}", differences.len(), differences[0]));
    findings
        .check(server.values().all(|todo| todo["version"] == 2), || "not all were changed once".to_owned());
    findings.conclude("catch_up", &format!("{} todos", server.len()), &cluster);
}

/// Sends one command for each todo, in batches, through the first instance.
async fn write(cluster: &TwoInstances, ids: &[String], op: &'static str) {
    let began = Instant::now();
    let mut writers = JoinSet::new();
    for part in ids.chunks(TODOS / WRITERS) {
        // A slow machine can make a response late, which is no fault of the service. So these findings are not
        // reported.
        let caller = ApiClient::log_in("away", &cluster.instances[0], &Findings::default()).await;
        writers.spawn(write_batches(caller, cluster.instances[0].clone(), part.to_vec(), op));
    }
    let repeated: usize = writers.join_all().await.into_iter().sum();
    println!("catch_up: {TODOS} {op} commands in {:.1?}, {repeated} batches repeated", began.elapsed());
}

/// Returns how many batches were sent again, which happens if a batch takes longer than the request deadline.
async fn write_batches(mut caller: ApiClient, instance: Instance, ids: Vec<String>, op: &str) -> usize {
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

/// Catches up through the second instance, and checks its memory.
async fn read(cluster: &TwoInstances, client: &mut Follower, what: &str) {
    let server = &cluster.resources[1];
    server.forget_peak();
    let before = server.peak_memory();
    let (began, came) = (Instant::now(), client.replica.came);
    let pages = client.catch_up(&cluster.instances[1], PAGE).await;
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
