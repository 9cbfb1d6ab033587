//! MongoDB is unavailable, misconfigured or conflicting: how the service behaves at startup and later.

use std::time::{Duration, Instant};

use bson::doc;
use serde_json::{Value, json};

use crate::support::TestDatabase;
use crate::support::process::{self, Mongod, Server};

#[tokio::test]
async fn the_service_starts_without_a_database_and_recovers() {
    let mongod = Mongod::named("away-at-start");
    let uri = mongod.script(&["--ram", "start"]).await;
    mongod.script(&["stop"]).await;

    let server = Server::start(&uri, &[]).await;
    assert_eq!(server.get("/livez", "").await.status(), 200);
    let ready = server.get("/readyz", "").await;
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.headers()["content-type"], "application/problem+json");
    let refused = server.post("/login", "", &json!({ "username": "ann", "password": "x" })).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(refused.json::<Value>().await.unwrap()["message"].is_string());

    mongod.script(&["--ram", "start"]).await;
    server.wait_for_status("/readyz", 200).await;
    server.user("ann").await;
}

#[tokio::test]
async fn routes_return_503_during_an_outage_and_recover() {
    let mongod = Mongod::named("away-later");
    let uri = mongod.script(&["start"]).await;
    let server = Server::start_ready(&uri, &[]).await;
    let (ann, _) = server.user("ann").await;
    let (gone, _) = server.user("ben").await;
    let todo: Value = server
        .post("/createtodo", &ann, &json!({ "name": "kept", "description": "" }))
        .await
        .json()
        .await
        .unwrap();
    let path = format!("/todo/{}", todo["_id"]["$oid"].as_str().unwrap());
    assert_eq!(server.post("/logout", &gone, &json!({})).await.status(), 200);

    mongod.script(&["stop"]).await;
    let (nobody, new) =
        (json!({ "username": "ann", "password": "x" }), json!({ "name": "x", "description": "" }));
    let (list, login, create, revoked, ready) = tokio::join!(
        server.get("/todolist", &ann),
        server.post("/login", "", &nobody),
        server.post("/createtodo", &ann, &new),
        server.get("/todolist", &gone),
        server.get("/readyz", ""),
    );
    let logout = server.post("/logout", &ann, &json!({})).await;
    let repeated = server.post("/logout", &ann, &json!({})).await;
    for answer in [list, login, create, logout, repeated] {
        assert_eq!(answer.status(), 503, "{}", answer.url());
        assert!(answer.headers().contains_key("retry-after"));
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        assert!(body["message"].is_string());
    }
    assert_eq!(revoked.status(), 401);
    assert_eq!(ready.status(), 503);
    assert_eq!(server.get("/livez", "").await.status(), 200);
    // The logout was not acknowledged, but it holds on this instance.
    assert_eq!(server.get("/todolist", &ann).await.status(), 401);

    mongod.script(&["start"]).await;
    server.wait_for_status("/readyz", 200).await;
    // The service retries the logout in the background, so the client may find it done.
    let repeated = server.post("/logout", &ann, &json!({})).await.status().as_u16();
    assert!([200, 401].contains(&repeated), "a repeated logout must succeed: {repeated}");
    let other = Server::start_ready(&uri, &[]).await;
    other.wait_for_token("/todolist", &ann, 401).await;
    let login =
        server.post("/login", "", &json!({ "username": "ann", "password": crate::support::PASSWORD })).await;
    let token = login.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&path, &token).await.json::<Value>().await.unwrap()["name"], "kept");
}

#[tokio::test]
async fn a_frozen_database_delays_no_response_and_loses_nothing() {
    let mongod = Mongod::named("frozen");
    let uri = mongod.script(&["--ram", "start"]).await;
    let server = Server::start_ready(&uri, &[]).await;
    let (ann, _) = server.user("ann").await;
    let new = json!({ "name": "written or not", "description": "" });

    mongod.signal("-STOP").await;
    let started = Instant::now();
    let (create, list, live) = tokio::join!(
        server.post("/createtodo", &ann, &new),
        server.get("/todolist", &ann),
        server.get("/livez", "")
    );
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!((create.status().as_u16(), list.status().as_u16(), live.status().as_u16()), (503, 503, 200));

    mongod.signal("-CONT").await;
    server.wait_for_status("/readyz", 200).await;
    let created = server.post("/createtodo", &ann, &new).await.json::<Value>().await.unwrap();
    let list = server.get("/todolist", &ann).await.json::<Vec<Value>>().await.unwrap();
    assert!(list.contains(&created), "{list:?}");
}

#[tokio::test]
async fn a_standalone_mongod_is_refused_with_instructions() {
    let mongod = Mongod::named("standalone");
    let uri = mongod.script(&["--ram", "--standalone", "start"]).await;
    let host = uri.trim_start_matches("mongodb://").split('/').next().unwrap();
    for uri in [format!("mongodb://{host}/"), format!("mongodb://{host}/?replicaSet=rs0")] {
        let (code, _, complaint) = process::run(&["serve"], &[("MONGODB_URI", &uri)]).await;
        assert_eq!(code, Some(1));
        assert!(complaint.contains("--replSet rs0") && complaint.contains("rs.initiate()"), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
}

#[tokio::test]
async fn a_conflicting_index_is_reported_by_name() {
    let db = TestDatabase::create().await;
    db.run(doc! { "createIndexes": "sessions", "indexes": [{ "key": { "expires_at": 1 }, "name": "mine" }] })
        .await;
    let (code, _, complaint) = process::run(&["migrate"], &[("MONGODB_URI", db.uri())]).await;
    assert_eq!(code, Some(1));
    assert!(
        complaint.contains("`sessions`")
            && complaint.contains("expires_at")
            && complaint.contains("dropIndex")
    );
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
}

#[tokio::test]
async fn migrate_reports_that_the_database_is_unavailable() {
    let settings = [("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")];
    let (code, _, complaint) = process::run(&["migrate"], &settings).await;
    assert_eq!(code, Some(1));
    assert!(complaint.contains("MongoDB cannot be reached"), "{complaint}");
}
