//! Pages end before they have more than 1 MiB, and together have every object once.

use std::collections::BTreeSet;

use bson::oid::ObjectId;
use bson::{Bson, doc};
use serde_json::{Value, json};
use todo_api::http::pagination::PAGE_BYTES_MAX;

use crate::support::{Client, TestApp};

const TODOS: usize = 60;

/// Stores copies of an object of the client with other descriptions, and returns the ids of all of them.
async fn fill(app: &TestApp, collection: &str, count: usize, text: &str) -> BTreeSet<String> {
    let collection = app.db.collection(collection);
    let first = collection.find_one(doc! {}).await.unwrap().unwrap();
    collection.update_one(doc! {}, doc! { "$set": { "description": text } }).await.unwrap();
    let copies = (1..count).map(|number| {
        let mut copy = first.clone();
        // A few objects share each value of a sort key.
        let tenth = i64::try_from(number / 10).unwrap();
        let at = bson::DateTime::from_millis(1_700_000_000_000 + tenth);
        copy.extend(doc! {
            "_id": ObjectId::new(), "description": text, "position": format!("b{number}"), "words": [],
            "name": format!("todo {tenth}"), "sort_name": format!("todo {tenth}"), "created_at": at,
            "updated_at": at, "priority": i32::try_from(number % 4).unwrap(),
        });
        if number % 3 == 0 && copy.contains_key("due") {
            let date = format!("2026-01-{:02}", number / 10 % 28 + 1);
            copy.extend(doc! { "due": { "date": &date }, "due_local": date, "due_at": Bson::Null });
        }
        copy
    });
    collection.insert_many(copies).await.unwrap();
    let all = collection.distinct("_id", doc! {}).await.unwrap();
    all.iter().map(|id| id.as_object_id().unwrap().to_hex()).collect()
}

async fn user_with_todo(app: &TestApp) -> Client {
    let ann = app.v1_user("ann").await;
    ann.create_todo(json!({ "name": "todo" })).await;
    ann
}

/// Reads all pages. Returns the ids in their order and the size of each page.
async fn walk(client: &Client, path: &str) -> (Vec<String>, Vec<usize>) {
    let (mut ids, mut sizes, mut query) = (Vec::new(), Vec::new(), String::new());
    loop {
        let answer = client.get(&format!("{path}{query}")).await.assert(200);
        sizes.push(answer.body.len());
        let page = answer.json();
        ids.extend(page["items"].as_array().unwrap().iter().map(id));
        let Some(cursor) = page["next_cursor"].as_str() else { return (ids, sizes) };
        query = format!("&cursor={cursor}");
    }
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

fn assert_pages(pages: &(Vec<String>, Vec<usize>), expected: &BTreeSet<String>, context: &str) {
    let (ids, sizes) = pages;
    assert_eq!(ids.len(), expected.len(), "{context}");
    assert_eq!(&ids.iter().cloned().collect::<BTreeSet<_>>(), expected, "{context}");
    assert!(sizes.iter().all(|size| *size <= PAGE_BYTES_MAX), "{context}: {sizes:?}");
    // No todo of these tests has more than 100 kB.
    let full = &sizes[..sizes.len() - 1];
    assert!(full.iter().all(|size| *size > PAGE_BYTES_MAX - 100_000), "{context}: {sizes:?}");
}

#[tokio::test]
async fn pages_of_large_todos_have_at_most_1_mib() {
    let app = TestApp::start().await;
    let ann = user_with_todo(&app).await;
    let expected = fill(&app, "todos", TODOS, &"漢".repeat(16_384)).await;
    for sort in ["position", "-position", "due", "-due", "priority", "name", "-created_at", "updated_at"] {
        let pages = walk(&ann, &format!("/v1/todos?limit=200&sort={sort}")).await;
        assert_pages(&pages, &expected, sort);
    }
}

#[tokio::test]
async fn size_of_a_page_is_that_of_its_json() {
    let app = TestApp::start().await;
    let ann = user_with_todo(&app).await;
    // As JSON, a control character has six bytes.
    let expected = fill(&app, "todos", 60, &"\u{1}".repeat(16_384)).await;
    let pages = walk(&ann, "/v1/todos?limit=200").await;
    assert_pages(&pages, &expected, "control characters");
}

#[tokio::test]
async fn todo_that_is_larger_than_a_page_has_a_page_of_its_own() {
    let app = TestApp::start().await;
    let ann = user_with_todo(&app).await;
    // The original had no limits.
    let expected = fill(&app, "todos", 3, &"x".repeat(PAGE_BYTES_MAX)).await;
    let (ids, sizes) = walk(&ann, "/v1/todos?limit=200").await;
    assert_eq!((ids.into_iter().collect(), sizes.len()), (expected.clone(), 3));
    let (ids, sizes) = sync(&ann).await;
    assert_eq!((ids.into_iter().collect(), sizes.len()), (expected, 3));
}

#[tokio::test]
async fn pages_of_large_lists_have_at_most_1_mib() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    ann.create_list(json!({ "name": "list" })).await;
    let expected = fill(&app, "lists", 100, &"漢".repeat(16_384)).await;
    let pages = walk(&ann, "/v1/lists?limit=200").await;
    assert_pages(&pages, &expected, "lists");
}

/// Reads all pages of a first sync. Returns the ids and the size of each page.
async fn sync(client: &Client) -> (Vec<String>, Vec<usize>) {
    let (mut ids, mut sizes, mut token) = (Vec::new(), Vec::new(), Value::Null);
    loop {
        let answer = client.post("/v1/sync", json!({ "token": token })).await.assert(200);
        sizes.push(answer.body.len());
        let mut page = answer.json();
        for field in ["todos", "lists"] {
            ids.extend(page[field].as_array().unwrap().iter().map(id));
        }
        token = page["token"].take();
        if page["has_more"] == false {
            return (ids, sizes);
        }
    }
}

#[tokio::test]
async fn pages_of_sync_have_at_most_1_mib() {
    let app = TestApp::start().await;
    let ann = user_with_todo(&app).await;
    ann.create_list(json!({ "name": "list" })).await;
    let mut expected = fill(&app, "todos", TODOS, &"漢".repeat(16_384)).await;
    expected.extend(fill(&app, "lists", 50, &"\u{1}".repeat(16_384)).await);
    assert_pages(&sync(&ann).await, &expected, "sync");
}

#[tokio::test]
async fn list_of_the_original_is_complete() {
    let app = TestApp::start().await;
    let ann = user_with_todo(&app).await;
    let mut expected = BTreeSet::new();
    for (count, text) in [(1_200, "small"), (20, &*"漢".repeat(16_384))] {
        expected.extend(fill(&app, "todos", count, text).await);
        let todos = ann.get("/todolist").await.assert(200).json();
        let todos = todos.as_array().unwrap().clone();
        assert_eq!(todos.len(), expected.len());
        let ids = todos.iter().map(|todo| todo["_id"]["$oid"].as_str().unwrap().to_owned());
        assert_eq!(ids.collect::<BTreeSet<_>>(), expected);
    }
}
