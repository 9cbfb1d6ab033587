//! The cost of a thousand idle event streams, and which of them get the event when one user writes.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::api_client::ApiClient;
use crate::events::Events;
use crate::findings::Findings;
use crate::fleet::exclusive_use;
use crate::follower::Follower;
use crate::is_long;
use crate::two_instances::TwoInstances;

const USERS: usize = 50;
const CONNECTIONS: usize = 20;
const ALL: usize = USERS * CONNECTIONS;
const SETTINGS: [(&str, &str); 3] =
    [("MAX_EVENT_CONNECTIONS", "2000"), ("MAX_CONNECTIONS_PER_ADDRESS", "2100"), ("ACCESS_TOKEN_TTL", "1h")];

/// What a connection reports.
enum Report {
    /// A comment arrived.
    Ping,
    /// An event for this user arrived.
    Event(usize),
    /// The connection ended.
    End,
}

#[tokio::test]
async fn a_thousand_idle_connections_cost_little() {
    let _exclusive = exclusive_use().await;
    let cluster = TwoInstances::start("idle", &SETTINGS).await;
    let (instance, server) = (&cluster.instances[0], &cluster.resources[0]);
    let findings = Findings::default();
    let mut users = Vec::new();
    for number in 0..USERS {
        users.push(ApiClient::register(&format!("user-{number}"), instance, &findings).await);
    }
    let before = server.memory();
    let (reports, mut inbox) = mpsc::unbounded_channel();
    let mut followers: Vec<_> = users.into_iter().map(|user| Follower::new(String::new(), user)).collect();
    let began = Instant::now();
    for _ in 0..CONNECTIONS {
        for (number, follower) in followers.iter_mut().enumerate() {
            let events = follower.connect(instance).await;
            tokio::spawn(report(events, number, reports.clone()));
        }
    }
    let opening = began.elapsed();
    drop(reports);
    let memory = server.memory();

    let time = Duration::from_secs(if is_long() { 120 } else { 20 });
    let cpu = server.cpu_seconds();
    let pings = collect(&mut inbox, time, usize::MAX, &findings).await.0;
    let cpu = server.cpu_seconds() - cpu;
    let wanted = ALL * usize::try_from(time.as_secs() / 16).unwrap();
    findings.check(pings >= wanted, || format!("{pings} pings in {time:?}"));

    let todo = json!({ "name": "for one user" });
    let writer = &mut followers[7].caller;
    assert_eq!(writer.call(instance, Method::POST, "/v1/todos", &todo).await.status, 201);
    let told = collect(&mut inbox, Duration::from_secs(10), CONNECTIONS, &findings).await.1;
    let more = collect(&mut inbox, Duration::from_secs(2), usize::MAX, &findings).await.1;
    findings
        .check(told.iter().all(|user| *user == 7) && told.len() == CONNECTIONS && more.is_empty(), || {
            format!("events of the change of user 7 went to {told:?}, then {more:?}")
        });
    let figures = format!(
        "{ALL} connections opened in {opening:.1?}, {:.1} kB each (memory from {} to {} kB), {cpu:.2} CPU seconds in \
         {time:?} with {pings} pings; a write told to {} connections of its user, nobody else",
        f64::from(u32::try_from(memory.saturating_sub(before) / 1024).unwrap())
            / f64::from(u32::try_from(ALL).unwrap()),
        before / 1024,
        memory / 1024,
        told.len(),
    );
    findings.conclude("idle", &figures, &cluster);
}

async fn report(mut events: Events, user: usize, reports: mpsc::UnboundedSender<Report>) {
    let mut pings = 0;
    loop {
        // `next` does not return comments, but counts them. So the timeout reports new pings.
        let block = tokio::time::timeout(Duration::from_millis(500), events.next()).await;
        for _ in pings..events.comments {
            let _ = reports.send(Report::Ping);
        }
        pings = events.comments;
        match block {
            Err(_) => {}
            Ok(Some(block)) if block.event.as_deref() != Some("change") => {}
            Ok(Some(_)) => drop(reports.send(Report::Event(user))),
            Ok(None) => return drop(reports.send(Report::End)),
        }
    }
}

/// What arrives within `time`, up to `most` events: the number of pings, and the users of the events.
async fn collect(
    inbox: &mut mpsc::UnboundedReceiver<Report>,
    time: Duration,
    most: usize,
    findings: &Findings,
) -> (usize, Vec<usize>) {
    let (until, mut pings, mut users) = (Instant::now() + time, 0, Vec::new());
    while users.len() < most {
        match timeout_at(until, inbox.recv()).await {
            Ok(Some(Report::Ping)) => pings += 1,
            Ok(Some(Report::Event(user))) => users.push(user),
            Ok(Some(Report::End)) => findings.check(false, || "a connection ended".to_owned()),
            Ok(None) | Err(_) => break,
        }
    }
    (pings, users)
}
