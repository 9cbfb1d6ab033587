//! One client's load never turns another client away: requests, sync, slow bodies, password hashes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use bson::doc;
use bson::oid::ObjectId;
use futures_util::future::{join, join_all};
use futures_util::{FutureExt, stream};
use serde_json::{Value, json};
use todo_api::clock::Clock;
use todo_api::http::access_log::PeerAddress;
use todo_api::http::admission::CLIENT_SHARE;
use todo_api::http::client::ClientKey;
use todo_api::http::client_address::Network;

use crate::support::{Answer, Client, PASSWORD, TestApp, TestDatabase};

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

/// More requests than a client may have at once.
const TOO_MANY: usize = CLIENT_SHARE.slots + CLIENT_SHARE.waiting + 20;

fn key(client: &Client) -> ClientKey {
    ClientKey::User(ObjectId::parse_str(client.claims()["sub"].as_str().unwrap()).unwrap())
}

/// Counts responses by status, and checks that each refusal says when to retry.
fn by_status(answers: Vec<Answer>) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        let status = answer.status.as_u16();
        *counts.entry(status).or_default() += 1;
        if status == 429 {
            let seconds: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=2).contains(&seconds), "{seconds}");
        }
    }
    counts
}

async fn from(app: &TestApp, address: IpAddr, method: Method, path: &str, body: &Value) -> Answer {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.extension(PeerAddress(SocketAddr::new(address, 4_711)));
    app.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// A service whose password hashes take longer than everything else in a login.
async fn with_slow_hashes() -> TestApp {
    let clock = Clock::held_at(Clock::system().now());
    TestApp::with(TestDatabase::create().await, clock, &[("BCRYPT_COST", "9")]).await
}

#[tokio::test]
async fn a_user_with_too_many_requests_is_refused_and_others_are_not() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let paths =
        ["/v1/todos", "/v1/todos?q=milk", "/v1/lists", "/v1/tags", "/v1/user", "/v1/sessions", "/todolist"];
    let attack = (0..TOO_MANY).map(|number| ann.get(paths[number % paths.len()]));
    let calm = async {
        for _ in 0..5 {
            ben.post("/v1/todos", json!({ "name": "calm" })).await.assert(201);
            ben.get("/v1/todos").await.assert(200);
        }
    };
    let (answers, ()) = join(join_all(attack), calm).await;
    let counts = by_status(answers);
    assert_eq!(counts[&429], 20, "{counts:?}");
    assert!(!counts.contains_key(&503), "{counts:?}");
    ann.get("/v1/todos").await.assert(200);
    assert_eq!(app.state.admission.busy(), (0, 0));
}

#[tokio::test]
async fn refusals_have_the_format_of_their_routes() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let (client, mut held) = (key(&ann), Vec::new());
    for _ in 0..CLIENT_SHARE.slots {
        held.push(app.state.admission.slot_for(client).await.unwrap());
    }
    let mut waiting: Vec<_> = (0..CLIENT_SHARE.waiting).map(|_| Box::pin(ann.get("/v1/user"))).collect();
    for request in &mut waiting {
        assert!(request.now_or_never().is_none());
    }
    ann.get("/v1/user").await.assert_problem(429, "too_many_requests");
    ann.get("/v1/events").await.assert_problem(429, "too_many_requests");
    ann.with_refresh_token()
        .send(Method::POST, "/v1/refresh", &[], "")
        .await
        .assert_problem(429, "too_many_requests");
    ann.get("/todolist").await.assert_message(429, "Too many attempts. Please try again later.");
    ann.with_token("forged").get("/v1/user").await.assert_problem(401, "token_invalid");
    drop(held);
    for answer in join_all(waiting).await {
        answer.assert(200);
    }
}

#[tokio::test]
async fn a_revoked_token_does_not_use_up_the_share_of_its_user() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let stolen = app.v1_login("ann").await;
    stolen.v1_logout().await.assert(204);
    let mut held = Vec::new();
    for _ in 0..CLIENT_SHARE.slots {
        held.push(app.state.admission.slot_for(key(&ann)).await.unwrap());
    }
    assert!(ann.get("/v1/user").now_or_never().is_none(), "the owner waits");
    stolen.get("/v1/user").await.assert_problem(401, "token_revoked");
}

#[tokio::test]
async fn sync_batches_past_the_queue_are_refused_as_a_whole() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let batch = |number: usize| {
        let put = |command| {
            json!({ "id": format!("{number}-{command}"), "op": "put", "type": "todo",
                "target": ObjectId::new().to_hex(), "body": { "name": format!("batch {number}") } })
        };
        json!({ "token": null, "limit": 1, "commands": [put(1), put(2)] })
    };
    let attack = (0..TOO_MANY).map(|number| ann.post("/v1/sync", batch(number)));
    let calm = async {
        for number in 0..5 {
            ben.post("/v1/sync", batch(number)).await.assert(200);
        }
    };
    let (answers, ()) = join(join_all(attack), calm).await;
    let owner_id = ObjectId::parse_str(ann.claims()["sub"].as_str().unwrap()).unwrap();
    for (number, answer) in answers.iter().enumerate() {
        let results = answer.json()["results"].clone();
        match answer.status.as_u16() {
            200 => {
                assert!(
                    results.as_array().unwrap().iter().all(|result| result["status"] == 201),
                    "{results}"
                );
            }
            429 => {
                let written = doc! { "owner_id": owner_id, "name": format!("batch {number}") };
                assert_eq!(app.db.collection("todos").count_documents(written).await.unwrap(), 0);
            }
            // Past the deadline, on a slow machine.
            status => assert_eq!(status, 503),
        }
    }
    assert_eq!(by_status(answers)[&429], 20);
}

#[tokio::test]
async fn bodies_that_arrive_slowly_hold_no_slot() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let mut slow: Vec<_> = (0..100)
        .map(|_| {
            let body = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
            let headers = [("content-type", "application/json")];
            let ann = ann.clone();
            Box::pin(async move { ann.send(Method::POST, "/v1/todos", &headers, body).await })
        })
        .collect();
    for request in &mut slow {
        assert!(request.now_or_never().is_none());
        // It may first read the blacklist, and has a slot meanwhile.
        while app.state.admission.busy() != (0, 0) {
            tokio::task::yield_now().await;
            assert!(request.now_or_never().is_none(), "it holds its slot until its body is late");
        }
    }
    ben.get("/v1/todos").await.assert(200);
    ann.get("/v1/todos").await.assert(200);
}

#[tokio::test]
async fn requests_without_a_token_count_for_their_address() {
    let app = TestApp::start().await;
    let client = ClientKey::Address(Network::of(Some(HOME)));
    let mut held = Vec::new();
    for _ in 0..CLIENT_SHARE.slots {
        held.push(app.state.admission.slot_for(client).await.unwrap());
    }
    let user = async |address| from(&app, address, Method::GET, "/v1/user", &json!({})).await;
    let mut waiting: Vec<_> = (0..CLIENT_SHARE.waiting).map(|_| Box::pin(user(HOME))).collect();
    for request in &mut waiting {
        assert!(request.now_or_never().is_none());
    }
    user(HOME).await.assert_problem(429, "too_many_requests");
    user(AWAY).await.assert_problem(401, "token_missing");
    drop(held);
    for answer in join_all(waiting).await {
        answer.assert_problem(401, "token_missing");
    }
}

#[tokio::test]
async fn password_changes_of_one_user_do_not_keep_others_from_logging_in() {
    let app = with_slow_hashes().await;
    let (ann, _) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let change = json!({ "current_password": "wrong password", "new_password": "battery staple" });
    let attack = (0..30).map(|_| ann.put("/v1/user/password", change.clone()));
    let login = async {
        for _ in 0..3 {
            app.v1_login("ben").await;
        }
    };
    let (answers, ()) = join(join_all(attack), login).await;
    let counts = by_status(answers);
    assert!(counts[&429] > counts[&401], "{counts:?}");
    ann.put("/v1/user/password", json!({ "current_password": PASSWORD, "new_password": "battery staple" }))
        .await
        .assert(200);
}

#[tokio::test]
async fn logins_from_one_address_do_not_keep_others_from_logging_in() {
    let app = with_slow_hashes().await;
    app.v1_user("ann").await;
    let login = async |address, name: &str| {
        from(&app, address, Method::POST, "/v1/login", &json!({ "username": name, "password": PASSWORD }))
            .await
    };
    let attack = (0..40).map(|_| login(HOME, "nobody"));
    let calm = async {
        for _ in 0..3 {
            login(AWAY, "ann").await.assert(200);
        }
    };
    let (answers, ()) = join(join_all(attack), calm).await;
    let counts = by_status(answers);
    assert!(counts[&401] > 0 && counts[&429] > 0, "{counts:?}");
}
