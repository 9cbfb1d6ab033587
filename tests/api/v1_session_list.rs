//! Sessions and passwords under `/v1`: list, end, change and delete, and the audit of these actions.

use axum::http::Method;
use bson::doc;
use serde_json::{Value, json};

use crate::support::v1::{DAY, MINUTE, assert_members};
use crate::support::{Client, PASSWORD, TestApp};

const NEW: &str = "battery staple";

/// `MaxTimeMSExpired`, which the driver does not retry.
const TIMED_OUT: i32 = 50;

async fn listed(client: &Client) -> Vec<Value> {
    let answer = client.get("/v1/sessions").await.assert(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    assert_members(&body, "items next_cursor");
    assert_eq!(body["next_cursor"], Value::Null);
    body["items"].as_array().unwrap().clone()
}

/// The ids of the sessions that a client sees, sorted.
async fn ids(client: &Client) -> Vec<String> {
    let mut ids: Vec<_> =
        listed(client).await.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn sids(clients: &[&Client]) -> Vec<String> {
    let mut sids: Vec<_> = clients.iter().map(|client| client.sid()).collect();
    sids.sort();
    sids
}

async fn change_password(client: &Client, current: &str, new: &str) -> crate::support::Answer {
    client.put("/v1/user/password", json!({ "current_password": current, "new_password": new })).await
}

#[tokio::test]
async fn the_list_describes_the_callers_active_sessions() {
    let app = TestApp::start().await;
    let started = todo_api::clock::rfc3339(app.clock.now()).to_string();
    let ann = app.v1_user("ann").await;
    app.v1_user("ben").await;
    app.advance(MINUTE);
    let body = json!({ "username": "ann", "password": PASSWORD, "device": "Ann's \u{1f4f1}" });
    let phone = app.anonymous().with_tokens(&app.anonymous().post("/v1/login", body).await);
    let opened = todo_api::clock::rfc3339(app.clock.now()).to_string();
    app.advance(MINUTE);
    let ann = ann.v1_refreshed().await;
    let used = todo_api::clock::rfc3339(app.clock.now()).to_string();
    for (caller, is_phone) in [(&ann, false), (&phone, true)] {
        let mut items = listed(caller).await;
        for item in &mut items {
            if item["current"] == true {
                assert!(item["last_used_at"].as_str().unwrap() <= used.as_str(), "{item}");
                item["last_used_at"] = json!("now");
            }
        }
        let last_used = |current: bool, then: &str| if current { "now".to_owned() } else { then.to_owned() };
        let (here, there) = (last_used(!is_phone, &used), last_used(is_phone, &opened));
        let expected = [
            json!({ "id": ann.sid(), "device": null, "ip": null, "created_at": started, "last_used_at": here,
                "current": !is_phone }),
            json!({ "id": phone.sid(), "device": "Ann's \u{1f4f1}", "ip": null, "created_at": opened,
                "last_used_at": there, "current": is_phone }),
        ];
        assert_eq!(items.len(), 2);
        assert!(expected.iter().all(|session| items.contains(session)), "{items:?}\n{expected:?}");
    }
    phone.v1_logout().await.assert(204);
    assert_eq!(ids(&ann).await, sids(&[&ann]));
    app.advance(20 * DAY);
    let ann = ann.v1_refreshed().await;
    let idle = app.v1_login("ann").await;
    app.advance(25 * DAY);
    let ann = ann.v1_refreshed().await;
    app.advance(6 * DAY);
    let ann = ann.v1_refreshed().await;
    assert_eq!(ids(&ann).await, sids(&[&ann]), "{} is idle", idle.sid());
}

#[tokio::test]
async fn a_logout_with_either_token_ends_only_its_session() {
    let app = TestApp::start().await;
    let ben = app.v1_user("ben").await;
    for (name, by_refresh, refreshed) in
        [("ann0", false, false), ("ann1", true, false), ("ann2", false, true), ("ann3", true, true)]
    {
        let ended = app.v1_user(name).await;
        let other = app.v1_login(name).await;
        let newest = if refreshed { ended.v1_refreshed().await } else { ended.clone() };
        let by = if by_refresh { newest.with_refresh_token() } else { newest.clone() };
        let answer = by.v1_logout().await.assert(204);
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("cache-control"), "no-store");
        for app in [app.clone(), app.restart().await] {
            ended.at(&app).assert_over().await;
            newest.at(&app).assert_over().await;
            for other in [&other, &ben] {
                other.at(&app).get("/v1/user").await.assert(200);
            }
        }
        other.v1_refreshed().await.get("/v1/user").await.assert(200);
        app.v1_login(name).await.get("/v1/user").await.assert(200);
    }
}

#[tokio::test]
async fn a_session_can_be_ended_by_id() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let (phone, laptop) = (app.v1_login("ann").await, app.v1_login("ann").await);
    let path = format!("/v1/sessions/{}", phone.sid());
    assert!(ann.delete(&path).await.assert(204).body.is_empty());
    phone.assert_over().await;
    ann.delete(&path).await.assert_problem(404, "not_found");
    assert_eq!(ids(&ann).await, sids(&[&ann, &laptop]));
    ann.delete(&format!("/v1/sessions/{}", ann.sid())).await.assert(204);
    ann.assert_over().await;
    laptop.v1_refreshed().await.get("/v1/user").await.assert(200);
}

#[tokio::test]
async fn another_users_session_looks_unknown_and_continues() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let before = app.db.all("sessions").await;
    let unknown = ann.delete("/v1/sessions/0123456789abcdef0123456789abcdef").await;
    let unknown = unknown.assert_problem(404, "not_found").anonymised();
    let odd = ["%00", "$ne", "x", "0123456789abcdef0123456789abcdeg", "%ff", "%7B%22$ne%22:null%7D", ".."];
    for id in
        odd.into_iter().map(str::to_owned).chain([ben.sid(), ben.sid().to_uppercase(), "0".repeat(9_000)])
    {
        let answer = ann.delete(&format!("/v1/sessions/{id}")).await;
        assert_eq!(answer.anonymised(), unknown, "{id}");
    }
    let after = app.db.all("sessions").await;
    assert_eq!(before.len(), after.len());
    assert!(after.iter().all(|session| session.get("ended_at") == Some(&bson::Bson::Null)), "{after:?}");
    ben.get("/v1/user").await.assert(200);
}

#[tokio::test]
async fn all_sessions_or_all_except_the_current_one_can_be_ended() {
    let app = TestApp::start().await;
    let ben = app.v1_user("ben").await;
    let ann = app.v1_user("ann").await;
    let others = [app.v1_login("ann").await, app.anonymous().login("ann", PASSWORD).await];
    let ann = ann.with_tokens(&ann.delete("/v1/sessions?except=current").await);
    assert_eq!(ids(&ann).await, sids(&[&ann]));
    for other in &others {
        other.assert_over().await;
        other.at(&app.restart().await).assert_over().await;
    }
    let ann = ann.v1_refreshed().await;
    ann.get("/v1/user").await.assert(200);
    let phone = app.v1_login("ann").await;
    phone.get("/v1/user").await.assert(200);
    assert!(ann.delete("/v1/sessions").await.assert(204).body.is_empty());
    for ended in [&ann, &phone] {
        ended.assert_over().await;
        ended.at(&app.restart().await).assert_over().await;
    }
    ben.get("/v1/user").await.assert(200);
    ben.v1_refreshed().await;
    app.v1_login("ann").await.get("/v1/user").await.assert(200);
}

/// Checks that no token of a client opens a route, not even at an instance that does not know of the revocation yet.
async fn assert_worthless(copied: &Client, behind: &TestApp) {
    for (method, path) in [(Method::GET, "/v1/sessions"), (Method::DELETE, "/v1/sessions?except=current")] {
        let answer = copied.at(behind).send(method, path, &[], "").await;
        answer.assert_problem(401, "token_revoked");
    }
    change_password(&copied.at(behind), PASSWORD, NEW).await.assert_problem(401, "token_revoked");
    copied.at(behind).delete("/user/ann").await.assert_refused("token_revoked");
    copied.at(behind).v1_refresh().await.assert_problem(401, "token_revoked");
    let refresh = copied.at(behind).with_refresh_token();
    refresh.post("/refresh", Value::Null).await.assert_refused("token_revoked");
    copied.assert_over().await;
    copied.get("/todolist").await.assert_refused("token_revoked");
}

#[tokio::test]
async fn ending_the_other_sessions_revokes_copies_of_the_callers_own_tokens() {
    let app = TestApp::start().await;
    app.anonymous().v1_register("ann", PASSWORD).await.assert(201);
    let body = json!({ "username": "ann", "password": PASSWORD, "device": "phone" });
    for is_original in [false, true] {
        let (copied, caller) = if is_original {
            let ann = app.anonymous().login("ann", PASSWORD).await;
            (vec![ann.clone()], ann)
        } else {
            let first = app.anonymous().with_tokens(&app.anonymous().post("/v1/login", body.clone()).await);
            let previous = first.v1_refreshed().await;
            let newest = previous.v1_refreshed().await;
            (vec![first, previous, newest.clone()], newest)
        };
        let other = app.v1_login("ann").await;
        let before = app.session_of(&caller).await;
        app.advance(MINUTE);
        let behind = app.restart().await;
        let continued = caller.with_tokens(&caller.delete("/v1/sessions?except=current").await);
        for copy in copied.iter().chain([&other]) {
            assert_worthless(copy, &behind).await;
        }
        assert_eq!(continued.sid(), caller.sid());
        assert_eq!(continued.claims()["fresh"], false, "the password was not given");
        let after = app.session_of(&continued).await;
        for field in ["created_at", "device", "ip", "rotating", "expires_at", "ended_at"] {
            assert_eq!(after.get(field), before.get(field), "{field}");
        }
        assert_eq!(ids(&continued).await, sids(&[&continued]));
        assert_eq!(listed(&continued).await[0]["current"], true);
        let refreshed = continued.at(&behind).v1_refreshed().await;
        refreshed.get("/v1/user").await.assert(200);
        assert!(!app.audited().await.contains(&"refresh_reuse".to_owned()));
        refreshed.v1_logout().await.assert(204);
    }
}

#[tokio::test]
async fn a_password_change_that_fails_half_way_leaves_no_earlier_token_and_the_new_password_works() {
    let app = TestApp::start().await;
    for (n, (collection, command)) in
        [("blacklist", "findAndModify"), ("sessions", "update"), ("sessions", "insert")]
            .into_iter()
            .enumerate()
    {
        let name = format!("ann{n}");
        let (ann, other) = (app.v1_user(&name).await, app.v1_login(&name).await);
        let half_way = app.with_app_name("half-way").await;
        let failing = doc! {
            "failCommands": [command], "namespace": app.db.collection(collection).namespace().to_string(),
            "appName": "half-way", "errorCode": TIMED_OUT,
        };
        let failing = app.db.fail(1, failing).await;
        let answer = change_password(&ann.at(&half_way), PASSWORD, NEW).await;
        answer.assert_problem(503, "unavailable");
        drop(failing);
        for copied in [&ann, &other] {
            copied.at(&half_way).get("/v1/user").await.assert_problem(401, "token_revoked");
            for instance in [&half_way, &app] {
                let copied = copied.at(instance);
                change_password(&copied, PASSWORD, NEW).await.assert_problem(401, "token_revoked");
                copied.v1_refresh().await.assert_problem(401, "token_revoked");
            }
        }
        app.anonymous().v1_try_login(&name, PASSWORD).await.assert_problem(401, "invalid_credentials");
        let answer = app.anonymous().v1_try_login(&name, NEW).await;
        let again = app.anonymous().with_tokens(&answer);
        again.at(&half_way).get("/v1/user").await.assert(200);
        assert_eq!(ids(&again).await, sids(&[&again]));
        // The background task of the instance stores what could not be stored.
        let state = half_way.state.clone();
        let mirror = tokio::spawn(async move { state.auth.mirror_blacklist().await });
        let known = async {
            while ann.at(&app.restart().await).get("/v1/user").await.status != 401 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), known).await.expect("never stored");
        mirror.abort();
        assert!(!app.audited().await.contains(&"refresh_reuse".to_owned()));
    }
}

#[tokio::test]
async fn a_revocation_that_waits_to_be_stored_keeps_the_higher_epoch() {
    let app = TestApp::start().await;
    let waiting = app.with_app_name("waiting").await;
    let failing = doc! { "failCommands": ["findAndModify"], "appName": "waiting", "errorCode": TIMED_OUT };
    let failing = app.db.fail(2, failing).await;
    let user = bson::oid::ObjectId::from_bytes([7; 12]);
    for epoch in [6, 5] {
        assert!(waiting.state.auth.end_sessions_before_epoch(user, epoch, "everywhere").await.is_err());
    }
    drop(failing);
    let mirror = tokio::spawn(async move { waiting.state.auth.mirror_blacklist().await });
    let stored = async {
        loop {
            if let Some(entry) = app.db.all("blacklist").await.first() {
                return entry.get_i64("epoch").unwrap();
            }
        }
    };
    let epoch = tokio::time::timeout(std::time::Duration::from_secs(10), stored).await.expect("never stored");
    mirror.abort();
    assert_eq!(epoch, 6);
}

#[tokio::test]
async fn a_refresh_during_a_password_change_yields_no_token_that_works() {
    let app = TestApp::start().await;
    let mut password = PASSWORD.to_owned();
    let mut ann = app.v1_user("ann").await;
    for round in 0..20 {
        let new = format!("{NEW} {round}");
        let (copy, nobody) = (ann.v1_refreshed().await, app.anonymous());
        let (changed, refreshed, again, original) = tokio::join!(
            change_password(&copy, &password, &new),
            copy.v1_refresh(),
            ann.v1_refresh(),
            nobody.v1_try_login("ann", &password),
        );
        for answer in [refreshed, again, original] {
            if answer.status == 200 {
                let client = ann.with_tokens(&answer);
                client.get("/v1/user").await.assert_problem(401, "token_revoked");
                client.v1_refresh().await.assert_problem(401, "token_revoked");
            }
        }
        (ann, password) = (ann.with_tokens(&changed), new);
        assert_eq!(ids(&ann).await, sids(&[&ann]));
    }
    assert!(!app.audited().await.contains(&"refresh_reuse".to_owned()));
}

#[tokio::test]
async fn concurrent_ways_to_end_sessions_leave_at_most_one_that_works() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for _ in 0..20 {
        let (one, other) = (app.v1_login("ann").await, app.v1_login("ann").await);
        let path = "/v1/sessions?except=current";
        let (first, second, third) = tokio::join!(one.delete(path), other.delete(path), one.delete(path));
        let mut working = 0;
        for answer in [first, second, third].into_iter().filter(|answer| answer.status == 200) {
            let client = ann.with_tokens(&answer);
            working += usize::from(client.get("/v1/user").await.status == 200);
        }
        assert!(working <= 1, "{working} sessions work");
        assert!(one.get("/v1/user").await.status == 401 && other.get("/v1/user").await.status == 401);
        let (again, elsewhere) = (app.v1_login("ann").await, app.v1_login("ann").await);
        let (kept, _) = tokio::join!(again.delete(path), elsewhere.delete("/v1/sessions"));
        let is_kept = kept.status == 200 && ann.with_tokens(&kept).get("/v1/user").await.status == 200;
        let last = app.v1_login("ann").await;
        assert_eq!(listed(&last).await.len(), 1 + usize::from(is_kept));
    }
    assert!(!app.audited().await.contains(&"refresh_reuse".to_owned()));
}

#[tokio::test]
async fn an_invalid_query_ends_no_session() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let other = app.v1_login("ann").await;
    for query in [
        "except",
        "except=",
        "except=all",
        "except=Current",
        "except=none",
        "except[$ne]=current",
        "all=true",
        "except=current&x=1",
        "except=current&except=current",
        "Except=current",
        "except=%63urrent%00",
        "x",
    ] {
        let answer = ann.delete(&format!("/v1/sessions?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.text());
        answer.assert_problem(422, "invalid_input");
    }
    for client in [&ann, &other] {
        client.get("/v1/user").await.assert(200);
    }
}

#[tokio::test]
async fn password_change_ends_every_session_and_opens_a_new_one() {
    let app = TestApp::start().await;
    app.anonymous().v1_register("ann", PASSWORD).await.assert(201);
    let body = json!({ "username": "ann", "password": PASSWORD, "device": "phone" });
    let ann = app.anonymous().with_tokens(&app.anonymous().post("/v1/login", body).await);
    let (other, original) = (app.v1_login("ann").await, app.anonymous().login("ann", PASSWORD).await);
    app.advance(MINUTE);
    let stale = ann.v1_refreshed().await;
    let behind = app.restart().await;
    let changed = stale.with_tokens(&change_password(&stale, PASSWORD, NEW).await);
    assert_ne!(changed.sid(), ann.sid());
    assert_eq!((changed.generation(), &changed.claims()["epoch"]), (0, &json!(1)));
    assert_eq!(changed.claims()["fresh"], true, "the password was just given");
    changed.get("/v1/user").await.assert(200);
    for ended in [&ann, &stale, &other, &original] {
        assert_worthless(ended, &behind).await;
        ended.at(&app.restart().await).assert_over().await;
    }
    let items = listed(&changed).await;
    let now = json!(todo_api::clock::rfc3339(app.clock.now()).to_string());
    assert_eq!(items.len(), 1);
    assert_eq!((&items[0]["id"], &items[0]["device"]), (&json!(changed.sid()), &json!("phone")));
    assert_eq!((&items[0]["created_at"], &items[0]["current"]), (&now, &json!(true)));
    assert!(!app.audited().await.contains(&"refresh_reuse".to_owned()));
    app.anonymous().v1_try_login("ann", PASSWORD).await.assert_problem(401, "invalid_credentials");
    app.anonymous().v1_try_login("ann", NEW).await.assert(200);
    changed.v1_refreshed().await.v1_refreshed().await.get("/v1/user").await.assert(200);
}

#[tokio::test]
async fn a_wrong_current_password_has_no_effect() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let other = app.v1_login("ann").await;
    let before = app.db.all("users").await;
    for wrong in ["Correct horse", "", "correct horse ", "$ne"] {
        change_password(&ann, wrong, NEW).await.assert_problem(401, "invalid_credentials");
    }
    assert_eq!(app.db.all("users").await, before);
    for client in [&ann, &other] {
        client.get("/v1/user").await.assert(200);
        client.v1_refreshed().await;
    }
    app.v1_login("ann").await;
}

#[tokio::test]
async fn deleting_the_account_needs_a_fresh_token_and_ends_every_session() {
    let app = TestApp::start().await;
    let ben = app.v1_user("ben").await;
    let ann = app.v1_user("ann").await;
    let stale = app.v1_login("ann").await.v1_refreshed().await;
    ann.create_original_todo("hers").await;
    ben.create_original_todo("his").await;
    stale.delete("/v1/user").await.assert_problem(401, "token_not_fresh");
    assert!(ann.delete("/v1/user").await.assert(204).body.is_empty());
    for ended in [&ann, &stale] {
        ended.assert_over().await;
        ended.at(&app.restart().await).assert_over().await;
    }
    app.anonymous().v1_try_login("ann", PASSWORD).await.assert_problem(401, "invalid_credentials");
    let left = ["users", "todos", "sessions"];
    for collection in left {
        assert_eq!(app.db.all(collection).await.len(), 1, "{collection}");
    }
    let again = app.v1_user("ann").await;
    assert_ne!(again.claims()["sub"], ann.claims()["sub"]);
    ann.assert_over().await;
}

#[tokio::test]
async fn account_events_are_audited() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    app.anonymous().v1_try_login("ann", NEW).await.assert(401);
    app.anonymous().v1_try_login("nobody", NEW).await.assert(401);
    app.v1_login("ann").await.v1_logout().await.assert(204);
    let ann = ann.with_tokens(&change_password(&ann, PASSWORD, NEW).await);
    ann.delete("/v1/sessions?except=current").await.assert(200);
    let ann = app.anonymous().with_tokens(&app.anonymous().v1_try_login("ann", NEW).await);
    ann.delete("/v1/user").await.assert(204);
    let expected =
        "register login login_failed login_failed login logout password_changed sessions_ended login deleted";
    assert_eq!(app.audited().await.join(" "), expected);
    for entry in app.db.all("audit").await {
        let unknown = entry.get_str("username").unwrap() == "nobody";
        assert_eq!(entry.contains_key("user_id"), !unknown, "{entry}");
        assert_eq!(entry.get_datetime("at").unwrap(), &app.clock.now());
        for secret in [PASSWORD, NEW, ann.access.as_ref().unwrap(), ann.refresh.as_ref().unwrap()] {
            assert!(!entry.to_string().contains(secret), "{entry}");
        }
    }
}

#[tokio::test]
async fn tokens_carry_the_roles_at_the_time_of_issue() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    assert_eq!(ann.claims()["roles"], json!(["user"]));
    assert_eq!(ann.get("/v1/user").await.json()["roles"], json!(["user"]));
    let roles = doc! { "$set": { "roles": ["user", "admin"] } };
    app.db.collection("users").update_one(doc! { "username": "ann" }, roles).await.unwrap();
    let ann = ann.v1_refreshed().await;
    assert_eq!(ann.claims()["roles"], json!(["user", "admin"]));
    assert_eq!(app.v1_login("ann").await.claims()["roles"], json!(["user", "admin"]));
    assert_eq!(ann.get("/v1/user").await.json()["roles"], json!(["user", "admin"]));
}

#[tokio::test]
async fn a_logout_with_an_expired_token_ends_the_session() {
    let app = TestApp::start().await;
    let (ann, other) = (app.v1_user("ann").await, app.v1_login("ann").await);
    app.advance(60 * MINUTE);
    let renewed = ann.v1_refreshed().await;
    ann.get("/v1/user").await.assert_problem(401, "token_expired");
    for _ in 0..2 {
        ann.v1_logout().await.assert(204);
    }
    renewed.assert_over().await;
    let logouts = app.audited().await.iter().filter(|event| *event == "logout").count();
    assert_eq!(logouts, 1, "only the first logout ends a session");
    let other = other.v1_refreshed().await;
    app.advance(100 * DAY);
    other.v1_logout().await.assert(204);
    other.with_refresh_token().v1_logout().await.assert(204);
    other.with_token("eyJ0.e30.x").v1_logout().await.assert_problem(401, "token_invalid");
    app.anonymous().v1_logout().await.assert_problem(401, "token_missing");
}

#[tokio::test]
async fn a_logout_with_a_replaced_token_leaves_the_session_that_continues() {
    let app = TestApp::start().await;
    let copied = app.v1_user("ann").await;
    let answer = copied.delete("/v1/sessions?except=current").await;
    let ann = copied.with_tokens(&answer);
    copied.v1_logout().await.assert(204);
    app.advance(60 * MINUTE);
    copied.v1_logout().await.assert(204);
    ann.v1_refreshed().await.get("/v1/user").await.assert(200);
}
