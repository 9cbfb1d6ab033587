//! Changes that concern many documents of a user, and the upkeep that completes them.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use todo_api::error::Error;

use crate::support::v1::{DAY, MINUTE, todo_path};
use crate::support::{Client, TestApp};

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
