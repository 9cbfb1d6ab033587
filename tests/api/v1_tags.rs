//! Tags: one tag in all cases of its letters, its order, its path, and the migration that merges tags.

use bson::doc;
use serde_json::{Value, json};

use crate::support::replica::{Replica, server_state};
use crate::support::{Client, TestApp};

fn tag(name: &str, open: i64, total: i64) -> Value {
    json!({ "name": name, "open_count": open, "total_count": total })
}

async fn tags(client: &Client) -> Value {
    client.get("/v1/tags").await.assert(200).json()["items"].clone()
}

/// The tags and the version of a todo.
async fn tagged(client: &Client, id: &str) -> (Value, i64) {
    let todo = client.get(&format!("/v1/todos/{id}")).await.assert(200).json();
    (todo["tags"].clone(), todo["version"].as_i64().unwrap())
}

#[tokio::test]
async fn tags_that_differ_in_case_are_one_tag() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let a = ann.create_todo(json!({ "name": "a", "tags": ["Work", "work", "straße", "STRASSE"] })).await;
    let b = ann.create_todo(json!({ "name": "b", "tags": ["x", "WORK"], "completed": true })).await;
    let c = ann.create_todo(json!({ "name": "c" })).await;
    for _ in 0..2 {
        ann.put(&format!("/v1/todos/{c}/tags/wORK"), Value::Null).await.assert(200);
        assert_eq!(tagged(&ann, &c).await, (json!(["Work"]), 2));
    }
    assert_eq!(tagged(&ann, &a).await.0, json!(["Work", "straße"]));
    assert_eq!(tagged(&ann, &b).await.0, json!(["x", "Work"]));
    ann.patch(&format!("/v1/todos/{c}"), json!({ "tags": ["work"] })).await.assert(200);
    assert_eq!(tagged(&ann, &c).await, (json!(["Work"]), 2), "nothing has changed");

    assert_eq!(ann.todo_names("?tag=WORK").await, ["a", "b", "c"]);
    assert_eq!(ann.todo_names("?tag=work&tag=Strasse").await, ["a"]);
    assert_eq!(ann.todo_names("?tag=work&tag=WORK&q=a").await, ["a"]);
    assert_eq!(tags(&ann).await, json!([tag("straße", 1, 1), tag("Work", 2, 3), tag("x", 0, 1)]));
    ann.delete(&format!("/v1/todos/{c}/tags/wOrk")).await.assert(200);
    assert_eq!(tagged(&ann, &c).await, (json!([]), 3));

    // In the trash, the spelling stays too.
    for id in [&a, &b] {
        ann.delete(&format!("/v1/todos/{id}")).await.assert(204);
    }
    ann.patch(&format!("/v1/todos/{c}"), json!({ "tags": ["WORK"] })).await.assert(200);
    assert_eq!(tagged(&ann, &c).await.0, json!(["Work"]));
    let ben = app.v1_user("ben").await;
    let other = ben.create_todo(json!({ "name": "other", "tags": ["WORK"] })).await;
    assert_eq!(tagged(&ben, &other).await.0, json!(["WORK"]), "each user has a spelling");
}

#[tokio::test]
async fn tags_are_listed_as_people_sort() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let sorted = ["1", "Äpfel", "apple", "Banana", "home", "Home office", "item 2", "Item 10", "œuf", "zoo"];
    let mut shuffled = sorted;
    shuffled.sort_unstable();
    ann.create_todo(json!({ "name": "a", "tags": shuffled })).await;
    let (mut names, mut path) = (Vec::new(), "/v1/tags?limit=3".to_owned());
    loop {
        let page = ann.get(&path).await.assert(200).json();
        names.extend(page["items"].as_array().unwrap().iter().map(|tag| tag["name"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/tags?limit=3&cursor={cursor}");
    }
    assert_eq!(names, sorted);
}

#[tokio::test]
async fn a_rename_can_change_the_case_of_a_tag_everywhere() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let a = ann.create_todo(json!({ "name": "a", "tags": ["work", "x"] })).await;
    let b = ann.create_todo(json!({ "name": "b", "tags": ["home", "work"] })).await;
    ann.create_todo(json!({ "name": "c", "tags": ["House"] })).await;
    let gone = ann.create_todo(json!({ "name": "gone", "tags": ["work"] })).await;
    ann.delete(&format!("/v1/todos/{gone}")).await.assert(204);
    let mut replica = Replica::default();
    replica.sync(&ann, 200).await;
    for _ in 0..2 {
        ann.patch("/v1/tags/wORK", json!({ "name": "Work" })).await.assert_json(200, &tag("Work", 2, 2));
        assert_eq!(tagged(&ann, &a).await, (json!(["Work", "x"]), 2));
        assert_eq!(tagged(&ann, &gone).await, (json!(["Work"]), 3));
    }
    // The other tag exists in another spelling, which stays.
    ann.patch("/v1/tags/Home", json!({ "name": "house" })).await.assert_json(200, &tag("House", 2, 2));
    assert_eq!(tagged(&ann, &b).await.0, json!(["House", "Work"]));
    ann.patch("/v1/tags/HOUSE", json!({ "name": "work" })).await.assert_json(200, &tag("Work", 3, 3));
    assert_eq!(tagged(&ann, &b).await.0, json!(["Work"]));
    replica.sync(&ann, 200).await;
    replica.assert_is(&server_state(&ann).await);
    assert_eq!(ann.todo_names("?tag=wORK").await, ["a", "b", "c"]);
    assert_eq!(ann.todo_names("?tag=house").await.len(), 0);
    ann.delete("/v1/tags/WORK").await.assert(204);
    assert_eq!(tags(&ann).await, json!([tag("x", 1, 1)]));
    assert_eq!(tagged(&ann, &gone).await.0, json!([]));
}

#[tokio::test]
async fn a_spelling_is_forgotten_together_with_the_last_todo_that_has_it() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let list = ann.create_list(json!({ "name": "list" })).await;
    for end in ["patch", "put", "untag", "remove tag", "rename tag", "remove todo", "remove list"] {
        let mut ids = Vec::new();
        for spelling in ["Work", "work", "WORK"] {
            let todo = json!({ "name": "a", "tags": [spelling], "list_id": list });
            ids.push(ann.create_todo(todo).await);
            assert_eq!(tagged(&ann, ids.last().unwrap()).await.0, json!(["Work"]), "before {end}");
        }
        for id in &ids {
            let path = format!("/v1/todos/{id}");
            match end {
                "patch" => ann.patch(&path, json!({ "tags": ["x"] })).await.assert(200),
                "put" => ann.put(&path, json!({ "name": "a" })).await.assert(200),
                "untag" => ann.delete(&format!("{path}/tags/work")).await.assert(200),
                "remove todo" => ann.delete(&format!("{path}?permanent=true")).await.assert(204),
                _ => continue,
            };
        }
        match end {
            "remove tag" => ann.delete("/v1/tags/work").await.assert(204),
            "rename tag" => ann.patch("/v1/tags/work", json!({ "name": "y" })).await.assert(200),
            "remove list" => ann.delete(&format!("/v1/lists/{list}?permanent=true")).await.assert(204),
            _ => ann.get("/v1/tags").await.assert(200),
        };
        let other = ann.create_todo(json!({ "name": "b", "tags": ["wORK"] })).await;
        assert_eq!(tagged(&ann, &other).await.0, json!(["wORK"]), "after {end}");
        ann.delete(&format!("/v1/todos/{other}?permanent=true")).await.assert(204);
    }
}

#[tokio::test]
async fn spellings_that_are_written_at_once_are_one_tag() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let other = ann.at(&app.restart().await);
    let spellings = ["Work", "work", "WORK", "wORK"];
    let create = async |number: usize| {
        let client = if number.is_multiple_of(2) { &ann } else { &other };
        client.create_todo(json!({ "name": "n", "tags": [spellings[number % 4]] })).await
    };
    let ids = futures_util::future::join_all((0..8).map(create)).await;
    // At least these two, even if the requests did not overlap.
    let raced = doc! { "$set": { "tags": ["wORK"] } };
    let id = |nth: usize| bson::oid::ObjectId::parse_str(&ids[nth]).unwrap();
    app.db.collection("todos").update_one(doc! { "_id": id(7) }, raced).await.unwrap();
    let (one, same) = (tags(&ann).await, tags(&other).await);
    assert_eq!((&one, one.as_array().unwrap().len()), (&same, 1));
    assert_eq!((&one[0]["open_count"], ann.todo_names("?tag=work").await.len()), (&json!(8), 8));
    let first = ann.get("/v1/todos?limit=1").await.json()["items"][0]["tags"][0].clone();
    assert_eq!(one[0]["name"], first, "the first todo gives the spelling");
    ann.patch("/v1/tags/work", json!({ "name": "Work" })).await.assert_json(200, &tag("Work", 8, 8));
    for id in &ids {
        assert_eq!(tagged(&ann, id).await.0, json!(["Work"]));
    }
    app.db
        .collection("todos")
        .update_one(doc! { "_id": id(3) }, doc! { "$set": { "tags": ["WORK"] } })
        .await
        .unwrap();
    ann.patch("/v1/tags/work", json!({ "name": "play" })).await.assert_json(200, &tag("play", 8, 8));
    ann.delete("/v1/tags/PLAY").await.assert(204);
    assert_eq!(tags(&ann).await, json!([]));
}

#[tokio::test]
async fn a_tag_that_no_todo_has_cannot_be_renamed_or_removed() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = ann.create_todo(json!({ "name": "a", "tags": ["a"] })).await;
    for (path, name) in
        [("b", "b"), ("b", "B"), ("b", "a"), ("b", "c"), ("%20", "c"), ("%FF", "c"), ("..", "..")]
    {
        let renamed = ann.patch(&format!("/v1/tags/{path}"), json!({ "name": name })).await;
        assert!(matches!(renamed.status.as_u16(), 404 | 422), "{path} {name}: {}", renamed.status);
        assert_eq!(renamed.status == 422, name == "..", "{path} {name}");
        ann.delete(&format!("/v1/tags/{path}")).await.assert_problem(404, "not_found");
    }
    ann.patch("/v1/tags/a", json!({ "name": "a" })).await.assert_json(200, &tag("a", 1, 1));
    assert_eq!(tagged(&ann, &id).await, (json!(["a"]), 1));
}

#[tokio::test]
async fn dots_are_no_tags_and_stored_ones_stay_usable() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = ann.create_todo(json!({ "name": "a", "tags": ["a", "...", ".a"] })).await;
    let path = format!("/v1/todos/{id}");
    for dots in [".", "..", " . ", "\u{feff}.."] {
        ann.patch(&path, json!({ "tags": ["b", dots] })).await.assert_faults(&["/tags/1"]);
        ann.patch("/v1/tags/a", json!({ "name": dots })).await.assert_faults(&["/name"]);
    }
    for encoded in ["%2E", "%2e%2E", "%20%2E%2E", "."] {
        ann.put(&format!("{path}/tags/{encoded}"), Value::Null).await.assert_faults(&["/tag"]);
    }
    let stored = doc! { "$set": { "tags": ["..", "\u{200b}"], "tag_keys": todo_api::tags::model::keys(&["..".to_owned(), "\u{200b}".to_owned()]) } };
    let todos = app.db.collection("todos");
    for remove in [true, false] {
        todos.update_one(doc! {}, stored.clone()).await.unwrap();
        assert_eq!(ann.todo_names("?tag=..&tag=%E2%80%8B").await, ["a"]);
        if remove {
            ann.delete(&format!("{path}/tags/%2E%2E")).await.assert(200);
            ann.delete("/v1/tags/%E2%80%8B").await.assert(204);
            assert_eq!(tags(&ann).await, json!([]));
        } else {
            ann.patch("/v1/tags/%2E%2E", json!({ "name": "dots" }))
                .await
                .assert_json(200, &tag("dots", 1, 1));
        }
    }
}

#[tokio::test]
async fn any_tag_works_in_a_path() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = ann.create_todo(json!({ "name": "a" })).await;
    for name in [
        "a/b",
        "/",
        "//",
        "100%",
        "%2F",
        "?q#f",
        "a b",
        "a+b",
        "ü",
        "\\",
        "...",
        "a;b=c",
        "$x",
        "日本",
        "👩\u{200d}👧",
        "../x",
    ] {
        let encoded = name.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        let link = format!("/v1/todos/{id}/tags/{encoded}");
        assert_eq!(ann.put(&link, Value::Null).await.assert(200).json()["tags"], json!([name]));
        assert_eq!(ann.todo_names(&format!("?tag={encoded}")).await, ["a"]);
        ann.patch(&format!("/v1/tags/{encoded}"), json!({ "name": "new" }))
            .await
            .assert_json(200, &tag("new", 1, 1));
        ann.patch("/v1/tags/new", json!({ "name": name })).await.assert_json(200, &tag(name, 1, 1));
        ann.delete(&link).await.assert(200);
        ann.put(&link, Value::Null).await.assert(200);
        ann.delete(&format!("/v1/tags/{encoded}")).await.assert(204);
        assert_eq!(tagged(&ann, &id).await.0, json!([]), "{name}");
    }
}

#[tokio::test]
async fn a_migration_merges_tags_that_differ_in_case() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let a = ann.create_todo(json!({ "name": "a", "tags": ["a"] })).await;
    app.advance(1);
    let b = ann.create_todo(json!({ "name": "b", "tags": ["b"] })).await;
    ann.post(&format!("/v1/todos/{b}/move"), json!({ "before": a })).await.assert(200);
    let c = ann.create_todo(json!({ "name": "c", "tags": ["c"] })).await;
    let d = ben.create_todo(json!({ "name": "d", "tags": ["d"] })).await;
    ann.delete(&format!("/v1/todos/{c}")).await.assert(204);
    let todos = app.db.collection("todos");
    // As earlier versions store them.
    for (id, tags) in [
        (&a, vec!["Work", "x"]),
        (&b, vec!["y", "WORK", "work", "Straße"]),
        (&c, vec!["STRASSE", "z"]),
        (&d, vec!["work"]),
    ] {
        let id = bson::oid::ObjectId::parse_str(id).unwrap();
        let earlier = doc! { "$set": { "tags": tags }, "$unset": { "tag_keys": "" } };
        todos.update_one(doc! { "_id": id }, earlier).await.unwrap();
    }
    let mut replica = Replica::default();
    replica.sync(&ann, 200).await;
    for _ in 0..2 {
        let done = doc! { "_id": { "$gte": 8 } };
        app.db.collection("migrations").delete_many(done).await.unwrap();
        app.restart().await;
        assert_eq!(tagged(&ann, &a).await, (json!(["Work", "x"]), 1), "the oldest todo gives the spelling");
        assert_eq!(tagged(&ann, &b).await, (json!(["y", "Work", "Straße"]), 3));
        assert_eq!(tagged(&ann, &c).await, (json!(["Straße", "z"]), 3));
        assert_eq!(tagged(&ben, &d).await, (json!(["work"]), 1));
    }
    let counted = [tag("Straße", 1, 1), tag("Work", 2, 2), tag("x", 1, 1), tag("y", 1, 1)];
    assert_eq!(tags(&ann).await, json!(counted));
    assert_eq!(tags(&ben).await, json!([tag("work", 1, 1)]));
    replica.sync(&ann, 200).await;
    replica.assert_is(&server_state(&ann).await);
}
