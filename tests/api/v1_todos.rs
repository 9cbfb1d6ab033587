//! `/v1/todos`: create, read, change, complete, delete and restore.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::v1::{DAY, assert_members, todo_path};

const MEMBERS: &str = "id list_id parent_id name description completed completed_at due recurrence priority tags \
                       position occurrence_of version created_at updated_at deleted_at";

#[tokio::test]
async fn a_todo_needs_only_a_name() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let answer = ann.post("/v1/todos", json!({ "name": "  milk " })).await.assert(201);
    let todo = answer.json();
    assert_members(&todo, MEMBERS);
    assert_eq!(answer.header("location"), format!("/v1/todos/{}", answer.id()));
    assert_eq!(answer.header("etag"), "\"1\"");
    for (member, value) in [
        ("name", json!("milk")),
        ("description", json!("")),
        ("completed", json!(false)),
        ("priority", json!("none")),
        ("tags", json!([])),
        ("due", Value::Null),
        ("recurrence", Value::Null),
        ("list_id", Value::Null),
        ("deleted_at", Value::Null),
        ("version", json!(1)),
    ] {
        assert_eq!(todo[member], value, "{member}");
    }
    ann.get(answer.header("location")).await.assert_json(200, &todo);
}

#[tokio::test]
async fn a_patch_of_a_todo_keeps_absent_fields_and_clears_null_fields() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let path = todo_path(
        &ann.create_todo(json!({
            "name": "run", "description": "far", "priority": "high", "tags": ["a", "b", "a"],
            "due": { "at": "2026-12-01T09:00", "time_zone": "Europe/Berlin" },
            "recurrence": { "rule": "FREQ=WEEKLY;BYDAY=TU" },
        }))
        .await,
    );
    let before = ann.get(&path).await.json();
    assert_eq!(before["tags"], json!(["a", "b"]));
    assert_eq!(before["recurrence"], json!({ "rule": "FREQ=WEEKLY;BYDAY=TU", "basis": "due", "left": null }));
    let zone = json!({ "due": { "time_zone": null } });
    let after = ann.patch(&path, zone).await.assert(200).json();
    assert_eq!(after["due"], json!({ "at": "2026-12-01T09:00", "time_zone": null }));
    let after = ann.patch(&path, json!({ "description": "", "recurrence": null })).await.assert(200).json();
    let mut expected = before;
    for (member, value) in [
        ("description", json!("")),
        ("recurrence", Value::Null),
        ("due", json!({ "at": "2026-12-01T09:00", "time_zone": null })),
        ("version", json!(3)),
    ] {
        expected[member] = value;
    }
    assert_eq!(after, expected);
    ann.patch(&path, json!({})).await.assert_json(200, &expected);
    // One form of a due date replaces the other.
    let after = ann.patch(&path, json!({ "due": { "date": "2026-12-02" } })).await.assert(200).json();
    assert_eq!(after["due"], json!({ "date": "2026-12-02" }));
    let after = ann.patch(&path, json!({ "due": { "at": "2026-12-03T10:00" } })).await.assert(200).json();
    assert_eq!(after["due"], json!({ "at": "2026-12-03T10:00", "time_zone": null }));
    let put = ann.put(&path, json!({ "name": "rest" })).await.assert(200).json();
    assert_eq!((&put["priority"], &put["tags"], &put["due"]), (&json!("none"), &json!([]), &Value::Null));
}

#[tokio::test]
async fn invalid_fields_are_reported_and_change_nothing() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let path = todo_path(&ann.create_todo(json!({ "name": "x" })).await);
    let before = ann.get(&path).await.json();
    let long = "x".repeat(501);
    let cases = [
        (json!({ "name": " " }), "/name"),
        (json!({ "name": long }), "/name"),
        (json!({ "name": 1 }), "/name"),
        (json!({ "name": null }), "/name"),
        (json!({ "description": "x".repeat(16_385) }), "/description"),
        // Many clients send null for each field that they do not want to change.
        (json!({ "description": null }), "/description"),
        (json!({ "completed": null }), "/completed"),
        (json!({ "priority": null }), "/priority"),
        (json!({ "tags": null }), "/tags"),
        (
            json!({ "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=DAILY", "basis": null } }),
            "/recurrence/basis",
        ),
        (json!({ "due": { "date": "2026-12-01", "at": "2026-12-01T09:00" } }), "/due/at"),
        (json!({ "completed": "yes" }), "/completed"),
        (json!({ "priority": "urgent" }), "/priority"),
        (json!({ "tags": ["ok", " "] }), "/tags/1"),
        (json!({ "tags": ["x".repeat(65)] }), "/tags/0"),
        (json!({ "tags": (0..51).map(|n| n.to_string()).collect::<Vec<_>>() }), "/tags"),
        (json!({ "tags": "home" }), "/tags"),
        (json!({ "due": "tomorrow" }), "/due"),
        (json!({ "due": { "date": "2026-02-30" } }), "/due/date"),
        (json!({ "due": { "at": "2026-12-01T09:00Z" } }), "/due/at"),
        (json!({ "due": { "at": "2026-12-01T09:00", "time_zone": "Mars/Base" } }), "/due/time_zone"),
        (json!({ "due": { "on": "2026-12-01" } }), "/due/on"),
        (
            json!({ "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=HOURLY" } }),
            "/recurrence/rule",
        ),
        (json!({ "recurrence": { "rule": "FREQ=DAILY" } }), "/recurrence"),
        (json!({ "list_id": "nonsense" }), "/list_id"),
        (json!({ "list_id": "0123456789abcdef01234567" }), "/list_id"),
        (json!({ "parent_id": "0123456789abcdef01234567" }), "/parent_id"),
        (json!({ "owner_id": "0123456789abcdef01234567" }), "/owner_id"),
        (json!({ "position": "a" }), "/position"),
        (json!({ "version": 9 }), "/version"),
    ];
    for (body, pointer) in cases {
        ann.patch(&path, body).await.assert_faults(&[pointer]);
    }
    ann.post("/v1/todos", json!({ "priority": 1, "x": 1 })).await.assert_faults(&[
        "/name",
        "/priority",
        "/x",
    ]);
    ann.get(&path).await.assert_json(200, &before);
    for query in [
        "list_id=x",
        "parent_id=X",
        "completed=1",
        "tag=",
        "priority=5",
        "due_before=x",
        "due_after=2026-13-01",
        "updated_after=2026-12-01",
        "deleted=yes",
        "sort=owner_id",
        "limit=0",
        "limit=201",
        "cursor=abc",
        "x=1",
    ] {
        let name = query.split('=').next().unwrap();
        ann.get(&format!("/v1/todos?{query}")).await.assert_faults(&[&format!("/{name}")]);
    }
}

#[tokio::test]
async fn limits_of_todo_fields_are_exact() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let tags: Vec<_> = (0..50).map(|n| format!("{n:064}")).collect();
    let body = json!({ "name": "é".repeat(500), "description": "d".repeat(16_384), "tags": tags });
    let path = todo_path(&ann.create_todo(body).await);
    ann.put(&format!("{path}/tags/one-more"), json!({})).await.assert_faults(&["/tags"]);
    let known = format!("{path}/tags/{:064}", 7);
    ann.put(&known, json!({})).await.assert(200);
}

#[tokio::test]
async fn preconditions_prevent_lost_updates() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let path = todo_path(&ann.create_todo(json!({ "name": "x" })).await);
    ann.patch(&path, json!({ "name": "y" })).await.assert(200);
    let stale = ("if-match", "\"1\"");
    for method in [Method::PATCH, Method::PUT] {
        let answer = ann.send_json_with(method, &path, stale, &json!({ "name": "z" })).await;
        assert_eq!(answer.assert_problem(412, "version_mismatch").json()["current"]["name"], "y");
    }
    ann.send_json_with(Method::DELETE, &path, stale, &json!({}))
        .await
        .assert_problem(412, "version_mismatch");
    let moved = format!("{path}/move");
    ann.send_json_with(Method::POST, &moved, stale, &json!({})).await.assert_problem(412, "version_mismatch");
    let restored = format!("{path}/restore");
    ann.send_json_with(Method::POST, &restored, stale, &json!({}))
        .await
        .assert_problem(412, "version_mismatch");
    let create = ("if-none-match", "*");
    ann.send_json_with(Method::PUT, &path, create, &json!({ "name": "z" }))
        .await
        .assert_problem(412, "version_mismatch");
    assert_eq!(ann.send(Method::GET, &path, &[("if-none-match", "\"2\"")], "").await.status, 304);
    let current = ("if-match", ", \"a,b\",W/\"2-gzip\" ,");
    ann.send_json_with(Method::PATCH, &path, current, &json!({ "name": "z" })).await.assert(200);
}

#[tokio::test]
async fn a_write_can_require_that_the_todo_exists_or_has_another_version() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let path = todo_path(&ann.create_todo(json!({ "name": "x" })).await);
    let absent = todo_path("0123456789abcdef01234567");
    let send = async |method: Method, path: &str, header, body: Value| {
        ann.send_json_with(method, path, header, &body).await
    };
    let exists = ("if-match", "*");
    let refused = send(Method::PUT, &absent, exists, json!({ "name": "y" })).await;
    assert_eq!(refused.assert_problem(412, "version_mismatch").json()["current"], Value::Null);
    send(Method::PUT, &path, exists, json!({ "name": "y" })).await.assert(200);
    for (method, body) in [
        (Method::PATCH, json!({ "name": "z" })),
        (Method::PATCH, json!({ "completed": true })),
        (Method::PUT, json!({ "name": "z" })),
        (Method::DELETE, json!({})),
    ] {
        let refused = send(method, &path, ("if-none-match", "\"1\", \"2\""), body).await;
        refused.assert_problem(412, "version_mismatch");
    }
    send(Method::PATCH, &path, ("if-none-match", "\"1\", \"3\""), json!({ "name": "z" })).await.assert(200);
    send(Method::PATCH, &path, ("if-none-match", "\"1\""), json!({ "completed": true })).await.assert(200);
    send(Method::PUT, &absent, ("if-none-match", "\"1\""), json!({ "name": "new" })).await.assert(201);
}

#[tokio::test]
async fn concurrent_updates_have_one_winner_with_if_match_and_all_survive_without() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let path = todo_path(&ann.create_todo(json!({ "name": "x" })).await);
    for round in 1..=3 {
        let tag = format!("\"{round}\"");
        let tries = (0..16).map(|n| {
            let (ann, path, tag) = (ann.clone(), path.clone(), tag.clone());
            async move {
                let body = json!({ "name": format!("{round} {n}") });
                ann.send_json_with(Method::PATCH, &path, ("if-match", &tag), &body).await.status.as_u16()
            }
        });
        let mut statuses = futures_util::future::join_all(tries).await;
        statuses.sort_unstable();
        assert_eq!(statuses, [vec![200], vec![412; 15]].concat());
    }
    let tries = (0..16).map(|n| {
        let (ann, path) = (ann.clone(), path.clone());
        async move { ann.put(&format!("{path}/tags/t{n}"), json!({})).await.assert(200) }
    });
    futures_util::future::join_all(tries).await;
    let todo = ann.get(&path).await.json();
    assert_eq!(todo["tags"].as_array().unwrap().len(), 16);
    assert_eq!(todo["version"], 1 + 3 + 16);
}

#[tokio::test]
async fn put_creates_a_todo_with_the_id_of_the_client() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.v1_user("ann").await, app.v1_user("bob").await);
    let path = "/v1/todos/0123456789abcdef01234567";
    let answer = ann.put(path, json!({ "name": "x" })).await.assert(201);
    assert_eq!(answer.header("location"), path);
    ann.put(path, json!({ "name": "x" })).await.assert(200);
    bob.put(path, json!({ "name": "x" })).await.assert_problem(409, "id_taken");
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let unknown = "/v1/todos/ffffffffffffffffffffffff";
        let body = json!({ "name": "y" });
        let theirs = bob.send_json(method.clone(), path, &body).await.assert_problem(404, "not_found");
        let none = bob.send_json(method, unknown, &body).await.assert_problem(404, "not_found");
        assert_eq!(theirs.anonymised(), none.anonymised());
    }
    ann.put("/v1/todos/0123456789ABCDEF01234567", json!({ "name": "x" })).await.assert_faults(&["/id"]);
    ann.delete(&format!("{path}?permanent=true")).await.assert(204);
    ann.get(path).await.assert_problem(404, "not_found");
    assert_eq!(ann.put(path, json!({ "name": "again" })).await.assert(201).json()["version"], 3);
}

#[tokio::test]
async fn a_repeated_creation_with_the_same_key_creates_one_todo() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let key = ("idempotency-key", "k1");
    let body = json!({ "name": "x" });
    let both = [
        ann.send_json_with(Method::POST, "/v1/todos", key, &body),
        ann.send_json_with(Method::POST, "/v1/todos", key, &body),
    ];
    let both = futures_util::future::join_all(both).await;
    assert_eq!(both[0].clone().assert(201).json(), both[1].clone().assert(201).json());
    ann.patch(both[0].header("location"), json!({ "name": "y" })).await.assert(200);
    let again = ann.send_json_with(Method::POST, "/v1/todos", key, &body).await.assert(201);
    assert_eq!((again.json(), again.header("idempotent-replayed")), (both[0].json(), "true"));
    let other = ann.send_json_with(Method::POST, "/v1/todos", key, &json!({ "name": "z" })).await;
    other.assert_problem(409, "idempotency_key_reused");
    assert_eq!(ann.todo_names("").await, ["y"]);
}

#[tokio::test]
async fn completing_a_recurring_todo_advances_it_and_records_the_occurrence() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let due = json!({ "at": "2027-03-21T09:00", "time_zone": "Europe/Berlin" });
    let rule = json!({ "rule": "FREQ=WEEKLY;COUNT=3" });
    let path = todo_path(
        &ann.create_todo(json!({ "name": "run", "due": due, "recurrence": rule, "tags": ["t"] })).await,
    );
    let done = json!({ "completed": true });
    let once =
        ann.send_json_with(Method::PATCH, &path, ("if-match", "\"1\""), &done).await.assert(200).json();
    assert_eq!((&once["completed"], &once["due"]["at"]), (&json!(false), &json!("2027-03-28T09:00")));
    ann.send_json_with(Method::PATCH, &path, ("if-match", "\"1\""), &done).await.assert(412);
    let key = ("idempotency-key", "k");
    for _ in 0..2 {
        let twice = ann.send_json_with(Method::PATCH, &path, key, &done).await.assert(200).json();
        assert_eq!(twice["due"]["at"], "2027-04-04T09:00");
    }
    let last = ann.patch(&path, done).await.assert(200).json();
    assert_eq!((&last["completed"], &last["due"]["at"]), (&json!(true), &json!("2027-04-04T09:00")));
    let records = ann.get("/v1/todos?completed=true&sort=due").await.json();
    let records = records["items"].as_array().unwrap();
    let dues: Vec<_> = records.iter().map(|todo| todo["due"]["at"].as_str().unwrap()).collect();
    assert_eq!(dues, ["2027-03-21T09:00", "2027-03-28T09:00", "2027-04-04T09:00"]);
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(
        records.iter().filter(|todo| todo["occurrence_of"] == id && todo["tags"] == json!(["t"])).count(),
        2
    );
}

#[tokio::test]
async fn subtasks_follow_their_parent() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let list = ann.create_list(json!({ "name": "l" })).await;
    let mut paths = vec![todo_path(&ann.create_todo(json!({ "name": "0" })).await)];
    for level in 1..5 {
        let parent = paths[level - 1].rsplit('/').next().unwrap().to_owned();
        paths.push(todo_path(
            &ann.create_todo(json!({ "name": level.to_string(), "parent_id": parent })).await,
        ));
    }
    let id = |level: usize| paths[level].rsplit('/').next().unwrap().to_owned();
    ann.post("/v1/todos", json!({ "name": "5", "parent_id": id(4) })).await.assert_faults(&["/parent_id"]);
    for level in [0, 4] {
        ann.patch(&paths[0], json!({ "parent_id": id(level) })).await.assert_faults(&["/parent_id"]);
    }
    ann.patch(&paths[1], json!({ "list_id": list })).await.assert_faults(&["/list_id"]);
    ann.patch(&paths[0], json!({ "list_id": list })).await.assert(200);
    ann.patch(&paths[0], json!({ "completed": true })).await.assert(200);
    for path in &paths {
        let todo = ann.get(path).await.json();
        assert_eq!((&todo["list_id"], &todo["completed"]), (&json!(list), &json!(true)));
    }
    ann.delete(&paths[3]).await.assert(204);
    ann.delete(&paths[1]).await.assert(204);
    ann.delete(&paths[1]).await.assert(204);
    assert_eq!(ann.todo_names("").await, ["0"]);
    assert_eq!(ann.todo_names("?deleted=true").await, ["1", "2", "3", "4"]);
    ann.patch(&paths[1], json!({ "name": "x" })).await.assert_problem(409, "in_trash");
    ann.post(&format!("{}/restore", paths[1]), json!({})).await.assert(200);
    assert_eq!(ann.todo_names("").await, ["0", "1", "2"]);
    assert_eq!(ann.todo_names("?deleted=true").await, ["3", "4"]);
    ann.delete(&format!("{}?permanent=true", paths[0])).await.assert(204);
    assert_eq!(ann.todo_names("?deleted=any").await, [""; 0]);
}

#[tokio::test]
async fn deleting_and_restoring_a_list_includes_its_todos() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let list = ann.post("/v1/lists", json!({ "name": "home", "color": "#FFaa00" })).await.assert(201);
    let (id, path) = (list.id(), list.header("location").to_owned());
    assert_members(
        &list.json(),
        "id name description color position open_count version created_at updated_at deleted_at",
    );
    for name in ["a", "b", "c"] {
        todo_path(&ann.create_todo(json!({ "name": name, "list_id": id, "completed": name == "c" })).await);
    }
    let single = todo_path(&ann.create_todo(json!({ "name": "alone", "list_id": id })).await);
    ann.delete(&single).await.assert(204);
    assert_eq!(ann.get(&path).await.json()["open_count"], 2);
    ann.delete(&path).await.assert(204);
    assert_eq!(ann.todo_names("").await.len(), 0);
    ann.post("/v1/todos", json!({ "name": "x", "list_id": id })).await.assert_faults(&["/list_id"]);
    let back = ann.post(&format!("{single}/restore"), json!({})).await.assert(200).json();
    assert_eq!(back["list_id"], Value::Null);
    ann.post(&format!("{path}/restore"), json!({})).await.assert(200);
    assert_eq!(ann.todo_names(&format!("?list_id={id}")).await, ["a", "b", "c"]);
    ann.patch(&path, json!({ "color": "red" })).await.assert_faults(&["/color"]);
    ann.delete(&path).await.assert(204);
    app.advance(31 * DAY);
    app.state.workspaces.upkeep().await.unwrap();
    let ann = app.v1_login("ann").await;
    assert_eq!(ann.todo_names("?deleted=any").await, ["alone"]);
    ann.get(&path).await.assert_problem(404, "not_found");
    let gone = app.db.all("todos").await;
    let gone = gone.iter().find(|todo| todo.get_str("state").unwrap() == "gone").unwrap();
    let fields: Vec<_> = gone.keys().map(String::as_str).collect();
    assert_eq!(fields, ["_id", "owner_id", "version", "state", "gone_at", "was", "changed"]);
}

#[tokio::test]
async fn concurrent_patches_of_different_fields_all_survive() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let list = ann.create_list(json!({ "name": "l" })).await;
    let path = todo_path(&ann.create_todo(json!({ "name": "x" })).await);
    let members = [
        ("name", json!("new")),
        ("description", json!("more")),
        ("completed", json!(true)),
        ("priority", json!("high")),
        ("tags", json!(["t"])),
        ("due", json!({ "date": "2026-12-01" })),
        ("list_id", json!(list)),
    ];
    let patches = members.iter().map(|(member, value)| ann.patch(&path, json!({ *member: value })));
    for answer in futures_util::future::join_all(patches).await {
        answer.assert(200);
    }
    let todo = ann.get(&path).await.json();
    for (member, value) in &members {
        assert_eq!(&todo[member], value, "{member}");
    }
    assert_eq!(todo["version"], 8);
}
