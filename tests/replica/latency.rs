//! The time from a write on one instance to the event on another.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::api_client::ApiClient;
use crate::events::Events;
use crate::findings::{Findings, distribution};
use crate::fleet::exclusive_use;
use crate::follower::Follower;
use crate::replica::version_of;
use crate::two_instances::TwoInstances;

const WRITES: i64 = 200;
const PACE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_change_on_one_instance_is_an_event_on_the_other() {
    let _exclusive = exclusive_use().await;
    let cluster = TwoInstances::start("latency", &[]).await;
    let findings = Findings::default();
    let mut caller = ApiClient::register("fast", &cluster.instances[0], &findings).await;
    let todo =
        caller.call(&cluster.instances[0], Method::POST, "/v1/todos", &json!({ "name": "first" })).await;
    let path = format!("/v1/todos/{}", todo.body["id"].as_str().unwrap());
    let other = ApiClient::log_in("fast", &cluster.instances[1], &findings).await;
    let events = Follower::new("listener".to_owned(), other).connect(&cluster.instances[1]).await;
    let listening = tokio::spawn(arrivals(events));

    let mut writes = Vec::new();
    for number in 1..=WRITES {
        let body = json!({ "name": format!("name {number}") });
        let answer = caller.call(&cluster.instances[0], Method::PATCH, &path, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(version_of(&answer.body), number + 1);
        tokio::time::sleep((answer.sent + PACE).saturating_duration_since(Instant::now())).await;
        writes.push(answer);
    }
    let arrivals = tokio::time::timeout(PATIENCE, listening).await.expect("a version is missing").unwrap();

    let since = |moment: fn(&crate::fleet::instance::Answer) -> Instant| {
        let times = writes.iter().map(|write| {
            let (came, from) = (arrivals[&version_of(&write.body)], moment(write));
            came.saturating_duration_since(from).as_secs_f64() * 1e3
                - from.saturating_duration_since(came).as_secs_f64() * 1e3
        });
        distribution(times.collect())
    };
    let figures = format!(
        "{WRITES} writes, events on the other process after the answer {}, after the sending {}",
        since(|write| write.came),
        since(|write| write.sent),
    );
    findings.conclude("latency", &figures, &cluster);
}

/// When each version arrived, either itself or a higher one.
async fn arrivals(mut events: Events) -> HashMap<i64, Instant> {
    let (mut arrivals, mut highest) = (HashMap::new(), 1);
    while highest <= WRITES {
        let block = events.next().await.expect("the stream ended");
        let data = block.data.expect("a change");
        // The change from before the connection may be repeated.
        let version = version_of(&data["todos"][0]);
        for version in highest + 1..=version {
            arrivals.insert(version, Instant::now());
        }
        highest = highest.max(version);
    }
    arrivals
}
