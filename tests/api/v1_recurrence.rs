//! Recurring todos: completing, skipping, undoing, moved occurrences, subtasks, and what is late.

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::replica::{Replica, server_state};
use crate::support::v1::{DAY, todo_path};
use crate::support::{Client, TestApp};

/// The server's state without what every write changes.
async fn seen(client: &Client) -> BTreeMap<String, Value> {
    let mut state = server_state(client).await;
    for object in state.values_mut() {
        for name in ["version", "updated_at"] {
            object.as_object_mut().unwrap().remove(name);
        }
    }
    state
}

async fn complete(client: &Client, id: &str) -> Value {
    client.patch(&todo_path(id), json!({ "completed": true })).await.assert(200).json()
}

async fn act(client: &Client, id: &str, action: &str) -> Value {
    client.post(&format!("/v1/todos/{id}/{action}"), json!(null)).await.assert(200).json()
}

async fn refused_undo(client: &Client, id: &str) {
    client.post(&format!("/v1/todos/{id}/undo"), json!(null)).await.assert_problem(409, "nothing_to_undo");
}

fn day(date: &str) -> Value {
    json!({ "date": date })
}

async fn recurring(client: &Client, due: Value, recurrence: Value) -> String {
    client.create_todo(json!({ "name": "run", "due": due, "recurrence": recurrence, "tags": ["t"] })).await
}

/// A recurring todo with subtasks: open, completed, with a due date, and completed with a due date.
async fn with_subtasks(client: &Client, recurrence: Value) -> String {
    let at = |local: &str| json!({ "at": local, "time_zone": "Europe/Berlin" });
    let parent = recurring(client, at("2027-03-27T09:00"), recurrence).await;
    for (name, completed, due) in [
        ("open", false, Value::Null),
        ("done", true, Value::Null),
        ("dated", false, day("2027-03-26")),
        ("dated and done", true, at("2027-03-27T08:00")),
        ("same date and done", true, day("2027-03-26")),
    ] {
        let body = json!({ "name": name, "parent_id": parent, "completed": completed, "due": due });
        let id = client.create_todo(body).await;
        client.create_todo(json!({ "name": "below", "parent_id": id, "due": day("2027-03-20") })).await;
    }
    parent
}

#[tokio::test]
async fn completing_or_skipping_and_undoing_changes_nothing() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for recurrence in [
        json!({ "rule": "FREQ=DAILY" }),
        json!({ "rule": "FREQ=DAILY;COUNT=2" }),
        json!({ "rule": "FREQ=DAILY;COUNT=1" }),
        json!({ "rule": "FREQ=HOURLY;INTERVAL=5;COUNT=3", "basis": "future" }),
        json!({ "rule": "FREQ=MONTHLY", "basis": "completion" }),
    ] {
        let id = with_subtasks(&ann, recurrence.clone()).await;
        let before = seen(&ann).await;
        complete(&ann, &id).await;
        assert_ne!(seen(&ann).await, before);
        act(&ann, &id, "undo").await;
        assert_eq!(seen(&ann).await, before, "{recurrence}");
        act(&ann, &id, "skip").await;
        assert_ne!(seen(&ann).await, before);
        act(&ann, &id, "undo").await;
        assert_eq!(seen(&ann).await, before, "{recurrence}");
        refused_undo(&ann, &id).await;
    }
}

#[tokio::test]
async fn several_completions_are_undone_one_after_another() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = with_subtasks(&ann, json!({ "rule": "FREQ=WEEKLY;COUNT=4" })).await;
    let mut states = Vec::new();
    for step in 0..4 {
        states.push(seen(&ann).await);
        if step == 1 {
            act(&ann, &id, "skip").await;
        } else {
            complete(&ann, &id).await;
        }
    }
    assert_eq!(ann.get(&todo_path(&id)).await.json()["completed"], true);
    while let Some(state) = states.pop() {
        act(&ann, &id, "undo").await;
        assert_eq!(seen(&ann).await, state);
    }
    refused_undo(&ann, &id).await;
}

#[tokio::test]
async fn a_changed_series_cannot_be_undone() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let plain = ann.create_todo(json!({ "name": "plain" })).await;
    complete(&ann, &plain).await;
    refused_undo(&ann, &plain).await;
    ann.post(&format!("/v1/todos/{plain}/skip"), json!(null)).await.assert_faults(&["/recurrence"]);
    let id = recurring(&ann, day("2026-12-01"), json!({ "rule": "FREQ=DAILY;COUNT=9" })).await;
    refused_undo(&ann, &id).await;
    for change in [
        json!({ "due": { "date": "2027-01-01" } }),
        json!({ "recurrence": { "rule": "FREQ=WEEKLY" } }),
        json!({ "recurrence": { "basis": "future" } }),
    ] {
        complete(&ann, &id).await;
        ann.patch(&todo_path(&id), json!({ "name": "renamed" })).await.assert(200);
        act(&ann, &id, "undo").await;
        complete(&ann, &id).await;
        ann.patch(&todo_path(&id), change).await.assert(200);
        refused_undo(&ann, &id).await;
    }
    ann.delete(&todo_path(&id)).await.assert(204);
    for action in ["skip", "undo"] {
        let path = format!("/v1/todos/{id}/{action}");
        ann.post(&path, json!(null)).await.assert_problem(409, "in_trash");
        let missing = format!("/v1/todos/0123456789abcdef01234567/{action}");
        ann.post(&missing, json!(null)).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn skipping_records_nothing_and_ends_with_the_series() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = recurring(&ann, day("2026-12-01"), json!({ "rule": "FREQ=DAILY;COUNT=2" })).await;
    let path = format!("/v1/todos/{id}/skip");
    let skipped = ann.send_json_with(Method::POST, &path, ("if-match", "\"1\""), &json!(null)).await;
    let skipped = skipped.assert(200).json();
    assert_eq!((&skipped["due"], &skipped["recurrence"]["left"]), (&day("2026-12-02"), &json!(1)));
    ann.send_json_with(Method::POST, &path, ("if-match", "\"1\""), &json!(null)).await.assert(412);
    let over = act(&ann, &id, "skip").await;
    assert_eq!((&over["completed"], &over["due"]), (&json!(true), &day("2026-12-02")));
    assert_eq!(over["recurrence"]["left"], 0);
    ann.post(&path, json!(null)).await.assert_faults(&["/completed"]);
    assert_eq!(server_state(&ann).await.len(), 1);
}

#[tokio::test]
async fn left_counts_down_and_is_restored() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = recurring(&ann, day("2026-12-01"), json!({ "rule": "FREQ=DAILY;COUNT=3" })).await;
    let left = async || ann.get(&todo_path(&id)).await.json()["recurrence"]["left"].clone();
    assert_eq!(left().await, 3);
    complete(&ann, &id).await;
    assert_eq!(left().await, 2);
    // Clients send back what they have received.
    let recurrence = ann.get(&todo_path(&id)).await.json()["recurrence"].clone();
    ann.patch(&todo_path(&id), json!({ "recurrence": recurrence })).await.assert(200);
    assert_eq!(left().await, 2);
    let other = json!({ "recurrence": { "rule": "FREQ=DAILY;COUNT=3", "left": 7 } });
    ann.patch(&todo_path(&id), other).await.assert_faults(&["/recurrence/left"]);
    act(&ann, &id, "undo").await;
    assert_eq!(left().await, 3);
    let endless = recurring(&ann, day("2026-12-01"), json!({ "rule": "FREQ=DAILY" })).await;
    assert_eq!(ann.get(&todo_path(&endless)).await.json()["recurrence"]["left"], Value::Null);
}

#[tokio::test]
async fn a_moved_occurrence_stays_in_its_series() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for (rule, due, moved, next) in [
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SA", "2026-11-28", "2026-11-30", "2026-12-12"),
        ("FREQ=WEEKLY;BYDAY=SA", "2026-11-28", "2026-11-25", "2026-12-05"),
        ("FREQ=MONTHLY", "2027-01-31", "2027-02-02", "2027-03-31"),
    ] {
        let id = recurring(&ann, day(due), json!({ "rule": rule })).await;
        ann.patch(&todo_path(&id), json!({ "due": { "date": moved } })).await.assert(200);
        assert_eq!(complete(&ann, &id).await["due"], day(next), "{rule}");
        let undone = act(&ann, &id, "undo").await;
        assert_eq!(undone["due"], day(moved));
        assert_eq!(complete(&ann, &id).await["due"], day(next), "{rule}");
    }
    // With the recurrence, the series begins anew.
    let id = recurring(&ann, day("2026-11-28"), json!({ "rule": "FREQ=WEEKLY;COUNT=3" })).await;
    complete(&ann, &id).await;
    let anew = json!({ "due": { "date": "2026-12-08" }, "recurrence": { "rule": "FREQ=WEEKLY;COUNT=3" } });
    let anew = ann.patch(&todo_path(&id), anew).await.assert(200).json();
    assert_eq!(anew["recurrence"]["left"], 3);
    assert_eq!(complete(&ann, &id).await["due"], day("2026-12-15"));
    // Set back to an earlier occurrence, COUNT goes on from there.
    let back =
        ann.patch(&todo_path(&id), json!({ "due": { "date": "2026-12-08" } })).await.assert(200).json();
    assert_eq!(back["recurrence"]["left"], 3);
}

#[tokio::test]
async fn subtasks_come_back_with_their_due_dates_moved_as_far() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let parent = with_subtasks(&ann, json!({ "rule": "FREQ=DAILY" })).await;
    let child = |rule| json!({ "name": rule, "parent_id": parent, "due": day("2027-03-27"), "recurrence": { "rule": rule } });
    ann.create_todo(child("FREQ=MONTHLY")).await;
    let mut replica = Replica::default();
    replica.sync(&ann, 200).await;
    complete(&ann, &parent).await;
    replica.sync(&ann, 200).await;
    replica.assert_is(&server_state(&ann).await);
    let state = server_state(&ann).await;
    let at = |local: &str| json!({ "at": local, "time_zone": "Europe/Berlin" });
    for (name, due) in [
        ("open", Value::Null),
        ("done", Value::Null),
        ("dated", day("2027-03-27")),
        ("dated and done", at("2027-03-28T08:00")),
        ("same date and done", day("2027-03-27")),
        ("below", day("2027-03-21")),
        ("FREQ=MONTHLY", day("2027-03-27")),
    ] {
        let todo = state.values().find(|todo| todo["name"] == name).unwrap();
        assert_eq!((&todo["due"], &todo["completed"]), (&due, &json!(false)), "{name}");
    }
    // The keys of filters and of the sort order have moved too.
    assert_eq!(ann.todo_names("?sort=due&due_before=2027-03-27T12:00").await[5], "run");
    assert_eq!(ann.todo_names("?due_after=2027-03-27&due_before=2027-03-29&completed=false").await.len(), 2);
}

#[tokio::test]
async fn skip_and_undo_are_commands_of_sync() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = recurring(&ann, day("2026-12-01"), json!({ "rule": "FREQ=DAILY" })).await;
    let list = ann.create_list(json!({ "name": "list" })).await;
    let command = |number: u32, op: &str, kind: &str, target: &str| json!({ "id": format!("{number}"), "op": op, "type": kind, "target": target });
    let commands = json!([
        command(1, "skip", "todo", &id),
        command(2, "skip", "todo", &id),
        command(3, "undo", "todo", &id),
        command(4, "undo", "todo", &id),
        command(5, "undo", "todo", &id),
        command(6, "skip", "list", &list),
        command(7, "skip", "todo", &id),
    ]);
    let send = async || {
        ann.post("/v1/sync", json!({ "token": null, "commands": commands })).await.assert(200).json()
    };
    let first = send().await;
    let statuses: Vec<_> = first["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [200, 200, 200, 200, 409, 422, 200]);
    assert_eq!(first["results"][4]["problem"]["code"], "nothing_to_undo");
    // The state after a crash right after the changes: the last command is applied once.
    let forget = bson::doc! { "$unset": { "answer": "" } };
    app.db.collection("idempotency").update_many(bson::doc! { "key": "7" }, forget).await.unwrap();
    assert_eq!(send().await["results"], first["results"]);
    assert_eq!(ann.get(&todo_path(&id)).await.json()["due"], day("2026-12-02"));
}

#[tokio::test]
async fn people_write_rules_in_many_forms() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let at = json!({ "at": "2026-12-01T09:00", "time_zone": "Europe/Berlin" });
    for (due, written, kept, next) in [
        (day("2026-12-01"), "RRULE:FREQ=DAILY;", "FREQ=DAILY", day("2026-12-02")),
        (day("2026-12-01"), "FREQ=MONTHLY;BYDAY=TH,1MO", "FREQ=MONTHLY;BYDAY=TH,1MO", day("2026-12-03")),
        (day("2026-12-01"), "FREQ=DAILY\nEXDATE:20261202", "FREQ=DAILY\nEXDATE:20261202", day("2026-12-03")),
        (day("2027-01-31"), "FREQ=MONTHLY;SKIP=BACKWARD", "FREQ=MONTHLY;SKIP=BACKWARD", day("2027-02-28")),
        (
            at.clone(),
            "FREQ=HOURLY;INTERVAL=8",
            "FREQ=HOURLY;INTERVAL=8",
            json!({ "at": "2026-12-01T17:00", "time_zone": "Europe/Berlin" }),
        ),
    ] {
        let id = recurring(&ann, due, json!({ "rule": written })).await;
        assert_eq!(ann.get(&todo_path(&id)).await.json()["recurrence"]["rule"], kept);
        assert_eq!(complete(&ann, &id).await["due"], next, "{written}");
    }
    for rule in ["FREQ=HOURLY", "FREQ=DAILY;BYHOUR=9", "FREQ=SECONDLY", "FREQ=DAILY;BYEASTER=0"] {
        let body = json!({ "name": "x", "due": day("2026-12-01"), "recurrence": { "rule": rule } });
        ann.post("/v1/todos", body).await.assert_faults(&["/recurrence/rule"]);
    }
}

#[tokio::test]
async fn until_in_utc_ends_in_the_zone_of_the_user() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    ann.patch("/v1/user", json!({ "time_zone": "Europe/Berlin" })).await.assert(200);
    let id = recurring(&ann, day("2026-11-28"), json!({ "rule": "FREQ=DAILY;UNTIL=20261129T230000Z" })).await;
    complete(&ann, &id).await;
    assert_eq!(complete(&ann, &id).await["due"], day("2026-11-30"));
    assert_eq!(complete(&ann, &id).await["completed"], true);
}

#[tokio::test]
async fn the_basis_future_leaves_passed_occurrences_out() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let today = || app.clock.now().try_to_rfc3339_string().unwrap()[..10].to_owned();
    let id =
        recurring(&ann, day(&today()), json!({ "rule": "FREQ=DAILY;COUNT=30", "basis": "future" })).await;
    app.advance(10 * DAY);
    let ann = app.v1_login("ann").await;
    let next = complete(&ann, &id).await;
    app.advance(DAY);
    assert_eq!((&next["due"], &next["recurrence"]["left"]), (&day(&today()), &json!(19)));
}

#[tokio::test]
async fn a_date_is_late_when_its_day_is_over() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    ann.patch("/v1/user", json!({ "time_zone": "Pacific/Auckland" })).await.assert(200);
    let zone = todo_api::clock::time_zone::Zone::named("Pacific/Auckland").unwrap();
    let now = app.clock.now();
    let local = zone.local_of(now);
    let at = |minutes: i64| {
        let at = local + chrono::TimeDelta::minutes(minutes);
        json!({ "at": at.format("%Y-%m-%dT%H:%M").to_string(), "time_zone": null })
    };
    let date = |days: i64| day(&(local.date() + chrono::TimeDelta::days(days)).to_string());
    for (name, due) in [
        ("yesterday", date(-1)),
        ("today", date(0)),
        ("tomorrow", date(1)),
        ("now", at(0)),
        ("in two minutes", at(2)),
        ("two minutes ago", at(-2)),
    ] {
        ann.create_todo(json!({ "name": name, "due": due })).await;
    }
    let done = ann.create_todo(json!({ "name": "done", "due": date(-1) })).await;
    complete(&ann, &done).await;
    ann.create_todo(json!({ "name": "undated" })).await;
    assert_eq!(ann.todo_names("?overdue=true&sort=due").await, ["yesterday", "two minutes ago", "now"]);
    assert_eq!(ann.todo_names("?overdue=true&completed=true").await, [""; 0]);
    let before = format!("?due_before={}&completed=false&sort=due", now.try_to_rfc3339_string().unwrap());
    assert!(!ann.todo_names(&before).await.contains(&"today".to_owned()));
    assert!(ann.todo_names(&before).await.contains(&"yesterday".to_owned()));
    ann.get("/v1/todos?overdue=false").await.assert_faults(&["/overdue"]);
}
