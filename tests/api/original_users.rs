//! The original's routes for one user, and what deleting a user deletes.

use std::fmt::Write;

use axum::http::Method;
use bson::doc;
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp};

const NOT_YOURS: &str = "You may only access your own user.";
const UNKNOWN: [(Method, &str); 2] = [(Method::GET, "user not found"), (Method::DELETE, "User not found")];

fn path_of(username: &str) -> String {
    username.bytes().fold("/user/".to_owned(), |mut path, byte| {
        write!(path, "%{byte:02X}").unwrap();
        path
    })
}

async fn admin(app: &TestApp, name: &str) -> Client {
    app.user(name).await;
    let roles = doc! { "$set": { "roles": ["user", "admin"] } };
    app.db.collection("users").update_one(doc! { "username": name }, roles).await.unwrap();
    app.anonymous().login(name, PASSWORD).await
}

/// Everything that is stored of all users except the one with this name.
async fn stored_without(app: &TestApp, name: &str) -> Vec<bson::Document> {
    let mut kept = Vec::new();
    let users = app.db.all("users").await;
    let gone =
        users.iter().find(|user| user.get_str("username").unwrap() == name).map(|user| user.get("_id"));
    for collection in ["users", "todos", "sessions"] {
        let documents = app.db.all(collection).await;
        kept.extend(documents.into_iter().filter(|document| {
            !["_id", "owner_id", "user_id"].iter().any(|field| Some(document.get(field)) == gone)
        }));
    }
    kept
}

#[tokio::test]
async fn a_user_reads_their_own_account() {
    let app = TestApp::start().await;
    let ann = app.user("Ann").await;
    let id = app.db.all("users").await[0].get_object_id("_id").unwrap().to_hex();
    let account = json!({ "_id": { "$oid": id }, "username": "Ann" });
    for same in ["/user/Ann", "/user/ann", "/user/ANN", "/user/%EF%BD%81nn", "/user/%41nn"] {
        ann.get(same).await.assert_json(200, &account);
    }
}

#[tokio::test]
async fn deleting_the_own_account_needs_a_fresh_token() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let refreshed = ann.with_refresh_token().post("/refresh", Value::Null).await.assert(200).json();
    let stale = ann.with_token(refreshed["access_token"].as_str().unwrap());
    stale.get("/user/ann").await.assert(200);
    stale.delete("/user/ann").await.assert_refused("fresh_token_required");
    stale.delete("/user/ANN").await.assert_refused("fresh_token_required");
    ann.get("/user/ann").await.assert(200);
    ann.delete("/user/ann").await.assert_message(200, "User was deleted");
}

#[tokio::test]
async fn a_name_in_a_path_is_decoded_once() {
    let app = TestApp::start().await;
    for name in ["Ann Str\u{f6}m", "\u{674e}\u{1f600}", "a/b", "a?b#c", "%2541", "..", "a+b", "{x}"] {
        let client = app.user(name).await;
        let account = client.get(&path_of(name)).await.assert(200).json();
        assert_eq!(account["username"], name);
        client.delete(&path_of(name)).await.assert_message(200, "User was deleted");
    }
}

#[tokio::test]
async fn users_are_neither_shown_nor_deleted_without_a_token() {
    let app = TestApp::start().await;
    app.user("ann").await;
    let before = app.db.all("users").await;
    for path in ["/user/ann", "/user/nobody", "/user/%ff"] {
        for (method, _) in UNKNOWN {
            let answer = app.anonymous().send(method, path, &[], "").await;
            answer.assert_refused("authorization_required");
        }
    }
    assert_eq!(app.db.all("users").await, before);
}

#[tokio::test]
async fn other_users_are_neither_shown_nor_deleted() {
    let app = TestApp::start().await;
    let ben = app.user("ben").await;
    app.user("ann").await;
    let before = app.db.all("users").await;
    for path in ["/user/ann", "/user/ANN", "/user/%61nn", "/user/nobody", "/user/%ff"] {
        for (method, _) in UNKNOWN {
            ben.send(method, path, &[], "").await.assert_message(403, NOT_YOURS);
        }
    }
    assert_eq!(app.db.all("users").await, before);
}

#[tokio::test]
async fn each_method_has_its_own_text_for_an_unknown_user() {
    let app = TestApp::start().await;
    let root = admin(&app, "root").await;
    let ann = app.user("ann").await;
    let long = format!("/user/{}", "x".repeat(10_000));
    let names =
        ["/user/nobody", "/user/%ff", "/user/%C3%28", "/user/ann%00", "/user/ann%20", "/user/%zz", "/user/%"];
    for path in names.into_iter().chain(["/user/a%2Fb", "/user/$ne", "/user/%7B%22$ne%22:null%7D", &long]) {
        for (method, text) in UNKNOWN {
            root.send(method.clone(), path, &[], "").await.assert_message(404, text);
            ann.send(method, path, &[], "").await.assert_message(403, NOT_YOURS);
        }
    }
}

#[tokio::test]
async fn an_admin_may_see_and_delete_others() {
    let app = TestApp::start().await;
    let root = admin(&app, "root").await;
    let ann = app.user("ann").await;
    assert_eq!(root.get("/user/ann").await.assert(200).json(), ann.get("/user/ann").await.json());
    for (method, text) in UNKNOWN {
        root.send(method, "/user/nobody", &[], "").await.assert_message(404, text);
    }
    root.delete("/user/ANN").await.assert_message(200, "User was deleted");
    ann.get("/todolist").await.assert_refused("token_revoked");
    root.get("/user/ann").await.assert_message(404, "user not found");
    root.delete("/user/root").await.assert_message(409, "The last admin cannot be deleted.");
    admin(&app, "eve").await;
    root.delete("/user/root").await.assert_message(200, "User was deleted");
    assert_eq!(app.db.all("users").await.len(), 1);
    let deleted = app
        .db
        .all("audit")
        .await
        .into_iter()
        .find(|entry| entry.get_str("event").is_ok_and(|event| event == "deleted"));
    let by = deleted.as_ref().and_then(|entry| entry.get_document("by").ok());
    assert_eq!(by.and_then(|by| by.get_str("username").ok()), Some("root"));
}

#[tokio::test]
async fn deleting_a_user_revokes_every_token() {
    let app = TestApp::start().await;
    let first = app.user("ann").await;
    let second = app.anonymous().login("ann", PASSWORD).await;
    let refreshed = first.with_refresh_token().post("/refresh", Value::Null).await.assert(200).json();
    let refreshed = first.with_token(refreshed["access_token"].as_str().unwrap());
    second.delete("/user/ann").await.assert_message(200, "User was deleted");

    for app in [app.clone(), app.restart().await] {
        for client in [&first, &second, &refreshed] {
            let client = client.at(&app);
            for path in ["/todolist", "/user/ann", "/todo/0123456789abcdef01234567"] {
                client.get(path).await.assert_refused("token_revoked");
            }
            client.delete("/user/ann").await.assert_refused("token_revoked");
            client.with_refresh_token().post("/refresh", Value::Null).await.assert_refused("token_revoked");
        }
        let body = json!({ "username": "ann", "password": PASSWORD });
        app.anonymous().post("/login", body).await.assert_message(401, "Invalid Credentials!");
    }
}

#[tokio::test]
async fn deleting_a_user_deletes_only_their_own_data() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.user("ann").await, app.user("ben").await);
    app.anonymous().login("ann", PASSWORD).await;
    for name in ["one", "two"] {
        ann.create_original_todo(name).await;
        ben.create_original_todo(name).await;
    }
    let others = stored_without(&app, "ann").await;
    assert_eq!(others.len(), 1 + 2 + 1, "a user, two todos, a session");

    ann.delete("/user/ann").await.assert(200);
    let mut left = Vec::new();
    for collection in ["users", "todos", "sessions"] {
        left.extend(app.db.all(collection).await);
    }
    assert_eq!(left, others);
    assert_eq!(ben.get("/todolist").await.assert(200).json().as_array().unwrap().len(), 2);
    ben.with_refresh_token().post("/refresh", Value::Null).await.assert(200);
}

#[tokio::test]
async fn a_reused_username_is_a_different_user() {
    let app = TestApp::start().await;
    let old = app.user("ann").await;
    let todo = format!("/todo/{}", old.create_original_todo("of the old ann").await);
    let old_account = old.get("/user/ann").await.json();
    old.delete("/user/ann").await.assert(200);

    app.anonymous().register("ann", "another password").await.assert(201);
    let body = json!({ "username": "ann", "password": PASSWORD });
    app.anonymous().post("/login", body).await.assert_message(401, "Invalid Credentials!");
    let new = app.anonymous().login("ann", "another password").await;
    new.get("/todolist").await.assert_message(404, "No todos found for this user");
    new.get(&todo).await.assert_message(404, "Todo not found");
    assert_ne!(new.get("/user/ann").await.assert(200).json()["_id"], old_account["_id"]);
    old.get("/user/ann").await.assert_refused("token_revoked");
    old.delete("/user/ann").await.assert_refused("token_revoked");
    new.get("/user/ann").await.assert(200);
}
