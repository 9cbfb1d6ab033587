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
async fn the_command_line_creates_lists_and_ends_tokens() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    server.user("ann").await;
    let token = async |arguments: &[&str]| {
        let arguments: Vec<_> = ["token"].iter().chain(arguments).copied().collect();
        process::run(&arguments, &[("MONGODB_URI", db.uri())]).await
    };
    let create = ["create", "ANN", "nightly backup", "--scope", "todos:read", "--scope", "caldav"];
    let (code, printed, error) = token(&create).await;
    assert_eq!(code, Some(0), "{error}");
    let created = printed.trim_end();
    assert_eq!(server.get("/v1/todos", created).await.status(), 200);
    let (_, list, _) = token(&["list", "ann"]).await;
    assert!(list.contains("nightly backup") && list.contains("todos:read,caldav"), "{list}");
    assert!(list.contains(&created[38..]) && !list.contains(created), "{list}");
    let id = list.split_whitespace().next().unwrap();
    assert_eq!(token(&["end", "ann", id]).await.0, Some(0));
    server.wait_for_token("/v1/todos", created, 401).await;
    let (_, second, _) =
        token(&["create", "ann", "x", "--scope", "todos:write", "--expires-at", "2999-01-01T00:00:00Z"])
            .await;
    assert_eq!(server.get("/v1/todos", second.trim_end()).await.status(), 200);
    assert_eq!(token(&["end", "ann", "--all"]).await.1, "1 tokens of ann ended\n");
    server.wait_for_token("/v1/todos", second.trim_end(), 401).await;
    assert_eq!(token(&["list", "ann"]).await.1.trim(), "");
    for (wrong, reason) in [
        (&["create", "nobody", "x", "--scope", "todos:read"][..], "no user has this name"),
        (&["create", "ann", "x", "--scope", "admin"], "todos:read, todos:write, caldav"),
        (&["create", "ann", "x"], "--scope"),
        (
            &["create", "ann", "x", "--scope", "caldav", "--expires-at", "2020-01-01T00:00:00Z"],
            "in the future",
        ),
        (&["end", "ann"], "--all"),
        (&["end", "ann", id], "no token with this id"),
    ] {
        let (code, _, error) = token(wrong).await;
        assert!(code != Some(0) && error.contains(reason), "{wrong:?}: {error}");
    }
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

#[tokio::test]
async fn granting_a_role_that_the_user_has_changes_nothing() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    assert_eq!(user(&db, &["create", "root", "--admin"], "correct horse\n").await.0, Some(0));
    let (access, _) = server.user("ann").await;
    let (code, done, _) = user(&db, &["grant", "ann", "user"], "").await;
    assert_eq!((code, done.contains("nothing was changed")), (Some(0), true), "{done}");
    let role_changes = async || {
        let audit = db.all("audit").await.into_iter();
        audit.filter(|entry| entry.get_str("event").unwrap() == "roles_changed").collect::<Vec<_>>()
    };
    assert!(role_changes().await.is_empty());

    assert_eq!(user(&db, &["grant", "ann", "admin"], "").await.0, Some(0));
    let change = &role_changes().await[0];
    let roles: Vec<_> =
        change.get_array("roles").unwrap().iter().map(|role| role.as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "admin"]);
    server.wait_for_token("/v1/user", &access, 401).await;
    let (_, tokens) = login(&server, "root", "correct horse").await;
    let root = tokens["access_token"].as_str().unwrap();
    let page = server.get("/v1/admin/audit?event=roles_changed", root).await;
    let entry = &page.json::<Value>().await.unwrap()["items"][0];
    assert_eq!(entry["roles"], json!(["user", "admin"]));
    assert_eq!((&entry["by"], &entry["by_operator"]), (&Value::Null, &json!(true)));
}

#[tokio::test]
async fn users_are_listed_shown_and_deleted() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    assert_eq!(user(&db, &["create", "root", "--admin"], "correct horse\n").await.0, Some(0));
    let (ann, _) = server.user("ann").await;
    assert_eq!(server.post("/v1/todos", &ann, &json!({ "name": "milk" })).await.status(), 201);
    assert_eq!(user(&db, &["disable", "ann"], "").await.0, Some(0));

    let (_, list, _) = user(&db, &["list"], "").await;
    let lines: Vec<_> =
        list.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>()).collect();
    assert_eq!(lines, [["ann", "user", "disabled"], ["root", "admin", "active"]]);
    let (_, shown, _) = user(&db, &["show", "Ann"], "").await;
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["todos", "1"])), "{shown}");

    let (code, _, complaint) = user(&db, &["delete", "ann"], "").await;
    assert!(code == Some(1) && complaint.contains("--yes"), "{complaint}");
    assert_eq!(user(&db, &["delete", "ann", "--yes"], "").await.0, Some(0));
    assert!(db.all("todos").await.is_empty());
    assert!(user(&db, &["show", "ann"], "").await.2.contains("no user has this name"));
    let (code, _, complaint) = user(&db, &["delete", "root", "--yes"], "").await;
    assert!(code == Some(1) && complaint.contains("last admin"), "{complaint}");
}

#[tokio::test]
async fn migrate_says_when_there_is_nothing_to_do() {
    let db = TestDatabase::create().await;
    let migrate = async || process::run(&["migrate"], &[("MONGODB_URI", db.uri())]).await.1;
    assert!(migrate().await.contains("the database is migrated"));
    assert!(migrate().await.contains("nothing to migrate"));
    db.collection("migrations").delete_one(bson::doc! { "_id": 9 }).await.unwrap();
    let (code, _, said) = user(&db, &["create", "ann"], "correct horse\n").await;
    assert_eq!(code, Some(0));
    assert!(said.contains("first (migrations [9])"), "{said}");
    db.collection("migrations")
        .insert_one(bson::doc! { "_id": 999, "name": "x", "at": bson::DateTime::from_millis(0) })
        .await
        .unwrap();
    assert!(migrate().await.contains("a newer version has migrated the database"));
}

#[tokio::test]
async fn the_first_line_of_the_log_names_the_database_and_changed_settings() {
    let db = TestDatabase::create().await;
    let server = Server::start(db.uri(), &[("PASSWORD_PEPPER", "salt")]).await;
    let first = &server.log()[0];
    let name = first["database"].as_str().unwrap();
    assert!(name.starts_with("127.0.0.1:") && db.uri().contains(name), "{first}");
    let changed = first["changed"].as_str().unwrap();
    assert_eq!(changed, "host=127.0.0.1 port=0 bcrypt_cost=4 password_pepper=(set) throttles=off");
}
