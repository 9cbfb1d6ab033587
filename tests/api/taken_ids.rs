//! Ids that somebody else takes before the service uses them. The service takes another id, and nothing is lost.

use axum::http::Method;
use bson::oid::ObjectId;
use bson::{Document, doc};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::v1::todo_path;
use crate::support::{Answer, Client, PASSWORD, TestApp};

/// `MaxTimeMSExpired`, which the driver does not retry.
const TIMED_OUT: i32 = 50;

async fn keyed(client: &Client, method: Method, path: &str, body: &Value) -> Answer {
    client.send_json_with(method, path, ("idempotency-key", "k"), body).await
}

/// The id that the only claim reserves.
async fn reserved(app: &TestApp) -> ObjectId {
    let claims = app.db.all("idempotency").await;
    assert_eq!(claims.len(), 1, "{claims:?}");
    claims[0].get_object_id("target").unwrap()
}

/// Forgets the response to the only key, as if the process had ended before it stored the response.
async fn forget_response(app: &TestApp) {
    let forget = doc! { "$unset": { "answer": "" } };
    app.db.collection("idempotency").update_one(doc! {}, forget).await.unwrap();
}

/// Makes a request fail after it has claimed its key and before it has stored its object.
async fn interrupted(
    client: &Client,
    (method, path, body): (Method, &str, &Value),
    (collection, command): (&str, &str),
) -> ObjectId {
    let app = client.app.with_app_name("interrupted").await;
    let failing = doc! {
        "failCommands": [command], "namespace": app.db.collection(collection).namespace().to_string(),
        "appName": "interrupted", "errorCode": TIMED_OUT,
    };
    let _failing = app.db.fail(1, failing).await;
    keyed(&client.at(&app), method, path, body).await.assert(503);
    reserved(&app).await
}

/// Gives an object to another user under an id.
async fn take(app: &TestApp, other: &Client, path: &str, id: ObjectId) -> Document {
    other.put(&format!("{path}/{id}"), json!({ "name": "taken" })).await.assert(201);
    app.db.collection(&path[4..]).find_one(doc! { "_id": id }).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_object_gets_another_id_if_another_user_takes_the_reserved_one() {
    for path in ["/v1/todos", "/v1/lists"] {
        let app = TestApp::start().await;
        let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
        let body = json!({ "name": "mine" });
        let id = interrupted(&ann, (Method::POST, path, &body), (&path[4..], "insert")).await;
        let taken = take(&app, &ben, path, id).await;
        let other = app.restart().await;
        let copies = (0..8).map(|copy| {
            let client = if copy % 2 == 0 { ann.clone() } else { ann.at(&other) };
            async move { keyed(&client, Method::POST, path, &json!({ "name": "mine" })).await.assert(201) }
        });
        let answers = join_all(copies).await;
        let created = answers[0].id();
        assert_ne!(created, id.to_hex());
        assert_eq!(reserved(&app).await.to_hex(), created);
        for answer in &answers {
            assert_eq!((answer.id(), answer.json()["name"].clone()), (created.clone(), json!("mine")));
            assert_eq!(answer.header("location"), format!("{path}/{created}"));
        }
        forget_response(&app).await;
        assert_eq!(keyed(&ann, Method::POST, path, &body).await.assert(201).id(), created);
        let page = ann.get(path).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
        let kept = app.db.collection(&path[4..]).find_one(doc! { "_id": id }).await.unwrap();
        assert_eq!(kept, Some(taken));
    }
}

#[tokio::test]
async fn a_user_gets_another_id_if_the_reserved_one_is_taken() {
    let app = TestApp::start().await;
    let body = json!({ "username": "ann", "password": PASSWORD });
    let register = ("/v1/register", &body);
    let id = interrupted(&app.anonymous(), (Method::POST, register.0, register.1), ("users", "insert")).await;
    app.v1_user("ben").await;
    let mut ben = app.db.all("users").await.remove(0);
    ben.insert("_id", id);
    ben.insert("username_key", "somebody else");
    app.db.collection("users").insert_one(&ben).await.unwrap();
    let ann = keyed(&app.anonymous(), Method::POST, register.0, register.1).await.assert(201);
    assert_eq!(ann.json()["username"], "ann");
    assert_ne!(ann.id(), id.to_hex());
    forget_response(&app).await;
    let again = keyed(&app.anonymous(), Method::POST, register.0, register.1).await.assert(201);
    assert_eq!(again.json(), ann.json());
    assert_eq!(app.v1_login("ann").await.claims()["sub"], ann.json()["id"]);
    assert_eq!(app.db.all("users").await.len(), 3);
}

#[tokio::test]
async fn the_record_of_a_completion_is_kept_if_another_user_takes_its_id() {
    for by_sync in [false, true] {
        let app = TestApp::start().await;
        let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
        let weekly = json!({
            "name": "weekly", "due": { "date": "2026-12-07" },
            "recurrence": { "rule": "FREQ=WEEKLY", "basis": "due" },
        });
        let id = ann.create_todo(weekly).await;
        let todo = todo_path(&id);
        let command =
            json!({ "id": "c", "type": "todo", "op": "patch", "target": id, "body": { "completed": true } });
        let (method, path, body) = if by_sync {
            (Method::POST, "/v1/sync", json!({ "commands": [command] }))
        } else {
            (Method::PATCH, todo.as_str(), json!({ "completed": true }))
        };
        let complete = (method.clone(), path, &body);
        let record_id = interrupted(&ann, complete, ("todos", "findAndModify")).await;
        let taken = take(&app, &ben, "/v1/todos", record_id).await;
        for attempt in 0..3 {
            keyed(&ann, method.clone(), path, &body).await.assert(200);
            let due = ann.get(&todo).await.json()["due"].clone();
            assert_eq!(due, json!({ "date": "2026-12-14" }), "attempt {attempt}");
            let records = ann.get("/v1/todos?completed=true").await.json()["items"].clone();
            assert_eq!(records.as_array().unwrap().len(), 1, "attempt {attempt}: {records}");
            assert_eq!((&records[0]["occurrence_of"], &records[0]["name"]), (&json!(id), &json!("weekly")));
            assert_ne!(records[0]["id"], record_id.to_hex());
            forget_response(&app).await;
        }
        let kept = app.db.collection("todos").find_one(doc! { "_id": record_id }).await.unwrap();
        assert_eq!(kept, Some(taken));
    }
}

#[tokio::test]
async fn a_client_cannot_take_the_ids_that_the_service_uses_next() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let mut seen: Vec<ObjectId> = Vec::new();
    for number in 0..50 {
        // The ids that a counter would yield after the newest one.
        if let Some(newest) = seen.last() {
            for step in 1..4_u8 {
                let mut next = newest.bytes();
                next[11] = next[11].wrapping_add(step);
                let next = ObjectId::from_bytes(next);
                ben.put(&format!("/v1/todos/{next}"), json!({ "name": "guess" })).await.assert(201);
            }
        }
        let id = ann.create_todo(json!({ "name": number.to_string() })).await;
        seen.push(id.parse().unwrap());
    }
    // The clock stands still, so only the ids order the todos.
    let names: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    assert_eq!(ann.todo_names("?sort=created_at&limit=200").await, names);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 50);
}
