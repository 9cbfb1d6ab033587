//! Export and import of accounts: nothing is lost, nothing comes twice, and nothing is half imported.

use std::fmt::Write;
use std::time::Duration;

use axum::http::Method;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::dav::todo;
use crate::support::process;
use crate::support::replica::{Replica, server_state};
use crate::support::v1::DAY;
use crate::support::{Answer, Client, PASSWORD, TestApp};

pub(crate) async fn export(client: &Client) -> String {
    client.get("/v1/user/export").await.assert(200).text()
}

pub(crate) async fn import(client: &Client, query: &str, file: impl Into<axum::body::Body>) -> Answer {
    client.send(Method::POST, &format!("/v1/import{query}"), &[], file).await
}

/// The export without the time of the act.
pub(crate) fn timeless(export: &str) -> String {
    let end = export.find(",\"user\"").unwrap();
    export[end..].to_owned()
}

pub(crate) fn file(lists: &Value, todos: &Value) -> String {
    json!({ "format": "todo-api/export", "version": 1, "lists": lists, "todos": todos }).to_string()
}

pub(crate) fn id(number: usize) -> String {
    format!("{number:024x}")
}

pub(crate) async fn delete_account(app: &TestApp, client: &Client, name: &str) -> Client {
    client.delete("/v1/user").await.assert(204);
    app.v1_user(name).await
}

/// An account with everything that the API can make.
async fn rich_account(app: &TestApp, ann: &Client) {
    ann.patch("/v1/user", json!({ "email": "ann@example.org", "time_zone": "Europe/Berlin" }))
        .await
        .assert(200);
    let list = ann.create_list(json!({ "name": "Work", "color": "#1e90ff", "description": "a\nb" })).await;
    let gone_list = ann.create_list(json!({ "name": "Old" })).await;
    let parent = ann.create_todo(json!({ "name": "parent", "list_id": list, "tags": ["Home", "x"] })).await;
    for name in ["first", "second \u{1f600} \"quoted\""] {
        ann.create_todo(json!({ "name": name, "parent_id": parent, "completed": name == "first" })).await;
    }
    ann.create_todo(json!({ "name": "in the old list", "list_id": gone_list })).await;
    let due = json!({ "at": "2026-12-01T09:00", "time_zone": "Europe/Berlin" });
    let rule = json!({ "rule": "FREQ=DAILY;COUNT=5" });
    let series = ann.create_todo(json!({ "name": "daily", "due": due, "recurrence": rule })).await;
    for _ in 0..2 {
        ann.patch(&format!("/v1/todos/{series}"), json!({ "completed": true })).await.assert(200);
    }
    ann.patch(&format!("/v1/todos/{series}"), json!({ "due": { "date": "2026-12-20" } })).await.assert(200);
    let trashed = ann.create_todo(json!({ "name": "trashed", "priority": "high" })).await;
    ann.create_todo(json!({ "name": "goes with it", "parent_id": trashed })).await;
    app.advance(60);
    ann.delete(&format!("/v1/todos/{trashed}")).await.assert(204);
    ann.delete(&format!("/v1/lists/{gone_list}")).await.assert(204);
}

#[tokio::test]
async fn an_account_is_the_same_after_export_deletion_and_import() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    rich_account(&app, &ann).await;
    let before = export(&ann).await;
    assert!(!before.contains("hash") && !before.contains("version\":3"), "{before}");
    let ann = delete_account(&app, &ann, "ann").await;
    let done = import(&ann, "", before.clone()).await.assert(200).json();
    assert_eq!((&done["import"]["state"], &done["warning_count"]), (&json!("done"), &json!(0)), "{done}");
    assert_eq!(timeless(&export(&ann).await), timeless(&before));
    // The series goes on where it stood, and the trash gives back what went together.
    let open = ann.get("/v1/todos?q=daily&completed=false").await.assert(200).json();
    assert_eq!(open["items"][0]["recurrence"]["left"], 3);
    let trash = ann.get("/v1/todos?deleted=true&q=trashed").await.assert(200).json();
    let path = format!("/v1/todos/{}/restore", trash["items"][0]["id"].as_str().unwrap());
    ann.send(Method::POST, &path, &[], "").await.assert(200);
    assert_eq!(ann.todo_names("?q=goes").await, ["goes with it"]);
    let mut replica = Replica::default();
    replica.sync(&ann, 200).await;
    replica.assert_is(&server_state(&ann).await);
}

#[tokio::test]
async fn repeating_an_import_adds_nothing_and_a_copy_is_made_once() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    rich_account(&app, &ann).await;
    let before = export(&ann).await;
    let again = import(&ann, "", before.clone()).await.assert(200).json();
    assert_eq!(
        (&again["import"]["todos"]["created"], &again["import"]["lists"]["created"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(timeless(&export(&ann).await), timeless(&before));
    let count = server_state(&ann).await.len();
    for _ in 0..2 {
        import(&ann, "?mode=copy", before.clone()).await.assert(200);
        assert_eq!(server_state(&ann).await.len(), 2 * count);
    }
    // Another user gets other ids, because ann has these.
    for created in [count, 0] {
        let imported = import(&ben, "", before.clone()).await.assert(200).json();
        let of = |kind: &str| imported["import"][kind]["created"].as_u64().unwrap();
        assert_eq!(usize::try_from(of("todos") + of("lists")).unwrap(), created);
    }
    assert_eq!(server_state(&ben).await.len(), count);
    let mut parents: Vec<_> = ben.get("/v1/todos?q=second").await.json()["items"].as_array().unwrap().clone();
    let parent = parents.pop().unwrap()["parent_id"].as_str().unwrap().to_owned();
    assert_eq!(ben.get(&format!("/v1/todos/{parent}")).await.assert(200).json()["name"], "parent");
}

#[tokio::test]
async fn only_what_is_missing_is_added() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let todo = json!({ "id": id(1), "name": "one", "tags": ["Work"] });
    import(&ann, "", file(&json!([]), &json!([todo]))).await.assert(200);
    ann.patch(&format!("/v1/todos/{}", id(1)), json!({ "name": "changed" })).await.assert(200);
    let more = json!([
        { "id": id(1), "name": "one" },
        { "id": id(2), "name": "two", "parent_id": id(1), "tags": ["WORK"] },
        { "id": id(3), "name": "three", "parent_id": id(99), "list_id": id(98) },
    ]);
    let done = import(&ann, "", file(&json!([]), &more)).await.assert(200).json();
    assert_eq!(
        done["import"]["todos"],
        json!({ "found": 3, "created": 2, "existing": 1, "existing_in_trash": 0 })
    );
    assert_eq!(done["warning_count"], 2, "{done}");
    let mut names = ann.todo_names("").await;
    names.sort();
    assert_eq!(names, ["changed", "three", "two"]);
    let two = ann.get(&format!("/v1/todos/{}", id(2))).await.assert(200).json();
    assert_eq!((&two["parent_id"], &two["tags"]), (&json!(id(1)), &json!(["Work"])), "in the known spelling");
    // Completing the parent reaches the imported subtask.
    ann.patch(&format!("/v1/todos/{}", id(1)), json!({ "completed": true })).await.assert(200);
    assert_eq!(ann.get(&format!("/v1/todos/{}", id(2))).await.json()["completed"], true);
    // A todo that the user has deleted does not come back.
    ann.delete(&format!("/v1/todos/{}", id(3))).await.assert(204);
    let done = import(&ann, "", file(&json!([]), &more)).await.assert(200).json();
    assert_eq!(
        done["import"]["todos"],
        json!({ "found": 3, "created": 0, "existing": 3, "existing_in_trash": 1 })
    );
}

#[tokio::test]
async fn nothing_is_written_if_anything_is_wrong() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let todo = |number: usize, more: Value| {
        let mut todo = json!({ "id": id(number), "name": "x" });
        todo.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        todo
    };
    let deep: Vec<_> = (1..=6)
        .map(|n| todo(n, if n == 1 { json!({}) } else { json!({ "parent_id": id(n - 1) }) }))
        .collect();
    let many: Vec<_> = (1..=10_001).map(|n| todo(n, json!({}))).collect();
    for (todos, status, code, pointer) in [
        (json!([todo(1, json!({})), todo(1, json!({}))]), 422, "repeated", "/todos/1/id"),
        (
            json!([todo(1, json!({ "parent_id": id(2) })), todo(2, json!({ "parent_id": id(1) }))]),
            422,
            "circle",
            "/todos/1/parent_id",
        ),
        (json!(deep), 422, "too_deep", "/todos/5/parent_id"),
        (
            json!([todo(1, json!({})), todo(2, json!({ "due": { "date": "2026-02-30" } }))]),
            422,
            "not_a_date",
            "/todos/1/due/date",
        ),
        (
            json!([todo(
                1,
                json!({ "recurrence": { "rule": "FREQ=DAILY", "start": { "date": "2026-02-20" } } })
            )]),
            422,
            "required",
            "/todos/0/recurrence",
        ),
        (json!([todo(1, json!({ "password_hash": "x" }))]), 422, "unknown_member", "/todos/0/password_hash"),
        (json!(many), 422, "limit_reached", ""),
    ] {
        for query in ["", "?dry_run=true", "?format=todo-api"] {
            let refused = import(&ann, query, file(&json!([]), &todos)).await.assert(status).json();
            let found = (refused["errors"][0]["code"].as_str(), refused["errors"][0]["pointer"].as_str());
            let found = if code == "limit_reached" { (refused["code"].as_str(), Some("")) } else { found };
            assert_eq!(found, (Some(code), Some(pointer)), "{refused}");
        }
    }
    for (body, status) in
        [("{\"format\":\"todo-api/export\",\"todos\":[{", 400), ("\u{0}\u{1}\u{2}", 422), ("", 422)]
    {
        import(&ann, "", body).await.assert(status);
    }
    import(&ann, "?format=xml", "").await.assert(422);
    import(&ann, "?mode=x&dry_run=1", "").await.assert(422);
    let large = import(&ann, "", vec![b' '; 16 * 1024 * 1024 + 1]).await.assert(413).json();
    let detail = large["detail"].as_str().unwrap();
    assert!(detail.contains("zip archive") && detail.contains("`todo-api import`"), "{detail}");
    ann.send(Method::POST, "/v1/import", &[("content-encoding", "gzip")], "x").await.assert(415);
    assert!(server_state(&ann).await.is_empty());
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_written() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let lists = json!([{ "id": id(1), "name": "Work" }]);
    let todos = json!([
        { "id": id(2), "name": "child", "parent_id": id(3) },
        { "id": id(3), "name": "a", "list_id": id(1), "due": { "date": "2026-12-01" }, "tags": ["x"] },
        { "id": id(4), "name": "  ", "deleted_at": "2026-11-01T00:00:00Z" },
    ]);
    let plan = import(&ann, "?dry_run=true", file(&lists, &todos)).await.assert(200).json();
    assert_eq!(plan["import"]["state"], "planned");
    assert_eq!(plan["import"]["todos"]["created"], 3);
    assert_eq!(plan["import"]["warnings"], json!([{ "line": 3, "detail": "The name is empty." }]));
    assert_eq!(plan["preview"]["lists"], json!([{ "name": "Work", "todo_count": 2 }]));
    assert_eq!(plan["preview"]["todos"][2]["name"], "child");
    assert_eq!(plan["preview"]["todos"][2]["list"], "Work");
    assert!(server_state(&ann).await.is_empty());
    let unknown = format!("/v1/imports/{}", plan["import"]["id"].as_str().unwrap());
    ann.get(&unknown).await.assert(404);
}

#[tokio::test]
async fn an_import_can_be_undone_as_one_action() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let own = ann.create_todo(json!({ "name": "own" })).await;
    let lists = json!([{ "id": id(1), "name": "Work" }, { "id": id(2), "name": "Shared" }]);
    let todos = json!([
        { "id": id(3), "name": "a", "list_id": id(1) },
        { "id": id(4), "name": "b", "list_id": id(2) },
        { "id": id(5), "name": "c", "parent_id": id(4) },
        { "id": id(6), "name": "d", "parent_id": id(5) },
        { "id": id(7), "name": "inbox" },
    ]);
    let done = import(&ann, "", file(&lists, &todos)).await.assert(200).json();
    let path = format!("/v1/imports/{}", done["import"]["id"].as_str().unwrap());
    assert_eq!(ann.get(&path).await.assert(200).json()["written"], 7);
    ben.get(&path).await.assert(404);
    ben.send(Method::POST, &format!("{path}/undo"), &[], "").await.assert(404);
    ann.create_todo(json!({ "name": "mine", "list_id": id(2) })).await;
    ann.create_todo(json!({ "name": "added since", "parent_id": id(7) })).await;
    for _ in 0..2 {
        let undone = ann.send(Method::POST, &format!("{path}/undo"), &[], "").await.assert(200).json();
        assert_eq!(undone["state"], "undone");
        let mut names = ann.todo_names("").await;
        names.sort();
        assert_eq!(names, ["mine", "own"]);
    }
    let lists = ann.get("/v1/lists").await.assert(200).json();
    assert_eq!(lists["items"].as_array().unwrap().len(), 1, "the list with another todo stays");
    ann.get(&format!("/v1/todos/{own}")).await.assert(200);
    // A todo comes back with everything below it.
    ann.send(Method::POST, &format!("/v1/todos/{}/restore", id(4)), &[], "").await.assert(200);
    ann.send(Method::POST, &format!("/v1/lists/{}/restore", id(1)), &[], "").await.assert(200);
    let mut names = ann.todo_names("").await;
    names.sort();
    assert_eq!(names, ["a", "b", "c", "d", "mine", "own"]);
    app.advance(31 * DAY);
    let ann = app.v1_login("ann").await;
    ann.get(&path).await.assert(200);
}

#[tokio::test]
async fn an_interrupted_import_says_so_and_can_be_repeated() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let body = file(&json!([]), &json!([{ "id": id(1), "name": "a" }, { "id": id(2), "name": "b" }]));
    let done = import(&ann, "", body.clone()).await.assert(200).json();
    let path = format!("/v1/imports/{}", done["import"]["id"].as_str().unwrap());
    // As after a crash between the two todos.
    let imports = app.db.collection("imports");
    imports.update_one(bson::doc! {}, bson::doc! { "$set": { "state": "running" } }).await.unwrap();
    app.db.collection("todos").delete_one(bson::doc! { "name": "b" }).await.unwrap();
    assert_eq!(ann.get(&path).await.json()["state"], "running");
    app.advance(61);
    assert_eq!(ann.get(&path).await.json()["state"], "interrupted");
    let again = import(&ann, "", body).await.assert(200).json();
    assert_eq!(
        (&again["import"]["id"], &again["import"]["todos"]["created"]),
        (&done["import"]["id"], &json!(1))
    );
    ann.send(Method::POST, &format!("{path}/undo"), &[], "").await.assert(200);
    assert_eq!(ann.todo_names("").await, [""; 0], "both todos are of this import");
}

#[tokio::test]
async fn imports_go_with_their_user() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    import(&ann, "", file(&json!([]), &json!([{ "id": id(1), "name": "a" }]))).await.assert(200);
    assert_eq!(app.db.all("imports").await.len(), 1);
    ann.delete("/v1/user").await.assert(204);
    assert!(app.db.all("imports").await.is_empty());
}

/// A random export, valid in every field.
fn random_export(random: &mut ChaCha8Rng) -> String {
    let texts = [
        "a",
        "Ein längerer Name",
        "ß\u{301}🎉",
        "=1+1",
        "\"q\", 'x'\n",
        "  ",
        "\u{202e}x",
        "x".repeat(600).leak(),
    ];
    let times = ["2026-01-02T03:04:05.678Z", "2025-12-31T23:59:59.999Z", "2020-02-29T00:00:00Z"];
    let dues = [
        json!(null),
        json!({ "date": "2026-12-01" }),
        json!({ "at": "2026-03-29T02:30", "time_zone": "Europe/Berlin" }),
        json!({ "at": "2026-12-01T09:00:07", "time_zone": null }),
    ];
    let pick = |random: &mut ChaCha8Rng, max: usize| random.random_range(0..max);
    let (lists, todos) = (pick(random, 5), pick(random, 40));
    let mut all_lists = Vec::new();
    for number in 0..lists {
        let deleted = (pick(random, 4) == 0).then(|| times[pick(random, 3)]);
        all_lists.push(json!({
            "id": id(1_000 + number), "name": texts[pick(random, 8)], "description": texts[pick(random, 8)],
            "color": (["#aabbcc", "#000000"][pick(random, 2)]), "position": format!("a{number}"),
            "created_at": times[pick(random, 3)], "updated_at": times[pick(random, 3)], "deleted_at": deleted,
            "calendar": (pick(random, 2) == 0).then(|| json!({ "name": format!("list {number}"), "properties": [{ "space": "urn:x", "local": "y", "xml": "&lt;" }] })),
        }));
    }
    let mut all_todos = Vec::new();
    for number in 0..todos {
        let due = dues[pick(random, 4)].clone();
        let rule = ["FREQ=DAILY", "FREQ=WEEKLY;COUNT=4", "FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD"]
            [pick(random, 3)];
        let recurs = !due.is_null() && pick(random, 3) == 0;
        let left = rule.contains("COUNT").then(|| 1 + pick(random, 4));
        let recurrence = recurs.then(|| json!({ "rule": rule, "basis": (["due", "completion", "future"][pick(random, 3)]), "start": due, "left": left }));
        // Eight of each level, so that chains have all depths and no chain is too deep.
        let level = (number / 8).min(4);
        let parent = (level > 0 && pick(random, 3) > 0).then(|| id(1 + 8 * (level - 1) + pick(random, 8)));
        let completed = pick(random, 3) == 0;
        let deleted = (pick(random, 4) == 0).then(|| times[pick(random, 3)]);
        all_todos.push(json!({
            "id": id(1 + number), "name": texts[pick(random, 8)], "description": texts[pick(random, 8)],
            "list_id": (lists > 0 && pick(random, 2) == 0).then(|| id(1_000 + pick(random, lists.max(1)))), "parent_id": parent,
            "completed": completed, "completed_at": completed.then(|| times[pick(random, 3)]), "due": due, "recurrence": recurrence,
            "priority": (["none", "low", "medium", "high"][pick(random, 4)]), "tags": (&["x", "Y", "straße"][..pick(random, 4)]),
            "position": format!("a{}", pick(random, 50)), "occurrence_of": (pick(random, 6) == 0).then(|| id(1 + pick(random, 50))),
            "created_at": times[pick(random, 3)], "updated_at": times[pick(random, 3)], "deleted_at": deleted,
            "deleted_with": deleted.map(|_| id(1 + number)), "calendar": random_calendar(random, number),
        }));
    }
    let user = json!({ "username": "x", "email": "x@example.org", "time_zone": "Asia/Tokyo" });
    json!({ "format": "todo-api/export", "version": 1, "user": user, "lists": all_lists, "todos": all_todos })
        .to_string()
}

/// What calendar clients can have given a todo.
fn random_calendar(random: &mut ChaCha8Rng, number: usize) -> Option<Value> {
    let mut some = |value: String| (random.random_range(0..2) == 0).then_some(value);
    let text = some(todo(&format!("uid-{number}"), "SUMMARY:as a client has sent it|X-KEEP:\u{1f600}"));
    let text_age = text.as_ref().map(|_| number);
    let (uid, name) = (some(format!("uid-{number}")), some(format!("{number}.ics")));
    let (list_id, parent_uid) = (some(id(1_000 + number % 5)), some("nobody".to_owned()));
    let calendar = json!({
        "uid": uid, "name": name, "list_id": list_id, "parent_uid": parent_uid, "text": text, "text_age": text_age,
    });
    some(String::new()).map(|_| calendar)
}

#[tokio::test]
async fn random_accounts_survive_export_deletion_and_import() {
    let app = TestApp::start().await;
    for seed in 0..6 {
        let name = format!("user-{seed}");
        let user = app.v1_user(&name).await;
        let file = random_export(&mut ChaCha8Rng::seed_from_u64(seed));
        import(&user, "", file).await.assert(200);
        let first = export(&user).await;
        let user = delete_account(&app, &user, &name).await;
        import(&user, "", first.clone()).await.assert(200);
        assert_eq!(timeless(&export(&user).await), timeless(&first), "seed {seed}");
        let mut replica = Replica::default();
        replica.sync(&user, 200).await;
        replica.assert_is(&server_state(&user).await);
        // Another user can import it at the same time.
        user.delete("/v1/user").await.assert(204);
    }
    app.anonymous().v1_try_login("user-0", PASSWORD).await.assert(401);
}

#[tokio::test]
async fn an_import_of_many_batches_is_complete() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let mut todos = String::new();
    for number in 1..=1_200 {
        let comma = if number == 1 { "" } else { "," };
        let parent =
            if number % 3 == 0 { format!(r#","parent_id":"{}""#, id(number - 1)) } else { String::new() };
        let _ = write!(
            todos,
            r#"{comma}{{"id":"{}","name":"Todo number {number}","description":"Some notes"{parent}}}"#,
            id(number)
        );
    }
    let body = format!(r#"{{"format":"todo-api/export","version":1,"todos":[{todos}]}}"#);
    let answer = import(&ann, "", body).await;
    let path = format!("/v1/imports/{}", answer.json()["import"]["id"].as_str().unwrap());
    if answer.status == 202 {
        assert_eq!(answer.header("location"), path);
    }
    let done = async {
        while ann.get(&path).await.assert(200).json()["state"] != "done" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), done).await.unwrap();
    let whole = export(&ann).await;
    assert_eq!(whole.matches("\"name\":\"Todo number").count(), 1_200);
}

#[tokio::test]
async fn files_of_other_services_are_recognised_by_their_content() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let table = "Title,List,Due,Tags\nBuy milk,Shopping,2026-12-01,food\n";
    let done = import(&ann, "", table).await.assert(200).json();
    assert_eq!((&done["import"]["format"], &done["import"]["todos"]["created"]), (&json!("csv"), &json!(1)));
    let again = import(&ann, "?format=csv", table).await.assert(200).json();
    assert_eq!(again["import"]["todos"]["existing"], 1);
    let todo = ann.get("/v1/todos?q=milk").await.json()["items"][0].clone();
    assert_eq!((&todo["due"], &todo["tags"]), (&json!({ "date": "2026-12-01" }), &json!(["food"])));
    let text = ann.get("/v1/user/export?format=todo.txt").await.assert(200);
    assert!(text.text().contains("Buy milk +Shopping @food due:2026-12-01"), "{}", text.text());
    let table = ann.get("/v1/user/export?format=csv").await.assert(200);
    assert!(table.header("content-disposition").ends_with(".csv\""), "{:?}", table.headers);
    let again = import(&ann, "", table.body).await.assert(200).json();
    assert_eq!(again["import"]["format"], "csv");
    ann.get("/v1/user/export?format=x").await.assert(422);
    ann.get("/v1/user/export?forma=csv").await.assert(422);
}

#[tokio::test]
async fn the_command_line_exports_and_imports() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    ann.create_todo(json!({ "name": "by command" })).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ann.json");
    let file = path.to_str().unwrap();
    let run = async |arguments: &[&str]| process::run(arguments, &[("MONGODB_URI", app.db.uri())]).await;
    let (code, done, complaint) = run(&["export", "ann", file]).await;
    assert_eq!((code, complaint.as_str()), (Some(0), ""), "{done}");
    let (code, _, complaint) = run(&["export", "ann", file]).await;
    assert_eq!((code, complaint.lines().count()), (Some(1), 1), "an existing file stays: {complaint}");
    let (code, done, complaint) = run(&["import", "ben", file]).await;
    assert_eq!((code, complaint.as_str()), (Some(0), ""), "{done}");
    assert!(done.starts_with("imported 0 of 0 lists and 1 of 1 todos for ben"), "{done}");
    assert_eq!(ben.todo_names("").await, ["by command"]);
    std::fs::write(&path, "{\"format\":\"todo-api/export\",\"todos\":[{}]}").unwrap();
    let (code, _, complaint) = run(&["import", "ben", file]).await;
    assert_eq!(code, Some(1));
    assert!(complaint.contains("/todos/0/id"), "{complaint}");
}
