//! Commands by which an operator manages users while the service runs.

use serde_json::{Value, json};

use crate::support::process::{self, Server};
use crate::support::{PASSWORD, TestDatabase};

async fn user(db: &TestDatabase, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let arguments: Vec<_> = ["user"].iter().chain(arguments).copied().collect();
    process::run_with_input(&arguments, &[("MONGODB_URI", db.uri())], input).await
}

async fn login(server: &Server, name: &str, password: &str) -> (u16, Value) {
    let answer = server.post("/v1/login", "", &json!({ "username": name, "password": password })).await;
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn the_command_line_creates_the_first_admin() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    server.user("ann").await;
    let (code, done, _) = user(&db, &["create", "root", "--admin"], "correct horse\n").await;
    assert_eq!(code, Some(0));
    assert!(done.starts_with("root (") && !done.contains("correct"), "{done}");

    let (_, tokens) = login(&server, "root", "correct horse").await;
    let root = tokens["access_token"].as_str().unwrap();
    let me: Value = server.get("/v1/user", root).await.json().await.unwrap();
    assert_eq!(me["roles"], json!(["user", "admin"]));
    assert_eq!(server.get("/user/ann", root).await.status(), 200, "an admin may see others");

    assert_eq!(user(&db, &["grant", "root", "user"], "").await.0, Some(0));
    server.wait_for_token("/v1/user", root, 401).await;
    let (_, tokens) = login(&server, "root", "correct horse").await;
    assert_eq!(server.get("/user/ann", tokens["access_token"].as_str().unwrap()).await.status(), 403);
}

#[tokio::test]
async fn a_disabled_user_is_locked_out_until_enabled() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let (access, refresh) = server.user("ann").await;
    assert_eq!(user(&db, &["disable", "ANN"], "").await.0, Some(0));
    server.wait_for_token("/v1/user", &access, 401).await;
    assert_eq!(server.post("/v1/refresh", &refresh, &json!({})).await.status(), 401);
    let (status, problem) = login(&server, "ann", PASSWORD).await;
    assert_eq!((status, &problem["code"]), (401, &json!("invalid_credentials")));
    assert_eq!(user(&db, &["enable", "ann"], "").await.0, Some(0));
    assert_eq!(login(&server, "ann", PASSWORD).await.0, 200);
    let mut audit = db.all("audit").await;
    audit.sort_by_key(|entry| *entry.get_datetime("at").unwrap());
    let events = audit.iter().map(|entry| entry.get_str("event").unwrap());
    let events: Vec<_> = events.filter(|event| event.ends_with("abled")).collect();
    assert_eq!(events, ["disabled", "enabled"]);
}

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let (access, _) = server.user("ann").await;
    assert_eq!(user(&db, &["set-password", "ann"], "battery staple\n").await.0, Some(0));
    server.wait_for_token("/v1/user", &access, 401).await;
    assert_eq!(login(&server, "ann", PASSWORD).await.0, 401);
    assert_eq!(login(&server, "ann", "battery staple").await.0, 200);
}

#[tokio::test]
async fn an_impossible_command_is_reported_in_one_line() {
    let db = TestDatabase::create().await;
    let wrong: [(&[&str], &str, &str); 4] = [
        (&["create", "ann"], "short\n", "8 to 128"),
        (&["create", "ann"], "password1\n", "most common passwords"),
        (&["disable", "nobody"], "", "no user"),
        (&["set-password", "nobody"], "correct horse\n", "no user"),
    ];
    for (arguments, input, expected) in wrong {
        let (code, _, complaint) = user(&db, arguments, input).await;
        assert_eq!(code, Some(1));
        assert!(complaint.contains(expected) && complaint.lines().count() == 1, "{complaint}");
    }
    assert_eq!(user(&db, &["create", "ann"], "correct horse\n").await.0, Some(0));
    assert!(user(&db, &["create", "ANN"], "correct horse\n").await.2.contains("already"));
}
