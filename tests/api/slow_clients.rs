//! The memory for clients that read or send slowly: each client has a part, and the others are served.

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use axum::response::Response;
use bson::doc;
use bson::oid::ObjectId;
use futures_util::{StreamExt, stream};
use serde_json::json;
use todo_api::clock::Clock;

use crate::support::{Answer, Client, TestApp, TestDatabase};

/// The part of one client is 2 MiB.
const BUDGET: &str = "33554432";

async fn app() -> TestApp {
    let clock = Clock::held_at(Clock::system().now());
    TestApp::with(TestDatabase::create().await, clock, &[("MAX_ANSWER_BYTES", BUDGET)]).await
}

/// Two users. The first has so many todos that a page has almost 1 MiB.
async fn users(app: &TestApp) -> (Client, Client, String) {
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let id = ann.create_todo(json!({ "name": "todo", "description": "x".repeat(10_000) })).await;
    let todos = app.db.collection("todos");
    let first = todos.find_one(doc! {}).await.unwrap().unwrap();
    let copies = (0..30).map(|number| {
        let mut copy = first.clone();
        copy.extend(doc! { "_id": ObjectId::new(), "position": format!("b{number}"), "words": [] });
        copy.insert("description", "漢".repeat(16_384));
        copy
    });
    todos.insert_many(copies).await.unwrap();
    ben.create_todo(json!({ "name": "todo", "description": "x".repeat(10_000) })).await;
    (ann, ben, id)
}

/// A response that its client does not read yet.
async fn unread(client: &Client, path: &str) -> Response {
    let request = Request::builder().uri(path);
    let request = request.header("authorization", format!("Bearer {}", client.access.as_ref().unwrap()));
    client.app.respond(request.body(Body::empty()).unwrap()).await
}

fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "2"), "{}", answer.text());
}

#[tokio::test]
async fn slow_reader_gets_503_and_others_are_served() {
    let app = app().await;
    let (ann, ben, id) = users(&app).await;
    let mut held = Vec::new();
    let refused = loop {
        let response = unread(&ann, "/v1/todos?limit=200").await;
        if response.status() != 200 {
            break Answer::of(response).await;
        }
        held.push(response);
        assert!(held.len() <= 2, "the client holds more than its part");
    };
    assert_refused(&refused);
    assert_eq!(held.len(), 2);
    assert_refused(&Answer::of(unread(&ann, "/todolist").await).await);
    ben.get("/v1/todos").await.assert(200);
    // Small responses do not count.
    ann.get("/v1/user").await.assert(200);
    // A write is not refused after it has happened.
    let todo = format!("/v1/todos/{id}");
    ann.patch(&todo, json!({ "name": "changed" })).await.assert(200);

    drop(held);
    assert_eq!(app.state.byte_budget.held_bytes(), 0);
    ann.get("/v1/todos?limit=200").await.assert(200);
    assert_eq!(app.state.byte_budget.held_bytes(), 0);
}

#[tokio::test]
async fn client_past_its_part_is_refused_before_a_write() {
    let app = app().await;
    let (ann, ben, id) = users(&app).await;
    let page = unread(&ann, "/v1/todos?limit=200").await;
    let path = format!("/v1/todos/{id}");
    let change = async |number: usize| {
        let body = json!({ "name": number.to_string() }).to_string();
        let request =
            Request::builder().method(Method::PATCH).uri(&path).header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {}", ann.access.as_ref().unwrap()));
        app.respond(request.body(body.into()).unwrap()).await
    };
    let (mut held, mut number) = (vec![page], 0);
    let refused = loop {
        let response = change(number).await;
        if response.status() != 200 {
            break response;
        }
        held.push(response);
        number += 1;
    };
    assert_eq!(refused.status(), 503);
    ben.get("/v1/todos").await.assert(200);
    drop(held);
    let todo = ann.get(&path).await.assert(200).json();
    assert_eq!(todo["name"], (number - 1).to_string(), "the refused change was not made");
    assert_eq!(app.state.byte_budget.held_bytes(), 0);
}

#[tokio::test]
async fn responses_that_stream_count_until_they_end() {
    let app = app().await;
    let (ann, ..) = users(&app).await;
    let list = unread(&ann, "/todolist").await;
    assert_eq!(list.status(), 200);
    assert!(app.state.byte_budget.held_bytes() > 0);
    Answer::of(list).await;
    assert_eq!(app.state.byte_budget.held_bytes(), 0);
}

#[tokio::test]
async fn large_errors_count() {
    let app = app().await;
    let (ann, _, id) = users(&app).await;
    let request = Request::builder().method(Method::PATCH).uri(format!("/v1/todos/{id}"));
    let request = request.header("content-type", "application/json").header("if-match", "\"7\"");
    let request = request.header("authorization", format!("Bearer {}", ann.access.as_ref().unwrap()));
    let response = app.respond(request.body("{}".into()).unwrap()).await;
    // The error has the current todo.
    assert_eq!(response.status(), 412);
    assert!(app.state.byte_budget.held_bytes() > 10_000);
    drop(response);
    assert_eq!(app.state.byte_budget.held_bytes(), 0);
}

#[tokio::test]
async fn bodies_that_arrive_slowly_count() {
    let app = app().await;
    let (ann, ben, _) = users(&app).await;
    let half_sent = |client: &Client, bytes: usize| {
        let request = Request::builder().method(Method::POST).uri("/v1/todos");
        let request = request.header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {}", client.access.as_ref().unwrap()));
        let part = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b' '; bytes]))]);
        let body = Body::from_stream(part.chain(stream::pending()));
        let (app, request) = (client.app.clone(), request.body(body).unwrap());
        tokio::spawn(async move { app.respond(request).await })
    };
    let mut waiting = Vec::new();
    while app.state.byte_budget.held_bytes() < 1_700_000 {
        let before = app.state.byte_budget.held_bytes();
        waiting.push(half_sent(&ann, 900_000));
        while app.state.byte_budget.held_bytes() == before {
            tokio::task::yield_now().await;
        }
    }
    let refused = Answer::of(half_sent(&ann, 900_000).await.unwrap()).await;
    assert_eq!(refused.status.as_u16(), 429, "{}", refused.text());
    ben.create_todo(json!({ "name": "todo", "description": "x".repeat(10_000) })).await;
    for request in waiting {
        request.abort();
        let _ = request.await;
    }
}
