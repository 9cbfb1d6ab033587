//! CalDAV: sync tokens, tags of collections, and requests that clients are known to send.

use std::collections::BTreeSet;

use axum::http::Method;
use bson::doc;
use serde_json::json;
use todo_api::owned::Selection;
use todo_api::owned::collection::OwnedCollection;
use todo_api::todos::model::Todo;
use tokio::task::JoinSet;

use crate::support::dav::{Dav, NAMESPACES, todo};
use crate::support::{Client, TestApp};

async fn ann() -> (TestApp, Client, Dav) {
    let app = TestApp::start().await;
    let client = app.v1_user("ann").await;
    let dav = Dav::of(&client, "ann").await;
    (app, client, dav)
}

#[tokio::test]
async fn a_sync_reports_each_change_once_and_every_removal() {
    let (_, client, dav) = ann().await;
    let (list, other) = (dav.list("work").await, dav.list("other").await);
    for name in ["a", "b", "c"] {
        dav.put(&format!("{list}{name}.ics"), &todo(name, "SUMMARY:x")).await.assert(201);
    }
    let (present, removed, token) = dav.sync(&list, "").await;
    assert_eq!((present, removed), (vec!["a.ics".to_owned(), "b.ics".into(), "c.ics".into()], vec![]));
    let (present, removed, token) = dav.sync(&list, &token).await;
    assert_eq!((present.len(), removed.len()), (0, 0), "nothing twice, even within the last minute");
    dav.put(&format!("{list}a.ics"), &todo("a", "SUMMARY:y")).await.assert(204);
    dav.send("DELETE", &format!("{list}b.ics"), &[], "").await.assert(204);
    dav.send("MOVE", &format!("{list}c.ics"), &[("destination", &format!("{other}c.ics"))], "")
        .await
        .assert(201);
    let born = client.post("/v1/todos", json!({ "name": "elsewhere" })).await.json();
    let (present, removed, token) = dav.sync(&list, &token).await;
    assert_eq!((present, removed), (vec!["a.ics".to_owned()], vec!["b.ics".to_owned(), "c.ics".into()]));
    assert_eq!(dav.sync(&other, "").await.0, ["c.ics"]);
    // Changes of other surfaces: into the list, out of it, to the trash, and for good.
    let lists = client.get("/v1/lists").await.json();
    let work =
        lists["items"].as_array().unwrap().iter().find(|list| list["name"] == "work").unwrap()["id"].clone();
    let born_path = format!("/v1/todos/{}", born["id"].as_str().unwrap());
    let move_to = async |list: serde_json::Value| {
        client.post(&format!("{born_path}/move"), json!({ "list_id": list })).await.assert(200);
    };
    let name = format!("{}.ics", born["id"].as_str().unwrap());
    move_to(work.clone()).await;
    let (present, _, token) = dav.sync(&list, &token).await;
    assert_eq!(present, [name.as_str()]);
    move_to(json!(null)).await;
    let (_, removed, token) = dav.sync(&list, &token).await;
    assert_eq!(removed, [name.as_str()]);
    move_to(work).await;
    let (_, _, token) = dav.sync(&list, &token).await;
    client.delete(&format!("{born_path}?permanent=true")).await.assert(204);
    let (present, removed, token) = dav.sync(&list, &token).await;
    assert_eq!((present, removed), (vec![], vec![name]));
    let property = dav.propfind(&list, "0", "<D:sync-token/>").await.only().text("sync-token");
    for token in [&token, &property] {
        assert_eq!(dav.sync(&list, token).await.0.len(), 0);
    }
}

#[tokio::test]
async fn a_sync_with_a_limit_says_that_there_is_more() {
    let (_, _, dav) = ann().await;
    let list = dav.list("work").await;
    for number in 0..7 {
        dav.put(&format!("{list}{number}.ics"), &todo(&number.to_string(), "SUMMARY:x")).await.assert(201);
    }
    let (mut token, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let content = format!(
            "<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level><D:limit><D:nresults>3</D:nresults></D:limit><D:prop><D:getetag/></D:prop>"
        );
        let answer = dav.report(&list, "D:sync-collection", &content).await;
        token.clone_from(&answer.sync_token);
        pages += 1;
        let has_more = answer.responses.iter().any(|found| found.href == list && found.has_status(" 507 "));
        seen.extend(
            answer.responses.iter().filter(|found| found.href != list).map(|found| found.href.clone()),
        );
        if !has_more {
            break;
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), pages), (7, 3));
    assert_eq!(dav.sync(&list, &token).await.0.len(), 0);
}

#[tokio::test]
async fn what_leaves_a_list_while_a_client_reads_it_for_the_first_time_is_reported() {
    let (_, _, dav) = ann().await;
    let (list, other) = (dav.list("work").await, dav.list("other").await);
    let names = ["a.ics", "b.ics", "c.ics", "d.ics"].map(str::to_owned);
    for name in &names {
        dav.put(&format!("{list}{name}"), &todo(name, "SUMMARY:x")).await.assert(201);
    }
    let first = dav.sync_page(&list, "", 2).await;
    assert_eq!((first.0, first.1), (names[..2].to_vec(), vec![]));
    dav.send("MOVE", &format!("{list}a.ics"), &[("destination", &format!("{other}a.ics"))], "")
        .await
        .assert(201);
    for name in ["b.ics", "c.ics"] {
        dav.send("DELETE", &format!("{list}{name}"), &[], "").await.assert(204);
    }
    let (present, removed, token) = dav.sync_page(&list, &first.2, 9).await;
    assert_eq!(present, names[3..]);
    assert!(removed.contains(&names[0]) && removed.contains(&names[1]), "{removed:?}");
    assert_eq!(dav.sync(&list, &token).await.1.len(), 0);
}

#[tokio::test]
async fn tokens_of_others_and_old_tokens_are_refused() {
    let (app, _, dav) = ann().await;
    let (list, other) = (dav.list("work").await, dav.list("other").await);
    let (_, _, token) = dav.sync(&list, "").await;
    let refused = async |path: &str, token: &str| {
        let body = format!(
            "<D:sync-collection {NAMESPACES}><D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level><D:prop/></D:sync-collection>"
        );
        let answer = dav.send("REPORT", path, &[], &body).await.assert(403);
        assert!(answer.text().contains("valid-sync-token"), "{}", answer.text());
    };
    refused(&other, &token).await;
    refused(&list, "urn:todo-api:sync:x").await;
    refused(&list, &token[1..]).await;
    app.advance(91 * crate::support::v1::DAY);
    refused(&list, &token).await;
}

#[tokio::test]
async fn the_tag_of_a_list_changes_if_and_only_if_its_content_does() {
    let (_, client, dav) = ann().await;
    let list = dav.list("work").await;
    let tag = async || dav.propfind(&list, "0", "<CS:getctag/>").await.only().text("getctag");
    let mut before = tag().await;
    let mut changes = async |changes: bool, what: &str| {
        let now = tag().await;
        assert_eq!(now != before, changes, "{what}");
        before = now;
    };
    let (path, text) = (format!("{list}a.ics"), todo("a", "SUMMARY:x"));
    dav.put(&path, &text).await.assert(201);
    changes(true, "a new object").await;
    let etag = dav.get(&path).await.header("etag").to_owned();
    dav.put(&path, &text).await.assert(204);
    changes(false, "the same object again").await;
    assert_eq!(dav.get(&path).await.header("etag"), etag);
    dav.list("other").await;
    client.post("/v1/todos", json!({ "name": "inbox" })).await.assert(201);
    changes(false, "changes elsewhere").await;
    let todos = client.get("/v1/todos?q=x").await.json();
    let id = todos["items"][0]["id"].as_str().unwrap().to_owned();
    client.send_json(Method::PATCH, &format!("/v1/todos/{id}"), &json!({ "name": "y" })).await.assert(200);
    changes(true, "a change of another surface").await;
    let read = dav.get(&path).await.text();
    dav.put(&path, &read).await.assert(204);
    changes(false, "the object that a client has read").await;
    client.delete(&format!("/v1/todos/{id}")).await.assert(204);
    changes(true, "a removal").await;
    client.post(&format!("/v1/todos/{id}/restore"), json!(null)).await.assert(200);
    changes(true, "a restore").await;
    dav.put(&path, &read).await.assert(204);
    changes(false, "the object that was there before").await;
}

#[tokio::test]
async fn texts_of_clients_are_not_read_with_lists_of_todos() {
    let (app, client, dav) = ann().await;
    let list = dav.list("work").await;
    let text = todo("a", &format!("SUMMARY:x|X-LARGE:{}", "y".repeat(100_000)));
    dav.put(&format!("{list}a.ics"), &text).await.assert(201);
    let stored = app.db.all("todos").await;
    assert!(stored[0].get_document("ical").unwrap().get_str("text").unwrap().len() > 100_000);
    let todos = OwnedCollection::<Todo>::new(&app.state.db, &app.state.tasks);
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let take = |todo: Todo, stored: &bson::RawDocument| {
            assert!(todo.ical.is_none());
            sizes.push(stored.as_bytes().len());
            Ok(true)
        };
        let all = Selection { filter: doc! {}, sort: doc! {}, index: "_id_", limit: 0 };
        todos.of(stored[0].get_object_id("owner_id").unwrap()).visit(all, take).await.unwrap();
    }
    // The first read learns that this user has such texts.
    assert!(matches!(sizes[..], [first, second] if first > 100_000 && second < 2_000), "{sizes:?}");
    // A write that has not read it keeps it.
    let id = client.get("/v1/todos").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    client
        .send_json(Method::PATCH, &format!("/v1/todos/{id}"), &json!({ "completed": true }))
        .await
        .assert(200);
    assert!(dav.get(&format!("{list}a.ics")).await.text().contains("X-LARGE:"));
}

#[tokio::test]
async fn a_todo_that_comes_back_elsewhere_under_its_id_leaves_the_list_in_which_it_was_removed() {
    let (_, client, dav) = ann().await;
    let list = dav.list("work").await;
    let inbox = format!("{}inbox/", dav.home);
    let work = client.get("/v1/lists").await.json()["items"][0]["id"].clone();
    let id = "6b0b7dc518051a570c2fd7a3";
    let path = format!("/v1/todos/{id}");
    client.put(&path, json!({ "name": "first" })).await.assert(201);
    let (present, _, token) = dav.sync(&inbox, "").await;
    assert_eq!(present, [format!("{id}.ics")]);
    client.delete(&format!("{path}?permanent=true")).await.assert(204);
    client.put(&path, json!({ "name": "second", "list_id": work })).await.assert(201);
    let (present, removed, token) = dav.sync(&inbox, &token).await;
    assert_eq!((present, removed), (vec![], vec![format!("{id}.ics")]));
    assert_eq!(dav.sync(&inbox, &token).await.1.len(), 0);
    assert_eq!(dav.sync(&list, "").await.0, [format!("{id}.ics")]);
    // And back again.
    client.delete(&format!("{path}?permanent=true")).await.assert(204);
    client.put(&path, json!({ "name": "third" })).await.assert(201);
    assert_eq!(dav.sync(&inbox, &token).await.0, [format!("{id}.ics")]);
}

#[tokio::test]
async fn a_name_that_another_todo_has_taken_is_not_reported_as_removed() {
    let (_, client, dav) = ann().await;
    let (list, other) = (dav.list("work").await, dav.list("other").await);
    let path = format!("{list}a.ics");
    dav.put(&path, &todo("first", "SUMMARY:first")).await.assert(201);
    let id = client.get("/v1/todos").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let rename = async |name: &str| {
        client.patch(&format!("/v1/todos/{id}"), json!({ "name": name })).await.assert(200);
    };
    let (_, _, mut token) = dav.sync(&list, "").await;
    dav.send("MOVE", &path, &[("destination", &format!("{other}a.ics"))], "").await.assert(201);
    dav.put(&path, &todo("second", "SUMMARY:second")).await.assert(201);
    for renamed in ["in the same sync", "later", "again"] {
        rename(renamed).await;
        let (_, removed, next) = dav.sync(&list, &token).await;
        assert_eq!(removed, [""; 0], "{renamed}");
        token = next;
    }
    // With pages between the two todos.
    let (present, removed, _) = dav.sync_page(&list, "", 1).await;
    assert_eq!((present, removed), (vec!["a.ics".to_owned()], vec![]));
    dav.send("DELETE", &path, &[], "").await.assert(204);
    rename("after the name is free").await;
    assert_eq!(dav.sync(&list, &token).await.1, ["a.ics"]);
}

#[tokio::test]
async fn a_client_that_syncs_while_todos_come_and_go_ends_with_the_list() {
    let (_, client, dav) = ann().await;
    let list = dav.list("work").await;
    let work = client.get("/v1/lists").await.json()["items"][0]["id"].clone();
    // More than one read from the database brings.
    let mut ids = Vec::new();
    for number in 0..100 {
        ids.push(client.create_todo(json!({ "name": number.to_string(), "list_id": work })).await);
    }
    let mut movers = JoinSet::new();
    for part in ids.chunks(10).map(<[String]>::to_vec) {
        let (client, work) = (client.clone(), work.clone());
        movers.spawn(async move {
            for round in 0..2 {
                for id in &part {
                    let list = if round % 2 == 0 { json!(null) } else { work.clone() };
                    client
                        .post(&format!("/v1/todos/{id}/move"), json!({ "list_id": list }))
                        .await
                        .assert(200);
                }
            }
        });
    }
    let (mut token, mut names) = (String::new(), BTreeSet::new());
    let mut is_last = false;
    while !is_last {
        is_last = movers.is_empty();
        let answer = dav.sync(&list, &token).await;
        let (present, removed) = (answer.0, answer.1);
        assert!(present.iter().all(|name| !removed.contains(name)), "each address comes once");
        names.extend(present);
        names.retain(|name| !removed.contains(name));
        token = answer.2;
        while let Some(done) = movers.try_join_next() {
            done.unwrap();
        }
    }
    let wanted: BTreeSet<_> = ids.iter().map(|id| format!("{id}.ics")).collect();
    assert_eq!(names, wanted);
}
