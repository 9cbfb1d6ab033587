//! Changes that concern many documents of a user, and the upkeep that completes them.

use std::time::Duration;

use axum::http::Method;
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use todo_api::clock::Clock;
use todo_api::error::Error;

use crate::support::v1::{DAY, MINUTE, todo_path};
use crate::support::{Client, TestApp, TestDatabase};

async fn set(app: &TestApp, collection: &str, id: &str, set: Document) {
    let one = doc! { "_id": ObjectId::parse_str(id).unwrap() };
    let updated = app.db.collection(collection).update_one(one, doc! { "$set": set }).await.unwrap();
    assert_eq!(updated.matched_count, 1);
}

fn names(objects: &Value) -> Vec<&str> {
    objects.as_array().unwrap().iter().map(|object| object["name"].as_str().unwrap()).collect()
}

/// The pages of todos, one after the other.
async fn names_by_pages(client: &Client, query: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/todos?{query}{cursor}")).await.assert(200).json();
        all.extend(names(&page["items"]).into_iter().map(str::to_owned));
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn unreadable_documents_are_set_aside() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let mut todos = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        todos.push(ann.create_todo(json!({ "name": name })).await);
    }
    let lists =
        [ann.create_list(json!({ "name": "l" })).await, ann.create_list(json!({ "name": "m" })).await];
    for broken in [1, 2, 3] {
        set(&app, "todos", &todos[broken], doc! { "name": 5 }).await;
    }
    set(&app, "lists", &lists[0], doc! { "color": 5 }).await;

    assert_eq!(names_by_pages(&ann, "limit=1").await, ["a", "e", "f"]);
    assert_eq!(names(&ann.get("/v1/lists").await.assert(200).json()["items"]), ["m"]);
    let owner = app.db.all("users").await[0].get_object_id("_id").unwrap();
    let broken = app.state.workspaces.of(owner).todo(ObjectId::parse_str(&todos[1]).unwrap()).await;
    assert!(matches!(broken, Err(Error::Internal(_))), "{broken:?}");
    ann.get(&todo_path(&todos[0])).await.assert(200);
    let (mut token, mut synced, mut has_more) = (Value::Null, Vec::new(), true);
    while has_more {
        let page = ann.post("/v1/sync", json!({ "token": token, "limit": 1 })).await.assert(200).json();
        synced.extend(["lists", "todos"].iter().flat_map(|kind| names(&page[*kind])).map(str::to_owned));
        (token, has_more) = (page["token"].clone(), page["has_more"] == true);
    }
    assert_eq!(synced, ["m", "a", "e", "f"]);
    assert_eq!(app.user("ben").await.get("/v1/todos").await.assert(200).json()["items"], json!([]));
}

#[tokio::test]
async fn upkeep_goes_on_after_documents_that_it_cannot_change() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let since = |minutes: u64| {
        let age = i64::try_from(minutes * MINUTE * 1_000).unwrap();
        DateTime::from_millis(app.clock.now().timestamp_millis() - age)
    };
    // Ann's trash of the same day cannot be removed, and her interrupted changes cannot be read or completed.
    let mut of_ann = Vec::new();
    for name in ["a", "b", "c"] {
        of_ann.push(ann.create_todo(json!({ "name": name })).await);
    }
    ann.delete(&todo_path(&of_ann[0])).await.assert(204);
    set(&app, "todos", &of_ann[0], doc! { "version": "one" }).await;
    let unfinished = |minutes| doc! { "unfinished": { "since": since(minutes), "acts": ["trash"] } };
    set(&app, "todos", &of_ann[1], unfinished(9)).await;
    set(&app, "todos", &of_ann[1], doc! { "description": 5 }).await;
    let child = ann.create_todo(json!({ "name": "child", "parent_id": of_ann[2] })).await;
    set(&app, "todos", &child, doc! { "version": "one" }).await;
    set(&app, "todos", &of_ann[2], unfinished(8)).await;

    let old = ben.create_todo(json!({ "name": "old" })).await;
    ben.delete(&todo_path(&old)).await.assert(204);
    let parent = ben.create_todo(json!({ "name": "parent" })).await;
    ben.create_todo(json!({ "name": "child", "parent_id": parent })).await;
    set(&app, "todos", &parent, unfinished(7)).await;
    for id in [&of_ann[0], &old] {
        let deleted = since(31 * DAY / MINUTE);
        set(&app, "todos", id, doc! { "deleted_at": deleted }).await;
    }
    app.state.workspaces.upkeep().await.unwrap();
    assert_eq!(ben.todo_names("?deleted=true").await, ["child"]);
    ben.get(&todo_path(&old)).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn deletions_of_users_go_on_after_one_that_fails() {
    let app = TestApp::start().await;
    for name in ["ann", "ben", "cyd"] {
        app.v1_user(name).await;
    }
    let begun = DateTime::from_millis(app.clock.now().timestamp_millis() - 600_000);
    let users = app.db.collection("users");
    users.update_many(doc! {}, doc! { "$set": { "deleted_at": begun } }).await.unwrap();
    users.update_one(doc! { "username": "ann" }, doc! { "$set": { "epoch": "one" } }).await.unwrap();
    app.state.accounts.finish_deletions().await.unwrap();
    let left = app.db.all("users").await;
    assert_eq!(left.iter().map(|user| user.get_str("username").unwrap()).collect::<Vec<_>>(), ["ann"]);
}

/// A user with a list of many todos, which all have the tag `a`. The first is the parent of the others.
struct Crowd {
    app: TestApp,
    user: Client,
    list: String,
    todos: Vec<String>,
}

impl Crowd {
    async fn of(app: TestApp, name: &str, size: usize) -> Self {
        let id = |number: usize| ObjectId::parse_str(format!("{number:024x}")).unwrap();
        let user = app.v1_user(name).await;
        let list = id(size).to_hex();
        user.put(&format!("/v1/lists/{list}"), json!({ "name": "crowd" })).await.assert(201);
        let first = json!({ "name": "t0", "list_id": list, "tags": ["a"] });
        user.put(&todo_path(&id(0).to_hex()), first).await.assert(201);
        let todos = app.db.collection("todos");
        let pattern = todos.find_one(doc! { "_id": id(0) }).await.unwrap().unwrap();
        todos.update_one(doc! { "_id": id(0) }, doc! { "$set": { "is_parent": true } }).await.unwrap();
        let copies = (1..size).map(|number| {
            let mut copy = pattern.clone();
            let name = format!("t{number}");
            copy.extend(doc! {
                "_id": id(number), "parent_id": id(0), "position": format!("b{number:05}"), "name": &name,
                "words": [&name], "sort_name": &name,
            });
            copy
        });
        todos.insert_many(copies).await.unwrap();
        let todos = (0..size).map(|number| id(number).to_hex()).collect();
        Self { app, user, list, todos }
    }

    /// No task writes what is left after a response.
    fn pause(&self) {
        self.app.state.tasks.close();
    }

    fn list_path(&self) -> String {
        format!("/v1/lists/{}", self.list)
    }

    /// Returns the body, or null if it is empty.
    async fn send(&self, method: Method, path: &str, body: Value, status: u16) -> Value {
        let answer = self.user.send_json(method, path, &body).await.assert(status);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, Value::Null, 200).await
    }

    /// Waits until nothing is left to do.
    async fn finished(&self) {
        for kind in ["todos", "lists"] {
            let unfinished = doc! { "unfinished.since": { "$exists": true } };
            while self.app.db.collection(kind).count_documents(unfinished.clone()).await.unwrap() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn stored(&self, filter: Document) -> u64 {
        self.app.db.collection("todos").count_documents(filter).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_10_000_todos_goes_to_the_trash_and_comes_back_at_once() {
    let crowd = Crowd::of(TestApp::start().await, "ann", 10_000).await;
    let (list, child) = (crowd.list_path(), todo_path(&crowd.todos[7_000]));
    for _ in 0..2 {
        crowd.send(Method::DELETE, &list, Value::Null, 204).await;
        assert!(crowd.stored(doc! { "state": "live" }).await > 0, "the rest follows after the response");
        assert_eq!(crowd.get("/v1/todos").await["items"], json!([]));
        let trash = crowd.get("/v1/todos?deleted=true&sort=name&limit=3").await;
        assert_eq!(names(&trash["items"]), ["t0", "t1", "t10"]);
        assert!(crowd.get(&child).await["deleted_at"].is_string());
        crowd.send(Method::PATCH, &child, json!({ "name": "x" }), 409).await;
        assert_eq!(crowd.get("/v1/tags").await["items"], json!([]));

        crowd.send(Method::POST, &format!("{list}/restore"), json!({}), 200).await;
        assert_eq!(crowd.get(&list).await["open_count"], 10_000);
        assert_eq!(crowd.get("/v1/todos?deleted=true").await["items"], json!([]));
    }
    // Each todo counts once, also while it is written.
    for (from, to) in [("a", "b"), ("b", "a")] {
        crowd.send(Method::PATCH, &format!("/v1/tags/{from}"), json!({ "name": to }), 200).await;
        for _ in 0..3 {
            assert_eq!(crowd.get("/v1/tags").await["items"][0]["total_count"], 10_000);
        }
    }
    crowd.finished().await;
    assert_eq!(crowd.stored(doc! { "state": "live", "trashed_with": null }).await, 10_000);
    crowd.send(Method::DELETE, &format!("{list}?permanent=true"), Value::Null, 204).await;
    crowd.send(Method::GET, &child, Value::Null, 404).await;
    assert_eq!(crowd.get("/v1/todos?deleted=any").await["items"], json!([]));
    crowd.finished().await;
    assert_eq!(crowd.stored(doc! { "state": "gone" }).await, 10_000);
}

/// Everything that a client can see of the crowd, without what depends on random positions.
async fn seen(crowd: &Crowd) -> Vec<Value> {
    let mut seen = Vec::new();
    let (list, all) = (&crowd.list, "/v1/todos?deleted=any&limit=200&sort=name");
    for path in [
        all.to_owned(),
        format!("{all}&completed=true"),
        format!("{all}&tag=a"),
        format!("{all}&tag=b"),
        format!("{all}&list_id={list}"),
        format!("{all}&list_id=none"),
        "/v1/todos?limit=200&sort=name".to_owned(),
        "/v1/todos?limit=7&sort=-updated_at".to_owned(),
        "/v1/todos?limit=7&sort=-name&deleted=true".to_owned(),
        "/v1/todos?q=t29&sort=name".to_owned(),
        "/v1/tags".to_owned(),
        "/v1/lists?deleted=any".to_owned(),
    ] {
        let mut page = crowd.user.get(&path).await.assert(200).json()["items"].clone();
        for item in page.as_array_mut().unwrap() {
            item.as_object_mut().unwrap().remove("position");
        }
        seen.push(json!([path, page]));
    }
    seen
}

/// The request of a step, which `child` chooses in part.
fn request(crowd: &Crowd, step: usize, child: usize) -> (Method, String, Value) {
    let (list, parent) = (crowd.list_path(), todo_path(&crowd.todos[0]));
    let child = todo_path(&crowd.todos[1 + child % (crowd.todos.len() - 1)]);
    let tag = |name: &str| format!("/v1/tags/{name}");
    let none = Value::Null;
    let steps = [
        (Method::DELETE, list.clone(), none.clone()),
        (Method::POST, format!("{list}/restore"), none.clone()),
        (Method::DELETE, parent.clone(), none.clone()),
        (Method::POST, format!("{parent}/restore"), none.clone()),
        (Method::PATCH, parent.clone(), json!({ "completed": true })),
        (Method::PATCH, parent.clone(), json!({ "completed": false, "name": "t0 again" })),
        (Method::POST, format!("{parent}/move"), json!({ "list_id": null })),
        (Method::POST, format!("{parent}/move"), json!({ "list_id": crowd.list })),
        (Method::PATCH, tag("a"), json!({ "name": "b" })),
        (Method::PATCH, tag("b"), json!({ "name": "a" })),
        (Method::DELETE, tag("b"), none.clone()),
        (Method::DELETE, child.clone(), none.clone()),
        (Method::POST, format!("{child}/restore"), none.clone()),
        (Method::PATCH, child.clone(), json!({ "completed": true })),
        (Method::PATCH, child.clone(), json!({ "completed": false, "tags": ["a", "b"] })),
        (Method::POST, format!("{child}/move"), json!({ "list_id": null, "parent_id": null })),
        (Method::DELETE, format!("{child}?permanent=true"), none.clone()),
        (Method::GET, child, none.clone()),
        (Method::DELETE, format!("{parent}?permanent=true"), none.clone()),
        (Method::DELETE, format!("{list}?permanent=true"), none),
    ];
    steps[step % steps.len()].clone()
}

async fn compare(steps: &[(usize, usize)]) {
    let clock = Clock::held_at(Clock::system().now());
    let start = async || TestApp::with(TestDatabase::create().await, clock.clone(), &[]).await;
    let (paused, prompt) = (start().await, start().await);
    let paused = Crowd::of(paused, "ann", 60).await;
    let prompt = Crowd::of(prompt, "ann", 60).await;
    paused.pause();
    for &(step, child) in steps {
        clock.advance(Duration::from_secs(1));
        let (method, path, body) = request(&paused, step, child);
        let left = paused.user.send_json(method.clone(), &path, &body).await;
        let right = prompt.user.send_json(method.clone(), &path, &body).await;
        assert_eq!(left.status, right.status, "{method} {path}: {} {}", left.text(), right.text());
        prompt.finished().await;
        assert_eq!(seen(&paused).await, seen(&prompt).await, "after {method} {path}");
    }
    // An operation on a todo has what is left of this todo written.
    for todo in &paused.todos {
        paused.user.get(&todo_path(todo)).await;
    }
    assert_eq!(seen(&paused).await, seen(&prompt).await);
    paused.finished().await;
    let stored = async |crowd: &Crowd| {
        let mut stored = crowd.app.db.all("todos").await;
        for todo in &mut stored {
            for field in ["owner_id", "position", "changed", "unfinished"] {
                todo.remove(field);
            }
        }
        stored
    };
    assert_eq!(stored(&paused).await, stored(&prompt).await);
}

#[test]
fn what_is_left_of_a_cascade_is_presented_as_done() {
    let cases = if std::env::var_os("TODO_API_TEST_LONG").is_some() { 100 } else { 2 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    // Every kind of step once, and then steps by chance.
    let some = [0, 12, 1, 8, 14, 9, 4, 15, 13, 2, 12, 3, 6, 0, 7, 10].map(|step| (step, 7));
    runtime.block_on(compare(&some));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let steps = proptest::collection::vec((0..20_usize, 0..3_usize), 1..10);
    let result = runner.run(&steps, |steps| {
        runtime.block_on(compare(&steps));
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_completes_what_is_left() {
    let crowd = Crowd::of(TestApp::start().await, "ann", 300).await;
    crowd.pause();
    let list = crowd.list_path();
    crowd.user.patch("/v1/tags/a", json!({ "name": "b" })).await.assert(200);
    crowd.user.delete(&list).await.assert(204);
    assert_eq!(crowd.stored(doc! { "state": "live", "tags": "a" }).await, 299);
    // Without any request of the user.
    let app = crowd.app.restart().await;
    crowd.finished().await;
    assert_eq!(crowd.stored(doc! { "state": "trash", "tags": ["b"] }).await, 300);
    let crowd = Crowd { user: crowd.user.at(&app), app, ..crowd };
    crowd.pause();
    crowd.user.delete(&format!("{list}?permanent=true")).await.assert(204);
    crowd.user.get(&list).await.assert_problem(404, "not_found");
    assert_eq!(crowd.stored(doc! { "state": "trash" }).await, 300);
    crowd.app.restart().await;
    crowd.finished().await;
    assert_eq!(crowd.stored(doc! { "state": "gone" }).await, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trash_and_what_comes_back_are_limited() {
    let crowd = Crowd::of(TestApp::start().await, "ann", 6_000).await;
    let (ann, list) = (&crowd.user, crowd.list_path());
    let todos = crowd.app.db.collection("todos");
    let pattern = todos.find_one(doc! {}).await.unwrap().unwrap();
    let fill = async |state: &str, count: u32| {
        let copies = (0..count).map(|_| {
            let mut copy = pattern.clone();
            let deleted = doc! { "deleted_at": crowd.app.clock.now() };
            copy.extend(doc! { "_id": ObjectId::new(), "list_id": null, "is_parent": false, "state": state });
            copy.extend(if state == "trash" {
                deleted
            } else {
                doc! {}
            });
            copy
        });
        todos.insert_many(copies).await.unwrap();
        // The service counts again after a minute.
        crowd.app.advance(2 * MINUTE);
    };
    fill("trash", 4_000).await;
    ann.delete(&list).await.assert(204);
    let other = ann.create_todo(json!({ "name": "other" })).await;
    let refused = ann.delete(&todo_path(&other)).await.assert_problem(422, "limit_reached").json();
    assert!(refused["detail"].as_str().unwrap().contains("permanent"), "{refused}");
    ann.post(&format!("{list}/restore"), json!({})).await.assert(200);
    ann.delete(&todo_path(&other)).await.assert(204);
    ann.delete(&list).await.assert_problem(422, "limit_reached");
    ann.delete(&todo_path(&crowd.todos[0])).await.assert_problem(422, "limit_reached");
    assert_eq!(ann.get(&list).await.assert(200).json()["open_count"], 6_000);
    crowd.finished().await;

    let daily =
        json!({ "name": "daily", "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=DAILY" } });
    let daily = ann.create_todo(daily).await;
    fill("live", 3_999).await;
    let done = ann.patch(&todo_path(&daily), json!({ "completed": true })).await;
    done.assert_problem(422, "limit_reached");
    assert_eq!(ann.get(&todo_path(&daily)).await.json()["due"]["date"], "2026-12-01");
    ann.post(&format!("{}/restore", todo_path(&other)), json!({})).await.assert_problem(422, "limit_reached");
    ann.delete(&format!("{}?permanent=true", todo_path(&other))).await.assert(204);
    ann.delete(&format!("{list}?permanent=true")).await.assert(204);
    ann.patch(&todo_path(&daily), json!({ "completed": true })).await.assert(200);
}
