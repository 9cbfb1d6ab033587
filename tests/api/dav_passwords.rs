//! CalDAV with the password of the account, which the operator must allow.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;
use todo_api::clock::Clock;
use todo_api::http::access_log::PeerAddress;

use crate::support::dav::{Dav, basic};
use crate::support::{Answer, Client, PASSWORD, TestApp, TestDatabase};

const NEW: &str = "another good password";

async fn allowing(settings: &[(&str, &str)]) -> TestApp {
    let clock = Clock::held_at(Clock::system().now());
    let settings: Vec<_> = [("CALDAV_PASSWORDS", "on")].iter().chain(settings).copied().collect();
    TestApp::with(TestDatabase::create().await, clock, &settings).await
}

/// Another instance over the same database.
async fn another(app: &TestApp) -> TestApp {
    TestApp::with(app.db.clone(), app.clock.clone(), &[("CALDAV_PASSWORDS", "on")]).await
}

async fn find_from(app: &TestApp, peer: [u8; 4], name: &str, password: &str) -> Answer {
    let request = Request::builder().method("PROPFIND").uri("/dav/").header("depth", "0");
    let peer = PeerAddress(SocketAddr::from((peer, 4_711)));
    let request = request.header("authorization", basic(name, password)).extension(peer);
    app.send(request.body(Body::empty()).unwrap()).await
}

async fn status(app: &TestApp, name: &str, password: &str) -> u16 {
    find_from(app, [127, 0, 0, 1], name, password).await.status.as_u16()
}

async fn change_password(ann: &Client, from: &str, to: &str) {
    let body = json!({ "current_password": from, "new_password": to });
    ann.send_json(Method::PUT, "/v1/user/password", &body).await.assert(200);
}

#[tokio::test]
async fn the_password_of_the_account_opens_caldav_if_the_operator_allows_it() {
    let app = allowing(&[]).await;
    let ann = app.v1_user("ann").await;
    app.v1_user("ben").await;
    assert_eq!(status(&app, "ann", PASSWORD).await, 207);
    assert_eq!(status(&app, "Ann", PASSWORD).await, 207);
    for (name, password) in [("ann", "wrong password"), ("nobody", PASSWORD), ("ann", ""), ("", PASSWORD)] {
        let refused = find_from(&app, [127, 0, 0, 1], name, password).await;
        assert_eq!(refused.status, 401, "{name}");
        assert!(refused.header("www-authenticate").starts_with("Basic "));
    }
    assert_eq!(find_from(&app, [192, 0, 2, 1], "ann", PASSWORD).await.status, 403, "without TLS");
    // Tokens work as before, and only for their user.
    let dav = Dav::of(&ann, "ann").await;
    dav.propfind(&dav.home, "0", "<D:displayname/>").await.only();
    let list = Dav { authorization: basic("ann", PASSWORD), ..dav.clone() }.list("work").await;
    let of_ben = Dav { authorization: basic("ben", PASSWORD), ..dav };
    assert_eq!(of_ben.get(&list).await.status, 404);
    let closed = app.restart().await;
    assert_eq!(status(&closed, "ann", PASSWORD).await, 401, "off by default");
}

#[tokio::test]
async fn a_changed_password_is_refused_at_once_on_every_instance() {
    let app = allowing(&[]).await;
    let ann = app.v1_user("ann").await;
    let other = another(&app).await;
    for instance in [&app, &other] {
        assert_eq!(status(instance, "ann", PASSWORD).await, 207);
    }
    change_password(&ann, PASSWORD, NEW).await;
    assert_eq!(status(&app, "ann", PASSWORD).await, 401);
    // No task mirrors the blacklist in tests.
    other.state.auth.load_blacklist().await.unwrap();
    for instance in [&app, &other, &another(&app).await] {
        assert_eq!([status(instance, "ann", PASSWORD).await, status(instance, "ann", NEW).await], [401, 207]);
    }
    // The password is still right after the end of all sessions.
    let ann = app.anonymous();
    let ann = ann.with_tokens(&ann.v1_try_login("ann", NEW).await.assert(200));
    ann.delete("/v1/sessions").await.assert(204);
    assert_eq!(status(&app, "ann", NEW).await, 207);
}

#[tokio::test]
async fn disabled_and_deleted_users_and_passwords_for_one_login_are_refused() {
    let app = allowing(&[]).await;
    let admin = app.v1_admin("root").await;
    let ann = app.v1_user("ann").await;
    let id = ann.get("/v1/user").await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(status(&app, "ann", PASSWORD).await, 207);
    let path = format!("/v1/admin/users/{id}");
    admin.patch(&path, json!({ "disabled": true })).await.assert(200);
    assert_eq!(status(&app, "ann", PASSWORD).await, 401);
    admin.patch(&path, json!({ "disabled": false })).await.assert(200);
    app.advance(31);
    assert_eq!(status(&app, "ann", PASSWORD).await, 207);
    let body = json!({ "password": NEW, "must_change_password": true });
    admin.send_json(Method::PUT, &format!("{path}/password"), &body).await.assert(200);
    assert_eq!(status(&app, "ann", PASSWORD).await, 401);
    assert_ne!(status(&app, "ann", NEW).await, 207, "a password for one login");
    admin.delete(&path).await.assert(204);
    assert_eq!(status(&app, "ann", NEW).await, 401);
}

#[tokio::test]
async fn guesses_through_caldav_count_as_failed_logins() {
    let app = allowing(&[("THROTTLES", "on")]).await;
    app.v1_user("ann").await;
    let statuses = async |password: &str| status(&app, "ann", password).await;
    app.advance(60);
    for _ in 0..20 {
        assert_eq!(statuses("wrong 0").await, 401, "a repeated password counts once");
    }
    for guess in 1..5 {
        assert_eq!(statuses(&format!("wrong {guess}")).await, 401);
    }
    assert_eq!(statuses(PASSWORD).await, 429);
    app.advance(2);
    assert_eq!(statuses(PASSWORD).await, 207);
    // A verified password passes, however many attempts its address has made.
    for guess in 0..20 {
        statuses(&format!("guess {guess}")).await;
    }
    assert_eq!(statuses("guess").await, 429);
    assert_eq!(statuses(PASSWORD).await, 207);
}
