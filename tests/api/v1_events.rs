//! `GET /v1/events`: live changes, over real connections to real processes.

use std::time::{Duration, Instant};

use axum::http::Method;
use bson::doc;
use bson::oid::ObjectId;
use reqwest::Response;
use serde_json::{Value, json};
use todo_api::clock::{Clock, rfc3339};

use crate::support::events::Events;
use crate::support::process::Server;
use crate::support::replica::Replica;
use crate::support::{PASSWORD, TestApp, TestDatabase};

async fn open(server: &Server, token: &str, last_id: Option<&str>) -> Events {
    Events::open(&server.url("/v1/events"), token, last_id).await
}

async fn todo(server: &Server, token: &str, name: &str) -> String {
    let made: Value = server.post("/v1/todos", token, &json!({ "name": name })).await.json().await.unwrap();
    made["id"].as_str().unwrap().to_owned()
}

async fn send(server: &Server, method: Method, path: &str, token: &str, body: Value) -> Response {
    let request = reqwest::Client::new().request(method, server.url(path)).bearer_auth(token);
    let answer = request.json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {answer:?}");
    answer
}

#[tokio::test]
async fn every_change_reaches_only_its_owner_once_on_every_instance() {
    let db = TestDatabase::create().await;
    let (one, two) = (Server::start_ready(db.uri(), &[]).await, Server::start_ready(db.uri(), &[]).await);
    let ((ann, _), (ben, _)) = (one.user("ann").await, one.user("ben").await);
    let mut streams = [open(&one, &ann, None).await, open(&two, &ann, None).await];
    let mut bens = open(&two, &ben, None).await;

    let id = todo(&one, &ann, "todo").await;
    let path = format!("/v1/todos/{id}");
    let list: Value = one.post("/v1/lists", &ann, &json!({ "name": "list" })).await.json().await.unwrap();
    send(&two, Method::PATCH, &path, &ann, json!({ "name": "changed" })).await;
    send(&two, Method::DELETE, &path, &ann, json!(null)).await;
    send(&one, Method::DELETE, &format!("{path}?permanent=true"), &ann, json!(null)).await;
    todo(&one, &ben, "ben's").await;

    for stream in &mut streams {
        let created = stream.change().await;
        assert_eq!((&created["todos"][0]["id"], &created["todos"][0]["version"]), (&json!(id), &json!(1)));
        let mut expected = list.clone();
        expected.as_object_mut().unwrap().remove("open_count");
        assert_eq!(stream.change().await["lists"][0], expected);
        let mut seen = Vec::new();
        let removed = loop {
            let change = stream.change().await;
            match change["todos"].get(0) {
                Some(todo) => seen.push(todo["version"].as_i64().unwrap()),
                None => break change,
            }
        };
        // A change may be omitted if a later change of the same object has overtaken it.
        assert!(seen.is_sorted() && seen.iter().all(|version| [2, 3].contains(version)), "{seen:?}");
        assert_eq!(removed["removed"], json!([{ "type": "todo", "id": id }]));
    }
    assert_eq!(bens.change().await["todos"][0]["name"], "ben's");
}

#[tokio::test]
async fn a_stream_resumes_from_its_last_id_or_a_sync_token() {
    let db = TestDatabase::create().await;
    let (one, two) = (Server::start_ready(db.uri(), &[]).await, Server::start_ready(db.uri(), &[]).await);
    let (ann, _) = one.user("ann").await;
    let mut replica = Replica::default();
    let mut stream = open(&one, &ann, None).await;
    todo(&one, &ann, "first").await;
    replica.apply_changes(&stream.change().await);
    let last_id = stream.last_id.clone();
    drop(stream);
    for number in 0..250 {
        todo(&two, &ann, &format!("missed {number}")).await;
    }
    let mut stream = open(&two, &ann, Some(&last_id)).await;
    while replica.objects.len() < 251 {
        replica.apply_changes(&stream.change().await);
    }
    todo(&one, &ann, "live").await;
    let live = loop {
        let change = stream.change().await;
        replica.apply_changes(&change);
        if change["todos"][0]["name"] == "live" {
            break change;
        }
    };
    assert_eq!(live["removed"], json!([]));

    let synced = json!({ "token": stream.last_id, "limit": 200 });
    let answer: Value = one.post("/v1/sync", &ann, &synced).await.json().await.unwrap();
    assert_eq!(answer["full"], false);
    todo(&one, &ann, "after the sync").await;
    let url = format!("{}?lastEventId={}", two.url("/v1/events"), answer["token"].as_str().unwrap());
    let mut stream = Events::open(&url, &ann, None).await;
    while !replica.objects.values().any(|todo| todo["name"] == "after the sync") {
        replica.apply_changes(&stream.change().await);
    }
}

#[tokio::test]
async fn a_slow_reader_still_gets_every_event() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let (ann, _) = server.user("ann").await;
    let list: Value = server.post("/v1/lists", &ann, &json!({ "name": "list" })).await.json().await.unwrap();
    let first = json!({ "name": "todo", "list_id": list["id"], "description": "x".repeat(4_000) });
    assert_eq!(server.post("/v1/todos", &ann, &first).await.status(), 201);
    let first = db.all("todos").await.remove(0);
    let copies = (1..1_000).map(|number| {
        let mut copy = first.clone();
        copy.extend(doc! { "_id": ObjectId::new(), "position": format!("b{number:03}") });
        copy
    });
    db.collection("todos").insert_many(copies).await.unwrap();
    let mut stream = open(&server, &ann, None).await;
    // One write causes a thousand changes, while the client reads nothing.
    let path = format!("/v1/lists/{}", list["id"].as_str().unwrap());
    send(&server, Method::DELETE, &path, &ann, json!(null)).await;
    let mut replica = Replica::default();
    // The stream may begin before the insertions reach it, and then reports the copies as they were, too.
    while replica.objects.values().filter(|object| !object["deleted_at"].is_null()).count() < 1_001 {
        replica.apply_changes(&stream.change().await);
    }
    assert_eq!(replica.objects.len(), 1_001);
}

#[tokio::test]
async fn a_stream_says_bye_when_its_session_ends_on_any_instance() {
    let db = TestDatabase::create().await;
    let (one, two) = (Server::start_ready(db.uri(), &[]).await, Server::start_ready(db.uri(), &[]).await);
    let ((ann, _), (ben, _)) = (one.user("ann").await, one.user("ben").await);
    let mut streams = [open(&one, &ann, None).await, open(&two, &ann, None).await];
    let mut bens = open(&two, &ben, None).await;
    let logged_out = Instant::now();
    assert_eq!(one.post("/logout", &ann, &json!({})).await.status(), 200);
    assert_end(&mut streams, logged_out).await;
    todo(&one, &ben, "ben's").await;
    bens.change().await;
}

async fn assert_end(streams: &mut [Events], since: Instant) {
    for stream in streams {
        let bye = stream.next().await.unwrap();
        assert_eq!((bye.name.as_str(), &bye.data), ("bye", &json!({ "reason": "session_ended" })));
        assert_eq!(stream.next().await, None, "nothing follows");
    }
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
}

#[tokio::test]
async fn streams_of_the_callers_own_earlier_tokens_end_too() {
    let db = TestDatabase::create().await;
    let (one, two) = (Server::start_ready(db.uri(), &[]).await, Server::start_ready(db.uri(), &[]).await);
    let (mut ann, _) = one.user("ann").await;
    let change = json!({ "current_password": PASSWORD, "new_password": "another password" });
    for (method, path, body) in [
        (Method::DELETE, "/v1/sessions?except=current", json!(null)),
        (Method::PUT, "/v1/user/password", change),
    ] {
        let mut streams = [open(&one, &ann, None).await, open(&two, &ann, None).await];
        let ended = Instant::now();
        let tokens: Value = send(&one, method, path, &ann, body).await.json().await.unwrap();
        assert_end(&mut streams, ended).await;
        ann = tokens["access_token"].as_str().unwrap().to_owned();
        let mut stream = open(&one, &ann, None).await;
        todo(&two, &ann, path).await;
        stream.change().await;
    }
}

#[tokio::test]
async fn a_stream_says_bye_when_its_token_expires() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[("ACCESS_TOKEN_TTL", "2s")]).await;
    let (ann, _) = server.user("ann").await;
    let mut stream = open(&server, &ann, None).await;
    let bye = stream.next().await.unwrap();
    assert_eq!((bye.name.as_str(), &bye.data), ("bye", &json!({ "reason": "token_expired" })));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_stream_of_an_access_token_ends_with_the_token_and_not_with_sessions() {
    let db = TestDatabase::create().await;
    let (one, two) = (Server::start_ready(db.uri(), &[]).await, Server::start_ready(db.uri(), &[]).await);
    let (ann, _) = one.user("ann").await;
    let login = json!({ "username": "ann", "password": PASSWORD });
    let create = async |expires_at: Value| {
        let body = json!({ "name": "script", "scopes": ["todos:read"], "expires_at": expires_at });
        let created: Value = one.post("/v1/tokens", &ann, &body).await.json().await.unwrap();
        (created["id"].as_str().unwrap().to_owned(), created["token"].as_str().unwrap().to_owned())
    };
    let soon = Clock::system().now().saturating_add_millis(1_500);
    let (_, expiring) = create(json!(rfc3339(soon).to_string())).await;
    let (id, token) = create(json!(null)).await;
    let mut short = open(&two, &expiring, None).await;
    let mut streams = [open(&one, &token, None).await, open(&two, &token, None).await];
    todo(&one, &ann, "seen").await;
    for stream in streams.iter_mut().chain([&mut short]) {
        assert_eq!(stream.change().await["todos"][0]["name"], "seen");
    }
    let bye = short.next().await.unwrap();
    assert_eq!((bye.name.as_str(), &bye.data), ("bye", &json!({ "reason": "token_expired" })));
    let other: Value = two.post("/v1/login", "", &login).await.json().await.unwrap();
    send(&two, Method::DELETE, "/v1/sessions", other["access_token"].as_str().unwrap(), json!(null)).await;
    let fresh: Value = two.post("/v1/login", "", &login).await.json().await.unwrap();
    let fresh = fresh["access_token"].as_str().unwrap();
    todo(&two, fresh, "still seen").await;
    for stream in &mut streams {
        assert_eq!(stream.change().await["todos"][0]["name"], "still seen");
    }
    let ended = Instant::now();
    send(&one, Method::DELETE, &format!("/v1/tokens/{id}"), fresh, json!(null)).await;
    assert_end(&mut streams, ended).await;
}

#[tokio::test]
async fn event_connections_are_limited_per_user_and_in_total() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[("MAX_EVENT_CONNECTIONS", "6")]).await;
    let ((ann, _), (ben, _), (eve, _)) =
        (server.user("ann").await, server.user("ben").await, server.user("eve").await);
    let ask = async |token| Events::ask(&server.url("/v1/events"), token, None).await;
    let mut anns = Vec::new();
    let mut bens = Vec::new();
    for _ in 0..3 {
        anns.push(open(&server, &ann, None).await);
        bens.push(open(&server, &ben, None).await);
    }
    let refused = |answer: Response, status: u16, code: &'static str| async move {
        assert_eq!(answer.status(), status);
        assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], code);
    };
    refused(ask(&eve).await, 503, "unavailable").await;
    refused(ask(&ann).await, 429, "too_many_connections").await;
    drop(bens);
    drop(open_again(&server, &eve).await);
    refused(ask(&ann).await, 429, "too_many_connections").await;
    anns.pop();
    open_again(&server, &ann).await;
}

/// Opens a stream as soon as there is room. The server notices with a delay that a client has left.
async fn open_again(server: &Server, token: &str) -> Events {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        let answer = Events::ask(&server.url("/v1/events"), token, None).await;
        if answer.status() == 200 {
            return Events::of(answer).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no connection became free");
}

#[tokio::test]
async fn a_last_event_id_of_another_user_is_refused() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let synced = ann.post("/v1/sync", json!({})).await.assert(200).json();
    let token = synced["token"].as_str().unwrap();
    let resume = async |client: &crate::support::Client, id: &str| {
        client.send(Method::GET, "/v1/events", &[("last-event-id", id)], "").await
    };
    resume(&ben, token).await.assert_faults(&[""]);
    resume(&ann, "7").await.assert_faults(&[""]);
    for (query, pointer) in [
        ("lastEventId=7", "/lastEventId"),
        ("lastEventId=&lastEventId=", "/lastEventId"),
        ("lasteventid=7", "/lasteventid"),
        ("token=x", "/token"),
    ] {
        ann.get(&format!("/v1/events?{query}")).await.assert_faults(&[pointer]);
    }
    // A client that reconnects sends the newer id in the header.
    let stale = format!("/v1/events?lastEventId={token}");
    ann.send(Method::GET, &stale, &[("last-event-id", "7")], "").await.assert_faults(&[""]);
    ann.get(&stale).await.assert(200);
    ann.get("/v1/events?lastEventId=").await.assert(200);
    app.advance(91 * crate::support::v1::DAY);
    let ann = app.v1_login("ann").await;
    resume(&ann, token).await.assert_problem(410, "sync_token_expired");
}

#[tokio::test]
async fn streams_end_at_shutdown_without_delaying_it() {
    let db = TestDatabase::create().await;
    let mut server = Server::start_ready(db.uri(), &[]).await;
    let (ann, _) = server.user("ann").await;
    let mut streams = [open(&server, &ann, None).await, open(&server, &ann, None).await];
    let stopped = Instant::now();
    assert_eq!(server.terminate().await, Some(0));
    assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
    for stream in &mut streams {
        assert_eq!(
            stream.next().await,
            None,
            "the stream must end without a bye, because the session continues"
        );
    }
}

#[tokio::test]
async fn event_streams_survive_an_interrupted_change_stream() {
    let db = TestDatabase::create().await;
    // A separate name, so that the fail point affects no other test.
    let uri = format!("{}&appName=interrupted", db.uri());
    let server = Server::start_ready(&uri, &[]).await;
    let (ann, _) = server.user("ann").await;
    let mut stream = open(&server, &ann, None).await;
    todo(&server, &ann, "before").await;
    stream.change().await;
    // CursorNotFound, as if the database had forgotten the cursor.
    let failing = doc! { "failCommands": ["getMore"], "errorCode": 43, "appName": "interrupted" };
    let _failing = db.fail(4, failing).await;
    for number in 0..5 {
        todo(&server, &ann, &format!("after {number}")).await;
        let change = stream.change().await;
        assert_eq!(change["todos"][0]["name"], format!("after {number}"));
    }
}
