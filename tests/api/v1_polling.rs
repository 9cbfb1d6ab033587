//! Pages with validators: `ETag` and `If-None-Match` on `GET /v1/todos` and `GET /v1/lists`.

use axum::http::Method;
use bson::oid::ObjectId;
use bson::{Bson, Document, Timestamp, doc};
use serde_json::json;

use crate::support::v1::todo_path;
use crate::support::{Answer, Client, TestApp};

async fn poll(client: &Client, path: &str, tag: &str) -> Answer {
    client.send(Method::GET, path, &[("if-none-match", tag)], "").await
}

/// The tag of a page, which is the same if the page is read again.
async fn tag_of(client: &Client, path: &str) -> String {
    let page = client.get(path).await.assert(200);
    assert_eq!(page.header("cache-control"), "private, no-cache");
    let tag = page.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(client.get(path).await.header("etag"), tag);
    tag
}

async fn assert_same(client: &Client, path: &str, tag: &str) {
    let answer = poll(client, path, tag).await.assert(304);
    assert!(answer.body.is_empty());
    assert_eq!((answer.header("etag"), answer.header("cache-control")), (tag, "private, no-cache"));
}

/// The new tag of a page that has changed.
async fn assert_changed(client: &Client, path: &str, tag: &str) -> String {
    let new = poll(client, path, tag).await.assert(200).header("etag").to_owned();
    assert_ne!(new, tag, "{path}");
    new
}

/// Makes all changes two minutes old, so that no change with a lower stamp can become visible.
pub(crate) async fn age(app: &TestApp) {
    for collection in ["todos", "lists"] {
        let mut found = app.db.collection(collection).find(doc! {}).await.unwrap();
        while found.advance().await.unwrap() {
            let id = found.current().get_object_id("_id").unwrap();
            let Timestamp { time, increment } = found.current().get_timestamp("changed").unwrap();
            set_unseen(app, collection, id, doc! { "changed": Timestamp { time: time - 120, increment } })
                .await;
        }
    }
}

/// Changes a stored document without a new change stamp.
pub(crate) async fn set_unseen(app: &TestApp, collection: &str, id: ObjectId, set: Document) {
    let update = doc! { "$set": set };
    app.db.collection(collection).update_one(doc! { "_id": id }, update).await.unwrap();
}

#[tokio::test]
async fn a_page_is_sent_again_only_when_something_on_it_has_changed() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let list = ann.create_list(json!({ "name": "Home" })).await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(ann.create_todo(json!({ "name": name, "list_id": list })).await);
    }
    let next = ann.get("/v1/todos?limit=2").await.json()["next_cursor"].as_str().unwrap().to_owned();
    let second = format!("/v1/todos?limit=2&cursor={next}");
    for ageing in [false, true] {
        if ageing {
            age(&app).await;
        }
        let mut tags = Vec::new();
        for path in ["/v1/todos", "/v1/todos?limit=2", &second, "/v1/todos?q=a", "/v1/lists"] {
            let tag = tag_of(&ann, path).await;
            // The page, then what is remembered of it.
            for _ in 0..3 {
                assert_same(&ann, path, &tag).await;
            }
            poll(&ann, path, "*").await.assert(304);
            poll(&ann, path, &format!("\"3\", {}", tag.trim_start_matches("W/"))).await.assert(304);
            tags.push((path.to_owned(), tag));
        }
        ann.patch(&todo_path(&ids[2]), json!({ "completed": !ageing, "name": format!("c {ageing}") }))
            .await
            .assert(200);
        // Only the third todo has changed, and the number of open todos in the list.
        let changed = ["/v1/todos", &*second, "/v1/lists"];
        for (path, tag) in &tags {
            if changed.contains(&path.as_str()) {
                assert_changed(&ann, path, tag).await;
            } else {
                assert_same(&ann, path, tag).await;
            }
        }
    }
    poll(&ann, "/v1/todos", "3").await.assert_problem(422, "invalid_input");
}

#[tokio::test]
async fn the_tag_of_a_page_is_that_of_its_user_query_and_content() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let paths = ["/v1/todos", "/v1/todos?limit=2", "/v1/todos?completed=true", "/v1/todos?q=a", "/v1/lists"];
    let mut tags = Vec::new();
    for client in [&ann, &ben] {
        for path in paths {
            tags.push(tag_of(client, path).await);
        }
    }
    let all = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), all, "every one of these pages is empty");
    assert!(app.v1_user("cid").await.get("/v1/tags").await.assert(200).headers.get("etag").is_none());
}

#[tokio::test]
async fn an_unchanged_page_is_not_read_again() {
    let app = TestApp::start().await;
    let mut ann = app.v1_user("ann").await;
    let list = ObjectId::parse_str(ann.create_list(json!({ "name": "Home" })).await).unwrap();
    let todo = ObjectId::parse_str(ann.create_todo(json!({ "name": "a" })).await).unwrap();
    for (path, collection, id) in [("/v1/todos", "todos", todo), ("/v1/lists", "lists", list)] {
        ann.create_todo(json!({ "name": "recent" })).await;
        let of_all = tag_of(&ann, path).await;
        assert_same(&ann, path, &of_all).await;
        // No other write does this. Within a minute after a change, every poll reads the page and sees it.
        set_unseen(&app, collection, id, doc! { "name": "b" }).await;
        let tag = assert_changed(&ann, path, &of_all).await;
        age(&app).await;
        assert_same(&ann, path, &tag).await;
        set_unseen(&app, collection, id, doc! { "name": "c" }).await;
        assert_same(&ann, path, &tag).await;
        app.advance(3_600);
        ann = app.v1_login("ann").await;
        assert_changed(&ann, path, &tag).await;
    }
}

#[tokio::test]
async fn a_page_that_depends_on_the_present_is_always_read() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    ann.create_todo(json!({ "name": "a", "due": { "at": "2026-12-01T09:00", "time_zone": "UTC" } })).await;
    age(&app).await;
    let path = "/v1/todos?overdue=true";
    let tag = tag_of(&ann, path).await;
    assert_same(&ann, path, &tag).await;
    app.advance(400 * 24 * 60 * 60);
    let ann = app.v1_login("ann").await;
    assert_changed(&ann, path, &tag).await;
}

#[tokio::test]
async fn a_change_that_becomes_visible_late_is_shown() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let early = ObjectId::parse_str(ann.create_todo(json!({ "name": "early" })).await).unwrap();
    let last = ann.create_todo(json!({ "name": "last" })).await;
    age(&app).await;
    // The newest change is 59 s old. A writer that took its stamp before is still at work.
    let newest = ObjectId::parse_str(&last).unwrap();
    let found = app.db.collection("todos").find_one(doc! { "_id": newest }).await.unwrap().unwrap();
    let Timestamp { time, increment } = found.get_timestamp("changed").unwrap();
    let recent = |seconds: u32| Bson::Timestamp(Timestamp { time: time + seconds, increment });
    set_unseen(&app, "todos", newest, doc! { "changed": recent(62) }).await;
    let tag = tag_of(&ann, "/v1/todos").await;
    for _ in 0..2 {
        assert_same(&ann, "/v1/todos", &tag).await;
    }
    set_unseen(&app, "todos", early, doc! { "name": "late", "version": 2_i64, "changed": recent(60) }).await;
    assert_changed(&ann, "/v1/todos", &tag).await;
}
