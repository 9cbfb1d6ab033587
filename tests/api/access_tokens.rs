//! Personal access tokens: creation, scopes, expiry, limits, and what ends them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use bson::doc;
use serde_json::{Value, json};
use todo_api::access_tokens::text::NewText;
use todo_api::clock::{Clock, rfc3339};
use todo_api::http::access_log::PeerAddress;
use todo_api::openapi::document::DOCUMENT;
use todo_api::users::access::{AccessPatch, LastAdmin};
use todo_api::users::operations::ClientInfo;

use crate::support::tokens::{Need, PROTECTED, PROTECTED_V1, UNKNOWN_ID, mistyped};
use crate::support::v1::{DAY, assert_members};
use crate::support::{Answer, Client, PASSWORD, TestApp, TestDatabase};

const ALL: [&str; 3] = ["todos:read", "todos:write", "caldav"];
const MEMBERS: &str = "id name scopes last_four created_at expires_at last_used_at";

async fn create(client: &Client, scopes: &[&str]) -> Value {
    let body = json!({ "name": "script", "scopes": scopes });
    client.post("/v1/tokens", body).await.assert(201).json()
}

/// The client with a new token in place of its session.
async fn scripted(client: &Client, scopes: &[&str]) -> Client {
    client.with_token(create(client, scopes).await["token"].as_str().unwrap())
}

/// Reads todos from an address.
async fn from(client: &Client, address: &str) -> Answer {
    let request = Request::builder().uri("/v1/todos?limit=1");
    let request = request.header("authorization", format!("Bearer {}", client.access.as_ref().unwrap()));
    let peer = PeerAddress(SocketAddr::new(address.parse().unwrap(), 4_711));
    client.app.send(request.extension(peer).body(Body::empty()).unwrap()).await
}

/// Work after responses, such as noting a use, must have happened.
async fn eventually<T>(check: impl AsyncFn() -> Option<T>) -> T {
    let waiting = async {
        loop {
            match check().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it did not happen in time")
}

async fn count_of(app: &TestApp, event: &str) -> usize {
    app.audited().await.iter().filter(|audited| *audited == event).count()
}

#[tokio::test]
async fn a_token_is_shown_once_and_only_its_digest_is_stored() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let body = json!({ "name": "  backup ", "scopes": ["todos:read", "caldav", "todos:read"], "expires_at": "2999-01-01T01:00:00+01:00" });
    let answer = ann.post("/v1/tokens", body).await.assert(201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let created = answer.json();
    assert_members(&created, &format!("{MEMBERS} token"));
    let token = created["token"].as_str().unwrap();
    assert!(token.len() == 42 && token.starts_with("tdo_"), "{token}");
    assert_eq!(created["last_four"], token[38..]);
    assert_eq!(created["name"], "backup");
    assert_eq!(created["scopes"], json!(["todos:read", "caldav"]));
    assert_eq!(created["expires_at"], "2999-01-01T00:00:00.000Z");
    let second = create(&ann, &["todos:write"]).await;
    let list = ann.get("/v1/tokens").await.assert(200).json();
    let mut shown = created.clone();
    shown.as_object_mut().unwrap().remove("token");
    assert_eq!(list["items"][1], shown);
    assert_eq!(list["items"][0]["id"], second["id"]);
    for collection in ["access_tokens", "idempotency", "audit", "users"] {
        let stored = format!("{:?}", app.db.all(collection).await);
        assert!(!stored.contains(&token[4..36]), "{collection}");
    }
    assert_eq!(count_of(&app, "token_created").await, 2);
}

#[tokio::test]
async fn an_invalid_request_for_a_token_lists_every_fault() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for (body, pointers) in [
        (json!({}), &["/name", "/scopes"][..]),
        (json!({ "name": "", "scopes": [], "expires_at": "tomorrow" }), &["/name", "/scopes", "/expires_at"]),
        (json!({ "name": null, "scopes": null, "expires_at": 5 }), &["/name", "/scopes", "/expires_at"]),
        (json!({ "name": "x", "scopes": "todos:read" }), &["/scopes"]),
        (json!({ "name": "x", "scopes": ["todos:read", "admin", "todos:*"] }), &["/scopes/1", "/scopes/2"]),
        (json!({ "name": "x", "scopes": ["todos:read"], "user_id": UNKNOWN_ID }), &["/user_id"]),
        (
            json!({ "name": "x", "scopes": ["todos:read"], "expires_at": "2020-01-01T00:00:00Z" }),
            &["/expires_at"],
        ),
    ] {
        ann.post("/v1/tokens", body).await.assert_faults(pointers);
    }
    let now = rfc3339(app.clock.now()).to_string();
    let body = json!({ "name": "x", "scopes": ["todos:read"], "expires_at": now });
    ann.post("/v1/tokens", body).await.assert_faults(&["/expires_at"]);
    assert_eq!(ann.get("/v1/tokens").await.json()["items"], json!([]));
}

/// The scope that the API document gives a route, or `None` if the route requires a session.
fn documented_scope(operation: &Value) -> Option<&str> {
    operation["x-scope"].as_str()
}

#[tokio::test]
async fn every_protected_route_accepts_exactly_the_scope_that_it_declares() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let (reader, writer, calendar) =
        (scripted(&ann, &ALL[..1]).await, scripted(&ann, &ALL[1..2]).await, scripted(&ann, &ALL[2..]).await);
    let everything = scripted(&ann, &ALL).await;
    let mut with_scope = 0;
    for (method, path, need) in PROTECTED_V1.iter() {
        let send = async |client: &Client| client.send(method.clone(), path, &[], "").await;
        let (_, operation) = crate::support::document::operation(method, path).unwrap();
        match documented_scope(operation) {
            None => {
                for client in [&reader, &writer, &calendar, &everything] {
                    send(client).await.assert_problem(403, "session_required");
                }
            }
            Some(scope) => {
                assert_eq!(*need, Need::Access);
                send(&calendar).await.assert_problem(403, "insufficient_scope");
                let accepted = send(&reader).await.status != 403;
                assert_eq!(accepted, scope == "todos:read", "{method} {path}");
                assert_eq!(
                    method == Method::GET || path == "/v1/sync",
                    scope == "todos:read",
                    "{method} {path}"
                );
                for client in [&writer, &everything] {
                    assert_ne!(send(client).await.status, 403, "{method} {path}");
                }
                with_scope += 1;
            }
        }
    }
    assert!(with_scope > 20, "{with_scope}");
    for (method, path, _) in PROTECTED {
        everything.send(method, path, &[], "").await.assert_message(403, "A token from a login is required.");
    }
}

#[test]
fn the_document_names_only_scopes_that_exist() {
    let text = DOCUMENT["paths"].to_string();
    let named: BTreeSet<_> =
        text.split("\"x-scope\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(named, ["todos:read", "todos:write"].into());
    assert_eq!(DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[tokio::test]
async fn a_reading_token_syncs_and_cannot_send_commands() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let reader = scripted(&ann, &["todos:read"]).await;
    let id = ann.create_todo(json!({ "name": "todo" })).await;
    let synced = reader.post("/v1/sync", json!({ "token": null })).await.assert(200).json();
    assert_eq!(synced["todos"][0]["id"], id);
    let command =
        json!({ "id": "c", "op": "put", "type": "todo", "target": UNKNOWN_ID, "body": { "name": "x" } });
    let body = json!({ "commands": [command] });
    reader.post("/v1/sync", body.clone()).await.assert_problem(403, "insufficient_scope");
    assert_eq!(ann.todo_names("").await, ["todo"]);
    let writer = scripted(&ann, &["todos:write"]).await;
    writer.post("/v1/sync", body).await.assert(200);
    assert_eq!(ann.todo_names("").await.len(), 2);
}

#[tokio::test]
async fn a_token_reaches_only_the_data_of_its_user() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let theirs = ann.create_todo(json!({ "name": "ann's" })).await;
    let script = scripted(&ben, &ALL).await;
    script.get(&format!("/v1/todos/{theirs}")).await.assert_problem(404, "not_found");
    assert!(script.todo_names("").await.is_empty());
    let made = script.create_todo(json!({ "name": "ben's" })).await;
    assert_eq!(ben.todo_names("").await, ["ben's"]);
    ann.get(&format!("/v1/todos/{made}")).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn another_users_token_looks_unknown() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let created = create(&ann, &ALL).await;
    let path = format!("/v1/tokens/{}", created["id"].as_str().unwrap());
    for unknown in [path.as_str(), "/v1/tokens/0123456789abcdef01234567", "/v1/tokens/x", "/v1/tokens/%FF"] {
        ben.delete(unknown).await.assert_problem(404, "not_found");
    }
    assert_eq!(ben.get("/v1/tokens").await.json()["items"], json!([]));
    ann.with_token(created["token"].as_str().unwrap()).get("/v1/todos").await.assert(200);
    ann.delete(&path).await.assert(204);
    ann.delete(&path).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn an_ended_token_is_refused_at_once_on_every_instance() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let (warm, cold) = (app.restart().await, app.restart().await);
    let created = create(&ann, &["todos:write"]).await;
    let script = ann.with_token(created["token"].as_str().unwrap());
    for instance in [&app, &warm] {
        script.at(instance).get("/v1/todos").await.assert(200);
    }
    ann.delete(&format!("/v1/tokens/{}", created["id"].as_str().unwrap())).await.assert(204);
    script.get("/v1/todos").await.assert_problem(401, "token_revoked");
    script.get("/v1/user").await.assert_problem(401, "token_revoked");
    script.at(&cold).get("/v1/todos").await.assert_problem(401, "token_revoked");
    // No task mirrors the blacklist in tests.
    warm.state.auth.load_blacklist().await.unwrap();
    script.at(&warm).get("/v1/todos").await.assert_problem(401, "token_revoked");
    script.at(&app.restart().await).get("/v1/todos").await.assert_problem(401, "token_revoked");
    assert_eq!(count_of(&app, "tokens_ended").await, 1);
    // A month later, nothing remembers it.
    app.advance(31 * DAY);
    app.db.collection("access_tokens").delete_many(doc! {}).await.unwrap();
    script.at(&app.restart().await).get("/v1/todos").await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn an_interrupted_end_is_completed_by_the_next_use() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let created = create(&ann, &["todos:read"]).await;
    let script = ann.with_token(created["token"].as_str().unwrap());
    let id = created["id"].as_str().unwrap().parse().unwrap();
    app.state.auth.revoke_access_token(id).await.unwrap();
    script.at(&app.restart().await).get("/v1/todos").await.assert_problem(401, "token_revoked");
    eventually(async || {
        let stored = app.db.all("access_tokens").await;
        stored[0].get_datetime("ended_at").is_ok().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_token_expires_without_leeway() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let expires_at = app.clock.now().saturating_add_millis(60_000);
    let body =
        json!({ "name": "x", "scopes": ["todos:read"], "expires_at": rfc3339(expires_at).to_string() });
    let script =
        ann.with_token(ann.post("/v1/tokens", body).await.assert(201).json()["token"].as_str().unwrap());
    app.clock.advance(Duration::from_millis(59_999));
    script.get("/v1/todos").await.assert(200);
    app.clock.advance(Duration::from_millis(1));
    script.get("/v1/todos").await.assert_problem(401, "token_expired");
    script.at(&app.restart().await).get("/v1/todos").await.assert_problem(401, "token_expired");
}

#[tokio::test]
async fn the_limit_of_tokens_holds_for_concurrent_requests() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let body = json!({ "name": "x", "scopes": ["todos:read"] });
    let requests = (0..60).map(|_| ann.post("/v1/tokens", body.clone()));
    let answers = futures_util::future::join_all(requests).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    assert!(created <= 50, "{created}");
    while ann.post("/v1/tokens", body.clone()).await.status == 201 {}
    ann.post("/v1/tokens", body.clone()).await.assert_problem(422, "limit_reached");
    let listed = ann.get("/v1/tokens").await.assert(200).json()["items"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 50);
    app.v1_user("ben").await.post("/v1/tokens", body.clone()).await.assert(201);
    ann.delete(&format!("/v1/tokens/{}", listed[20]["id"].as_str().unwrap())).await.assert(204);
    let soon = rfc3339(app.clock.now().saturating_add_millis(1_000)).to_string();
    let short = json!({ "name": "x", "scopes": ["todos:read"], "expires_at": soon });
    ann.post("/v1/tokens", short).await.assert(201);
    ann.post("/v1/tokens", body.clone()).await.assert_problem(422, "limit_reached");
    app.clock.advance(Duration::from_secs(1));
    ann.post("/v1/tokens", body).await.assert(201);
}

#[tokio::test]
async fn a_repeated_creation_returns_the_same_token() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let body = json!({ "name": "x", "scopes": ["todos:read"] });
    let post = async |client: &Client, body: &Value| {
        client.send_json_with(Method::POST, "/v1/tokens", ("idempotency-key", "k1"), body).await
    };
    let racing = futures_util::future::join_all((0..4).map(|_| post(&ann, &body))).await;
    let tokens: BTreeSet<_> = racing.into_iter().map(|answer| answer.assert(201).text()).collect();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    let again = post(&ann.at(&app.restart().await), &body).await.assert(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.text(), *tokens.first().unwrap());
    assert_eq!(ann.get("/v1/tokens").await.json()["items"].as_array().unwrap().len(), 1);
    ann.with_token(again.json()["token"].as_str().unwrap()).get("/v1/todos").await.assert(200);
    post(&ann, &json!({ "name": "y", "scopes": ["todos:read"] }))
        .await
        .assert_problem(409, "idempotency_key_reused");
    let ben = app.v1_user("ben").await;
    assert_ne!(post(&ben, &body).await.assert(201).json()["token"], again.json()["token"]);
    let token = again.json()["token"].as_str().unwrap()[4..36].to_owned();
    for collection in ["access_tokens", "idempotency", "audit"] {
        assert!(!format!("{:?}", app.db.all(collection).await).contains(&token), "{collection}");
    }
    assert_eq!(count_of(&app, "token_created").await, 2);
}

#[tokio::test]
async fn a_password_change_keeps_tokens_unless_it_ends_them() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let script = scripted(&ann, &["todos:read"]).await;
    let change = json!({ "current_password": PASSWORD, "new_password": "another battery" });
    let ann = ann.with_tokens(&ann.put("/v1/user/password", change).await);
    let other = app.restart().await;
    for instance in [&app, &other] {
        script.at(instance).get("/v1/todos").await.assert(200);
    }
    ann.delete("/v1/sessions").await.assert(204);
    script.get("/v1/todos").await.assert(200);
    let ann = app.anonymous().with_tokens(&app.anonymous().v1_try_login("ann", "another battery").await);
    let change =
        json!({ "current_password": "another battery", "new_password": PASSWORD, "end_tokens": true });
    let ann = ann.with_tokens(&ann.put("/v1/user/password", change).await);
    script.get("/v1/todos").await.assert_problem(401, "token_revoked");
    other.state.auth.load_blacklist().await.unwrap();
    script.at(&other).get("/v1/todos").await.assert_problem(401, "token_revoked");
    script.at(&app.restart().await).get("/v1/todos").await.assert_problem(401, "token_revoked");
    assert_eq!(ann.get("/v1/tokens").await.json()["items"], json!([]));
    scripted(&ann, &["todos:read"]).await.get("/v1/todos").await.assert(200);
    let change =
        json!({ "current_password": "x", "new_password": "yet another battery", "end_tokens": "yes" });
    ann.put("/v1/user/password", change).await.assert_faults(&["/end_tokens"]);
}

#[tokio::test]
async fn disabling_or_deleting_a_user_ends_tokens() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let (anns, bens) = (scripted(&ann, &ALL).await, scripted(&ben, &ALL).await);
    for script in [&anns, &bens] {
        script.get("/v1/todos").await.assert(200);
    }
    let id = app.state.administration.id_of("ann").await.unwrap();
    let set_disabled = async |disabled| {
        let patch = AccessPatch { roles: None, disabled: Some(disabled) };
        let (stays, by) = (LastAdmin::Stays, ClientInfo::OPERATOR);
        app.state.administration.set_access(id, &patch, None, stays, &by).await.unwrap();
    };
    set_disabled(true).await;
    anns.get("/v1/todos").await.assert_problem(401, "token_revoked");
    set_disabled(false).await;
    for instance in [app.clone(), app.restart().await] {
        anns.at(&instance).get("/v1/todos").await.assert_problem(401, "token_revoked");
    }
    ben.delete("/v1/user").await.assert(204);
    bens.get("/v1/todos").await.assert_problem(401, "token_revoked");
    bens.at(&app.restart().await).get("/v1/todos").await.assert_problem(401, "token_invalid");
    let bens = ben.claims()["sub"].as_str().unwrap().to_owned();
    assert!(!format!("{:?}", app.db.all("access_tokens").await).contains(&bens));
}

/// An instance that knows the token refuses it because of the blacklist, and any other because of the user.
#[tokio::test]
async fn tokens_of_an_earlier_epoch_stay_refused_after_an_interrupted_end() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let script = scripted(&ann, &["todos:read"]).await;
    app.db.collection("users").update_one(doc! {}, doc! { "$inc": { "token_epoch": 1 } }).await.unwrap();
    script.get("/v1/todos").await.assert_problem(401, "token_revoked");
    scripted(&ann, &["todos:read"]).await.get("/v1/todos").await.assert(200);
}

#[tokio::test]
async fn a_use_is_noted_at_most_once_an_hour_and_for_each_new_network() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let script = scripted(&ann, &["todos:read"]).await;
    let used = async || app.db.all("access_tokens").await[0].get_datetime("last_used_at").ok().copied();
    from(&script, "192.0.2.1").await.assert(200);
    let first = eventually(&used).await;
    eventually(async || (count_of(&app, "token_new_network").await == 1).then_some(())).await;
    app.clock.advance(Duration::from_mins(50));
    from(&script, "192.0.2.1").await.assert(200);
    from(&script, "2001:db8::1").await.assert(200);
    from(&script, "2001:db8::2").await.assert(200);
    eventually(async || (count_of(&app, "token_new_network").await == 2).then_some(())).await;
    assert_eq!(used().await, Some(first));
    app.clock.advance(Duration::from_secs(700));
    from(&script, "2001:db8::2").await.assert(200);
    eventually(async || (used().await != Some(first)).then_some(())).await;
    assert_eq!(count_of(&app, "token_new_network").await, 2);
    let audit = app.db.all("audit").await;
    let noted = audit
        .iter()
        .find(|entry| entry.get_str("event").is_ok_and(|event| event == "token_new_network"))
        .unwrap();
    assert_eq!(noted.get_str("ip").unwrap(), "192.0.2.1");
    assert!(noted.get_object_id("token_id").is_ok());
}

#[tokio::test]
async fn guesses_of_an_address_are_limited_and_do_not_hinder_known_tokens() {
    let clock = Clock::held_at(Clock::system().now());
    let app = TestApp::with(TestDatabase::create().await, clock, &[("THROTTLES", "on")]).await;
    let ann = app.v1_user("ann").await;
    let (known, unseen) = (scripted(&ann, &["todos:read"]).await, scripted(&ann, &["todos:read"]).await);
    from(&known, "192.0.2.1").await.assert(200);
    let guess = || app.anonymous().with_token(NewText::random().expose());
    let repeated = guess();
    for _ in 0..20 {
        from(&repeated, "192.0.2.1").await.assert_problem(401, "token_invalid");
    }
    for _ in 0..9 {
        from(&guess(), "192.0.2.1").await.assert_problem(401, "token_invalid");
    }
    from(&guess(), "192.0.2.1").await.assert_problem(429, "too_many_requests");
    from(&known, "192.0.2.1").await.assert(200);
    from(&unseen, "192.0.2.1").await.assert_problem(429, "too_many_requests");
    from(&unseen, "192.0.2.2").await.assert(200);
    from(&unseen, "192.0.2.1").await.assert(200);
    // A typing error costs nothing.
    let typo = app.anonymous().with_token(mistyped(known.access.as_ref().unwrap()));
    for _ in 0..20 {
        from(&typo, "192.0.2.3").await.assert_problem(401, "token_invalid");
    }
    from(&guess(), "192.0.2.3").await.assert_problem(401, "token_invalid");
}
