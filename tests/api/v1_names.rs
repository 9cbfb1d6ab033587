//! Names of todos, lists and tags show something, and do not change how the text around them is shown.

use serde_json::{Value, json};

use crate::support::TestApp;

/// Each is invisible in a different way: controls, spaces, joiners, fillers, selectors, tags, and signs without a form.
const INVISIBLE: [&str; 18] = [
    "\0",
    "\u{7f}\u{85}",
    "\u{200b}\u{200c}\u{200d}",
    "\u{feff}",
    "\u{2060}\u{180e}",
    "\u{ad}",
    "\u{34f}",
    "\u{115f}\u{1160}",
    "\u{3164}",
    "\u{ffa0}",
    "\u{2800}",
    "\u{fe0f}\u{e0100}",
    "\u{e0001}\u{e0061}",
    "\u{202e}\u{2066}\u{200f}",
    "\u{2028}\u{2003}\u{3000}\u{a0}",
    "\u{fff9}\u{fffc}",
    "\u{1d173}",
    " \u{200b} \u{feff} ",
];

const KEPT: [&str; 9] = [
    "👩\u{200d}👩\u{200d}👧",
    "❤\u{fe0f}",
    "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "می\u{200c}خواهم",
    "co\u{ad}op",
    "a\u{200b}b",
    "\u{202b}שלום\u{202c}!",
    "\u{2068}a\u{2069}",
    "\u{e000}",
];

#[tokio::test]
async fn a_name_that_shows_nothing_is_refused() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let todo = ann.create_todo(json!({ "name": "todo", "tags": ["tag"] })).await;
    let list = ann.create_list(json!({ "name": "list" })).await;
    let (todo, list) = (format!("/v1/todos/{todo}"), format!("/v1/lists/{list}"));
    for name in INVISIBLE {
        ann.post("/v1/todos", json!({ "name": name })).await.assert_faults(&["/name"]);
        ann.post("/v1/lists", json!({ "name": name })).await.assert_faults(&["/name"]);
        ann.patch(&list, json!({ "name": name })).await.assert_faults(&["/name"]);
        ann.patch(&todo, json!({ "name": name, "tags": ["a", name] }))
            .await
            .assert_faults(&["/name", "/tags/1"]);
        ann.patch("/v1/tags/tag", json!({ "name": name })).await.assert_faults(&["/name"]);
        let encoded = name.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        ann.put(&format!("{todo}/tags/{encoded}"), Value::Null).await.assert_faults(&["/tag"]);
    }
    let command = json!({ "id": "1", "op": "patch", "type": "list", "target": &list[10..], "body": { "name": "\u{3164}" } });
    let answer =
        ann.post("/v1/sync", json!({ "token": null, "commands": [command] })).await.assert(200).json();
    assert_eq!(answer["results"][0]["problem"]["errors"][0]["pointer"], "/body/name", "{answer}");
}

#[tokio::test]
async fn invisible_characters_inside_a_name_stay() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for name in KEPT {
        let todo = ann.post("/v1/todos", json!({ "name": name, "tags": [name] })).await.assert(201).json();
        assert_eq!((&todo["name"], &todo["tags"]), (&json!(name), &json!([name])));
        let list = ann.post("/v1/lists", json!({ "name": name })).await.assert(201).json();
        assert_eq!(list["name"], name);
    }
}

#[tokio::test]
async fn names_are_stored_without_byte_order_marks_and_with_balanced_directions() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for (sent, stored) in [
        ("\u{feff}milk", "milk"),
        (" \u{feff} \u{feff}milk\u{feff}\n", "milk"),
        ("a\u{202e}b", "a\u{202e}b\u{202c}"),
        ("\u{2067}a\u{202a}b", "\u{2067}a\u{202a}b\u{202c}\u{2069}"),
        ("a\u{2069}\u{202c}b", "ab"),
    ] {
        let body = json!({ "name": sent, "tags": [sent] });
        let todo = ann.post("/v1/todos", body).await.assert(201).json();
        assert_eq!((&todo["name"], &todo["tags"]), (&json!(stored), &json!([stored])));
        let list = ann.post("/v1/lists", json!({ "name": sent })).await.assert(201).json();
        assert_eq!(list["name"], stored);
        // What a client has received, it can send.
        let path = format!("/v1/todos/{}", todo["id"].as_str().unwrap());
        let again = ann.patch(&path, json!({ "name": stored, "tags": [stored] })).await.assert(200).json();
        assert_eq!(again["version"], 1);
    }
    let longest = "\u{202e}".repeat(250);
    ann.create_todo(json!({ "name": format!("{}x", &longest[3..]) })).await;
    ann.post("/v1/todos", json!({ "name": format!("{longest}x") })).await.assert_faults(&["/name"]);
}

#[tokio::test]
async fn names_of_the_original_stay_readable_and_usable() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let original = app.anonymous().login("ann", crate::support::PASSWORD).await;
    for name in ["", "\u{200b}", "\u{feff}a\u{202e}"] {
        let id = original.create_original_todo(name).await;
        let path = format!("/v1/todos/{id}");
        assert_eq!(ann.get(&path).await.assert(200).json()["name"], name);
        let todo = ann.patch(&path, json!({ "completed": true, "tags": ["t"] })).await.assert(200).json();
        assert_eq!((&todo["name"], &todo["completed"]), (&json!(name), &json!(true)));
        original.put(&format!("/todo/{id}"), json!({ "name": name, "description": "d" })).await.assert(200);
    }
}
