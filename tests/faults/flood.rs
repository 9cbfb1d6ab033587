//! Many concurrent wrong logins, each of which needs a password hash. Readers hardly notice them.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::findings::{Findings, p99};
use crate::fleet::account::Account;
use crate::fleet::instance::Instance;
use crate::fleet::{StopFlag, exclusive_use};
use crate::service::Service;
use crate::{rate, seconds};

const CLIENTS: usize = 16;
/// The bcrypt cost of production.
const SETTINGS: [(&str, &str); 2] = [("BCRYPT_COST", "12"), ("THROTTLES", "off")];
/// The interval between reads, and the number of todos that are read.
const PACE: Duration = Duration::from_millis(20);
const TODOS: usize = 20;
/// How much more than twice the calm time a read may take.
const MORE: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_flood_of_logins_does_not_slow_reads_down() {
    let _exclusive = exclusive_use().await;
    let service = Service::start("flood", 1, &SETTINGS).await;
    let (instance, findings) = (service.instances.to(0), Findings::default());
    let reader = Account::register("reader", &instance).await;
    for number in 0..TODOS {
        reader.make(&instance, &json!({ "name": format!("todo {number}") })).await;
    }
    let flooded_for = seconds(30, 300);
    let calm = read(&reader, &instance, flooded_for / 3, &findings).await;
    let stop = StopFlag::default();
    let clients: JoinSet<_> =
        (0..CLIENTS).map(|_| log_in(instance.clone(), findings.clone(), stop.clone())).collect();
    let flooded = read(&reader, &instance, flooded_for, &findings).await;
    stop.set();
    let logins: usize = clients.join_all().await.into_iter().sum();
    let (reads, calm, flooded) = (calm.len() + flooded.len(), p99(calm), p99(flooded));
    findings.check(flooded <= 2 * calm + MORE, || format!("p99 {flooded:?}, calm {calm:?}"));
    let figures = format!(
        "{reads} reads, p99 {flooded:.1?} beside {:.1} logins/s of {CLIENTS} clients, {calm:.1?} without, slowest \
         answer {:.1?}",
        rate(logins, flooded_for),
        findings.slowest(),
    );
    findings.conclude("login flood", &figures, &service);
}

/// Reads for a while, and returns the duration of each response.
async fn read(reader: &Account, instance: &Instance, time: Duration, findings: &Findings) -> Vec<Duration> {
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        let answer = reader.call(instance, Method::GET, "/v1/todos", &Value::Null).await;
        findings.judge(&answer, || "GET /v1/todos".to_owned());
        findings.check(answer.status == 200, || format!("a read returned {}", answer.status));
        times.push(answer.took());
        tokio::time::sleep(PACE).await;
    }
    times
}

/// Logs in with a wrong password until `stop`, and returns the number of logins.
async fn log_in(instance: Instance, findings: Findings, stop: StopFlag) -> usize {
    let (body, mut count) = (json!({ "username": "reader", "password": "a wrong password" }), 0);
    while !stop.is_set() {
        let answer = instance.call(Method::POST, "/v1/login", "", &body).await;
        findings.judge(&answer, || "POST /v1/login".to_owned());
        findings.check(matches!(answer.status, 401 | 429 | 503), || {
            format!("a wrong password: {}", answer.status)
        });
        count += 1;
    }
    count
}
