//! Concurrent conflicting requests on two instances. One wins or all succeed, and the data stays consistent.

use std::collections::{BTreeMap, BTreeSet};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bson::doc;
use bson::oid::ObjectId;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::findings::Findings;
use crate::fleet::account::{Account, id_of};
use crate::fleet::instance::Answer;
use crate::fleet::{PASSWORD, chance, exclusive_use};
use crate::service::{Instances, Service};
use crate::size;

const REGISTRATIONS: usize = 25;
const REFRESHES: usize = 10;
const UPDATES: usize = 8;
const SIBLINGS: usize = 8;

/// How often a request is repeated if the service was too busy.
const REPEATED: usize = 20;

#[tokio::test]
async fn racing_requests_leave_consistent_data() {
    let _exclusive = exclusive_use().await;
    let service = Service::start("races", 2, &[]).await;
    let (instances, findings) = (&service.instances, &Findings::default());
    let rounds = size(5, 50);
    for round in 0..rounds {
        registrations(round, &service, findings).await;
        let account = Account::register(&format!("racer-{round}"), &instances.any()).await;
        refreshes(&account, &service, findings).await;
        conditional_updates(&account, instances, findings).await;
        updates_of_different_members(&account, instances, findings).await;
        removal_against_update(&account, instances, findings).await;
        moves_to_one_place(&account, instances, findings).await;
        moves_under_each_other(&account, instances, findings).await;
    }
    let figures = format!(
        "{rounds} rounds of {REGISTRATIONS} registrations, {REFRESHES} refreshes, {UPDATES} updates with If-Match, \
         {UPDATES} of different members, removal against update, {SIBLINGS} moves to one place, moves under each \
         other; slowest answer {:.1?}",
        findings.slowest(),
    );
    findings.conclude("races", &figures, &service);
}

/// Sends requests concurrently, alternating between the instances. Requests that found the service too busy are
/// repeated.
async fn race(
    account: &Account,
    instances: &Instances,
    findings: &Findings,
    header: (&str, &str),
    requests: Vec<(Method, String, Value)>,
) -> Vec<Answer> {
    let send = async |number: usize, (method, path, body): &(Method, String, Value)| {
        let mut tries = 0;
        loop {
            let instance = instances.to(number % 2);
            let answer = account.call_with(&instance, header, method.clone(), path, body).await;
            findings.judge(&answer, || format!("{method} {path} {body}"));
            tries += 1;
            if !matches!(answer.status, 429 | 503) || tries > REPEATED {
                return answer;
            }
        }
    };
    join_all(requests.iter().enumerate().map(|(number, request)| send(number, request))).await
}

fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts
}

async fn registrations(round: usize, service: &Service, findings: &Findings) {
    let name = format!("wanted-{round}");
    let body = json!({ "username": name, "password": PASSWORD });
    let nobody = Account { id: ObjectId::new(), access: String::new(), refresh: String::new() };
    let requests = vec![(Method::POST, "/v1/register".to_owned(), body); REGISTRATIONS];
    let answers = race(&nobody, &service.instances, findings, ("accept", "*/*"), requests).await;
    let stored = service.collection("users").await.count_documents(doc! { "username": &name }).await.unwrap();
    let is_right = statuses(&answers) == BTreeMap::from([(201, 1), (409, REGISTRATIONS - 1)]) && stored == 1;
    findings.check(is_right, || format!("registrations: {:?}, {stored} stored", statuses(&answers)));
    let told = answers.iter().filter(|answer| answer.status == 409);
    let told = told.filter(|answer| answer.body["code"] != "username_taken").count();
    findings.check(told == 0, || format!("{told} registrations were refused for another reason"));
}

/// The session of an access token, and its generation.
fn claims(access: &str) -> (Value, Value) {
    let claims = access.split('.').nth(1).map(|claims| BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap());
    let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    (claims["sid"].clone(), claims["gen"].clone())
}

async fn refreshes(account: &Account, service: &Service, findings: &Findings) {
    let (instances, bearer) =
        (&service.instances, Account { access: account.refresh.clone(), ..account.clone() });
    let session = claims(&account.access).0;
    let requests = vec![(Method::POST, "/v1/refresh".to_owned(), Value::Null); REFRESHES];
    let answers = race(&bearer, instances, findings, ("accept", "*/*"), requests).await;
    let text = |answer: &Answer, name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
    let is_one_chain = answers.iter().all(|answer| {
        answer.status == 200 && claims(&text(answer, "access_token")) == (session.clone(), json!(1))
    });
    findings.check(is_one_chain, || format!("refreshes: {answers:?}"));
    // Any of the tokens continues the chain, because the others are equivalent.
    for index in [REFRESHES / 2, 1] {
        let twin = Account { access: text(&answers[index], "refresh_token"), ..account.clone() };
        let next = twin.call(&instances.to(index % 2), Method::POST, "/v1/refresh", &Value::Null).await;
        let is_next = next.status == 200 && claims(&text(&next, "access_token")).1 == 2;
        findings.check(is_next, || format!("refresh after refreshes: {next:?}"));
    }
    let session = doc! { "_id": session.as_str().unwrap() };
    let stored = service.collection("sessions").await.find_one(session).await.unwrap().unwrap();
    findings.check(stored.get_i64("gen").is_ok_and(|last| last == 2), || {
        format!("the session in the end: {stored}")
    });
}

async fn conditional_updates(account: &Account, instances: &Instances, findings: &Findings) {
    let todo = account.make(&instances.any(), &json!({ "name": "wanted" })).await;
    let path = format!("/v1/todos/{}", id_of(&todo));
    let update = |number| (Method::PATCH, path.clone(), json!({ "name": format!("winner {number}") }));
    let requests = (0..UPDATES).map(update).collect();
    let answers = race(account, instances, findings, ("if-match", "\"1\""), requests).await;
    let is_right = statuses(&answers) == BTreeMap::from([(200, 1), (412, UPDATES - 1)]);
    findings.check(is_right, || format!("updates with If-Match: {:?}", statuses(&answers)));
    let now = account.todo(&instances.any(), id_of(&todo)).await;
    for answer in &answers {
        let shown = if answer.status == 200 { &answer.body } else { &answer.body["current"] };
        findings.check(*shown == now && now["version"] == 2, || format!("{now}, but {answer:?}"));
    }
}

async fn updates_of_different_members(account: &Account, instances: &Instances, findings: &Findings) {
    let list = json!({ "name": "new list" });
    let list = account.call(&instances.any(), Method::POST, "/v1/lists", &list).await.body;
    let todo = json!({ "name": "old", "due": { "date": "2030-01-01" } });
    let todo = account.make(&instances.any(), &todo).await;
    let members = [
        ("name", json!("new")),
        ("description", json!("new")),
        ("completed", json!(false)),
        ("due", json!({ "date": "2030-02-02" })),
        ("recurrence", json!({ "rule": "FREQ=DAILY", "basis": "due", "left": null })),
        ("priority", json!("high")),
        ("tags", json!(["new"])),
        ("list_id", list["id"].clone()),
    ];
    assert_eq!(members.len(), UPDATES);
    let path = format!("/v1/todos/{}", id_of(&todo));
    let update = |(name, value): &(&str, Value)| (Method::PATCH, path.clone(), json!({ *name: value }));
    let requests = members.iter().map(update).collect();
    let answers = race(account, instances, findings, ("accept", "*/*"), requests).await;
    findings.check(answers.iter().all(Answer::is_success), || format!("updates: {answers:?}"));
    let now = account.todo(&instances.any(), id_of(&todo)).await;
    for (name, value) in &members {
        findings.check(now[*name] == *value, || format!("the update of {name} is lost: {now}"));
    }
}

async fn removal_against_update(account: &Account, instances: &Instances, findings: &Findings) {
    let todo = account.make(&instances.any(), &json!({ "name": "old" })).await;
    let path = format!("/v1/todos/{}", id_of(&todo));
    let update = (Method::PATCH, path.clone(), json!({ "name": "new" }));
    let mut requests = vec![(Method::DELETE, path, Value::Null), update];
    let is_turned = chance(50);
    if is_turned {
        requests.reverse();
    }
    let answers = race(account, instances, findings, ("accept", "*/*"), requests).await;
    let now = account.todo(&instances.any(), id_of(&todo)).await;
    let (removal, update) = (answers[usize::from(is_turned)].status, answers[usize::from(!is_turned)].status);
    let name = if update == 200 { "new" } else { "old" };
    let is_right =
        removal == 204 && matches!(update, 200 | 409) && !now["deleted_at"].is_null() && now["name"] == name;
    findings.check(is_right, || format!("removal against update: {answers:?}: {now}"));
}

async fn moves_to_one_place(account: &Account, instances: &Instances, findings: &Findings) {
    let list =
        account.call(&instances.any(), Method::POST, "/v1/lists", &json!({ "name": "order" })).await.body;
    let mut ids = Vec::new();
    for number in 0..=SIBLINGS {
        let todo = json!({ "name": format!("sibling {number}"), "list_id": list["id"] });
        ids.push(id_of(&account.make(&instances.any(), &todo).await).to_owned());
    }
    let beside = |id: &String| (Method::POST, format!("/v1/todos/{id}/move"), json!({ "after": ids[0] }));
    let requests = ids[1..].iter().map(beside).collect();
    let answers = race(account, instances, findings, ("accept", "*/*"), requests).await;
    findings.check(answers.iter().all(Answer::is_success), || format!("moves: {answers:?}"));
    let path = format!("/v1/todos?list_id={}", list["id"].as_str().unwrap());
    let mut orders = Vec::new();
    for instance in instances.all() {
        let page = account.call(&instance, Method::GET, &path, &Value::Null).await.body;
        let order = page["items"].as_array().unwrap().iter();
        orders.push(
            order.map(|todo| (todo["position"].to_string(), id_of(todo).to_owned())).collect::<Vec<_>>(),
        );
    }
    let positions: BTreeSet<_> = orders[0].iter().map(|(position, _)| position).collect();
    let is_total = positions.len() == ids.len() && orders[0].len() == ids.len();
    findings.check(is_total && orders[0] == orders[1], || format!("no total order: {orders:?}"));
    findings.check(orders[0][0].1 == ids[0], || format!("a todo was moved before the first one: {orders:?}"));
}

async fn moves_under_each_other(account: &Account, instances: &Instances, findings: &Findings) {
    let mut ids = Vec::new();
    for number in 0..4 {
        let todo = json!({ "name": format!("in a cycle {number}") });
        ids.push(id_of(&account.make(&instances.any(), &todo).await).to_owned());
    }
    let under = |number: usize| {
        let body = json!({ "parent_id": ids[(number + 1) % ids.len()] });
        (Method::POST, format!("/v1/todos/{}/move", ids[number]), body)
    };
    let answers =
        race(account, instances, findings, ("accept", "*/*"), (0..ids.len()).map(under).collect()).await;
    let allowed = |answer: &Answer| matches!(answer.status, 200 | 409 | 422);
    findings.check(answers.iter().all(allowed), || format!("moves under each other: {answers:?}"));
    let mut parents = BTreeMap::new();
    for id in &ids {
        let todo = account.todo(&instances.any(), id).await;
        parents.insert(id.clone(), todo["parent_id"].as_str().map(str::to_owned));
    }
    for id in &ids {
        let mut steps = 0;
        let mut next = parents[id].as_ref();
        while let Some(parent) = next.filter(|_| steps <= ids.len()) {
            steps += 1;
            next = parents[parent].as_ref();
        }
        findings.check(steps <= ids.len(), || format!("a cycle: {parents:?}: {answers:?}"));
    }
}
