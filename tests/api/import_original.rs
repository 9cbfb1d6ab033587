//! The import of the original's database: all users keep their names, passwords and todos.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use serde_json::json;
use todo_api::migrations::MigrationScope;
use todo_api::startup;

use crate::support::process::{self, Server};
use crate::support::{TestApp, TestDatabase};

const PASSWORDS: [(&str, &str); 7] = [
    ("ann", "abc"),
    ("Ben Ström", "päss wörd"),
    ("", "empty name"),
    ("no password", ""),
    ("looks hashed", "hmac-sha384:$2b$04$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01232"),
    ("long\nand odd\u{200b}", "x"),
    ("$ne", "{\"$gt\": \"\"}"),
];

/// Writes users and their todos as the original did: plain-text passwords, owners as text, and no other fields.
async fn original_database() -> (TestDatabase, Vec<(ObjectId, ObjectId)>) {
    let db = TestDatabase::create().await;
    let mut ids = Vec::new();
    for (name, password) in PASSWORDS {
        let (user, todo) = (ObjectId::new(), ObjectId::new());
        let user_document = doc! { "_id": user, "username": name, "password": password };
        db.collection("users").insert_one(user_document).await.unwrap();
        let todo_document = doc! { "_id": todo, "name": "buy milk", "description": name, "owner_id": user.to_hex(), "extra": [1] };
        db.collection("todos").insert_one(todo_document).await.unwrap();
        ids.push((user, todo));
    }
    (db, ids)
}

async fn assert_taken_over(app: &TestApp, ids: &[(ObjectId, ObjectId)]) {
    for ((name, password), (user, todo)) in PASSWORDS.iter().zip(ids) {
        let client = app.anonymous().login(name, password).await;
        let expected = json!([{
            "_id": { "$oid": todo.to_hex() }, "name": "buy milk", "description": name, "owner_id": user.to_hex(),
        }]);
        client.get("/todolist").await.assert_json(200, &expected);
        let wrong = json!({ "username": name, "password": format!("{password}!") });
        app.anonymous().post("/login", wrong).await.assert_message(401, "Invalid Credentials!");
    }
    for user in app.db.all("users").await {
        assert!(!user.contains_key("password"), "{user}");
        let hash = user.get_str("password_hash").unwrap();
        assert!(hash.starts_with("hmac-sha384:$2b$04$"), "{hash}");
        let stored = user.to_string();
        let (_, password) =
            PASSWORDS.iter().find(|(name, _)| user.get_str("username").unwrap() == *name).unwrap();
        assert!(password.len() < 4 || !stored.contains(password), "{stored}");
    }
    for todo in app.db.all("todos").await {
        assert!(todo.get_object_id("owner_id").is_ok(), "{todo}");
        assert_eq!(todo.get_array("extra").unwrap(), &vec![Bson::Int32(1)]);
        assert_eq!(todo.get_datetime("created_at").unwrap(), &todo.get_object_id("_id").unwrap().timestamp());
    }
}

#[tokio::test]
async fn imported_users_keep_their_passwords_and_todos() {
    let (db, ids) = original_database().await;
    let app = TestApp::over(db).await;
    assert_taken_over(&app, &ids).await;
}

#[tokio::test]
async fn a_second_import_changes_nothing() {
    let (db, ids) = original_database().await;
    let app = TestApp::over(db.clone()).await;
    let (users, todos) = (db.all("users").await, db.all("todos").await);
    startup::migrate(&app.state, MigrationScope::All).await.unwrap();
    assert_eq!(db.all("users").await, users);
    assert_eq!(db.all("todos").await, todos);
    assert_taken_over(&app.restart().await, &ids).await;
}

#[tokio::test]
async fn later_writes_of_the_original_are_imported_on_demand() {
    let (db, ids) = original_database().await;
    let todo = db.all("todos").await.remove(0);
    let user = db.all("users").await.remove(0);
    db.collection("todos").delete_one(doc! { "_id": ids[0].1 }).await.unwrap();
    db.collection("users").delete_one(doc! { "_id": ids[0].0 }).await.unwrap();
    let app = TestApp::over(db.clone()).await;

    db.collection("users").insert_one(user).await.unwrap();
    db.collection("todos").insert_one(todo).await.unwrap();
    let settings = [("MONGODB_URI", db.uri())];
    assert_eq!(process::run(&["migrate", "--again"], &settings).await.0, Some(0));
    assert_taken_over(&app, &ids).await;
}

#[tokio::test]
async fn an_import_that_is_killed_loses_nothing() {
    let db = TestDatabase::create().await;
    let users: Vec<Document> = (0..40)
        .map(|n| doc! { "username": format!("user{n}"), "password": format!("password-{n}") })
        .collect();
    db.collection("users").insert_many(users).await.unwrap();
    let (mut done, mut is_half_way) = (0, false);
    // At this cost 40 hashes take about a second, so that each process is killed while it hashes.
    for _ in 0..4 {
        let server = Server::start(db.uri(), &[("BCRYPT_COST", "8")]).await;
        let hashed = doc! { "password_hash": { "$exists": true } };
        process::eventually("another password is hashed", async || {
            let count = db.collection("users").count_documents(hashed.clone()).await.unwrap();
            (count > done).then_some(())
        })
        .await;
        drop(server);
        let users = db.all("users").await;
        for user in &users {
            assert!(user.contains_key("password") != user.contains_key("password_hash"), "{user}");
        }
        done = db.collection("users").count_documents(hashed).await.unwrap();
        is_half_way |= done < 40;
        if done == 40 {
            break;
        }
    }
    assert!(is_half_way, "no run was killed half-way");

    let app = TestApp::over(db).await;
    for n in 0..40 {
        app.anonymous().login(&format!("USER{n}"), &format!("password-{n}")).await;
    }
}

#[tokio::test]
async fn two_instances_can_import_at_the_same_time() {
    let (db, ids) = original_database().await;
    let (one, other) = tokio::join!(TestApp::over(db.clone()), TestApp::over(db.clone()));
    assert_taken_over(&one, &ids).await;
    assert_taken_over(&other, &ids).await;
}

#[tokio::test]
async fn duplicate_usernames_are_reported_before_any_change() {
    for (first, second) in [("ann", "ann"), ("Ann", "aNN")] {
        let (db, _) = original_database().await;
        db.collection("users").delete_many(doc! { "username": "ann" }).await.unwrap();
        let double = [first, second].map(|name| doc! { "username": name, "password": "plain" });
        db.collection("users").insert_many(double).await.unwrap();
        let (users, todos) = (db.all("users").await, db.all("todos").await);

        let (code, _, complaint) = process::run(&["serve"], &[("MONGODB_URI", db.uri())]).await;
        assert_eq!(code, Some(1));
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(
            complaint.contains(first) && complaint.contains(second) && complaint.contains("Rename"),
            "{complaint}"
        );
        assert_eq!((db.all("users").await, db.all("todos").await), (users, todos));
    }
}

#[tokio::test]
async fn irregular_documents_are_kept_and_made_readable() {
    let (db, ids) = original_database().await;
    let owner = ids[0].0;
    let odd = [
        doc! { "owner_id": owner.to_hex(), "name": 5, "description": Bson::Null },
        doc! { "owner_id": owner.to_hex() },
        doc! { "owner_id": owner.to_hex().to_uppercase(), "name": ["a", "b"], "description": "x" },
        doc! { "owner_id": "nobody", "name": "unreachable", "description": "" },
    ];
    db.collection("todos").insert_many(odd).await.unwrap();
    db.collection("users").insert_one(doc! { "password": "nameless" }).await.unwrap();
    db.collection("users").insert_one(doc! { "username": 12, "password": 34 }).await.unwrap();
    let app = TestApp::over(db.clone()).await;

    let list = app.anonymous().login("ann", "abc").await.get("/todolist").await.assert(200).json();
    let texts: Vec<_> =
        list.as_array().unwrap().iter().map(|todo| todo["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts, ["buy milk", "5", "", "[\"a\", \"b\"]"]);
    app.anonymous().login("12", "34").await;
    assert_eq!(db.all("todos").await.len(), ids.len() + 4);
    assert_eq!(db.all("users").await.len(), ids.len() + 2);
}
