//! Migrations of todos, interrupted and delayed changes, limits on the numbers of objects, and both API surfaces on the
//! same todos.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, doc};
use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::options::IndexOptions;
use serde_json::json;
use todo_api::error::Error;
use todo_api::migrations;
use todo_api::owned::{Conflict, Precondition, TOMBSTONE_TTL};
use todo_api::todos::input::TodoInput;

use crate::support::process::Server;
use crate::support::{Client, TestApp, TestDatabase};

#[tokio::test]
async fn the_migration_completes_todos_in_creation_order() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let owner = app.db.all("users").await[0].get_object_id("_id").unwrap();
    for (name, made) in [("younger", 2_000), ("older", 1_000)] {
        let at = DateTime::from_millis(made);
        let earlier = doc! {
            "_id": ObjectId::new(), "owner_id": owner, "name": name, "description": "Crème", "version": 4_i64,
            "created_at": at, "updated_at": at, "field_of_the_operator": 1,
        };
        app.db.collection("todos").insert_one(earlier).await.unwrap();
    }
    app.db.collection("migrations").delete_one(doc! { "_id": 2 }).await.unwrap();
    let ann = ann.at(&app.restart().await);
    assert_eq!(ann.todo_names("").await, ["older", "younger"]);
    assert_eq!(ann.todo_names("?q=creme+old").await, ["older"]);
    let todo = ann.get("/v1/todos?limit=1").await.json()["items"][0].clone();
    assert_eq!((&todo["version"], &todo["priority"], &todo["tags"]), (&json!(4), &json!("none"), &json!([])));
    let id = todo["id"].as_str().unwrap();
    ann.patch(&format!("/v1/todos/{id}"), json!({ "name": "new" })).await.assert(200);
    let stored = app.db.all("todos").await;
    assert!(
        stored.iter().all(|todo| todo.contains_key("field_of_the_operator") && todo.contains_key("changed"))
    );
}

#[tokio::test]
async fn both_api_surfaces_share_todos() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let id = ann.create_original_todo("").await;
    let todo = ann.get(&format!("/v1/todos/{id}")).await.assert(200).json();
    assert_eq!((&todo["name"], &todo["priority"]), (&json!(""), &json!("none")));
    ann.patch(&format!("/v1/todos/{id}"), json!({ "completed": true })).await.assert(200);
    let other =
        ann.create_todo(json!({ "name": "rich", "tags": ["t"], "due": { "date": "2026-12-01" } })).await;
    let change = json!({ "name": "plain", "description": "d" });
    ann.put(&format!("/todo/{other}"), change).await.assert(200);
    let todo = ann.get(&format!("/v1/todos/{other}")).await.json();
    assert_eq!(
        (&todo["name"], &todo["tags"], &todo["due"]["date"]),
        (&json!("plain"), &json!(["t"]), &json!("2026-12-01"))
    );
    ann.delete(&format!("/todo/{other}")).await.assert(200);
    assert_eq!(ann.todo_names("?deleted=true").await, ["plain"]);
}

async fn is_done(client: &Client, id: &str) -> bool {
    client.get(&format!("/v1/todos/{id}")).await.assert(200).json()["completed"].as_bool().unwrap()
}

#[tokio::test]
async fn completing_a_parent_completes_every_kind_of_subtask() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = |number: u8| format!("0123456789abcdef000000{number:02x}");
    for way in 0..5 {
        let parent = ann.create_todo(json!({ "name": "parent" })).await;
        let body = json!({ "name": "child", "parent_id": parent });
        let child = match way {
            0 => ann.create_todo(body).await,
            1 => {
                ann.put(&format!("/v1/todos/{}", id(way)), body).await.assert(201);
                id(way)
            }
            2 => {
                let child = ann.create_todo(json!({ "name": "child" })).await;
                let body = json!({ "parent_id": parent });
                ann.patch(&format!("/v1/todos/{child}"), body).await.assert(200);
                child
            }
            3 => {
                let child = ann.create_todo(json!({ "name": "child" })).await;
                let body = json!({ "parent_id": parent });
                ann.post(&format!("/v1/todos/{child}/move"), body).await.assert(200);
                child
            }
            _ => {
                let put = json!({ "id": "1", "op": "put", "type": "todo", "target": id(way), "body": body });
                let commands = json!({ "token": null, "commands": [put] });
                let results = ann.post("/v1/sync", commands).await.assert(200).json()["results"].clone();
                assert_eq!(results[0]["status"], 201, "{results}");
                id(way)
            }
        };
        ann.patch(&format!("/v1/todos/{parent}"), json!({ "completed": true })).await.assert(200);
        assert!(is_done(&ann, &child).await, "way {way}");
    }
}

#[tokio::test]
async fn the_migration_marks_parents_of_existing_subtasks() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let parent = ann.create_todo(json!({ "name": "parent" })).await;
    let child = ann.create_todo(json!({ "name": "child", "parent_id": parent })).await;
    let forgotten = doc! { "$unset": { "is_parent": 1 } };
    app.db.collection("todos").update_many(doc! {}, forgotten).await.unwrap();
    app.db.collection("migrations").delete_one(doc! { "_id": 4 }).await.unwrap();
    let ann = ann.at(&app.restart().await);
    ann.patch(&format!("/v1/todos/{parent}"), json!({ "completed": true })).await.assert(200);
    assert!(is_done(&ann, &child).await);
}

#[tokio::test]
async fn the_migration_replaces_the_removal_index() {
    let app = TestApp::start().await;
    for name in ["todos", "lists"] {
        let earlier = IndexOptions::builder().expire_after(TOMBSTONE_TTL).build();
        let earlier = IndexModel::builder().keys(doc! { "gone_at": 1 }).options(earlier).build();
        app.db.collection(name).create_index(earlier).await.unwrap();
    }
    app.db.collection("migrations").delete_one(doc! { "_id": 5 }).await.unwrap();
    let app = app.restart().await;
    for name in ["todos", "lists"] {
        let indexes: Vec<_> =
            app.db.collection(name).list_indexes().await.unwrap().try_collect().await.unwrap();
        let mut of_removals = indexes.into_iter().filter(|index| index.keys.contains_key("gone_at"));
        let options = of_removals.next().unwrap().options.unwrap();
        assert_eq!(options.expire_after, Some(TOMBSTONE_TTL), "{name}");
        assert_eq!(options.partial_filter_expression, Some(doc! { "state": "gone" }), "{name}");
        assert!(of_removals.next().is_none(), "{name} has one");
    }
}

/// Changes the fields that todos have for indexes to what earlier versions stored.
async fn age(app: &TestApp) {
    let todos = app.db.collection("todos");
    let long = (0..400).map(|n| format!("w{n}")).chain(["long".to_owned()]).collect::<Vec<_>>();
    let windows = ["東京タワー", "京タワー", "タワー", "ワー", "ー"].map(str::to_owned).to_vec();
    for (name, words) in [
        ("東京タワー", windows),
        ("long", long),
        ("Œuvre 10", vec!["10".to_owned(), "œuvre".to_owned()]),
        ("e-mail", vec!["e".to_owned(), "mail".to_owned()]),
    ] {
        let earlier = doc! { "$set": { "words": words }, "$unset": { "sort_name": "" } };
        todos.update_one(doc! { "name": name }, earlier).await.unwrap();
    }
    // An earlier version renamed this todo after this version had stored it.
    todos.update_one(doc! { "name": "same" }, doc! { "$set": { "sort_name": "a" } }).await.unwrap();
    // An earlier time zone database had standard time in winter.
    let earlier = doc! { "due_at": DateTime::parse_rfc3339_str("2026-12-01T17:00:00Z").unwrap() };
    todos.update_one(doc! { "name": "winter" }, doc! { "$set": earlier }).await.unwrap();
}

#[tokio::test]
async fn the_migration_derives_fields_for_indexes_again_and_repeats_after_the_release() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let long = (0..400).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
    let due = json!({ "at": "2026-12-01T09:00", "time_zone": "America/Vancouver" });
    ann.create_todo(json!({ "name": "winter", "due": due })).await;
    let texts = [("東京タワー", ""), ("long", long.as_str()), ("same", ""), ("Œuvre 10", ""), ("e-mail", "")];
    for (name, description) in texts {
        ann.create_todo(json!({ "name": name, "description": description })).await;
    }
    let gone = ann.create_todo(json!({ "name": "gone" })).await;
    ann.delete(&format!("/v1/todos/{gone}?permanent=true")).await.assert(204);
    let new = app.db.all("todos").await;
    age(&app).await;
    // Before the migration, todos are found by their earlier words, and every page is complete.
    for (q, name) in [("京タワ", "東京タワー"), ("w399", "long"), ("e-mail", "e-mail")] {
        assert_eq!(ann.todo_names(&format!("?q={q}")).await, [name]);
    }
    assert_eq!(ann.todo_names("?sort=name").await.len(), 6);
    for _ in 0..2 {
        app.db.collection("migrations").delete_one(doc! { "_id": 8 }).await.unwrap();
        let ann = ann.at(&app.restart().await);
        // Clients see no change: version and change stamp are the same.
        assert_eq!(app.db.all("todos").await, new);
        for (q, name) in [("京タワ", "東京タワー"), ("oeuvre", "Œuvre 10"), ("email", "e-mail")] {
            assert_eq!(ann.todo_names(&format!("?q={q}")).await, [name]);
        }
        assert!(ann.todo_names("?q=w399").await.is_empty());
    }
    // What an instance of an earlier version writes during the release is corrected once, later.
    let repeat = async || migrations::repeat(&app.state.db, &app.state.hasher).await.unwrap();
    age(&app).await;
    repeat().await;
    assert_eq!(app.db.all("todos").await, new);
    age(&app).await;
    let aged = app.db.all("todos").await;
    repeat().await;
    assert_eq!(app.db.all("todos").await, aged);
}

#[tokio::test]
async fn indexes_of_earlier_versions_are_dropped_later() {
    let app = TestApp::start().await;
    let names = async || {
        let todos = app.db.collection("todos");
        let indexes: Vec<_> = todos.list_indexes().await.unwrap().try_collect().await.unwrap();
        let mut names: Vec<_> =
            indexes.into_iter().filter_map(|index| index.options.and_then(|options| options.name)).collect();
        names.sort();
        names
    };
    let current = names().await;
    for (name, field) in [("by_parent", "parent_id"), ("by_word", "words")] {
        let options = IndexOptions::builder().name(name.to_owned()).build();
        let keys = doc! { "owner_id": 1, field: 1, "state": 1 };
        let earlier = IndexModel::builder().keys(keys).options(options).build();
        app.db.collection("todos").create_index(earlier).await.unwrap();
    }
    let restarted = app.restart().await;
    assert_eq!(names().await.len(), current.len() + 2, "instances of the earlier version name these indexes");
    for _ in 0..2 {
        restarted.state.workspaces.drop_retired_indexes().await.unwrap();
        assert_eq!(names().await, current);
    }
}

#[tokio::test]
async fn a_delayed_request_does_not_overwrite_a_later_change() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = ann.create_todo(json!({ "name": "first" })).await;
    let owner = app.db.all("users").await[0].get_object_id("_id").unwrap();
    let stored = ObjectId::parse_str(&id).unwrap();
    let inputs = || {
        let name = TodoInput { name: Some("late".to_owned()), ..TodoInput::default() };
        let done = TodoInput { completed: Some(true), ..TodoInput::default() };
        [name, done]
    };
    // The database did not respond for a long time, and the client was asked to retry.
    let late = app.state.workspaces.of(owner);
    app.clock.advance(Duration::from_secs(9));
    ann.patch(&format!("/v1/todos/{id}"), json!({ "name": "newer" })).await.assert(200);
    for input in inputs() {
        let refused = late.change_todo(stored, input, &Precondition::Any).await;
        assert!(matches!(refused, Err(Conflict::Error(Error::Unavailable(_)))), "{refused:?}");
    }
    assert!(late.remove_todo(stored, &Precondition::Any).await.is_err());
    let todo = ann.get(&format!("/v1/todos/{id}")).await.assert(200).json();
    assert_eq!((&todo["name"], &todo["completed"]), (&json!("newer"), &json!(false)));
    for input in inputs() {
        app.state.workspaces.of(owner).change_todo(stored, input, &Precondition::Any).await.unwrap();
    }
    let todo = ann.get(&format!("/v1/todos/{id}")).await.assert(200).json();
    assert_eq!((&todo["name"], &todo["completed"]), (&json!("late"), &json!(true)));
}

/// Leaves a todo as a crash would, right after the write that changed it.
async fn cut_off(app: &TestApp, id: &str, acts: bson::Bson, now: bson::Document) {
    let since = DateTime::from_millis(app.clock.now().timestamp_millis() - 120_000);
    let mut set = now;
    set.extend(doc! { "unfinished": { "since": since, "acts": acts } });
    let one = doc! { "_id": ObjectId::parse_str(id).unwrap() };
    app.db.collection("todos").update_one(one, doc! { "$set": set }).await.unwrap();
}

#[tokio::test]
async fn maintenance_finishes_interrupted_changes_once() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let parent = ann.create_todo(json!({ "name": "parent" })).await;
    ann.create_todo(json!({ "name": "child", "parent_id": parent })).await;
    let trashed = doc! {
        "state": "trash", "deleted_at": app.clock.now(), "trashed_with": ObjectId::parse_str(&parent).unwrap(),
    };
    cut_off(&app, &parent, bson::bson!(["trash"]), trashed).await;
    assert_eq!(ann.todo_names("").await, ["child"]);
    for _ in 0..2 {
        app.state.workspaces.upkeep().await.unwrap();
        assert_eq!(ann.todo_names("?deleted=true").await, ["parent", "child"]);
    }
    ann.post(&format!("/v1/todos/{parent}/restore"), json!({})).await.assert(200);
    assert_eq!(ann.todo_names("").await, ["parent", "child"]);

    let daily =
        json!({ "name": "daily", "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=DAILY" } });
    let daily = ann.create_todo(daily).await;
    ann.patch(&format!("/v1/todos/{daily}"), json!({ "completed": true })).await.assert(200);
    let todos = app.db.collection("todos");
    let record = doc! { "occurrence_of": ObjectId::parse_str(&daily).unwrap() };
    let record = todos.find_one_and_delete(record).await.unwrap().unwrap();
    cut_off(&app, &daily, bson::bson!([{ "record": record }]), doc! {}).await;
    for _ in 0..2 {
        app.state.workspaces.upkeep().await.unwrap();
        assert_eq!(ann.todo_names("?completed=true").await, ["daily"]);
    }
}

#[tokio::test]
async fn a_retry_finishes_an_interrupted_change() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let parent = ann.create_todo(json!({ "name": "parent" })).await;
    let child = ann.create_todo(json!({ "name": "child", "parent_id": parent })).await;
    let done = doc! { "completed": true, "completed_at": app.clock.now() };
    cut_off(&app, &parent, bson::bson!(["complete"]), done).await;
    assert!(!is_done(&ann, &child).await);
    for _ in 0..2 {
        let todo = ann.patch(&format!("/v1/todos/{parent}"), json!({ "completed": true })).await.assert(200);
        assert_eq!(todo.json()["version"], 1);
        assert!(is_done(&ann, &child).await);
    }
}

#[tokio::test]
async fn the_numbers_of_todos_and_lists_are_limited() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let first = ann.create_todo(json!({ "name": "first" })).await;
    let pattern = app.db.all("todos").await.remove(0);
    let copies: Vec<_> = (0..9_998)
        .map(|_| {
            let mut copy = pattern.clone();
            copy.insert("_id", ObjectId::new());
            copy
        })
        .collect();
    app.db.collection("todos").insert_many(copies).await.unwrap();
    app.advance(61);
    ann.create_todo(json!({ "name": "last" })).await;
    ann.post("/v1/todos", json!({ "name": "x" })).await.assert_problem(422, "limit_reached");
    let ben = app.v1_user("ben").await;
    ben.create_todo(json!({ "name": "another user has room" })).await;
    let path = "/v1/todos/0123456789abcdef01234567";
    ann.put(path, json!({ "name": "x" })).await.assert_problem(422, "limit_reached");
    ann.delete(&format!("/v1/todos/{first}")).await.assert(204);
    ann.put(path, json!({ "name": "x" })).await.assert(201);
    ann.post(&format!("/v1/todos/{first}/restore"), json!({})).await.assert_problem(422, "limit_reached");
    for _ in 0..500 {
        ann.post("/v1/lists", json!({ "name": "l" })).await.assert(201);
    }
    ann.post("/v1/lists", json!({ "name": "l" })).await.assert_problem(422, "limit_reached");
    ben.post("/v1/lists", json!({ "name": "l" })).await.assert(201);
}

#[tokio::test]
async fn an_unconfirmed_insert_creates_one_todo() {
    let db = TestDatabase::create().await;
    // A separate name, so that the fail point affects no other test.
    let server = Server::start_ready(&format!("{}&appName=unsure", db.uri()), &[]).await;
    let (ann, _) = server.user("ann").await;
    let todos = db.collection("todos");
    // The todo is stored, but the primary steps down before a majority has it, or replication is too slow.
    for (name, code, status) in [("stepped down", 91, 201), ("too slow", 64, 503)] {
        let failing = doc! {
            "failCommands": ["insert"], "namespace": todos.namespace().to_string(), "appName": "unsure",
            "writeConcernError": { "code": code, "errmsg": "for the test" },
        };
        let _failing = db.fail(1, failing).await;
        let answer = server.post("/v1/todos", &ann, &json!({ "name": name })).await;
        assert_eq!(answer.status(), status, "{name}");
        assert_eq!(todos.count_documents(doc! { "name": name }).await.unwrap(), 1, "{name}");
    }
    for todo in db.all("todos").await {
        assert_eq!(todo.get_i64("version").unwrap(), 1, "{todo}");
        assert!(todo.get_timestamp("changed").unwrap().time > 0, "{todo}");
    }
}
