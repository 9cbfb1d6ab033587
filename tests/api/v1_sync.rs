//! `POST /v1/sync`: changes since a token, in pages, and commands of clients that were offline.

use bson::oid::ObjectId;
use bson::{Bson, Timestamp, doc};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::replica::{Replica, server_state};
use crate::support::v1::{DAY, assert_members};
use crate::support::{Client, TestApp};

/// When a recurring todo is due first.
const FIRST_DAY: &str = "2030-01-01";

/// The results of commands in a first sync.
async fn commanded(client: &Client, commands: Value) -> Vec<Value> {
    let answer = client.post("/v1/sync", json!({ "token": null, "commands": commands })).await.assert(200);
    answer.json()["results"].as_array().unwrap().clone()
}

fn new_id() -> String {
    ObjectId::new().to_hex()
}

#[tokio::test]
async fn a_first_sync_returns_everything_in_pages() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let empty = ann.post("/v1/sync", json!({ "token": null })).await.assert(200).json();
    assert_members(&empty, "token has_more full todos lists removed results");
    assert_eq!(
        (&empty["full"], &empty["has_more"], &empty["todos"]),
        (&json!(true), &json!(false), &json!([]))
    );

    for number in 0..23 {
        ann.create_todo(json!({ "name": format!("todo {number}") })).await;
    }
    let list = ann.create_list(json!({ "name": "list" })).await;
    let trashed = ann.create_todo(json!({ "name": "trashed" })).await;
    ann.delete(&format!("/v1/todos/{trashed}")).await.assert(204);
    let gone = ann.create_todo(json!({ "name": "gone" })).await;
    ann.delete(&format!("/v1/todos/{gone}?permanent=true")).await.assert(204);

    let state = server_state(&ann).await;
    for limit in [1, 7, 25, 200] {
        let mut replica = Replica::default();
        replica.sync(&ann, limit).await;
        replica.assert_is(&state);
    }
    assert_eq!(state.len(), 25);
    assert!(state[&list].get("open_count").is_none());
    assert_ne!(state[&trashed]["deleted_at"], Value::Null);
}

#[tokio::test]
async fn every_kind_of_change_reaches_a_returning_client() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let list = ann.create_list(json!({ "name": "list" })).await;
    let parent = ann.create_todo(json!({ "name": "parent", "list_id": list })).await;
    let child = ann.create_todo(json!({ "name": "child", "parent_id": parent })).await;
    let other = ann.create_todo(json!({ "name": "other" })).await;
    let mut replica = Replica::default();
    replica.sync(&ann, 200).await;
    replica.assert_is(&server_state(&ann).await);

    let original = app.anonymous().login("ann", crate::support::PASSWORD).await;
    for (path, body) in [
        (format!("/v1/todos/{other}/move"), json!({ "list_id": list, "before": parent })),
        (format!("/v1/lists/{list}/move"), json!({})),
        ("/v1/todos".to_owned(), json!({ "name": "new" })),
    ] {
        ann.post(&path, body).await;
        replica.sync(&ann, 200).await;
        replica.assert_is(&server_state(&ann).await);
    }
    ann.put(&format!("/v1/todos/{child}/tags/home"), json!(null)).await.assert(200);
    ann.patch("/v1/tags/home", json!({ "name": "house" })).await;
    original
        .put(&format!("/todo/{other}"), json!({ "name": "renamed", "description": "" }))
        .await
        .assert(200);
    replica.sync(&ann, 2).await;
    replica.assert_is(&server_state(&ann).await);
    for path in [
        format!("/v1/todos/{parent}"),
        format!("/v1/lists/{list}"),
        format!("/v1/todos/{child}?permanent=true"),
        format!("/v1/lists/{list}?permanent=true"),
    ] {
        ann.delete(&path).await.assert(204);
        replica.sync(&ann, 200).await;
        replica.assert_is(&server_state(&ann).await);
    }
    assert_eq!(replica.objects.len(), 1, "what was in the list is gone with it: {replica:?}");
}

#[tokio::test]
async fn removals_during_a_full_read_reach_the_client() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let mut ids = Vec::new();
    for number in 0..12 {
        ids.push(ann.create_todo(json!({ "name": format!("todo {number}") })).await);
    }
    let mut replica = Replica::default();
    let page = json!({ "token": null, "limit": 5 });
    replica.apply(&ann.post("/v1/sync", page).await.assert(200).json());
    for id in [&ids[0], &ids[7], &ids[11]] {
        ann.delete(&format!("/v1/todos/{id}?permanent=true")).await.assert(204);
    }
    ann.patch(&format!("/v1/todos/{}", ids[1]), json!({ "name": "changed behind" })).await.assert(200);
    replica.sync(&ann, 5).await;
    replica.assert_is(&server_state(&ann).await);
}

#[tokio::test]
async fn a_late_visible_write_is_not_skipped() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = ann.create_todo(json!({ "name": "early" })).await;
    let mut replica = Replica::default();
    replica.sync(&ann, 200).await;
    // A slow writer took its stamp 20 s before the client synced.
    let stored = app.db.collection("todos").find_one(doc! {}).await.unwrap().unwrap();
    let stamp = stored.get_timestamp("changed").unwrap();
    let late = Bson::Timestamp(Timestamp { time: stamp.time - 20, increment: 1 });
    let by_id = doc! { "_id": ObjectId::parse_str(&id).unwrap() };
    let change = doc! { "$set": { "name": "late", "version": 2_i64, "changed": late } };
    app.db.collection("todos").update_one(by_id, change).await.unwrap();
    replica.sync(&ann, 200).await;
    assert_eq!(replica.objects[&id]["name"], "late");
    replica.assert_is(&server_state(&ann).await);
}

#[tokio::test]
async fn a_sync_token_works_for_its_user_for_90_days() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let token = ann.post("/v1/sync", json!({})).await.assert(200).json()["token"].clone();
    let command =
        json!([{ "id": "1", "op": "put", "type": "todo", "target": new_id(), "body": { "name": "x" } }]);
    let request = json!({ "token": token, "commands": command });
    ben.post("/v1/sync", request.clone()).await.assert_faults(&["/token"]);
    let altered = token.as_str().unwrap().replacen(|c: char| c.is_ascii_lowercase(), "_", 1);
    for wrong in [altered.as_str(), "", "x", &"A".repeat(5_000)] {
        ann.post("/v1/sync", json!({ "token": wrong })).await.assert_faults(&["/token"]);
    }
    app.advance(90 * DAY);
    let ann = app.v1_login("ann").await;
    ann.post("/v1/sync", json!({ "token": token })).await.assert(200);
    app.advance(1);
    ann.post("/v1/sync", request).await.assert_problem(410, "sync_token_expired");
    assert_eq!(server_state(&ann).await.len(), 0, "a refused request must have no effect");
}

#[tokio::test]
async fn commands_run_in_order_and_can_use_earlier_results() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let (list, todo, sub, gone) = (new_id(), new_id(), new_id(), new_id());
    let commands = json!([
        { "id": "a", "op": "put", "type": "list", "target": list, "body": { "name": "list" } },
        { "id": "b", "op": "put", "type": "todo", "target": todo, "body": { "name": "todo", "list_id": list } },
        { "id": "c", "op": "put", "type": "todo", "target": sub, "body": { "name": "sub", "parent_id": todo } },
        { "id": "d", "op": "patch", "type": "todo", "target": todo, "if_version": 1, "body": { "priority": "high" } },
        { "id": "e", "op": "move", "type": "todo", "target": sub, "body": { "parent_id": null, "before": todo } },
        { "id": "f", "op": "delete", "type": "list", "target": list },
        { "id": "g", "op": "restore", "type": "list", "target": list, "body": {} },
        { "id": "h", "op": "patch", "type": "list", "target": list, "body": { "color": "#ff0000" } },
        { "id": "i", "op": "move", "type": "list", "target": list },
        { "id": "j", "op": "put", "type": "todo", "target": gone, "body": { "name": "gone" } },
        { "id": "k", "op": "delete", "type": "todo", "target": gone, "body": { "permanent": true } },
        { "id": "l", "op": "put", "type": "todo", "target": todo, "body": { "name": "replaced", "list_id": list } },
    ]);
    let answer =
        ann.post("/v1/sync", json!({ "token": null, "commands": commands })).await.assert(200).json();
    let results = answer["results"].as_array().unwrap();
    let of = |name: &str| results.iter().map(|result| result[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("id"), "abcdefghijkl".chars().map(|id| json!(id.to_string())).collect::<Vec<_>>());
    let statuses = [201, 201, 201, 200, 200, 204, 200, 200, 200, 201, 204, 200];
    assert_eq!(of("status"), statuses.map(|status| json!(status)), "{results:?}");
    assert_eq!((&results[3]["version"], &results[10]["version"]), (&json!(2), &Value::Null));

    let mut replica = Replica::default();
    replica.apply(&answer);
    replica.assert_is(&server_state(&ann).await);
    assert_eq!(replica.objects.len(), 3);
    assert_eq!(replica.objects[&todo]["name"], "replaced");
    assert_eq!(replica.objects[&todo]["version"], results[11]["version"]);
}

#[tokio::test]
async fn a_failed_command_is_explained_and_does_not_stop_the_others() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let (bens, anns) = (
        ben.create_todo(json!({ "name": "ben's" })).await,
        ann.create_todo(json!({ "name": "ann's" })).await,
    );
    let put = |id: &str, body: Value| json!({ "id": id, "op": "put", "type": "todo", "target": new_id(), "body": body });
    let patch = |id: &str, target: &str, body: Value| json!({ "id": id, "op": "patch", "type": "todo", "target": target, "body": body });
    let mut stale = patch("stale", &anns, json!({ "name": "x" }));
    stale["if_version"] = json!(7);
    let mut bens_put = put("bens put", json!({ "name": "x" }));
    bens_put["target"] = json!(bens);
    let results = commanded(
        &ann,
        json!([
            put("first", json!({ "name": "first" })),
            put("nameless", json!({ "name": " ", "due": { "date": "never" }, "what": 1 })),
            json!({ "id": "empty" }),
            json!({ "id": "odd", "op": "burn", "type": "house", "target": "x", "if_version": "1", "body": 1, "more": 2 }),
            patch("bodyless", &anns, Value::Null),
            patch("unknown", &new_id(), json!({ "name": "x" })),
            patch("bens", &bens, json!({ "name": "x" })),
            bens_put,
            stale,
            put("last", json!({ "name": "last" })),
        ]),
    )
    .await;
    let got: Vec<_> =
        results.iter().map(|r| (r["id"].as_str().unwrap(), r["status"].as_i64().unwrap())).collect();
    let expected = [
        ("first", 201),
        ("nameless", 422),
        ("empty", 422),
        ("odd", 422),
        ("bodyless", 422),
        ("unknown", 404),
        ("bens", 404),
        ("bens put", 409),
        ("stale", 412),
        ("last", 201),
    ];
    assert_eq!(got, expected);
    let pointers = |number: usize| {
        let errors = results[number]["problem"]["errors"].as_array().unwrap();
        let mut all: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        all.sort_unstable();
        all.join(" ")
    };
    assert_eq!(pointers(1), "/body/due/date /body/name /body/what");
    assert_eq!(pointers(2), "/op /target /type");
    assert_eq!(pointers(3), "/if_version /more /op /target /type");
    assert_eq!(pointers(4), "/body");
    assert_members(&results[5]["problem"], "type title status detail code");
    let bare = |number: usize| results[number]["problem"].clone();
    assert_eq!(bare(5), bare(6), "another user's todo must look unknown");
    assert_eq!(results[8]["problem"]["current"], ann.get(&format!("/v1/todos/{anns}")).await.json());
    assert_eq!(ben.get(&format!("/v1/todos/{bens}")).await.json()["version"], 1);
}

#[tokio::test]
async fn a_repeated_batch_applies_once_and_returns_the_same_results() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let (made, known) = (new_id(), ann.create_todo(json!({ "name": "known" })).await);
    let batch = json!([
        { "id": "1", "op": "put", "type": "todo", "target": made, "body": { "name": "made" } },
        { "id": "2", "op": "patch", "type": "todo", "target": known, "if_version": 1, "body": { "name": "a" } },
        { "id": "3", "op": "patch", "type": "todo", "target": known, "if_version": 1, "body": { "name": "b" } },
        { "id": "4", "op": "move", "type": "todo", "target": known, "body": { "before": made } },
        { "id": "5", "op": "delete", "type": "todo", "target": made, "body": { "permanent": true } },
        { "id": "1", "op": "put", "type": "todo", "target": made, "body": { "name": "made" } },
    ]);
    let first = commanded(&ann, batch.clone()).await;
    assert_eq!(first[2]["status"], 412);
    assert_eq!(first[5], first[0], "a repeated id must return its first result");
    let state = server_state(&ann).await;
    // A stored result has no object. The changes in the response have it.
    let mut again = first.clone();
    again[2]["problem"].as_object_mut().unwrap().remove("current").unwrap();
    for _ in 0..2 {
        assert_eq!(commanded(&ann, batch.clone()).await, again);
        assert_eq!(server_state(&ann).await, state);
    }
    let mut other = batch[1].clone();
    other["body"]["name"] = json!("c");
    let reused = commanded(&ann, json!([other])).await;
    assert_eq!(
        (&reused[0]["status"], &reused[0]["problem"]["code"]),
        (&json!(409), &json!("idempotency_key_reused"))
    );
    let ben = app.v1_user("ben").await;
    let bens = commanded(&ben, batch).await;
    assert_eq!(bens[0]["problem"]["code"], "id_taken", "a command id is its user's own");
}

#[tokio::test]
async fn commands_have_the_same_results_together_and_one_by_one() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let mut of_each = Vec::new();
    for (client, at_once) in [(&ann, 100), (&ben, 1)] {
        let commands = commands_of_all_kinds();
        let mut results = Vec::new();
        for together in commands.chunks(at_once) {
            results.extend(commanded(client, json!(together)).await);
        }
        let state = server_state(client).await;
        let mut names: Vec<_> =
            state.values().map(|object| format!("{}{}", object["name"], object["version"])).collect();
        names.sort_unstable();
        // Without what contains ids.
        let result = |result: &Value| {
            format!(
                "{} {} {} {}",
                result["id"], result["status"], result["version"], result["problem"]["code"]
            )
        };
        of_each.push((results.iter().map(result).collect::<Vec<_>>(), names));
    }
    assert_eq!(of_each[0].0, of_each[1].0);
    assert_eq!(of_each[0].1, of_each[1].1);
}

fn commands_of_all_kinds() -> Vec<Value> {
    let (list, parent, sub, daily, gone) = (new_id(), new_id(), new_id(), new_id(), new_id());
    let mut commands: Vec<Value> = Vec::new();
    let mut add = |op: &str, kind: &str, target: &str, body: Value| {
        commands.push(json!({ "id": commands.len().to_string(), "op": op, "type": kind, "target": target, "body": body }));
    };
    let recurring =
        json!({ "name": "daily", "due": { "date": FIRST_DAY }, "recurrence": { "rule": "FREQ=DAILY" } });
    add("put", "list", &list, json!({ "name": "list" }));
    add("put", "todo", &parent, json!({ "name": "parent", "list_id": list }));
    add("put", "todo", &sub, json!({ "name": "sub", "parent_id": parent }));
    add("put", "todo", &parent, json!({ "name": "parent", "list_id": list }));
    add("patch", "todo", &parent, json!({ "completed": true }));
    add("patch", "todo", &sub, json!({ "completed": false }));
    add("move", "todo", &parent, json!({ "parent_id": sub }));
    add("move", "todo", &sub, json!({ "parent_id": null, "list_id": null }));
    add("patch", "todo", &sub, json!({ "completed": true }));
    add("patch", "todo", &sub, json!({ "completed": true }));
    add("patch", "todo", &sub, json!({ "tags": ["a", "A"], "priority": "high" }));
    add("put", "todo", &daily, recurring);
    for op in ["skip", "undo", "undo", "skip"] {
        add(op, "todo", &daily, json!({}));
    }
    add("patch", "todo", &daily, json!({ "completed": true }));
    add("delete", "list", &list, json!({}));
    add("patch", "todo", &parent, json!({ "name": "in the trash" }));
    add("restore", "list", &list, json!({}));
    add("delete", "list", &list, json!({ "permanent": true }));
    add("put", "todo", &gone, json!({ "name": "gone", "list_id": list }));
    add("put", "todo", &gone, json!({ "name": "gone" }));
    add("delete", "todo", &gone, json!({ "permanent": true }));
    add("delete", "todo", &gone, json!({ "permanent": true }));
    add("put", "todo", &gone, json!({ "name": "gone", "version": 1 }));
    add("put", "todo", &gone, json!({ "name": "back" }));
    add("patch", "todo", &gone, json!({ "name": "twice" }));
    // The same id again, and with another content.
    let newest = commands.last().unwrap().clone();
    let mut other = newest.clone();
    other["body"]["name"] = json!("other");
    commands.extend([newest, other]);
    commands
}

#[tokio::test]
async fn a_repeated_batch_takes_each_step_of_a_todo_back_once() {
    let app = TestApp::start().await;
    let (ann, daily) = (app.v1_user("ann").await, new_id());
    let command = |id: &str, op: &str, body: Value| json!({ "id": id, "op": op, "type": "todo", "target": daily, "body": body });
    let recurring =
        json!({ "name": "daily", "due": { "date": FIRST_DAY }, "recurrence": { "rule": "FREQ=DAILY" } });
    let mut commands = vec![command("put", "put", recurring)];
    commands.extend(["a", "b", "c"].map(|skip| command(skip, "skip", json!({}))));
    let skipped = commanded(&ann, json!(commands)).await;
    assert_eq!(skipped[3]["status"], 200, "{skipped:?}");
    // The updates of this collection: the majority before each step, and then before the results. The last one, and the
    // storing of results, fail.
    let failing = doc! {
        "failCommands": ["update"], "namespace": app.db.collection("idempotency").namespace().to_string(),
        "appName": "half-way", "errorCode": 50,
    };
    let half_way = app.with_app_name("half-way").await;
    let undone = json!(["d", "e"].map(|undo| command(undo, "undo", json!({}))));
    let guard = app.db.fail_after(2, failing).await;
    ann.at(&half_way).post("/v1/sync", json!({ "token": null, "commands": undone })).await.assert(503);
    app.db.fail_no_more(guard).await;
    let before = ann.get(&format!("/v1/todos/{daily}")).await.json();
    assert_ne!(before["due"], json!({ "date": FIRST_DAY }), "one step back, or two");
    let results = commanded(&ann, undone).await;
    assert!(results.iter().all(|result| result["status"] == 200), "{results:?}");
    let after = ann.get(&format!("/v1/todos/{daily}")).await.json();
    commanded(&ann, json!([command("f", "undo", json!({}))])).await;
    let first = ann.get(&format!("/v1/todos/{daily}")).await.json();
    assert_eq!(first["due"]["date"], FIRST_DAY, "{after}");
    assert_ne!(after["due"]["date"], FIRST_DAY, "a step was taken back twice");
}

#[tokio::test]
async fn results_of_failed_commands_are_stored_in_short() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let large = ann.create_todo(json!({ "name": "large", "description": "漢".repeat(16_384) })).await;
    let stale = |n: usize| json!({ "id": n.to_string(), "op": "patch", "type": "todo", "target": large, "if_version": 7, "body": { "name": "x" } });
    let stale: Value = (0..30).map(stale).collect();
    let first = commanded(&ann, stale.clone()).await;
    let has_object = |result: &&Value| result["problem"]["current"].is_object();
    assert!(first.iter().all(|result| result["status"] == 412));
    // 512 KiB of objects of 49 kB.
    assert_eq!(first.iter().filter(has_object).count(), 10);
    assert_eq!(commanded(&ann, stale).await.iter().filter(has_object).count(), 0);
    let tags = vec![""; 100];
    let invalid = json!({ "id": "i", "op": "put", "type": "todo", "target": new_id(), "body": { "name": "", "tags": tags } });
    let errors = |result: &Value| result["problem"]["errors"].as_array().unwrap().len();
    let first = commanded(&ann, json!([invalid])).await;
    let again = commanded(&ann, json!([invalid])).await;
    assert!(errors(&first[0]) > 20 && (1..10).contains(&errors(&again[0])), "{again:?}");
    assert_eq!(again[0]["problem"]["code"], "invalid_input");
    let stored = app.db.all("idempotency").await;
    let size: usize = stored.iter().map(|claim| bson::serialize_to_vec(claim).unwrap().len()).sum();
    assert!(stored.len() == 31 && size < 31 * 700, "{size} bytes");
}

#[tokio::test]
async fn racing_copies_of_a_batch_apply_once() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let weekly = json!({ "name": "weekly", "due": { "date": "2026-12-07" }, "recurrence": { "rule": "FREQ=WEEKLY", "basis": "due" } });
    let weekly = ann.create_todo(weekly).await;
    let new = new_id();
    let batch = json!([
        { "id": "1", "op": "put", "type": "todo", "target": new, "body": { "name": "new" } },
        { "id": "2", "op": "patch", "type": "todo", "target": weekly, "body": { "completed": true } },
    ]);
    let copies = (0..8).map(|_| commanded(&ann, batch.clone()));
    let results = futures_util::future::join_all(copies).await;
    assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
    let state = server_state(&ann).await;
    assert_eq!(state.len(), 3, "the new one, the recurring one, the record of one occurrence: {state:?}");
    assert_eq!(state[&weekly]["due"]["date"], "2026-12-14");
    assert_eq!(state[&new]["version"], 1);
}

#[tokio::test]
async fn a_retried_completion_of_a_recurring_todo_counts_once() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let weekly = json!({ "name": "weekly", "due": { "date": "2026-12-07" }, "recurrence": { "rule": "FREQ=WEEKLY", "basis": "due" } });
    let weekly = ann.create_todo(weekly).await;
    let complete = json!([{ "id": "1", "op": "patch", "type": "todo", "target": weekly, "body": { "completed": true } }]);
    let patch = async || {
        let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
        let path = format!("/v1/todos/{weekly}");
        ann.send(axum::http::Method::PATCH, &path, &headers, r#"{"completed":true}"#).await.assert(200)
    };
    for due in ["2026-12-14", "2026-12-14"] {
        commanded(&ann, complete.clone()).await;
        assert_eq!(server_state(&ann).await[&weekly]["due"]["date"], due);
        // The state after a crash right after the change.
        let forget = doc! { "$unset": { "answer": "" } };
        app.db.collection("idempotency").update_many(doc! {}, forget).await.unwrap();
    }
    for due in ["2026-12-21", "2026-12-21"] {
        assert_eq!(patch().await.json()["due"]["date"], due);
        let forget = doc! { "$unset": { "answer": "" } };
        app.db.collection("idempotency").update_many(doc! {}, forget).await.unwrap();
    }
    assert_eq!(server_state(&ann).await.len(), 3, "two occurrences are recorded");
}

#[tokio::test]
async fn limits_are_exact() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for limit in [1, 200] {
        ann.post("/v1/sync", json!({ "limit": limit })).await.assert(200);
    }
    for limit in [json!(0), json!(201), json!(-1), json!(1.5), json!("5")] {
        ann.post("/v1/sync", json!({ "limit": limit })).await.assert_faults(&["/limit"]);
    }
    let commands = |count: usize| {
        let command =
            |n: usize| json!({ "id": n.to_string(), "op": "restore", "type": "todo", "target": new_id() });
        (0..count).map(command).collect::<Value>()
    };
    assert_eq!(commanded(&ann, commands(100)).await.len(), 100);
    ann.post("/v1/sync", json!({ "commands": commands(101) })).await.assert_faults(&["/commands"]);
    ann.post("/v1/sync", json!({ "commands": 1 })).await.assert_faults(&["/commands"]);
    ann.post("/v1/sync", json!({ "commands": [1] })).await.assert_faults(&["/commands"]);
    let with_id = |id: Value| json!({ "commands": [{ "id": "x" }, { "id": id }] });
    for id in [json!("i"), json!("i".repeat(128)), json!(" ~")] {
        ann.post("/v1/sync", with_id(id)).await.assert(200);
    }
    for id in [json!(""), json!("i".repeat(129)), json!("\u{e9}"), json!(1), Value::Null] {
        ann.post("/v1/sync", with_id(id)).await.assert_faults(&["/commands/1/id"]);
    }
    ann.post("/v1/sync", json!({ "since": 1, "commands": [{ "op": "put" }] }))
        .await
        .assert_faults(&["/since", "/commands/0/id"]);
}

#[tokio::test]
async fn paging_during_writes_ends_with_the_state_of_the_server() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(ann.create_todo(json!({ "name": format!("todo {number}") })).await);
    }
    let write = async |writer: usize| {
        for step in 0..30 {
            let id = &ids[(writer * 7 + step * 11) % ids.len()];
            match (writer + step) % 5 {
                0 => drop(ann.delete(&format!("/v1/todos/{id}")).await),
                1 => drop(ann.post(&format!("/v1/todos/{id}/restore"), json!(null)).await),
                2 => drop(ann.delete(&format!("/v1/todos/{id}?permanent=true")).await),
                3 => drop(
                    ann.put(&format!("/v1/todos/{id}"), json!({ "name": format!("{writer} {step}") })).await,
                ),
                _ => drop(ann.post("/v1/todos", json!({ "name": "more" })).await),
            }
        }
    };
    let read = async |limit: usize| {
        let mut replica = Replica::default();
        for _ in 0..12 {
            replica.sync(&ann, limit).await;
        }
        replica
    };
    let (_, one, two) = tokio::join!(futures_util::future::join_all((0..4).map(write)), read(3), read(50),);
    let state = server_state(&ann).await;
    for mut replica in [one, two] {
        replica.sync(&ann, 50).await;
        replica.assert_is(&state);
    }
}

#[tokio::test]
async fn todos_that_are_removed_and_come_back_during_a_sync_are_there() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let ids: Vec<_> = (0..120).map(|_| new_id()).collect();
    let mut writers = JoinSet::new();
    for part in ids.chunks(6).map(<[String]>::to_vec) {
        let ann = ann.clone();
        writers.spawn(async move {
            for path in part.iter().map(|id| format!("/v1/todos/{id}")).cycle().take(4 * part.len()) {
                ann.delete(&format!("{path}?permanent=true")).await;
                ann.put(&path, json!({ "name": "back" })).await.assert(201);
            }
        });
    }
    let mut replica = Replica::default();
    while !writers.is_empty() {
        let page = ann.post("/v1/sync", json!({ "token": replica.token })).await.assert(200).json();
        let present: Vec<_> = page["todos"].as_array().unwrap().iter().map(|todo| &todo["id"]).collect();
        for removed in page["removed"].as_array().unwrap() {
            assert!(!present.contains(&&removed["id"]), "{removed} is there too");
        }
        replica.apply(&page);
        while let Some(done) = writers.try_join_next() {
            done.unwrap();
        }
    }
    replica.sync(&ann, 200).await;
    replica.assert_is(&server_state(&ann).await);
}
