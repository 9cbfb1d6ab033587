//! The routes of admins for passwords, sessions and the audit.

use serde_json::{Value, json};

use crate::support::v1::assert_members;
use crate::support::{Answer, Client, PASSWORD, TestApp};

const NEW: &str = "battery staple horse";
const NEWER: &str = "another horse battery";

async fn user_path(client: &Client) -> String {
    format!("/v1/admin/users/{}", client.get("/v1/user").await.assert(200).id())
}

async fn sign_in(app: &TestApp, name: &str, password: &str, new: Option<&str>) -> Answer {
    let body = json!({ "username": name, "password": password, "new_password": new });
    app.anonymous().post("/v1/login", body).await
}

#[tokio::test]
async fn an_admin_ends_one_session_or_all() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let (ann, phone, ben) = (app.v1_user("ann").await, app.v1_login("ann").await, app.v1_user("ben").await);
    let path = format!("{}/sessions", user_path(&ann).await);
    let listed = root.get(&path).await.assert(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    for session in listed["items"].as_array().unwrap() {
        assert_members(session, "id device ip created_at last_used_at current blocked");
        assert_eq!((&session["current"], &session["blocked"]), (&json!(false), &json!(false)));
    }
    root.delete(&format!("{path}/{}", ben.sid())).await.assert_problem(404, "not_found");
    root.delete(&format!("{path}/x")).await.assert_problem(404, "not_found");
    root.delete(&format!("{path}/{}", phone.sid())).await.assert(204);
    phone.assert_over().await;
    ann.get("/v1/user").await.assert(200);
    root.delete(&path).await.assert(204);
    ann.assert_over().await;
    assert_eq!(root.get(&path).await.json()["items"], json!([]));
    ben.get("/v1/user").await.assert(200);
}

#[tokio::test]
async fn an_admin_lists_and_ends_personal_access_tokens() {
    let app = TestApp::start().await;
    let (root, ann, ben) = (app.v1_admin("root").await, app.v1_user("ann").await, app.v1_user("ben").await);
    let path = format!("{}/tokens", user_path(&ann).await);
    let create = async |client: &Client, name: &str| {
        let token = json!({ "name": name, "scopes": ["todos:read"] });
        client.post("/v1/tokens", token).await.assert(201).json()
    };
    let (one, two, other) = (create(&ann, "one").await, create(&ann, "two").await, create(&ben, "one").await);
    let script = |token: &Value| app.anonymous().with_token(token["token"].as_str().unwrap().to_owned());
    let listed = root.get(&path).await.assert(200).json();
    assert_eq!(listed, ann.get("/v1/tokens").await.json());
    assert!(!listed.to_string().contains("tdo_"), "{listed}");
    let id = |token: &Value| token["id"].as_str().unwrap().to_owned();
    for wrong in [id(&other), "x".to_owned()] {
        root.delete(&format!("{path}/{wrong}")).await.assert_problem(404, "not_found");
    }
    root.delete(&format!("{path}/{}", id(&one))).await.assert(204);
    root.delete(&format!("{path}/{}", id(&one))).await.assert_problem(404, "not_found");
    script(&one).get("/v1/todos").await.assert_problem(401, "token_revoked");
    script(&two).get("/v1/todos").await.assert(200);
    root.delete(&path).await.assert(204);
    script(&two).get("/v1/todos").await.assert_problem(401, "token_revoked");
    assert_eq!(root.get(&path).await.json()["items"], json!([]));
    script(&other).get("/v1/todos").await.assert(200);
    let ended = root.get("/v1/admin/audit?event=tokens_ended").await.json()["items"].clone();
    let by: Vec<_> = ended.as_array().unwrap().iter().map(|entry| entry["by"]["username"].clone()).collect();
    assert_eq!(by, ["root", "root"]);
}

#[tokio::test]
async fn a_blocked_session_refuses_its_tokens_until_it_is_unblocked() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let (ann, phone) = (app.v1_user("ann").await, app.v1_login("ann").await);
    let path = format!("{}/sessions", user_path(&ann).await);
    let session = format!("{path}/{}", phone.sid());
    for _ in 0..3 {
        for _ in 0..2 {
            let blocked = root.patch(&session, json!({ "blocked": true })).await.assert(200).json();
            assert_eq!((&blocked["blocked"], &blocked["id"]), (&json!(true), &json!(phone.sid())));
            phone.assert_blocked().await;
            // Another instance, whose copy of the blacklist is loaded at its start.
            phone.at(&app.restart().await).assert_blocked().await;
            ann.get("/v1/user").await.assert(200);
        }
        for _ in 0..2 {
            root.patch(&session, json!({ "blocked": false })).await.assert(200);
            phone.get("/v1/sessions").await.assert(200);
            phone.at(&app.restart().await).get("/v1/user").await.assert(200);
        }
    }
    root.patch(&session, json!({ "blocked": true })).await.assert(200);
    // Its user sees the session, and may end it.
    assert_eq!(ann.get("/v1/sessions").await.json()["items"].as_array().unwrap().len(), 2);
    ann.delete(&format!("/v1/sessions/{}", phone.sid())).await.assert(204);
    root.patch(&session, json!({ "blocked": false })).await.assert_problem(404, "not_found");
    phone.assert_over().await;
}

#[tokio::test]
async fn a_blocked_session_of_the_original_refuses_its_refresh_token() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let ann = app.user("ann").await;
    let session = format!("{}/sessions/{}", user_path(&ann).await, ann.sid());
    root.patch(&session, json!({ "blocked": true })).await.assert(200);
    let refresh = async |client: &Client| client.with_refresh_token().post("/refresh", json!({})).await;
    assert_eq!(refresh(&ann).await.status, 401);
    ann.get("/user/ann").await.assert_refused("token_revoked");
    root.patch(&session, json!({ "blocked": false })).await.assert(200);
    refresh(&ann).await.assert(200);
}

#[tokio::test]
async fn blocks_and_unblocks_that_race_leave_the_state_of_the_database() {
    let app = TestApp::start().await;
    let other = app.restart().await;
    let root = app.v1_admin("root").await;
    let phone = app.v1_user("ann").await;
    let session = format!("{}/sessions/{}", user_path(&phone).await, phone.sid());
    for _ in 0..5 {
        let (one, two) = (root.at(&other), root.clone());
        let (on, off) = (json!({ "blocked": true }), json!({ "blocked": false }));
        tokio::join!(one.patch(&session, on.clone()), two.patch(&session, off), one.patch(&session, on));
        let blocked = app.session_of(&phone).await.get_datetime("blocked_at").is_ok();
        let answer = phone.at(&app.restart().await).get("/v1/user").await;
        assert_eq!(answer.status, if blocked { 401 } else { 200 });
    }
}

#[tokio::test]
async fn an_admin_sets_a_password_and_ends_the_sessions() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let ann = app.v1_user("ann").await;
    let path = format!("{}/password", user_path(&ann).await);
    let changed = root.put(&path, json!({ "password": NEW })).await.assert(200);
    assert_eq!((changed.header("etag"), &changed.json()["session_count"]), ("\"2\"", &json!(0)));
    ann.assert_over().await;
    sign_in(&app, "ann", PASSWORD, None).await.assert_problem(401, "invalid_credentials");
    sign_in(&app, "ann", NEW, None).await.assert(200);
    root.put(&path, json!({ "password": "ANN" })).await.assert_faults(&["/password"]);
}

#[tokio::test]
async fn a_password_for_one_use_must_be_replaced_at_the_login() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let ann = app.v1_user("ann").await;
    let path = format!("{}/password", user_path(&ann).await);
    root.put(&path, json!({ "password": NEW, "must_change_password": true })).await.assert(200);
    for _ in 0..2 {
        sign_in(&app, "ann", NEW, None).await.assert_problem(403, "password_change_required");
    }
    // Who does not know the password learns nothing.
    for (name, new) in [("ann", None), ("ann", Some(NEWER)), ("nobody", Some(NEWER))] {
        sign_in(&app, name, PASSWORD, new).await.assert_problem(401, "invalid_credentials");
    }
    app.anonymous()
        .post("/login", json!({ "username": "ann", "password": NEW }))
        .await
        .assert_message(401, "Invalid Credentials!");
    for new in ["short", "password1", "Ann", NEW] {
        sign_in(&app, "ann", NEW, Some(new)).await.assert_faults(&["/new_password"]);
    }
    sign_in(&app, "ann", NEW, None).await.assert_problem(403, "password_change_required");
    let ann = app.anonymous().with_tokens(&sign_in(&app, "ann", NEW, Some(NEWER)).await.assert(200));
    ann.get("/v1/user").await.assert(200);
    sign_in(&app, "ann", NEW, Some(NEWER)).await.assert_problem(401, "invalid_credentials");
    sign_in(&app, "ann", NEWER, None).await.assert(200);
    sign_in(&app, "ann", NEWER, Some(NEW)).await.assert_faults(&["/new_password"]);
    app.anonymous().post("/login", json!({ "username": "ann", "password": NEWER })).await.assert(200);
}

#[tokio::test]
async fn a_new_user_may_have_a_password_for_one_use() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let new = json!({ "username": "ann", "password": NEW, "must_change_password": true });
    root.post("/v1/admin/users", new).await.assert(201);
    sign_in(&app, "ann", NEW, None).await.assert_problem(403, "password_change_required");
    sign_in(&app, "ann", NEW, Some(NEWER)).await.assert(200);
    sign_in(&app, "ann", NEWER, None).await.assert(200);
}

#[tokio::test]
async fn of_two_logins_that_replace_a_password_at_once_one_succeeds() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let new = json!({ "username": "ann", "password": NEW, "must_change_password": true });
    root.post("/v1/admin/users", new).await.assert(201);
    let third = "a third horse battery";
    let (one, two) =
        tokio::join!(sign_in(&app, "ann", NEW, Some(NEWER)), sign_in(&app, "ann", NEW, Some(third)));
    let statuses = [one.status.as_u16(), two.status.as_u16()];
    assert!(statuses == [200, 401] || statuses == [401, 200], "{statuses:?}");
    let right = if one.status == 200 { NEWER } else { third };
    sign_in(&app, "ann", right, None).await.assert(200);
}

#[tokio::test]
async fn a_login_with_a_password_for_one_use_counts_for_the_throttles() {
    let app = TestApp::start().await;
    let app = TestApp::with(app.db.clone(), app.clock.clone(), &[("THROTTLES", "on")]).await;
    let root = app.v1_admin("root").await;
    let new = json!({ "username": "ann", "password": NEW, "must_change_password": true });
    root.post("/v1/admin/users", new).await.assert(201);
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(sign_in(&app, "ann", NEW, None).await.status.as_u16());
    }
    assert_eq!((statuses[0], statuses[11]), (403, 429), "{statuses:?}");
}

#[tokio::test]
async fn the_audit_is_listed_newest_first_with_who_did_it_to_whom() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    let ann = app.v1_user("ann").await;
    let path = user_path(&ann).await;
    let (ann_id, root_id) = (ann.get("/v1/user").await.id(), root.get("/v1/user").await.id());
    app.advance(10);
    let session = format!("{path}/sessions/{}", ann.sid());
    root.patch(&session, json!({ "blocked": true })).await.assert(200);
    app.advance(10);
    root.patch(&session, json!({ "blocked": false })).await.assert(200);
    root.patch(&path, json!({ "disabled": true })).await.assert(200);
    let events = async |query: &str| -> Vec<String> {
        let page = root.get(&format!("/v1/admin/audit{query}")).await.assert(200).json();
        let entries = page["items"].as_array().unwrap();
        entries.iter().map(|entry| entry["event"].as_str().unwrap().to_owned()).collect()
    };
    let of_ann = ["disabled", "session_unblocked", "session_blocked", "login", "register"];
    assert_eq!(events(&format!("?user_id={ann_id}")).await, of_ann);
    assert_eq!(events(&format!("?by={root_id}")).await, &of_ann[..3]);
    assert_eq!(events(&format!("?by={root_id}&event=disabled")).await, &of_ann[..1]);
    assert_eq!(events("?event=register").await, ["register", "register"]);
    let began = todo_api::clock::rfc3339(app.clock.now().saturating_add_millis(-10_000)).to_string();
    assert_eq!(events(&format!("?after={began}")).await, &of_ann[..2]);
    assert_eq!(events(&format!("?before={began}&user_id={ann_id}")).await, &of_ann[3..]);
    let entry = root.get("/v1/admin/audit?event=session_blocked").await.json()["items"][0].clone();
    assert_members(&entry, "id at event user_id username session_id ip by by_operator roles");
    assert_eq!(entry["by"], json!({ "id": root_id, "username": "root" }));
    let whom = (&entry["user_id"], &entry["username"], &entry["session_id"]);
    assert_eq!(whom, (&json!(ann_id), &json!("ann"), &json!(ann.sid())));
    root.get("/v1/admin/audit?event=x&user_id=x&by=&after=x&before=1&z=1")
        .await
        .assert_faults(&["/event", "/user_id", "/by", "/after", "/before", "/z"]);
}

#[tokio::test]
async fn every_entry_of_the_audit_is_on_one_page() {
    let app = TestApp::start().await;
    let root = app.v1_admin("root").await;
    for _ in 0..7 {
        app.v1_login("root").await;
    }
    // A word that this version does not know.
    let odd =
        bson::doc! { "_id": bson::oid::ObjectId::new(), "at": app.clock.now(), "event": "of_the_future" };
    app.db.collection("audit").insert_one(odd).await.unwrap();
    let whole = root.get("/v1/admin/audit?limit=200").await.assert(200).json()["items"].clone();
    let (mut seen, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let page = root.get(&format!("/v1/admin/audit{query}")).await.assert(200).json();
        seen.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=3&cursor={cursor}");
    }
    assert_eq!(Value::from(seen), whole);
    assert!(whole.to_string().contains("of_the_future"), "{whole}");
}
