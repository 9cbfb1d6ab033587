//! The original's routes for the caller's own todos.

use std::time::Duration;

use axum::http::Method;
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const UNKNOWN: &str = "Todo not found";

/// A user with one todo: the path of the todo, and its JSON.
async fn with_todo(app: &TestApp) -> (Client, String, Value) {
    let ann = app.user("ann").await;
    let body = json!({ "name": "buy milk", "description": "two litres" });
    let todo = ann.post("/createtodo", body).await.assert(201).json();
    let path = format!("/todo/{}", todo["_id"]["$oid"].as_str().unwrap());
    (ann, path, todo)
}

/// The only stored todo, without its change stamp and position, which differ between writes, and without the fields
/// that are derived from its name and description.
async fn stored(app: &TestApp) -> Document {
    let mut todos = app.db.all("todos").await;
    assert_eq!(todos.len(), 1);
    for field in ["changed", "position", "words", "name_key", "sort_name"] {
        assert!(todos[0].remove(field).is_some(), "{field} is stored");
    }
    todos.remove(0)
}

async fn owner_id(app: &TestApp) -> ObjectId {
    app.db.all("users").await[0].get_object_id("_id").unwrap()
}

#[tokio::test]
async fn a_todo_is_created_shown_changed_listed_and_deleted() {
    let app = TestApp::start().await;
    let (ann, path, created) = with_todo(&app).await;
    let (id, owner) = (path.trim_start_matches("/todo/"), owner_id(&app).await.to_hex());
    let todo = |name: &str, description: &str| json!({ "_id": { "$oid": id }, "name": name, "description": description, "owner_id": owner });
    assert_eq!(created, todo("buy milk", "two litres"));
    assert!(id.len() == 24 && id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()), "{id}");
    ann.get(&path).await.assert_json(200, &created);
    ann.get("/todolist").await.assert_json(200, &json!([created]));

    let change = json!({ "name": "buy oat milk", "description": "" });
    let changed = todo("buy oat milk", "");
    ann.put(&path, change).await.assert_json(200, &changed);
    ann.get(&path).await.assert_json(200, &changed);
    ann.get("/todolist").await.assert_json(200, &json!([changed]));

    ann.delete(&path).await.assert_message(200, "The todo was deleted");
    ann.get(&path).await.assert_message(404, UNKNOWN);
    ann.delete(&path).await.assert_message(404, UNKNOWN);
    let change = json!({ "name": "again", "description": "" });
    ann.put(&path, change).await.assert_message(404, UNKNOWN);
    ann.get("/todolist").await.assert_message(404, "No todos found for this user");
    assert_eq!(stored(&app).await.get_str("state").unwrap(), "trash");
}

#[tokio::test]
async fn responses_are_json() {
    let app = TestApp::start().await;
    let (ann, path, _) = with_todo(&app).await;
    for path in [&path, "/todolist", "/user/ann", "/todo/unknown", "/user/nobody", "/unknown"] {
        assert_eq!(ann.get(path).await.header("content-type"), "application/json", "{path}");
    }
}

#[tokio::test]
async fn a_missing_field_leaves_the_todo_as_it_was() {
    let app = TestApp::start().await;
    let (ann, path, _) = with_todo(&app).await;
    let before = stored(&app).await;
    let name = json!({ "message": { "name": "This field cannot be left blank!" } });
    let description = json!({ "message": { "description": "Every item needs a store_id." } });
    for (body, refusal) in [
        (json!({}), &name),
        (json!({ "description": "only" }), &name),
        (json!({ "name": null, "description": "only" }), &name),
        (json!({ "Name": "x", "description": "only" }), &name),
        (json!({ "name": "only" }), &description),
        (json!({ "name": "only", "description": null }), &description),
    ] {
        ann.put(&path, body.clone()).await.assert_json(400, refusal);
        ann.post("/createtodo", body).await.assert_json(400, refusal);
    }
    assert_eq!(stored(&app).await, before);
}

#[tokio::test]
async fn a_change_keeps_the_fields_that_the_original_does_not_know() {
    let app = TestApp::start().await;
    let (ann, path, _) = with_todo(&app).await;
    let unknown = json!({ "tags": ["a", "b"], "priority": "high" });
    ann.patch(&format!("/v1{}", path.replace("todo", "todos")), unknown).await.assert(200);
    let later = doc! { "$set": { "name_of_a_later_field": "kept" } };
    app.db.collection("todos").update_one(doc! {}, later).await.unwrap();
    let before = stored(&app).await;

    app.clock.advance(Duration::from_secs(1));
    ann.put(&path, json!({ "name": "new", "description": "newer" })).await.assert(200);
    let mut expected = before;
    expected.extend(
        doc! { "name": "new", "description": "newer", "updated_at": app.clock.now(), "version": 3_i64 },
    );
    assert_eq!(stored(&app).await, expected);
}

#[tokio::test]
async fn the_list_is_oldest_first() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for name in ["first", "second", "third"] {
        ann.create_original_todo(name).await;
        app.clock.advance(Duration::from_secs(1));
    }
    // This todo is the oldest, although its id is the highest.
    let mut oldest = app.db.all("todos").await.remove(0);
    let id = ObjectId::from_bytes([0xff; 12]);
    oldest.extend(doc! { "_id": id, "name": "zeroth", "created_at": DateTime::from_millis(0) });
    app.db.collection("todos").insert_one(oldest).await.unwrap();
    let second = ann.get("/todolist").await.json()[2]["_id"]["$oid"].as_str().unwrap().to_owned();
    let change = json!({ "name": "second, changed", "description": "" });
    ann.put(&format!("/todo/{second}"), change).await.assert(200);
    let list = ann.get("/todolist").await.assert(200).json();
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|todo| todo["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["zeroth", "first", "second, changed", "third"]);
}

#[tokio::test]
async fn a_list_of_2000_todos_is_complete() {
    let app = TestApp::start().await;
    let (ann, ..) = with_todo(&app).await;
    let template = stored(&app).await;
    let description = "\"\u{e9}\u{1f600}\\\0\n".repeat(200);
    let todos = (1..2_000_i64).map(|n| {
        let mut todo = template.clone();
        let later = DateTime::from_millis(app.clock.now().timestamp_millis() + n);
        todo.extend(doc! { "_id": ObjectId::new(), "name": n.to_string(), "description": &description, "created_at": later });
        todo
    });
    app.db.collection("todos").insert_many(todos.collect::<Vec<_>>()).await.unwrap();
    let list = ann.get("/todolist").await.assert(200).json();
    assert_eq!(list.as_array().unwrap().len(), 2_000);
    for (n, todo) in list.as_array().unwrap().iter().enumerate().skip(1) {
        assert_eq!((&todo["name"], &todo["description"]), (&json!(n.to_string()), &json!(description)));
    }
}

#[tokio::test]
async fn a_malformed_id_is_unknown() {
    let app = TestApp::start().await;
    let (ann, path, _) = with_todo(&app).await;
    let before = stored(&app).await;
    let id = path.trim_start_matches("/todo/");
    let near =
        [&id[1..], &format!("{id}0"), &format!("{}g", &id[1..]), &format!("%20{id}"), &format!("{id}%0A")];
    let long = "f".repeat(10_000);
    let odd = [
        "0",
        "-1",
        "null",
        "undefined",
        "NaN",
        "true",
        "twelve_bytes",
        "[object%20Object]",
        "%7B%22$ne%22:null%7D",
        "$ne",
        "%00",
        "%ff",
        "%C3%28",
        "%",
        "%zz",
        "..",
        "*",
        ".*",
        "%2e%2e%2fuser%2fann",
        "ObjectId(%220%22)",
        "%F0%9F%98%80",
        "0x0123456789abcdef012345",
        "01234567-89ab-cdef-0123-456789abcdef",
        "%D9%A0%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5%D9%A6%D9%A7",
        "000000000000000000000000",
        "ffffffffffffffffffffffff",
        &long,
    ];
    let change = json!({ "name": "x", "description": "y" });
    for id in near.into_iter().chain(odd) {
        let path = format!("/todo/{id}");
        for method in [Method::GET, Method::DELETE, Method::PUT] {
            ann.send_json(method, &path, &change).await.assert_message(404, UNKNOWN);
        }
    }
    assert_eq!(stored(&app).await, before);
}

#[tokio::test]
async fn any_text_is_kept_as_it_is() {
    let app = TestApp::start().await;
    let (ann, path, _) = with_todo(&app).await;
    let long = "\u{e9}".repeat(50_000);
    for text in [
        "",
        " ",
        "\0",
        "a\0b",
        "\u{1f600}\u{200d}\u{fe0f}",
        "\"'\\`",
        "\r\n\t\u{7f}",
        "\u{202e}\u{feff}\u{ffff}",
        "$ne",
        "$where",
        "$name",
        "$$ROOT",
        "{\"$gt\":\"\"}",
        "a.b",
        "_id",
        "null",
        "<script>alert(1)</script>",
        "'; DROP TABLE todos",
        "e\u{301}",
        &long,
    ] {
        for (name, description) in [(text, "x"), ("x", text), (text, text)] {
            let body = json!({ "name": name, "description": description });
            let created = ann.post("/createtodo", body.clone()).await.assert(201).json();
            let new = format!("/todo/{}", created["_id"]["$oid"].as_str().unwrap());
            ann.put(&path, body).await.assert(200);
            for path in [&path, &new] {
                let todo = ann.get(path).await.assert(200).json();
                assert_eq!((&todo["name"], &todo["description"]), (&json!(name), &json!(description)));
            }
            ann.delete(&new).await.assert(200);
        }
    }
}

#[tokio::test]
async fn a_database_operator_is_not_a_value() {
    let app = TestApp::start().await;
    let (ann, path, _) = with_todo(&app).await;
    let before = stored(&app).await;
    for operator in
        [json!({ "$gt": "" }), json!({ "$ne": null }), json!({ "$set": { "owner_id": "x" } }), json!([])]
    {
        for body in [
            json!({ "name": operator, "description": "x" }),
            json!({ "name": "x", "description": operator }),
            json!({ "name[$gt]": "", "description": "x" }),
        ] {
            for answer in [ann.put(&path, body.clone()).await, ann.post("/createtodo", body).await] {
                assert!(answer.assert(400).json()["message"].is_object());
            }
        }
        for path in ["/register", "/login"] {
            let body = json!({ "username": operator, "password": operator });
            assert!(
                app.anonymous().post(path, body).await.assert(400).json()["message"]["username"].is_string()
            );
            let body = json!({ "username": "ann", "password": operator });
            assert!(
                app.anonymous().post(path, body).await.assert(400).json()["message"]["password"].is_string()
            );
        }
    }
    assert_eq!(stored(&app).await, before);
}

#[tokio::test]
async fn unknown_fields_of_a_todo_are_ignored() {
    let app = TestApp::start().await;
    let (ann, path, _) = with_todo(&app).await;
    let other = ObjectId::new();
    let surplus = json!({
        "name": "new", "description": "newer", "_id": { "$oid": other.to_hex() }, "id": other.to_hex(), "version": 99,
        "owner_id": other.to_hex(), "roles": ["admin"], "created_at": 0, "updated_at": 0, "$set": { "name": "x" }, "a.b": 1,
    });
    let mut expected = stored(&app).await;
    ann.put(&path, surplus.clone()).await.assert(200);
    expected.extend(doc! { "name": "new", "description": "newer", "version": 2_i64 });
    assert_eq!(stored(&app).await, expected);

    let plain = json!({ "name": "new", "description": "newer" });
    let mut twins = Vec::new();
    for body in [plain, surplus] {
        app.db.collection("todos").delete_many(doc! {}).await.unwrap();
        ann.post("/createtodo", body).await.assert(201);
        let mut todo = stored(&app).await;
        assert_ne!(todo.remove("_id").unwrap(), other.into());
        twins.push(todo);
    }
    assert_eq!(twins[0], twins[1]);
    assert_eq!(twins[0].get_object_id("owner_id").unwrap(), owner_id(&app).await);
}
