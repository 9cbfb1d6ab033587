//! CalDAV: what collections contain, their order, and the tags that tell clients of a change.

use std::collections::BTreeMap;

use bson::doc;
use bson::oid::ObjectId;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::dav::{Dav, NAMESPACES, todo};
use crate::support::v1::DAY;
use crate::support::{Client, TestApp};
use crate::v1_polling::{age, set_unseen};

async fn ann() -> (TestApp, Client, Dav) {
    let app = TestApp::start().await;
    let client = app.v1_user("ann").await;
    let dav = Dav::of(&client, "ann").await;
    (app, client, dav)
}

async fn todos(client: &Client) -> Vec<Value> {
    client.get("/v1/todos?sort=position").await.json()["items"].as_array().unwrap().clone()
}

async fn names(client: &Client) -> String {
    todos(client).await.iter().map(|todo| todo["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn apps_and_v1_see_the_same_order() {
    let (_, client, dav) = ann().await;
    let list = dav.list("work").await;
    let path = |name: &str| format!("{list}{name}.ics");
    let put = async |name: &str, order: &str| {
        let text = todo(name, &format!("SUMMARY:{name}{order}"));
        let answer = dav.put(&path(name), &text).await;
        assert_eq!(dav.get(&path(name)).await.text(), text);
        assert_ne!(answer.header("etag"), "", "the bytes stay");
    };
    // Without the line, a todo counts with its creation, which is later than these.
    put("d", "").await;
    for (name, order) in [("a", 30), ("b", -10), ("c", 20)] {
        put(name, &format!("|X-APPLE-SORT-ORDER:{order}")).await;
    }
    assert_eq!(names(&client).await, "bcad");
    put("a", "|X-APPLE-SORT-ORDER:-20").await;
    assert_eq!(names(&client).await, "abcd");
    put("a", "|X-APPLE-SORT-ORDER:-20|X-OTHER:1").await;
    // A value that no position has does not matter.
    put("d", "|X-APPLE-SORT-ORDER:9223372036854775807").await;
    put("d", "|X-APPLE-SORT-ORDER:first").await;
    assert_eq!(names(&client).await, "abcd");
    let ids: Vec<_> =
        todos(&client).await.iter().map(|todo| todo["id"].as_str().unwrap().to_owned()).collect();
    let others = ["a", "c"].map(path);
    let before = [dav.get(&others[0]).await.text(), dav.get(&others[1]).await.text()];
    client.post(&format!("/v1/todos/{}/move", ids[1]), json!({ "after": ids[2] })).await.assert(200);
    assert_eq!(names(&client).await, "acbd");
    let text = dav.get(&path("b")).await.text();
    let order: i64 =
        text.lines().find_map(|line| line.strip_prefix("X-APPLE-SORT-ORDER:")).unwrap().parse().unwrap();
    assert!(order > 20, "{text}");
    assert_eq!([dav.get(&others[0]).await.text(), dav.get(&others[1]).await.text()], before);
    // A client that drops the line does not move the todo.
    dav.put(&path("b"), &todo("b", "SUMMARY:b")).await.assert(204);
    assert_eq!(names(&client).await, "acbd");
    // A todo of another surface has the line only after it was moved.
    let mut born = Vec::new();
    for name in ["e", "f"] {
        let created = client.post("/v1/todos", json!({ "name": name })).await.assert(201).json();
        born.push(created["id"].as_str().unwrap().to_owned());
    }
    let born_path = format!("{}inbox/{}.ics", dav.home, born[1]);
    assert!(!dav.get(&born_path).await.text().contains("SORT-ORDER"));
    client.post(&format!("/v1/todos/{}/move", born[1]), json!({ "before": born[0] })).await.assert(200);
    assert!(dav.get(&born_path).await.text().contains("X-APPLE-SORT-ORDER:-"));
    assert_eq!(names(&client).await, "facbde");
}

#[tokio::test]
async fn records_leave_their_collection_ninety_days_after_the_completion() {
    let (app, client, dav) = ann().await;
    let list = dav.list("work").await;
    let series = "SUMMARY:daily|RRULE:FREQ=DAILY|DUE;VALUE=DATE:20261128";
    dav.put(&format!("{list}s.ics"), &todo("s", series)).await.assert(201);
    let done = todo("plain", "SUMMARY:done|STATUS:COMPLETED|COMPLETED:20200101T000000Z");
    dav.put(&format!("{list}plain.ics"), &done).await.assert(201);
    let (_, _, token) = dav.sync(&list, "").await;
    let id = todos(&client).await.iter().find(|todo| !todo["recurrence"].is_null()).unwrap()["id"].clone();
    let path = format!("/v1/todos/{}", id.as_str().unwrap());
    client.patch(&path, json!({ "completed": true })).await.assert(200);
    let record =
        todos(&client).await.iter().find(|todo| !todo["occurrence_of"].is_null()).unwrap()["id"].clone();
    let name = format!("{}.ics", record.as_str().unwrap());
    let (present, removed, token) = dav.sync(&list, &token).await;
    assert_eq!((present, removed), (vec![name.clone(), "s.ics".into()], vec![]));
    let state = async || {
        let found = dav.propfind(&list, "0", "<CS:getctag/><D:sync-token/>").await;
        let members = dav.propfind(&list, "1", "<D:getetag/>").await.responses.len() - 1;
        (found.only().text("getctag"), found.only().text("sync-token"), members)
    };
    let (tag, token_of_list, members) = state().await;
    assert_eq!(members, 3);
    app.advance(80 * DAY);
    let (_, _, token) = dav.sync(&list, &token).await;
    let (_, _, other_token) = dav.sync(&list, &token_of_list).await;
    assert_eq!(state().await.0, tag);
    app.advance(11 * DAY);
    let (tag_after, _, members) = state().await;
    assert_eq!(members, 2, "todos that were completed long ago stay");
    assert_ne!(tag_after, tag);
    for token in [&token, &other_token] {
        let (present, removed, token) = dav.sync(&list, token).await;
        assert_eq!((present, removed), (vec![], vec![name.clone()]));
        assert_eq!(dav.sync(&list, &token).await.1.len(), 0, "once");
    }
    assert_eq!(dav.sync(&list, "").await.0, ["plain.ics", "s.ics"]);
    assert!(!dav.get(&list).await.text().contains(&name[..24]));
    // It is still there for those who know it.
    dav.get(&format!("{list}{name}")).await.assert(200);
    let ann = app.v1_login("ann").await;
    ann.get(&format!("/v1/todos/{}", record.as_str().unwrap())).await.assert(200);
}

#[tokio::test]
async fn reports_return_the_wanted_parts_of_objects() {
    let (_, _, dav) = ann().await;
    let list = dav.list("work").await;
    let path = format!("{list}a.ics");
    let alarm = "BEGIN:VALARM|ACTION:DISPLAY|TRIGGER:-PT5M|END:VALARM";
    dav.put(&path, &todo("a", &format!("SUMMARY:x|DESCRIPTION:long|{alarm}"))).await.assert(201);
    let wanted = "<D:prop><C:calendar-data><C:comp name='VCALENDAR'><C:prop name='VERSION'/><C:comp name='VTODO'>\
        <C:prop name='UID'/><C:prop name='SUMMARY' novalue='yes'/></C:comp></C:comp></C:calendar-data></D:prop>";
    let expected = "BEGIN:VCALENDAR|VERSION:2.0|BEGIN:VTODO|UID:a|SUMMARY:|END:VTODO|END:VCALENDAR|";
    for (report, more) in [
        ("C:calendar-query", String::new()),
        ("C:calendar-multiget", format!("<D:href>{path}</D:href>")),
        ("D:sync-collection", "<D:sync-token/><D:sync-level>1</D:sync-level>".to_owned()),
    ] {
        let found = dav.report(&list, report, &format!("{wanted}{more}")).await;
        let text = found.at(&path).text("calendar-data");
        assert_eq!(text.replace("\r\n", "\n").replace('\n', "|"), expected, "{report}");
    }
    let wrong =
        format!("<C:calendar-query {NAMESPACES}>{}</C:calendar-query>", wanted.replace("VCALENDAR", "VTODO"));
    let refused = dav.send("REPORT", &list, &[], &wrong).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("VCALENDAR"));
}

#[tokio::test]
async fn remembered_tags_change_when_the_content_does() {
    let (app, client, dav) = ann().await;
    let list = dav.list("work").await;
    let series = "SUMMARY:daily|RRULE:FREQ=DAILY|DUE;VALUE=DATE:20261128";
    dav.put(&format!("{list}s.ics"), &todo("s", series)).await.assert(201);
    let id = todos(&client).await[0]["id"].as_str().unwrap().to_owned();
    client.patch(&format!("/v1/todos/{id}"), json!({ "completed": true })).await.assert(200);
    let tag = async || dav.propfind(&list, "0", "<CS:getctag/>").await.only().text("getctag");
    age(&app).await;
    let before = tag().await;
    // Nothing else could tell that the second request reads no todo.
    let series = ObjectId::parse_str(&id).unwrap();
    set_unseen(&app, "todos", series, doc! { "version": 99_i64 }).await;
    assert_eq!(tag().await, before);
    set_unseen(&app, "todos", series, doc! { "version": 2_i64 }).await;
    app.advance(91 * DAY);
    let without_record = tag().await;
    assert_ne!(without_record, before);
    let ann = app.v1_login("ann").await;
    ann.patch(&format!("/v1/todos/{id}"), json!({ "name": "weekly" })).await.assert(200);
    assert_ne!(tag().await, without_record);
}

/// A random request that may change the lists `a` and `b`.
#[derive(Debug, Clone)]
enum Step {
    Put { list: usize, name: usize, variant: usize },
    Delete { list: usize, name: usize },
    Move { from: usize, to: usize, name: usize },
    Patch { todo: usize, body: Value },
    MoveTo { todo: usize, before: usize },
    ToTrash { todo: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let patch = prop_oneof![
        Just(json!({ "completed": true })),
        Just(json!({ "completed": false })),
        Just(json!({ "name": "renamed" })),
        Just(json!({ "priority": "high" })),
        Just(json!({ "tags": ["x"] })),
        Just(json!({})),
    ];
    prop_oneof![
        (0..2_usize, 0..4_usize, 0..3_usize).prop_map(|(list, name, variant)| Step::Put {
            list,
            name,
            variant
        }),
        (0..2_usize, 0..4_usize).prop_map(|(list, name)| Step::Delete { list, name }),
        (0..2_usize, 0..2_usize, 0..4_usize).prop_map(|(from, to, name)| Step::Move { from, to, name }),
        (0..9_usize, patch).prop_map(|(todo, body)| Step::Patch { todo, body }),
        (0..9_usize, 0..9_usize).prop_map(|(todo, before)| Step::MoveTo { todo, before }),
        (0..9_usize).prop_map(|todo| Step::ToTrash { todo }),
    ]
}

/// Of one list: its tag, and the entity tag and the text of each name.
type Content = (String, BTreeMap<String, (String, String)>);

async fn content(dav: &Dav, list: &str) -> Content {
    let tag = dav.propfind(list, "0", "<CS:getctag/>").await.only().text("getctag");
    let query = "<D:prop><D:getetag/><C:calendar-data/></D:prop>";
    let found = dav.report(list, "C:calendar-query", query).await;
    let member = |found: &crate::support::dav::Response| {
        (found.href.clone(), (found.text("getetag"), found.text("calendar-data")))
    };
    (tag, found.responses.iter().map(member).collect())
}

async fn run(step: &Step, client: &Client, dav: &Dav, lists: &[String; 2]) {
    let path = |list: usize, name: usize| format!("{}{name}.ics", lists[list]);
    let ids: Vec<_> =
        todos(client).await.iter().map(|todo| todo["id"].as_str().unwrap().to_owned()).collect();
    let of = |todo: usize| ids.get(todo % ids.len().max(1)).cloned().unwrap_or_default();
    match step {
        Step::Put { list, name, variant } => {
            let lines = [
                "SUMMARY:x",
                "SUMMARY:y|DUE;VALUE=DATE:20261201|RRULE:FREQ=DAILY",
                "SUMMARY:y|STATUS:COMPLETED",
            ];
            dav.put(&path(*list, *name), &todo(&name.to_string(), lines[*variant])).await;
        }
        Step::Delete { list, name } => drop(dav.send("DELETE", &path(*list, *name), &[], "").await),
        Step::Move { from, to, name } => {
            dav.send("MOVE", &path(*from, *name), &[("destination", &path(*to, *name))], "").await;
        }
        Step::Patch { todo, body } => {
            drop(client.patch(&format!("/v1/todos/{}", of(*todo)), body.clone()).await);
        }
        Step::MoveTo { todo, before } => {
            let path = format!("/v1/todos/{}/move", of(*todo));
            client.post(&path, json!({ "before": of(*before) })).await;
        }
        Step::ToTrash { todo } => drop(client.delete(&format!("/v1/todos/{}", of(*todo))).await),
    }
}

#[tokio::test]
async fn tags_change_if_and_only_if_the_content_does() {
    let (app, client, dav) = ann().await;
    let lists = [dav.list("a").await, dav.list("b").await];
    let mut runner = TestRunner::new(Config { source_file: None, ..Config::default() });
    let mut before = [content(&dav, &lists[0]).await, content(&dav, &lists[1]).await];
    let (mut changes, mut texts) = (0, 0);
    let mut steps = 0..600;
    // Few random steps change a text, and a run without one would test little.
    while steps.start < 60 || changes <= 5 || texts == 0 {
        steps.next().expect("random steps change something");
        let step = step().new_tree(&mut runner).unwrap().current();
        app.advance(1);
        run(&step, &client, &dav, &lists).await;
        for (list, before) in lists.iter().zip(&mut before) {
            let after = content(&dav, list).await;
            let etags = |content: &Content| -> Vec<_> {
                content.1.iter().map(|(name, (etag, _))| (name.clone(), etag.clone())).collect()
            };
            assert_eq!(
                before.0 != after.0,
                etags(before) != etags(&after),
                "{step:?}\n{before:?}\n{after:?}"
            );
            for (name, (etag, text)) in &after.1 {
                let Some((known_etag, known_text)) = before.1.get(name) else { continue };
                assert_eq!(etag != known_etag, text != known_text, "{step:?}: {name}\n{known_text}\n{text}");
                texts += usize::from(text != known_text);
            }
            changes += usize::from(before.0 != after.0);
            *before = after;
        }
    }
}
