//! What was done when: filters and order by the time of completion, old records, moves and whole objects that change nothing,
//! and what completing and reopening means for parents and subtasks.

use axum::http::Method;
use bson::oid::ObjectId;
use bson::{DateTime, doc};
use serde_json::{Value, json};

use crate::support::v1::{MINUTE, todo_path};
use crate::support::{Answer, Client, TestApp};

async fn set_completed(client: &Client, id: &str, completed: bool) -> Value {
    client.patch(&todo_path(id), json!({ "completed": completed })).await.assert(200).json()
}

async fn is_completed(client: &Client, id: &str) -> bool {
    let todo = client.get(&todo_path(id)).await.assert(200).json();
    assert_eq!(todo["completed"], todo["completed_at"].is_string(), "{todo}");
    todo["completed"] == true
}

fn days_ago(app: &TestApp, days: i64) -> DateTime {
    DateTime::from_millis(app.clock.now().timestamp_millis() - days * 24 * 60 * 60 * 1_000)
}

fn text(at: DateTime) -> String {
    todo_api::clock::rfc3339(at).to_string()
}

#[tokio::test]
async fn todos_are_found_and_sorted_by_the_time_of_completion() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let mut ids = Vec::new();
    for name in ["open", "third", "first", "open too", "second"] {
        ids.push(ann.create_todo(json!({ "name": name })).await);
    }
    let mut times = Vec::new();
    for at in [2, 4, 1] {
        app.advance(MINUTE);
        times.push(text(app.clock.now()));
        set_completed(&ann, &ids[at], true).await;
    }
    for (query, expected) in [
        (String::new(), vec!["first", "second", "third", "open", "open too"]),
        ("&completed=true".to_owned(), vec!["first", "second", "third"]),
        ("&completed=false".to_owned(), vec!["open", "open too"]),
        (format!("&completed_after={}", times[0]), vec!["second", "third"]),
        (format!("&completed_before={}", times[2]), vec!["first", "second"]),
        (format!("&completed_after={}&completed_before={}", times[0], times[2]), vec!["second"]),
        (format!("&completed_after={}&completed=false", times[0]), vec![]),
        (format!("&completed_after={}&q=third", times[0]), vec!["third"]),
        ("&q=o".to_owned(), vec!["open", "open too"]),
    ] {
        for limit in ["", "&limit=1"] {
            let query = format!("?sort=completed_at{query}{limit}");
            let found = ann.todo_names(&query).await;
            assert_eq!(
                found,
                expected[..expected.len().min(if limit.is_empty() { 9 } else { 1 })],
                "{query}"
            );
        }
    }
    let reversed = ["third", "second", "first", "open", "open too"];
    assert_eq!(ann.todo_names("?sort=-completed_at").await, reversed);
    assert_eq!(ann.todo_names(&format!("?completed_after={}", times[0])).await, ["third", "second"]);
    set_completed(&ann, &ids[4], false).await;
    assert_eq!(ann.todo_names("?sort=completed_at&completed=true").await, ["first", "third"]);
    for name in ["completed_before", "completed_after"] {
        ann.get(&format!("/v1/todos?{name}=yesterday")).await.assert_faults(&[&format!("/{name}")]);
    }
}

#[tokio::test]
async fn days_of_completion_are_those_of_the_users_zone() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    ann.patch("/v1/user", json!({ "time_zone": "Pacific/Auckland" })).await.assert(200);
    let todos = app.db.collection("todos");
    // Midnight in Auckland, which is UTC+13 then.
    for (name, done) in
        [("before", "2026-11-30T10:59:59Z"), ("at", "2026-11-30T11:00:00Z"), ("day", "2026-12-01T10:59:59Z")]
    {
        let id = ann.create_todo(json!({ "name": name, "completed": true })).await;
        let id = ObjectId::parse_str(&id).unwrap();
        let done = doc! { "$set": { "completed_at": DateTime::parse_rfc3339_str(done).unwrap() } };
        todos.update_one(doc! { "_id": id }, done).await.unwrap();
    }
    assert_eq!(
        ann.todo_names("?completed_after=2026-11-30&completed_before=2026-12-02").await,
        ["at", "day"]
    );
    assert_eq!(ann.todo_names("?completed_before=2026-12-01").await, ["before"]);
    assert_eq!(ann.todo_names("?completed_after=2026-12-01").await, [""; 0]);
    assert_eq!(ann.todo_names("?completed_after=2026-12-01T00:00").await, ["day"]);
}

#[tokio::test]
async fn old_records_do_not_count_towards_the_limit() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let list = ann.create_list(json!({ "name": "l" })).await;
    ann.create_todo(json!({ "name": "pattern", "list_id": list })).await;
    let todos = app.db.collection("todos");
    let pattern = app.db.all("todos").await.remove(0);
    let copies = (0..9_999).map(|n: i32| {
        let mut copy = pattern.clone();
        copy.insert("_id", ObjectId::new());
        if n % 2 == 0 {
            let done = days_ago(&app, 91);
            copy.extend(doc! { "occurrence_of": ObjectId::new(), "completed": true, "completed_at": done });
        }
        copy
    });
    todos.insert_many(copies).await.unwrap();
    app.advance(2 * MINUTE);
    let daily =
        json!({ "name": "daily", "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=DAILY" } });
    let daily = ann.create_todo(daily).await;
    set_completed(&ann, &daily, true).await;
    let records = doc! { "occurrence_of": { "$ne": null } };
    let aged = async |days| {
        let done = doc! { "$set": { "completed_at": days_ago(&app, days) } };
        todos.update_many(records.clone(), done).await.unwrap();
        app.advance(2 * MINUTE);
    };
    aged(89).await;
    ann.post("/v1/todos", json!({ "name": "x" })).await.assert_problem(422, "limit_reached");
    ann.patch(&todo_path(&daily), json!({ "completed": true })).await.assert_problem(422, "limit_reached");
    // Half of the todos are in the trash, the other half are records.
    let plain = doc! { "occurrence_of": null, "name": "pattern" };
    let trashed = doc! { "$set": { "state": "trash", "list_id": null, "deleted_at": app.clock.now() } };
    todos.update_many(plain, trashed).await.unwrap();
    ann.create_todo(json!({ "name": "in the list", "list_id": list })).await;
    let path = format!("/v1/lists/{list}");
    ann.delete(&path).await.assert_problem(422, "limit_reached");
    aged(91).await;
    ann.delete(&path).await.assert(204);
}

#[tokio::test]
async fn a_move_to_the_current_place_changes_nothing() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for kind in ["todos", "lists"] {
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.push(ann.post(&format!("/v1/{kind}"), json!({ "name": name })).await.assert(201).id());
        }
        let at = |n: usize| format!("/v1/{kind}/{}", ids[n]);
        for (moved, body) in [
            (2, json!({})),
            (2, json!({ "after": ids[1] })),
            (1, json!({ "after": ids[0] })),
            (1, json!({ "before": ids[2] })),
            (0, json!({ "before": ids[1] })),
        ] {
            let before = ann.get(&at(moved)).await.json();
            let after = ann.post(&format!("{}/move", at(moved)), body.clone()).await.assert(200);
            assert_eq!(after.json(), before, "{kind} {body}");
            assert_eq!(after.header("etag"), "\"1\"");
        }
        let moved = ann.post(&format!("{}/move", at(0)), json!({})).await.assert(200).json();
        assert_eq!(moved["version"], 2);
    }
    let todo = ann.create_todo(json!({ "name": "d" })).await;
    let list = ann.create_list(json!({ "name": "l" })).await;
    for version in [2, 2] {
        let moved = ann.post(&format!("{}/move", todo_path(&todo)), json!({ "list_id": list })).await;
        assert_eq!(moved.assert(200).json()["version"], version);
    }
    let stale = ("if-match", "\"1\"");
    let path = format!("{}/move", todo_path(&todo));
    ann.send_json_with(Method::POST, &path, stale, &json!({})).await.assert_problem(412, "version_mismatch");
}

#[tokio::test]
async fn a_moved_todo_stays_among_siblings_with_equal_positions() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(ann.create_todo(json!({ "name": name })).await);
    }
    app.db.collection("todos").update_many(doc! {}, doc! { "$set": { "position": "a5" } }).await.unwrap();
    let body = json!({ "after": ids[0] });
    let moved = ann.post(&format!("{}/move", todo_path(&ids[1])), body).await.assert(200).json();
    assert_eq!(moved["version"], 1);
    ann.post(&format!("{}/move", todo_path(&ids[0])), json!({ "after": ids[1] })).await.assert(200);
    assert_eq!(ann.todo_names("").await, ["b", "a", "c"]);
}

/// One todo or list of every kind, as `GET` returns it.
async fn one_of_each(client: &Client) -> Vec<(String, Value)> {
    let list = client.create_list(json!({ "name": "l", "color": "#1e90ff" })).await;
    let parent = client.create_todo(json!({ "name": "parent", "list_id": list, "tags": ["b", "a"] })).await;
    let sub = client.create_todo(json!({ "name": "sub", "parent_id": parent, "priority": "low" })).await;
    set_completed(client, &sub, true).await;
    let at = json!({ "at": "2026-12-01T09:00", "time_zone": "Europe/Berlin" });
    let rule = json!({ "rule": "FREQ=DAILY;COUNT=3", "basis": "future" });
    let series = client.create_todo(json!({ "name": "series", "due": at, "recurrence": rule })).await;
    set_completed(client, &series, true).await;
    client.patch(&todo_path(&series), json!({ "due": { "at": "2026-12-05T10:00" } })).await.assert(200);
    let record = client.get("/v1/todos?completed=true&q=series").await.json()["items"][0]["id"].clone();
    let over = json!({ "name": "over", "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=DAILY;COUNT=1" } });
    let over = client.create_todo(over).await;
    set_completed(client, &over, true).await;
    let todos = [parent, sub, series, record.as_str().unwrap().to_owned(), over];
    let paths = todos.iter().map(|id| todo_path(id)).chain([format!("/v1/lists/{list}")]);
    let mut all = Vec::new();
    for path in paths {
        let body = client.get(&path).await.assert(200).json();
        all.push((path, body));
    }
    all
}

#[tokio::test]
async fn put_and_patch_accept_what_get_returned() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for (path, body) in one_of_each(&ann).await {
        ann.put(&path, body.clone()).await.assert_json(200, &body);
        ann.patch(&path, body.clone()).await.assert_json(200, &body);
        ann.get(&path).await.assert_json(200, &body);
        let mut renamed = body.clone();
        renamed["name"] = json!("renamed");
        // The same time in another form.
        renamed["created_at"] = json!(body["created_at"].as_str().unwrap().replace('Z', "000+00:00"));
        let after = ann.put(&path, renamed).await.assert(200).json();
        assert_eq!(
            (&after["name"], &after["version"]),
            (&json!("renamed"), &json!(body["version"].as_i64().unwrap() + 1))
        );
        ann.put(&path, body).await.assert_faults(&["/version"]);
    }
}

#[tokio::test]
async fn changed_read_only_fields_are_named() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let writable = [
        "list_id",
        "parent_id",
        "name",
        "description",
        "completed",
        "due",
        "recurrence",
        "priority",
        "tags",
        "color",
    ];
    for (path, body) in one_of_each(&ann).await {
        let fields: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        for name in fields.iter().filter(|name| !writable.contains(&name.as_str())) {
            for (method, value) in [
                (Method::PUT, json!("2020-01-01T00:00:00.000Z")),
                (Method::PATCH, json!(99)),
                (Method::PATCH, json!({ "x": 1 })),
            ] {
                let mut changed = body.clone();
                changed[name] = value;
                let pointer = format!("/{name}");
                let refused = ann.send_json(method, &path, &changed).await.assert_faults(&[&pointer]);
                assert_eq!(refused.json()["errors"][0]["code"], "read_only", "{name}");
            }
        }
        if body["recurrence"].is_object() {
            let mut changed = body.clone();
            changed["recurrence"]["left"] = json!(77);
            ann.put(&path, changed).await.assert_faults(&["/recurrence/left"]);
        }
        ann.get(&path).await.assert_json(200, &body);
    }
    let both = json!({ "name": "x", "version": 2, "position": "a" });
    ann.post("/v1/todos", both.clone()).await.assert_faults(&["/position", "/version"]);
    ann.post("/v1/lists", both).await.assert_faults(&["/position", "/version"]);
}

#[tokio::test]
async fn a_new_object_may_be_sent_with_its_own_id() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = "0123456789abcdef01234567";
    for kind in ["todos", "lists"] {
        let path = format!("/v1/{kind}/{id}");
        let body = json!({ "id": "0123456789abcdef01234568", "name": "x" });
        ann.put(&path, body).await.assert_faults(&["/id"]);
        let body = json!({ "id": id, "name": "x", "version": 1, "deleted_at": null });
        for status in [201, 200] {
            ann.put(&path, body.clone()).await.assert(status);
        }
    }
}

#[tokio::test]
async fn sync_puts_what_it_sent() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    one_of_each(&ann).await;
    let sent = ann.post("/v1/sync", json!({ "token": null, "limit": 200 })).await.assert(200).json();
    let mut commands = Vec::new();
    for (kind, field) in [("list", "lists"), ("todo", "todos")] {
        for object in sent[field].as_array().unwrap() {
            let n = commands.len();
            commands.push(json!({ "id": format!("c{n}"), "op": "put", "type": kind, "target": object["id"], "body": object }));
            let mut stale = object.clone();
            stale["version"] = json!(77);
            commands.push(json!({ "id": format!("s{n}"), "op": "put", "type": kind, "target": object["id"], "body": stale }));
        }
    }
    let answer = ann
        .post("/v1/sync", json!({ "token": sent["token"], "commands": commands }))
        .await
        .assert(200)
        .json();
    for results in answer["results"].as_array().unwrap().chunks(2) {
        assert_eq!(results[0]["status"], 200, "{results:?}");
        assert_eq!(results[1]["status"], 422, "{results:?}");
        assert_eq!(results[1]["problem"]["errors"][0]["pointer"], "/version");
    }
    // A change may come twice, with the same version.
    for object in answer["todos"].as_array().unwrap() {
        assert!(sent["todos"].as_array().unwrap().contains(object), "{object}");
    }
}

async fn keyed(client: &Client, id: &str, action: &str, key: &str) -> Answer {
    let path = format!("{}/{action}", todo_path(id));
    client.send(Method::POST, &path, &[("idempotency-key", key)], "").await
}

#[tokio::test]
async fn a_repeated_skip_or_undo_happens_once() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let body = json!({ "name": "run", "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=DAILY;COUNT=9" } });
    let id = ann.create_todo(body).await;
    let due = async || ann.get(&todo_path(&id)).await.json()["due"]["date"].clone();
    let first = keyed(&ann, &id, "skip", "a").await.assert(200);
    assert_eq!((first.header("etag"), first.header("idempotent-replayed")), ("\"2\"", ""));
    let forget = async || {
        app.db
            .collection("idempotency")
            .update_many(doc! {}, doc! { "$unset": { "answer": "" } })
            .await
            .unwrap()
    };
    keyed(&ann, &id, "skip", "b").await.assert(200);
    let again = keyed(&ann, &id, "skip", "a").await.assert(200);
    assert_eq!((again.json(), again.header("idempotent-replayed")), (first.json(), "true"));
    assert_eq!(due().await, "2026-12-03");
    // The responses were lost before they were stored.
    forget().await;
    for key in ["a", "b"] {
        keyed(&ann, &id, "skip", key).await.assert(200);
        assert_eq!(due().await, "2026-12-03");
    }
    keyed(&ann, &id, "undo", "a").await.assert_problem(409, "idempotency_key_reused");
    keyed(&ann, &id, "undo", "c").await.assert(200);
    forget().await;
    for _ in 0..2 {
        keyed(&ann, &id, "undo", "c").await.assert(200);
        assert_eq!(due().await, "2026-12-02");
    }
    keyed(&ann, &id, "undo", "").await.assert_faults(&[""]);
}

/// A parent, its subtask, and a subtask of this, all completed.
async fn completed_family(client: &Client) -> [String; 3] {
    let top = client.create_todo(json!({ "name": "top" })).await;
    let middle = client.create_todo(json!({ "name": "middle", "parent_id": top })).await;
    let leaf = client.create_todo(json!({ "name": "leaf", "parent_id": middle })).await;
    set_completed(client, &top, true).await;
    for id in [&top, &middle, &leaf] {
        assert!(is_completed(client, id).await);
    }
    [top, middle, leaf]
}

#[tokio::test]
async fn reopening_a_parent_leaves_its_subtasks_completed() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let [top, middle, leaf] = completed_family(&ann).await;
    set_completed(&ann, &top, false).await;
    assert!(
        !is_completed(&ann, &top).await
            && is_completed(&ann, &middle).await
            && is_completed(&ann, &leaf).await
    );
}

#[tokio::test]
async fn an_open_subtask_reopens_the_todos_above_it() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let loose = ann.create_todo(json!({ "name": "loose" })).await;
    let trashed = async |[_, middle, _]: &[String; 3]| {
        let id = ann.create_todo(json!({ "name": "trashed", "parent_id": middle })).await;
        ann.delete(&todo_path(&id)).await.assert(204);
        id
    };
    for way in ["patch", "put", "create", "put new", "move", "patch parent", "restore", "sync", "undo"] {
        let family = completed_family(&ann).await;
        let [top, middle, leaf] = &family;
        let mut opened = leaf.clone();
        match way {
            "patch" => drop(set_completed(&ann, leaf, false).await),
            "put" => {
                let body = json!({ "name": "leaf", "parent_id": middle });
                ann.put(&todo_path(leaf), body).await.assert(200);
            }
            "create" => opened = ann.create_todo(json!({ "name": "new", "parent_id": middle })).await,
            "put new" => {
                opened = ObjectId::new().to_hex();
                for status in [201, 200] {
                    let body = json!({ "name": "new", "parent_id": middle });
                    ann.put(&todo_path(&opened), body).await.assert(status);
                }
            }
            "move" | "patch parent" => {
                opened = ann.create_todo(json!({ "name": "moved" })).await;
                let body = json!({ "parent_id": middle });
                if way == "move" {
                    ann.post(&format!("{}/move", todo_path(&opened)), body).await.assert(200);
                } else {
                    ann.patch(&todo_path(&opened), body).await.assert(200);
                }
            }
            "restore" => {
                opened = trashed(&family).await;
                set_completed(&ann, top, true).await;
                ann.post(&format!("{}/restore", todo_path(&opened)), json!({})).await.assert(200);
            }
            "sync" => {
                opened = ObjectId::new().to_hex();
                let put = json!({ "id": format!("c {opened}"), "op": "put", "type": "todo", "target": opened, "body": { "name": "s", "parent_id": middle } });
                let answer = ann
                    .post("/v1/sync", json!({ "token": null, "commands": [put] }))
                    .await
                    .assert(200)
                    .json();
                assert_eq!(answer["results"][0]["status"], 201);
            }
            _ => {
                let once = json!({ "name": "once", "parent_id": middle, "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=DAILY;COUNT=1" } });
                opened = ann.create_todo(once).await;
                set_completed(&ann, &opened, true).await;
                set_completed(&ann, top, true).await;
                ann.post(&format!("{}/undo", todo_path(&opened)), json!({})).await.assert(200);
            }
        }
        for id in [top, middle, &opened] {
            assert!(!is_completed(&ann, id).await, "{way}");
        }
        assert!(opened == *leaf || is_completed(&ann, leaf).await, "{way}");
        let stored = app.db.all("todos").await;
        assert!(
            stored.iter().all(|todo| todo.get("unfinished").is_none_or(|note| note.as_null().is_some())),
            "{way}"
        );
    }
    // A completed subtask, and any change of a subtask that is open, leave the parent as it is.
    let [top, middle, _] = completed_family(&ann).await;
    ann.create_todo(json!({ "name": "done", "parent_id": middle, "completed": true })).await;
    set_completed(&ann, &loose, true).await;
    ann.post(&format!("{}/move", todo_path(&loose)), json!({ "parent_id": middle })).await.assert(200);
    assert!(is_completed(&ann, &top).await && is_completed(&ann, &middle).await);
}

#[tokio::test]
async fn an_interrupted_reopening_is_resumed() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let [top, middle, leaf] = completed_family(&ann).await;
    let pending = doc! { "since": app.clock.now(), "id": ObjectId::new(), "acts": ["reopen_parents"] };
    let open = doc! { "$set": { "completed": false, "completed_at": null, "unfinished": pending } };
    let id = ObjectId::parse_str(&leaf).unwrap();
    app.db.collection("todos").update_one(doc! { "_id": id }, open).await.unwrap();
    assert!(is_completed(&ann, &top).await);
    set_completed(&ann, &leaf, false).await;
    assert!(!is_completed(&ann, &top).await && !is_completed(&ann, &middle).await);
}

#[tokio::test]
async fn completing_a_parent_completes_a_recurring_subtask_which_goes_on_when_it_is_reopened() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let top = ann.create_todo(json!({ "name": "top" })).await;
    let daily = json!({ "name": "daily", "parent_id": top, "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=DAILY;COUNT=5" } });
    let daily = ann.create_todo(daily).await;
    let before = set_completed(&ann, &daily, true).await;
    set_completed(&ann, &top, true).await;
    let ended = ann.get(&todo_path(&daily)).await.json();
    assert_eq!(
        (&ended["completed"], &ended["due"], &ended["recurrence"]["left"]),
        (&json!(true), &before["due"], &json!(0))
    );
    // The record of the first occurrence, and no other.
    assert_eq!(
        ann.get(&format!("/v1/todos?parent_id={top}")).await.json()["items"].as_array().unwrap().len(),
        2
    );
    let after = set_completed(&ann, &daily, false).await;
    assert_eq!((&after["due"], &after["recurrence"]), (&before["due"], &before["recurrence"]));
    assert!(!is_completed(&ann, &top).await);
    let next = set_completed(&ann, &daily, true).await;
    assert_eq!((&next["due"]["date"], &next["recurrence"]["left"]), (&json!("2026-12-03"), &json!(3)));
}

#[tokio::test]
async fn a_recurring_parent_leaves_a_recurring_subtask_in_its_own_series() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let weekly =
        json!({ "name": "weekly", "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=WEEKLY" } });
    let top = ann.create_todo(weekly).await;
    let daily = json!({ "name": "daily", "parent_id": top, "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=DAILY" } });
    let daily = ann.create_todo(daily).await;
    set_completed(&ann, &top, true).await;
    let after = ann.get(&todo_path(&daily)).await.json();
    assert_eq!((&after["completed"], &after["due"]["date"]), (&json!(false), &json!("2026-12-01")));
    set_completed(&ann, &daily, true).await;
    assert!(!is_completed(&ann, &top).await);
}
