//! Requests that are repeated with their `Idempotency-Key`. They run once and get the same response, whatever happened
//! in between.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Method;
use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use futures_util::future::join_all;
use serde_json::{Value, json};
use todo_api::error::Error;
use todo_api::idempotency::scope::Scope;
use todo_api::idempotency::store::{Attempt, Outcome, USER_BYTES_MAX};

use crate::support::v1::DAY;
use crate::support::{Answer, Client, PASSWORD, SECRET, TestApp, TestDatabase};

fn body(username: &str) -> Value {
    json!({ "username": username, "password": PASSWORD, "email": "ann@example.org" })
}

/// Sends a registration with these keys.
async fn register(app: &TestApp, keys: &[&str], body: &Value) -> Answer {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(keys.iter().map(|key| ("idempotency-key", *key)));
    app.anonymous().send(Method::POST, "/v1/register", &headers, body.to_string()).await
}

/// Checks that the response is a replay of the first one.
#[track_caller]
fn assert_replay(again: &Answer, first: &Answer) {
    assert_eq!(first.header("idempotent-replayed"), "", "{first:?}");
    assert_eq!(again.header("idempotent-replayed"), "true", "{again:?}");
    let mut again = again.clone();
    again.headers.remove("idempotent-replayed");
    assert_eq!(again.anonymised(), first.clone().anonymised());
}

#[tokio::test]
async fn a_repeated_registration_returns_the_first_response() {
    let app = TestApp::start().await;
    let first = register(&app, &["k"], &body("ann")).await.assert(201);
    let unkeyed = app.anonymous().post("/v1/register", body("ben")).await.assert(201);
    for header in ["location", "etag", "cache-control", "content-type"] {
        assert_eq!(first.header(header), unkeyed.header(header), "{header}");
    }
    assert_replay(&register(&app, &["k"], &body("ann")).await, &first);
    let ann = app.v1_login("ann").await;
    ann.patch("/v1/user", json!({ "email": null })).await.assert(200);
    assert_replay(&register(&app.restart().await, &["k"], &body("ann")).await, &first);
    assert_eq!(app.db.all("users").await.len(), 2);
    let registered = app.audited().await.into_iter().filter(|event| event == "register").count();
    assert_eq!(registered, 2, "a retry must not register a user");
}

#[tokio::test]
async fn a_key_belongs_to_one_exact_body() {
    let app = TestApp::start().await;
    register(&app, &["k"], &body("ann")).await.assert(201);
    let other_password =
        json!({ "username": "ann", "password": "another password", "email": "ann@example.org" });
    for other in [body("ben"), other_password] {
        register(&app, &["k"], &other).await.assert_problem(409, "idempotency_key_reused");
    }
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let spaced = format!("{} ", body("ann"));
    let answer = app.anonymous().send(Method::POST, "/v1/register", &headers, spaced).await;
    answer.assert_problem(409, "idempotency_key_reused");
    assert_eq!(app.db.all("users").await.len(), 1);
    app.anonymous().get("/problems/idempotency_key_reused").await.assert(200);
}

#[tokio::test]
async fn racing_copies_create_one_user_and_get_the_same_response() {
    let app = TestApp::start().await;
    let other = app.restart().await;
    for round in 0..10 {
        let (key, body) = (format!("k{round}"), body(&format!("ann{round}")));
        let key = [key.as_str()];
        let copies = (0..6).map(|copy| register(if copy % 2 == 0 { &app } else { &other }, &key, &body));
        let answers = join_all(copies).await;
        let mut firsts: Vec<_> =
            answers.iter().filter(|answer| answer.header("idempotent-replayed").is_empty()).collect();
        let first = firsts.pop().expect("one is the first");
        assert!(firsts.is_empty(), "{firsts:?}");
        assert_eq!(first.status, 201, "{}", first.text());
        for answer in &answers {
            assert_eq!((answer.status, answer.text()), (first.status, first.text()));
            assert_eq!(answer.header("etag"), first.header("etag"));
        }
    }
    assert_eq!(app.db.all("users").await.len(), 10);
    assert_eq!(app.audited().await, ["register"; 10]);
}

#[tokio::test]
async fn a_key_is_one_header_of_1_to_128_printable_characters() {
    let app = TestApp::start().await;
    let (longest, longer) = ("k".repeat(128), "k".repeat(129));
    for (name, key) in [("ann", "k"), ("ben", longest.as_str()), ("cem", "a \"~!")] {
        let first = register(&app, &[key], &body(name)).await.assert(201);
        assert_replay(&register(&app, &[key], &body(name)).await, &first);
    }
    let odd: [&[&str]; 6] = [&[""], &[&longer], &["a\tb"], &["\u{e9}"], &["k", "k"], &["a", "b"]];
    for keys in odd {
        let answer = register(&app, keys, &body("dan")).await.assert_faults(&[""]);
        assert_eq!(answer.json()["errors"][0]["code"], "malformed_header", "{keys:?}");
    }
    assert_eq!(app.db.all("users").await.len(), 3);
}

#[tokio::test]
async fn a_key_expires_after_24_hours() {
    let app = TestApp::start().await;
    let first = register(&app, &["k"], &body("ann")).await.assert(201);
    let expires = app.clock.now().saturating_add_millis(25 * 60 * 60 * 1_000);
    app.advance(DAY);
    assert_replay(&register(&app, &["k"], &body("ann")).await, &first);
    let kept = app.db.all("idempotency").await;
    assert_eq!(
        kept[0].get("expires_at"),
        Some(&Bson::DateTime(expires)),
        "a retry must not extend the lifetime"
    );
    let listed = app.db.run(doc! { "listIndexes": "idempotency" }).await;
    let indexes = listed.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
    let ttl = indexes
        .iter()
        .filter_map(Bson::as_document)
        .find(|index| index.get_document("key").is_ok_and(|key| *key == doc! { "expires_at": 1 }));
    assert!(matches!(
        ttl.and_then(|ttl| ttl.get("expireAfterSeconds")),
        Some(Bson::Int32(0) | Bson::Int64(0))
    ));
    app.db.collection("idempotency").delete_many(doc! {}).await.unwrap();
    register(&app, &["k"], &body("ben")).await.assert(201);
}

#[tokio::test]
async fn a_retry_finishes_an_interrupted_request() {
    let app = TestApp::start().await;
    let first = register(&app, &["k"], &body("ann")).await.assert(201);
    let claims = app.db.collection("idempotency");
    // The process ended after it created the user and before it stored the response.
    claims.update_many(doc! {}, doc! { "$unset": { "answer": "" } }).await.unwrap();
    let again = register(&app, &["k"], &body("ann")).await;
    assert_eq!(again.anonymised(), first.clone().anonymised());
    assert_replay(&register(&app, &["k"], &body("ann")).await, &first);
    // The process ended after it stored the claim and before it created the user.
    claims.update_many(doc! {}, doc! { "$unset": { "answer": "" } }).await.unwrap();
    app.db.collection("users").delete_many(doc! {}).await.unwrap();
    let again = register(&app, &["k"], &body("ann")).await;
    assert_eq!(again.anonymised(), first.anonymised());
    assert_eq!(app.db.all("users").await.len(), 1);
}

#[tokio::test]
async fn a_refused_request_is_evaluated_again() {
    let app = TestApp::start().await;
    let ben = register(&app, &["b"], &body("ben")).await.assert(201);
    register(&app, &["k"], &body("ben")).await.assert_problem(409, "username_taken");
    app.db.collection("users").delete_many(doc! {}).await.unwrap();
    register(&app, &["k"], &body("ben")).await.assert(201);
    assert_replay(&register(&app, &["b"], &body("ben")).await, &ben);
    // A request that breaks a rule or is not admitted does not take the key.
    register(&app, &["n"], &body("")).await.assert_faults(&["/username"]);
    register(&app, &["n"], &body("new")).await.assert(201);
    let closed =
        TestApp::with(TestDatabase::create().await, app.clock.clone(), &[("REGISTRATION", "closed")]);
    let closed = closed.await;
    register(&closed, &["k"], &body("ann")).await.assert_problem(403, "registration_closed");
    assert!(closed.db.all("idempotency").await.is_empty());
}

#[tokio::test]
async fn without_a_key_nothing_is_remembered() {
    let app = TestApp::start().await;
    register(&app, &[], &body("ann")).await.assert(201);
    register(&app, &[], &body("ann")).await.assert_problem(409, "username_taken");
    register(&app, &["k"], &body("ann")).await.assert_problem(409, "username_taken");
    register(&app, &["k"], &body("ann")).await.assert_problem(409, "username_taken");
    let remembered = app.db.all("idempotency").await;
    assert!(remembered.len() == 1 && !remembered[0].contains_key("answer"), "{remembered:?}");
}

#[tokio::test]
async fn a_request_is_stored_as_a_keyed_digest_that_survives_key_rotation() {
    let app = TestApp::start().await;
    let first = register(&app, &["k"], &body("ann")).await.assert(201);
    let digest = |claim: &Document| claim.get_binary_generic("digest").unwrap().clone();
    let stored = app.db.all("idempotency").await.remove(0);
    let text = format!("{stored:?}");
    assert!(!text.contains(PASSWORD) && !text.contains("password"), "{text}");
    let new = [("JWT_SECRET", "fedcba9876543210fedcba9876543210"), ("JWT_SECRETS_PREVIOUS", SECRET)];
    let rotated = TestApp::with(app.db.clone(), app.clock.clone(), &new).await;
    assert_replay(&register(&rotated, &["k"], &body("ann")).await, &first);
    // The same request has another digest under another secret.
    app.db.collection("idempotency").delete_many(doc! {}).await.unwrap();
    register(&rotated, &["k"], &body("ann")).await.assert_problem(409, "username_taken");
    assert_ne!(digest(&app.db.all("idempotency").await[0]), digest(&stored));
}

/// The id that was reserved for the object of a request.
async fn once(app: &TestApp, scope: Scope, key: &str, request: &str) -> Result<(Outcome, usize), Error> {
    let times = AtomicUsize::new(0);
    let attempt = Attempt { key: key.to_owned(), request: request.into() };
    let make = async |id: ObjectId| {
        times.fetch_add(1, Ordering::Relaxed);
        Ok(json!({ "id": id.to_hex() }))
    };
    let outcome = app.state.idempotency.once(scope, Some(&attempt), make).await?;
    Ok((outcome, times.into_inner()))
}

#[tokio::test]
async fn keys_belong_to_one_user_and_one_path() {
    let app = TestApp::start().await;
    let (ann, ben) = (ObjectId::new(), ObjectId::new());
    let mut targets = Vec::new();
    for scope in [Scope::User(ann), Scope::User(ben), Scope::Anonymous, Scope::Sync(ann)] {
        let (first, made) = once(&app, scope, "k", "POST /a\n{}").await.unwrap();
        assert_eq!((first.replayed, made), (false, 1));
        assert_eq!(first.response, json!({ "id": first.target.to_hex() }).to_string());
        let (again, made) = once(&app, scope, "k", "POST /a\n{}").await.unwrap();
        assert_eq!((again, made), (Outcome { replayed: true, ..first }, 0));
        let other = once(&app, scope, "k", "POST /b\n{}").await;
        assert!(matches!(other, Err(Error::IdempotencyKeyReused)), "{other:?}");
        targets.push(app.db.all("idempotency").await.len());
    }
    assert_eq!(targets, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_failure_is_not_stored_and_a_retry_keeps_the_id() {
    let app = TestApp::start().await;
    let attempt = Attempt { key: "k".to_owned(), request: b"POST /a\n{}".to_vec() };
    let mut seen = Vec::new();
    for _ in 0..3 {
        let make = async |id: ObjectId| {
            seen.push(id);
            Err::<(), _>(Error::Forbidden)
        };
        let failed = app.state.idempotency.once(Scope::Anonymous, Some(&attempt), make).await;
        assert!(matches!(failed, Err(Error::Forbidden)), "{failed:?}");
    }
    let (outcome, made) = once(&app, Scope::Anonymous, "k", "POST /a\n{}").await.unwrap();
    assert_eq!((outcome.target, outcome.replayed, made), (seen[0], false, 1));
    assert_eq!(seen, [outcome.target; 3]);
}

#[tokio::test]
async fn the_first_stored_response_wins() {
    let app = TestApp::start().await;
    let attempt = Attempt { key: "k".to_owned(), request: b"POST /a\n{}".to_vec() };
    let (idempotency, attempt) = (&app.state.idempotency, Some(&attempt));
    // The slow copy begins before the fast one and ends after it.
    let slow = async |id: ObjectId| {
        let quick = idempotency
            .once(Scope::Anonymous, attempt, async |id| Ok(json!({ "quick": id.to_hex() })))
            .await?;
        assert_eq!((quick.target, quick.replayed), (id, false));
        Ok(json!({ "slow": id.to_hex() }))
    };
    let first = idempotency.once(Scope::Anonymous, attempt, slow).await.unwrap();
    assert!(first.replayed);
    assert_eq!(first.response, json!({ "quick": first.target.to_hex() }).to_string());
    let again = idempotency.once(Scope::Anonymous, attempt, async |_| Ok(json!("later"))).await.unwrap();
    assert_eq!(again, first);
}

async fn create(client: &Client, key: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    client.send(Method::POST, "/v1/todos", &headers, json!({ "name": "x" }).to_string()).await
}

#[tokio::test]
async fn what_one_user_stores_is_limited() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let first = create(&ann, "first").await.assert(201);
    let claims = app.db.collection("idempotency");
    let stored = claims.find_one(doc! {}).await.unwrap().unwrap();
    let response = i64::try_from(first.text().len()).unwrap();
    assert_eq!(stored.get_i64("bytes").unwrap(), 500 + response);
    // The number of another instance is read after a minute.
    let full = i64::try_from(USER_BYTES_MAX).unwrap();
    claims.update_one(doc! {}, doc! { "$set": { "bytes": full } }).await.unwrap();
    app.advance(61);
    let refused = create(&ann, "second").await.assert_problem(429, "too_many_requests");
    assert_eq!(refused.header("retry-after"), "3600");
    let command = json!({ "id": "c", "op": "put", "type": "todo", "target": ObjectId::new().to_hex(), "body": { "name": "x" } });
    let sync = json!({ "token": null, "commands": [command] });
    ann.post("/v1/sync", sync).await.assert_problem(429, "too_many_requests");
    assert_replay(&create(&ann, "first").await, &first);
    ann.post("/v1/todos", json!({ "name": "without a key" })).await.assert(201);
    create(&ben, "second").await.assert(201);
    claims.delete_many(doc! { "bytes": full }).await.unwrap();
    app.advance(61);
    create(&ann, "second").await.assert(201);
}

#[tokio::test]
async fn deleting_a_user_deletes_the_stored_responses() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    for client in [&ann, &ben] {
        create(client, "k").await.assert(201);
        let command =
            json!({ "id": "c", "op": "delete", "type": "todo", "target": ObjectId::new().to_hex() });
        client.post("/v1/sync", json!({ "commands": [command] })).await.assert(200);
    }
    assert_eq!(app.db.all("idempotency").await.len(), 4);
    ann.delete("/v1/user").await.assert(204);
    assert_eq!(app.db.all("idempotency").await.len(), 2);
    assert_eq!(create(&ben, "k").await.header("idempotent-replayed"), "true");
}
