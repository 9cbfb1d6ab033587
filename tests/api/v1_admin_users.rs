//! The routes of admins for users: who may call them, lists, changes, and the admin who must remain.

use axum::http::Method;
use bson::doc;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::tokens::PROTECTED_V1;
use crate::support::v1::assert_members;
use crate::support::{Client, PASSWORD, TestApp};

const USERS: &str = "/v1/admin/users";
const ADMIN_USER: &str =
    "id username email roles time_zone created_at version disabled_at last_used_at session_count todo_count";

fn path(id: &str) -> String {
    format!("{USERS}/{id}")
}

async fn id_of(client: &Client) -> String {
    client.get("/v1/user").await.assert(200).id()
}

async fn names(client: &Client, query: &str) -> Vec<String> {
    let page = client.get(&format!("{USERS}{query}")).await.assert(200).json();
    let items = page["items"].as_array().unwrap();
    items.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

/// The events of the audit that name an admin, with the names of both, oldest first.
async fn deeds(app: &TestApp) -> Vec<(String, String, String)> {
    let all = app.db.all("audit").await;
    let text = |entry: &bson::Document, name: &str| entry.get_str(name).unwrap().to_owned();
    let deeds = all.iter().filter_map(|entry| {
        let by = entry.get_document("by").ok()?;
        Some((text(by, "username"), text(entry, "event"), text(entry, "username")))
    });
    deeds.collect()
}

fn deed(by: &str, event: &str, to: &str) -> (String, String, String) {
    (by.to_owned(), event.to_owned(), to.to_owned())
}

#[tokio::test]
async fn every_route_is_forbidden_to_users_who_are_no_admins() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let before = (app.db.all("users").await, app.db.all("sessions").await);
    let routes = PROTECTED_V1.iter().filter(|(_, path, _)| path.starts_with("/v1/admin/"));
    let mut tried = 0;
    for (method, path, _) in routes {
        let valid = json!({ "username": "ben", "password": PASSWORD });
        for body in [json!({}), valid] {
            ann.send_json(method.clone(), path, &body).await.assert_problem(403, "forbidden");
        }
        tried += 1;
    }
    assert_eq!(tried, 14);
    let after = app.db.all("sessions").await.into_iter().map(|mut session| {
        session.remove("last_used_at");
        session
    });
    let without_use = before.1.into_iter().map(|mut session| {
        session.remove("last_used_at");
        session
    });
    assert!(after.eq(without_use));
    assert_eq!(app.db.all("users").await, before.0);
}

#[tokio::test]
async fn an_admin_who_lost_the_role_or_the_account_can_do_nothing_on_any_instance() {
    let app = TestApp::start().await;
    // Its copy of the blacklist is not renewed, so only a read of the database can refuse the tokens.
    let other = app.restart().await;
    let root = app.v1_admin("root").await;
    for change in [json!({ "roles": ["user"] }), json!({ "disabled": true })] {
        let name = if change["disabled"] == true { "ben" } else { "ann" };
        let fallen = app.v1_admin(name).await;
        let id = id_of(&fallen).await;
        fallen.at(&other).get(USERS).await.assert(200);
        root.patch(&path(&id), change).await.assert(200);
        for at in [&app, &other] {
            let fallen = fallen.at(at);
            fallen.get(USERS).await.assert_problem(401, "token_revoked");
            fallen.patch(&path(&id), json!({ "disabled": false })).await.assert_problem(401, "token_revoked");
            fallen.delete(&path(&id)).await.assert_problem(401, "token_revoked");
        }
        fallen.assert_over().await;
    }
    app.v1_login("ann").await.get(USERS).await.assert_problem(403, "forbidden");
    app.anonymous().v1_try_login("ben", PASSWORD).await.assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_change_needs_a_token_of_a_login() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await.v1_refreshed().await;
    root.get(USERS).await.assert(200);
    let new = json!({ "username": "ben", "password": PASSWORD });
    root.post(USERS, new).await.assert_problem(401, "token_not_fresh");
}

#[tokio::test]
async fn users_are_listed_page_by_page_in_either_order() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    for name in ["Ben", "ann", "Zoe", "émile"] {
        app.advance(1);
        app.anonymous().v1_register(name, PASSWORD).await.assert(201);
    }
    assert_eq!(names(&root, "").await, ["ann", "Ben", "root", "Zoe", "émile"]);
    assert_eq!(names(&root, "?sort=-username").await, ["émile", "Zoe", "root", "Ben", "ann"]);
    assert_eq!(names(&root, "?sort=created_at").await, ["root", "Ben", "ann", "Zoe", "émile"]);
    for sort in ["username", "-username", "created_at", "-created_at"] {
        let (mut seen, mut next) = (Vec::new(), Some(format!("{USERS}?limit=2&sort={sort}")));
        while let Some(here) = next {
            let page = root.get(&here).await.assert(200).json();
            seen.extend(page["items"].as_array().unwrap().iter().map(|user| user["username"].clone()));
            let cursor = page["next_cursor"].as_str();
            next = cursor.map(|cursor| format!("{USERS}?limit=2&sort={sort}&cursor={cursor}"));
        }
        assert_eq!(json!(seen), json!(names(&root, &format!("?sort={sort}")).await), "{sort}");
    }
}

#[tokio::test]
async fn users_with_the_same_time_of_creation_are_all_on_some_page() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    for name in ["ann", "ben", "eve"] {
        app.anonymous().v1_register(name, PASSWORD).await.assert(201);
    }
    for sort in ["created_at", "-created_at"] {
        let (mut seen, mut query) = (Vec::new(), format!("?limit=1&sort={sort}"));
        while seen.len() < 9 {
            let page = root.get(&format!("{USERS}{query}")).await.assert(200).json();
            seen.push(page["items"][0]["username"].as_str().unwrap().to_owned());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            query = format!("?limit=1&sort={sort}&cursor={cursor}");
        }
        seen.sort();
        assert_eq!(seen, ["ann", "ben", "eve", "root"], "{sort}");
    }
}

#[tokio::test]
async fn a_search_finds_parts_of_names_and_addresses_and_no_patterns() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    for (name, email) in
        [("Annabel", "a.lee@Example.org"), ("ben.*", "ben@example.com"), ("Ström", "x@y.org")]
    {
        let new = json!({ "username": name, "password": PASSWORD, "email": email });
        app.anonymous().post("/v1/register", new).await.assert(201);
    }
    for (text, expected) in [
        ("anna", vec!["Annabel"]),
        ("NABEL", vec!["Annabel"]),
        ("example", vec!["Annabel", "ben.*"]),
        ("EXAMPLE.ORG", vec!["Annabel"]),
        ("STRO%CC%88M", vec!["Ström"]),
        (".*", vec!["ben.*"]),
        ("%24username", vec![]),
        ("%5E", vec![]),
        ("+ann+", vec!["Annabel"]),
    ] {
        assert_eq!(names(&root, &format!("?q={text}")).await, expected, "{text}");
    }
}

#[tokio::test]
async fn filters_by_role_and_state_combine_with_a_search() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let (ann, ben) = (app.v1_admin("ann").await, app.v1_user("ben").await);
    for client in [&ann, &ben] {
        root.patch(&path(&id_of(client).await), json!({ "disabled": true })).await.assert(200);
    }
    for (query, expected) in [
        ("?role=admin", vec!["ann", "root"]),
        ("?role=user", vec!["ann", "ben", "root"]),
        ("?state=active", vec!["root"]),
        ("?state=disabled", vec!["ann", "ben"]),
        ("?state=disabled&role=admin", vec!["ann"]),
        ("?state=disabled&q=b", vec!["ben"]),
    ] {
        assert_eq!(names(&root, query).await, expected, "{query}");
    }
    root.get(&format!("{USERS}?role=x&state=&sort=email&q=&limit=0&more=1"))
        .await
        .assert_faults(&["/role", "/state", "/sort", "/q", "/limit", "/more"]);
}

#[tokio::test]
async fn a_user_is_shown_with_the_use_of_the_service_and_without_todos() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let ann = app.v1_user("ann").await;
    app.advance(60);
    let phone = app.v1_login("ann").await;
    for name in ["secret one", "secret two", "secret three"] {
        ann.create_todo(json!({ "name": name })).await;
    }
    let trashed = ann.create_todo(json!({ "name": "secret four" })).await;
    ann.delete(&format!("/v1/todos/{trashed}")).await.assert(204);
    let id = id_of(&ann).await;
    let answer = root.get(&path(&id)).await.assert(200);
    assert_eq!(answer.header("etag"), "\"1\"");
    let user = answer.json();
    assert_members(&user, ADMIN_USER);
    assert_eq!((&user["session_count"], &user["todo_count"]), (&json!(2), &json!(3)));
    assert_eq!(user["disabled_at"], Value::Null);
    let now = todo_api::clock::rfc3339(app.clock.now()).to_string();
    assert_eq!(user["last_used_at"], now);
    phone.v1_logout().await.assert(204);
    let listed = root.get(&format!("{USERS}?q=ann")).await.assert(200).json()["items"][0].clone();
    assert_eq!(listed["session_count"], 1);
    app.anonymous().v1_register("new", PASSWORD).await.assert(201);
    let unused = root.get(&format!("{USERS}?q=new")).await.assert(200).json()["items"][0].clone();
    assert_eq!((&unused["last_used_at"], &unused["session_count"]), (&Value::Null, &json!(0)));
    for query in ["", "?q=secret"] {
        assert!(!root.get(&format!("{USERS}{query}")).await.text().contains("secret "));
    }
}

#[tokio::test]
async fn an_admin_creates_users_once_per_key() {
    let app = TestApp::start().await;
    let closed = TestApp::with(app.db.clone(), app.clock.clone(), &[("REGISTRATION", "closed")]).await;
    let root = app.v1_admin("root").await.at(&closed);
    let new =
        json!({ "username": "Ann", "password": PASSWORD, "email": "ann@example.org", "roles": ["admin"] });
    let key = [("content-type", "application/json"), ("idempotency-key", "k")];
    let first = root.send(Method::POST, USERS, &key, new.to_string()).await.assert(201);
    let user = first.json();
    assert_members(&user, ADMIN_USER);
    assert_eq!(user["roles"], json!(["user", "admin"]));
    assert_eq!(first.header("location"), path(&first.id()));
    let again = root.send(Method::POST, USERS, &key, new.to_string()).await.assert(201);
    assert_eq!((again.json(), again.header("idempotent-replayed")), (user, "true"));
    root.post(USERS, json!({ "username": "ANN", "password": PASSWORD }))
        .await
        .assert_problem(409, "username_taken");
    closed.v1_login("ann").await.get(USERS).await.assert(200);
    assert_eq!(deeds(&app).await, [deed("root", "register", "Ann")]);
}

#[tokio::test]
async fn invalid_input_names_each_field() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let id = id_of(&root).await;
    let bad = json!({ "username": "x", "password": "x", "email": "x", "roles": ["root"], "must_change_password": 1, "z": 1 });
    root.post(USERS, bad).await.assert_faults(&[
        "/username",
        "/password",
        "/email",
        "/roles",
        "/must_change_password",
        "/z",
    ]);
    root.post(USERS, json!({ "roles": [] })).await.assert_faults(&["/username", "/password", "/roles"]);
    for (body, pointers) in [
        (json!({ "roles": null }), vec!["/roles"]),
        (json!({ "roles": "admin" }), vec!["/roles"]),
        (json!({ "roles": [], "disabled": null, "email": "a@b.org" }), vec!["/roles", "/disabled", "/email"]),
        (json!({ "disabled": 1 }), vec!["/disabled"]),
    ] {
        root.patch(&path(&id), body).await.assert_faults(&pointers);
    }
    let password = format!("{}/password", path(&id));
    root.put(&password, json!({})).await.assert_faults(&["/password"]);
    root.put(&password, json!({ "password": "root" })).await.assert_faults(&["/password"]);
    root.put(&password, json!({ "password": "password1" })).await.assert_faults(&["/password"]);
    let session = format!("{}/sessions/{}", path(&id), root.sid());
    root.patch(&session, json!({})).await.assert_faults(&["/blocked"]);
    root.patch(&session, json!({ "blocked": "yes" })).await.assert_faults(&["/blocked"]);
    root.patch(&session, json!({ "blocked": null })).await.assert_faults(&["/blocked"]);
    for unknown in ["0123456789abcdef01234567", "x", "0123456789ABCDEF01234567"] {
        root.get(&path(unknown)).await.assert_problem(404, "not_found");
        root.delete(&path(unknown)).await.assert_problem(404, "not_found");
        root.patch(&path(unknown), json!({ "disabled": true })).await.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_change_of_access_ends_sessions_and_can_be_repeated() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let ann = app.v1_user("ann").await;
    let ann_path = path(&id_of(&ann).await);
    let disabled = root.patch(&ann_path, json!({ "disabled": true })).await.assert(200);
    let (etag, since) = (disabled.header("etag").to_owned(), disabled.json()["disabled_at"].clone());
    assert!(etag == "\"2\"" && since.is_string(), "{disabled:?}");
    ann.assert_over().await;
    app.advance(60);
    let again = root.patch(&ann_path, json!({ "disabled": true })).await.assert(200);
    assert_eq!((again.header("etag"), &again.json()["disabled_at"]), (etag.as_str(), &since));
    root.patch(&ann_path, json!({ "disabled": false })).await.assert(200);
    let ann = app.v1_login("ann").await;
    // Nothing changes, so the session goes on.
    root.patch(&ann_path, json!({ "disabled": false, "roles": ["user"] })).await.assert(200);
    root.patch(&ann_path, json!({})).await.assert(200);
    ann.get("/v1/user").await.assert(200);
    root.patch(&ann_path, json!({ "roles": ["admin", "user"] })).await.assert(200);
    ann.assert_over().await;
    app.v1_login("ann").await.get(USERS).await.assert(200);
    let events: Vec<_> = deeds(&app).await.into_iter().map(|(_, event, _)| event).collect();
    assert_eq!(events, ["disabled", "disabled", "enabled", "roles_changed", "enabled", "roles_changed"]);
}

#[tokio::test]
async fn a_change_with_an_outdated_version_is_refused_with_the_current_user() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let ann = app.v1_user("ann").await;
    let ann_path = path(&id_of(&ann).await);
    ann.patch("/v1/user", json!({ "time_zone": "Europe/Berlin" })).await.assert(200);
    let stale = [("content-type", "application/json"), ("if-match", "\"1\"")];
    for (method, path, body) in [
        (Method::PATCH, ann_path.clone(), json!({ "disabled": true })),
        (Method::PUT, format!("{ann_path}/password"), json!({ "password": "battery staple" })),
        (Method::DELETE, ann_path.clone(), json!({})),
    ] {
        let refused = root.send(method, &path, &stale, body.to_string()).await;
        let current = refused.assert_problem(412, "version_mismatch").json()["current"].clone();
        assert_members(&current, ADMIN_USER);
        assert_eq!(current, root.get(&ann_path).await.json());
    }
    ann.get("/v1/user").await.assert(200);
    let current = [("content-type", "application/json"), ("if-match", "\"2\"")];
    root.send(Method::PATCH, &ann_path, &current, r#"{"disabled":true}"#).await.assert(200);
    root.send(Method::GET, &ann_path, &[("if-none-match", "\"3\"")], "").await.assert(304);
}

#[tokio::test]
async fn the_last_admin_cannot_be_demoted_disabled_or_deleted() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let root_path = path(&id_of(&root).await);
    let before = app.db.all("users").await;
    // An admin who is disabled, or is being deleted, does not count.
    let ann = app.v1_admin("ann").await;
    root.patch(&path(&id_of(&ann).await), json!({ "disabled": true })).await.assert(200);
    let ben = app.v1_admin("ben").await;
    root.delete(&path(&id_of(&ben).await)).await.assert(204);
    for change in [
        json!({ "roles": ["user"] }),
        json!({ "disabled": true }),
        json!({ "disabled": true, "roles": ["admin"] }),
    ] {
        root.patch(&root_path, change).await.assert_problem(409, "last_admin");
    }
    root.delete(&root_path).await.assert_problem(409, "last_admin");
    root.delete("/v1/user").await.assert_problem(409, "last_admin");
    root.delete("/user/root").await.assert_message(409, "The last admin cannot be deleted.");
    root.patch(&root_path, json!({ "disabled": false, "roles": ["admin"] })).await.assert(200);
    let after = app.db.all("users").await;
    assert_eq!(
        after.iter().find(|user| user.get_str("username").is_ok_and(|name| name == "root")),
        before.first()
    );
    root.get("/v1/user").await.assert(200);
    root.patch(&path(&id_of(&app.v1_user("eve").await).await), json!({ "roles": ["admin"] }))
        .await
        .assert(200);
    root.delete("/v1/user").await.assert(204);
}

#[tokio::test]
async fn of_admins_who_remove_each_other_at_once_exactly_one_remains() {
    let app = TestApp::start().await;
    let other = app.restart().await;
    for round in 0..6 {
        let names: Vec<_> = (0..4).map(|n| format!("admin-{round}-{n}")).collect();
        let admins = join_all(names.iter().map(|name| app.v1_admin(name))).await;
        let ids: Vec<_> = join_all(admins.iter().map(id_of)).await;
        let attempts = (0..admins.len()).map(|n| {
            let (client, victim) = (&admins[n], path(&ids[(n + 1) % ids.len()]));
            let client = client.at(if n % 2 == 0 { &app } else { &other });
            async move {
                match round % 3 {
                    0 => client.patch(&victim, json!({ "roles": ["user"] })).await,
                    1 => client.patch(&victim, json!({ "disabled": true })).await,
                    _ => client.delete("/v1/user").await,
                }
            }
        });
        let statuses: Vec<_> = join_all(attempts).await.iter().map(|answer| answer.status.as_u16()).collect();
        assert!(statuses.iter().all(|status| [200, 204, 401, 409].contains(status)), "{statuses:?}");
        let remaining = doc! { "roles": "admin", "disabled_at": null, "deleted_at": null };
        let remaining = app.db.collection("users").count_documents(remaining).await.unwrap();
        let removed = statuses.iter().filter(|status| **status < 300).count();
        assert!(remaining >= 1, "{statuses:?}");
        assert_eq!(usize::try_from(remaining).unwrap() + removed, admins.len(), "{statuses:?}");
        let gone = doc! { "$set": { "roles": ["user"] } };
        app.db.collection("users").update_many(doc! {}, gone).await.unwrap();
    }
}

#[tokio::test]
async fn of_two_admins_who_demote_each_other_one_succeeds() {
    let app = TestApp::start().await;
    let other = app.restart().await;
    let (ann, ben) = (app.v1_admin("ann").await, app.v1_admin("ben").await);
    let (ann_path, ben_path) = (path(&id_of(&ann).await), path(&id_of(&ben).await));
    for _ in 0..10 {
        let (ann, ben) = (app.v1_login("ann").await, app.v1_login("ben").await.at(&other));
        let demotion = json!({ "roles": ["user"] });
        let (one, two) = tokio::join!(ann.patch(&ben_path, demotion.clone()), ben.patch(&ann_path, demotion));
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        // The loser is told that it is the last admin, or that it no longer is an admin.
        assert!(statuses[0] == 200 && [401, 409].contains(&statuses[1]), "{statuses:?}");
        let admin = doc! { "$set": { "roles": ["user", "admin"] } };
        app.db.collection("users").update_many(doc! {}, admin).await.unwrap();
    }
}

#[tokio::test]
async fn a_deleted_user_is_locked_out_at_once_and_vanishes_soon() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let ann = app.v1_user("ann").await;
    ann.create_todo(json!({ "name": "hers" })).await;
    let ann_path = path(&id_of(&ann).await);
    root.delete(&ann_path).await.assert(204);
    ann.assert_over().await;
    root.get(&ann_path).await.assert_problem(404, "not_found");
    root.delete(&ann_path).await.assert_problem(404, "not_found");
    app.state.tasks.close();
    app.state.tasks.wait().await;
    assert!(app.db.all("todos").await.is_empty());
    assert_eq!(app.db.all("users").await.len(), 1);
    assert_eq!(deeds(&app).await, [deed("root", "deleted", "ann")]);
}
