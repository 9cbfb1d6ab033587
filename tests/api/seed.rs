//! Demo data that the command line creates, used through the API.

use std::collections::{BTreeMap, HashMap};

use bson::{Bson, Document, doc};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use todo_api::clock::Clock;

use crate::support::TestDatabase;
use crate::support::process::{self, Server};

const DEFAULT_PASSWORD: &str = "demo password";

async fn seed(db: &TestDatabase, arguments: &[&str]) -> (Option<i32>, String, String) {
    let arguments: Vec<_> = ["seed"].iter().chain(arguments).copied().collect();
    process::run(&arguments, &[("MONGODB_URI", db.uri())]).await
}

/// The output line of a seeding that must succeed.
async fn seeded(db: &TestDatabase, arguments: &[&str]) -> String {
    let (code, done, complaint) = seed(db, arguments).await;
    assert_eq!((code, complaint.as_str()), (Some(0), ""), "{arguments:?}");
    assert_eq!(done.lines().count(), 1, "{done}");
    done
}

/// The output line of a seeding that must be refused.
async fn refused(db: &TestDatabase, arguments: &[&str]) -> String {
    let (code, done, complaint) = seed(db, arguments).await;
    assert_eq!((code, done.as_str()), (Some(1), ""), "{arguments:?} {complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
}

async fn login(server: &Server, name: &str, password: &str) -> (u16, String) {
    let body = json!({ "username": name, "password": password });
    let answer = server.post("/v1/login", "", &body).await;
    let status = answer.status().as_u16();
    let tokens: Value = answer.json().await.unwrap();
    (status, tokens["access_token"].as_str().unwrap_or_default().to_owned())
}

/// Everything that a listing shows, page by page.
async fn listed(server: &Server, token: &str, path: &str) -> Vec<Value> {
    let (mut all, mut more) = (Vec::new(), String::new());
    loop {
        let page: Value = server.get(&format!("{path}{more}"), token).await.json().await.unwrap();
        all.extend(page["items"].as_array().unwrap_or_else(|| panic!("{page}")).clone());
        let Some(cursor) = page["next_cursor"].as_str() else { return all };
        more = format!("&cursor={cursor}");
    }
}

/// The fields of a response that a client may send.
fn own_words(read: &Value) -> Value {
    let mut said = read.as_object().unwrap().clone();
    let of_the_service = [
        "id",
        "completed_at",
        "position",
        "occurrence_of",
        "version",
        "created_at",
        "updated_at",
        "deleted_at",
        "open_count",
    ];
    said.retain(|name, _| !of_the_service.contains(&name.as_str()));
    Value::Object(said)
}

async fn put(server: &Server, token: &str, path: &str, body: &Value) -> Response {
    Client::new().put(server.url(path)).bearer_auth(token).json(body).send().await.unwrap()
}

#[tokio::test]
async fn the_demo_user_has_todos_that_satisfy_every_rule() {
    let db = TestDatabase::create().await;
    let done = seeded(&db, &["--users", "2", "--todos", "301"]).await;
    assert!(done.starts_with("2 users, ") && done.contains(" lists and 301 todos (301 new)"), "{done}");
    assert!(done.ends_with("log in as `demo` with the password `demo password`\n"), "{done}");

    let server = Server::start_ready(db.uri(), &[]).await;
    let (status, token) = login(&server, "demo", DEFAULT_PASSWORD).await;
    assert_eq!((status, login(&server, "demo-2", DEFAULT_PASSWORD).await.0), (200, 200));
    let lists = listed(&server, &token, "/v1/lists?limit=200").await;
    assert!((4..=8).contains(&lists.len()), "{lists:?}");
    let todos = listed(&server, &token, "/v1/todos?limit=200&deleted=any").await;
    assert_eq!(todos.len(), 151);
    for list in &lists {
        let path = format!("/v1/lists/{}", list["id"].as_str().unwrap());
        let again: Value = put(&server, &token, &path, &own_words(list)).await.json().await.unwrap();
        assert_eq!(&again, list, "what the service would have stored is what is stored");
    }
    for todo in &todos {
        let path = format!("/v1/todos/{}", todo["id"].as_str().unwrap());
        let again = put(&server, &token, &path, &own_words(todo)).await;
        if todo["deleted_at"].is_null() {
            assert_eq!(&again.json::<Value>().await.unwrap(), todo);
        } else {
            assert_eq!(again.status(), 409, "{todo}");
        }
    }
    let with = |what: &dyn Fn(&&Value) -> bool| todos.iter().filter(what).count();
    for member in ["list_id", "parent_id", "completed_at", "due", "recurrence", "deleted_at"] {
        let there = with(&|todo| !todo[member].is_null());
        assert!(there > 0 && there < todos.len(), "{member}: {there}");
    }
}

#[tokio::test]
async fn seeded_todos_recur_and_can_be_restored() {
    let db = TestDatabase::create().await;
    seeded(&db, &["--todos", "400"]).await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let (_, token) = login(&server, "demo", DEFAULT_PASSWORD).await;
    let todos = listed(&server, &token, "/v1/todos?limit=200&deleted=any").await;
    let (mut moved, mut restored) = (0, 0);
    for todo in &todos {
        let path = format!("/v1/todos/{}", todo["id"].as_str().unwrap());
        if !todo["deleted_at"].is_null() && todo["parent_id"].is_null() {
            let back = server.post(&format!("{path}/restore"), &token, &json!({})).await;
            assert_eq!(back.status(), 200, "{todo}");
            restored += 1;
        } else if !todo["recurrence"].is_null() && todo["deleted_at"].is_null() {
            let mut done = own_words(todo);
            done["completed"] = json!(true);
            let next: Value = put(&server, &token, &path, &done).await.json().await.unwrap();
            assert_eq!(next["completed"], false, "{next}");
            assert_ne!(next["due"], todo["due"]);
            moved += 1;
        }
    }
    assert!(moved > 10 && restored > 1, "{moved} {restored}");
    let all = listed(&server, &token, "/v1/todos?limit=200").await;
    assert_eq!(all.len(), 400 + moved, "everything, and a record of each occurrence");
}

/// The type of each field that every document has, in stored order.
fn shape(document: &Document) -> Vec<(&str, u8)> {
    let fields = document.iter().filter(|(name, _)| *name != "is_parent");
    fields.map(|(name, value)| (name.as_str(), value.element_type() as u8)).collect()
}

#[tokio::test]
async fn a_seeded_document_looks_like_one_from_the_service() {
    let db = TestDatabase::create().await;
    seeded(&db, &[]).await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let (_, token) = login(&server, "demo", DEFAULT_PASSWORD).await;
    let everything = json!({
        "name": "mine", "completed": true, "priority": "low", "tags": ["a"],
        "due": { "at": "2026-12-01T09:00", "time_zone": "Europe/Berlin" },
    });
    assert_eq!(server.post("/v1/todos", &token, &everything).await.status(), 201);
    let list = json!({ "name": "mine", "color": "#00ff00" });
    assert_eq!(server.post("/v1/lists", &token, &list).await.status(), 201);
    server.user("ann").await;

    for collection in ["todos", "lists"] {
        let stored = db.all(collection).await;
        let mine = stored.iter().find(|one| one.get_str("name").unwrap() == "mine").unwrap();
        let types: HashMap<_, _> = shape(mine).into_iter().collect();
        for one in &stored {
            let names = |shape: Vec<(&str, u8)>| -> Vec<String> {
                shape.into_iter().map(|(name, _)| name.to_owned()).collect()
            };
            assert_eq!(names(shape(one)), names(shape(mine)));
            for (name, kind) in shape(one) {
                let null = Bson::Null.element_type() as u8;
                assert!(kind == types[name] || kind == null || types[name] == null, "{name} of {one}");
            }
            assert!(one.get_timestamp("changed").unwrap().time > 0, "{one}");
        }
    }
    let users = db.all("users").await;
    let of = |name: &str| users.iter().find(|user| user.get_str("username").unwrap() == name).unwrap();
    let names = |user: &Document| user.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(of("demo")), names(of("ann")));
}

#[tokio::test]
async fn sync_returns_everything_that_was_seeded() {
    let db = TestDatabase::create().await;
    seeded(&db, &["--todos", "1500"]).await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let (_, token) = login(&server, "demo", DEFAULT_PASSWORD).await;
    let (mut seen, mut sync) = (BTreeMap::new(), Value::Null);
    loop {
        let body = json!({ "token": sync, "limit": 200 });
        let page: Value = server.post("/v1/sync", &token, &body).await.json().await.unwrap();
        for todo in page["todos"].as_array().unwrap() {
            seen.insert(todo["id"].as_str().unwrap().to_owned(), todo.clone());
        }
        sync = page["token"].clone();
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), 1500);
}

#[tokio::test]
async fn seeding_again_only_adds_what_is_missing() {
    let db = TestDatabase::create().await;
    seeded(&db, &["--users", "2", "--todos", "100"]).await;
    let collections = ["users", "lists", "todos"];
    let before = [db.all("users").await, db.all("lists").await, db.all("todos").await];
    let again = seeded(&db, &["--users", "2", "--todos", "100"]).await;
    assert!(again.contains("100 todos (0 new)"), "{again}");
    for (collection, before) in collections.into_iter().zip(&before) {
        assert_eq!(&db.all(collection).await, before, "{collection}");
    }

    let gone = before[2][7].get_object_id("_id").unwrap();
    db.collection("todos").delete_one(doc! { "_id": gone }).await.unwrap();
    let mended = seeded(&db, &["--users", "2", "--todos", "130"]).await;
    assert!(mended.contains("130 todos (31 new)"), "{mended}");
    let after = db.all("todos").await;
    assert_eq!(after.len(), 130);
    assert!(before[2].iter().all(|todo| todo.get_object_id("_id").unwrap() == gone || after.contains(todo)));
    assert_eq!(db.all("users").await, before[0]);
}

/// Documents without fields that depend on the time of writing or on a random salt.
async fn contents(db: &TestDatabase) -> Vec<Document> {
    let all = [db.all("users").await, db.all("lists").await, db.all("todos").await].concat();
    let bare = |mut document: Document| {
        document.remove("changed");
        document.remove("password_hash");
        document
    };
    all.into_iter().map(bare).collect()
}

#[tokio::test]
async fn the_seed_determines_the_data() {
    let day = || Clock::system().now().timestamp_millis() / 86_400_000;
    let options = ["--users", "3", "--todos", "200", "--seed", "7"];
    // At midnight the date changes, and the data with it.
    let (one, same) = loop {
        let (today, one, same) = (day(), TestDatabase::create().await, TestDatabase::create().await);
        seeded(&one, &options).await;
        seeded(&same, &options).await;
        if day() == today {
            break (one, same);
        }
    };
    assert_eq!(contents(&one).await, contents(&same).await);
    let other = TestDatabase::create().await;
    seeded(&other, &["--users", "3", "--todos", "200", "--seed", "8"]).await;
    let names = async |db| {
        let todos = TestDatabase::all(db, "todos").await;
        todos.iter().map(|todo| todo.get_str("name").unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_ne!(names(&one).await, names(&other).await);
}

#[tokio::test]
async fn a_database_of_other_users_is_refused_unless_forced() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    server.user("ann").await;
    let complaint = refused(&db, &[]).await;
    assert!(complaint.contains("--force"), "{complaint}");
    assert_eq!((db.all("users").await.len(), db.all("todos").await.len()), (1, 0));
    seeded(&db, &["--force"]).await;
    assert_eq!((db.all("users").await.len(), db.all("todos").await.len()), (2, 100));
    assert!(refused(&db, &[]).await.contains("--force"));

    let taken = TestDatabase::create().await;
    Server::start_ready(taken.uri(), &[]).await.user("demo").await;
    assert!(refused(&taken, &["--force"]).await.contains("taken"));
    assert_eq!(taken.all("todos").await.len(), 0);
}

#[tokio::test]
async fn a_seed_that_is_not_possible_is_reported_in_one_line() {
    let db = TestDatabase::create().await;
    for (arguments, expected) in [
        (["--users", "1", "--todos", "10001"], "at least 2 users"),
        (["--users", "1", "--password", "short"], "8 to 128"),
        (["--users", "1", "--password", "password1"], "most common passwords"),
        (["--users", "1500", "--password", "demo-1234"], "must not be the username"),
    ] {
        let complaint = refused(&db, &arguments).await;
        assert!(complaint.contains(expected), "{complaint}");
    }
    assert_eq!(db.all("users").await.len(), 0);

    seeded(&db, &["--password", "correct horse"]).await;
    assert!(refused(&db, &["--todos", "200"]).await.contains("--password"));
    assert!(refused(&db, &["--password", "correct horse", "--seed", "2"]).await.contains("--seed"));
    assert_eq!(db.all("todos").await.len(), 100);
}

#[tokio::test]
async fn todos_are_spread_evenly_over_as_many_users_as_needed() {
    let db = TestDatabase::create().await;
    let done = seeded(&db, &["--users", "1001", "--todos", "1003"]).await;
    assert!(done.starts_with("1001 users, ") && done.contains("1003 todos"), "{done}");
    let mut counts = BTreeMap::new();
    for todo in db.all("todos").await {
        *counts.entry(todo.get_object_id("owner_id").unwrap()).or_insert(0) += 1;
    }
    assert_eq!((counts.len(), counts.values().max(), counts.values().min()), (1001, Some(&2), Some(&1)));
}
