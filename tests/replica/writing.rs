//! Writers on two instances, a database that fails over, and clients that lose responses and connections, calendar clients
//! among them. In the end every client has exactly the state of the server, and no acknowledged write is lost.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::api_client::ApiClient;
use crate::calendar_client::CalendarClient;
use crate::findings::Findings;
use crate::fleet::instance::Instance;
use crate::fleet::{StopFlag, exclusive_use};
use crate::follower::Follower;
use crate::is_long;
use crate::poller::Poller;
use crate::random_requests::{self, KnownIds};
use crate::replica::{Objects, version_of};
use crate::two_instances::TwoInstances;
use crate::writer::Writer;

const WRITERS: usize = 5;
/// The initial number of todos. With more todos, a lost change is more often the last change of its todo, and is found.
const FIRST_TODOS: usize = 800;
const SYNC_CLIENTS: usize = 8;
const LISTENERS: usize = 4;
const STEADY_LISTENERS: usize = 2;
/// Each also writes.
const CALENDAR_CLIENTS: usize = 4;

/// Tokens expire during the run.
const SETTINGS: [(&str, &str); 1] = [("ACCESS_TOKEN_TTL", "45s")];
/// How long a killed node stays away.
const AWAY: Duration = Duration::from_secs(7);
/// How often the comparison is repeated while the server still finishes interrupted work.
const COMPARISONS: usize = 5;

#[tokio::test]
async fn replicas_end_with_the_state_of_the_server() {
    let _exclusive = exclusive_use().await;
    let cluster = TwoInstances::start("writing", &SETTINGS).await;
    let findings = Findings::default();
    let mut caller = ApiClient::register("writer", &cluster.instances[0], &findings).await;
    let mut listeners = Vec::new();
    for number in 0..LISTENERS + STEADY_LISTENERS {
        let mut listener = follower("listener", number, &cluster, &findings).await;
        drop(listener.connect(&cluster.instances[number % 2]).await);
        listeners.push(listener);
    }
    let mut clients = Vec::new();
    for number in 0..SYNC_CLIENTS {
        clients.push(follower("sync client", number, &cluster, &findings).await);
    }
    let mut calendars = Vec::new();
    for number in 0..CALENDAR_CLIENTS {
        calendars.push(CalendarClient::new(number, &mut caller, &cluster.instances[number % 2]).await);
    }
    let (writing, stop) = (StopFlag::default(), StopFlag::default());
    let writers = begin_writing(&cluster, &findings, &writing).await;
    let calendars = follow(calendars, &cluster, &writing, CalendarClient::run);
    let clients = follow(clients, &cluster, &stop, Follower::run_by_sync);
    let steady = follow(listeners.split_off(LISTENERS), &cluster, &stop, Follower::run_steadily);
    let listeners = follow(listeners, &cluster, &stop, Follower::run_by_events);
    let poller = ApiClient::register("poller", &cluster.instances[0], &findings).await;
    let poller = Poller::new(poller, &cluster.instances[0]).await;
    let polling = tokio::spawn(poller.run(cluster.instances.clone(), stop.clone()));
    strike(&cluster, &findings).await;
    writing.set();
    writers.join_all().await;
    let mut calendars = calendars.join_all().await;
    stop.set();
    polling.await.unwrap();
    let (mut clients, mut listeners) = (clients.join_all().await, listeners.join_all().await);
    listeners.extend(steady.join_all().await);

    let server = compare(&mut caller, &cluster.instances, &mut clients, &mut listeners).await;
    for calendar in &mut calendars {
        calendar.compare(&cluster.instances, &server).await;
    }
    let skipped = judge(&server, &clients, &listeners, &findings);
    findings.look_for_lost_writes(&cluster.stored_versions().await);
    conclude(&cluster, &findings, &server, skipped, &clients, &listeners);
}

async fn follower(what: &str, number: usize, cluster: &TwoInstances, findings: &Findings) -> Follower {
    let caller = ApiClient::log_in("writer", &cluster.instances[number % 2], findings).await;
    Follower::new(format!("{what} {number}"), caller)
}

async fn begin_writing(cluster: &TwoInstances, findings: &Findings, stop: &StopFlag) -> JoinSet<()> {
    let (known, mut writers) = (KnownIds::default(), JoinSet::new());
    let mut caller = ApiClient::log_in("writer", &cluster.instances[0], findings).await;
    for commands in random_requests::first_todos(&known, FIRST_TODOS) {
        let body = json!({ "token": null, "limit": 1, "commands": commands });
        let answer = caller.call(&cluster.instances[0], Method::POST, "/v1/sync", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    for number in 0..WRITERS {
        let caller = ApiClient::log_in("writer", &cluster.instances[number % 2], findings).await;
        let writer = Writer { caller, known: known.clone() };
        writers.spawn(writer.run(cluster.instances.clone(), stop.clone()));
    }
    writers
}

fn follow<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    followers: Vec<T>,
    cluster: &TwoInstances,
    stop: &StopFlag,
    run: impl Fn(T, [Instance; 2], StopFlag) -> F,
) -> JoinSet<T> {
    let mut tasks = JoinSet::new();
    for follower in followers {
        tasks.spawn(run(follower, cluster.instances.clone(), stop.clone()));
    }
    tasks
}

/// Lets everyone work, and makes the primary fail in between: it is killed once, or at the long size killed and stepped
/// down in turn, every two minutes.
async fn strike(cluster: &TwoInstances, findings: &Findings) {
    let failures = if is_long() { 14 } else { 1 };
    let pause = Duration::from_mins(if is_long() { 2 } else { 1 });
    for failure in 0..failures {
        tokio::time::sleep(pause).await;
        let (primary, _) = cluster.set.nodes().await;
        findings.failure();
        if failure % 2 == 0 {
            primary.kill().await;
            tokio::time::sleep(AWAY).await;
            cluster.set.repair().await;
            findings.count("primaries killed", 1);
        } else {
            primary.step_down().await;
            findings.count("primaries stepped down", 1);
        }
    }
    tokio::time::sleep(pause.saturating_sub(AWAY)).await;
}

/// Brings everyone up to date, and returns the state of the server, which was the same before and after.
async fn compare(
    caller: &mut ApiClient,
    instances: &[Instance; 2],
    clients: &mut [Follower],
    listeners: &mut [Follower],
) -> Objects {
    for _ in 0..COMPARISONS {
        let server = caller.server_state(&instances[0]).await;
        for (number, client) in clients.iter_mut().enumerate() {
            client.catch_up(&instances[number % 2], 200).await;
        }
        for (number, listener) in listeners.iter_mut().enumerate() {
            if number >= LISTENERS || number % 2 == 0 {
                listener.settle(&instances[number / 2 % 2], &server).await;
            } else {
                listener.catch_up(&instances[number / 2 % 2], 200).await;
            }
        }
        if caller.server_state(&instances[1]).await == server {
            return server;
        }
        caller.findings.count("compared anew", 1);
    }
    panic!("the state of the server keeps changing without writers");
}

/// Returns how many objects were skipped. That is a fault, and so is an older version after a newer one in sync
/// responses.
fn judge(server: &Objects, clients: &[Follower], listeners: &[Follower], findings: &Findings) -> usize {
    let mut skipped = 0;
    for follower in clients.iter().chain(listeners) {
        let differences = follower.replica.differences(server);
        skipped += differences.len();
        findings.check(differences.is_empty(), || {
            let told: Vec<_> = differences.iter().take(5).cloned().collect();
            format!("{} differs in {}:\n  {}", follower.name, differences.len(), told.join("\n  "))
        });
    }
    for client in clients {
        let lower = &client.replica.came_lower;
        findings.check(lower.is_empty(), || {
            let told = &lower[..lower.len().min(5)];
            format!("{}: {} lower versions: {told:?}", client.name, lower.len())
        });
    }
    skipped
}

fn conclude(
    cluster: &TwoInstances,
    findings: &Findings,
    server: &Objects,
    skipped: usize,
    clients: &[Follower],
    listeners: &[Follower],
) {
    for (what, followers) in [("sync clients", clients), ("listeners", listeners)] {
        let sum = |of: fn(&Follower) -> usize| followers.iter().map(of).sum::<usize>();
        let came = sum(|follower| follower.replica.came);
        let twice = sum(|follower| follower.replica.came_twice);
        let lower = sum(|follower| follower.replica.came_lower.len());
        println!("writing: {what}: {came} objects came, {twice} twice, {lower} in a lower version");
    }
    findings.print_writes("writing");
    let in_trash = server.values().filter(|object| !object["deleted_at"].is_null()).count();
    let highest = server.values().map(version_of).max().unwrap_or_default();
    let versions: i64 = server.values().map(version_of).sum();
    let figures = format!(
        "{} objects ({in_trash} in the trash), versions up to {highest}, {versions} in all; skipped {skipped}",
        server.len(),
    );
    assert!(
        [("sync answers", 100), ("events", 100), ("calendar answers", 10)]
            .iter()
            .all(|(what, least)| findings.counted(what) > *least),
        "too few responses and events"
    );
    findings.conclude("writing", &figures, cluster);
}
