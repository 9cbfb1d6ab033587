//! Tokens on the original's routes: their claims, their lifetime, what revokes them, and the response to each token
//! error.

use std::time::Duration;

use bson::doc;
use serde_json::{Value, json};
use todo_api::clock::Clock;

use crate::support::tokens::{Need, PROTECTED, Parts};
use crate::support::{Answer, Client, PASSWORD, TestApp};

/// All times are in seconds.
const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;
const LEEWAY: u64 = 5;

fn advance(app: &TestApp, seconds: u64) {
    app.clock.advance(Duration::from_secs(seconds));
}

/// The same user with an access token that is not fresh.
async fn refreshed(client: &Client) -> Client {
    let tokens = client.with_refresh_token().post("/refresh", Value::Null).await.assert(200).json();
    assert_eq!(tokens.as_object().unwrap().len(), 1, "the refresh token is not rotated");
    client.with_token(tokens["access_token"].as_str().unwrap())
}

async fn log_out(client: &Client) {
    client.post("/logout", Value::Null).await.assert_message(200, "Successfully logged out");
}

async fn refresh(client: &Client) -> Answer {
    client.with_refresh_token().post("/refresh", Value::Null).await
}

#[tokio::test]
async fn both_tokens_carry_the_claims_that_clients_read() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let id = app.db.all("users").await[0].get_object_id("_id").unwrap().to_hex();
    let now = app.clock.now().timestamp_millis() / 1_000;
    advance(&app, MINUTE);
    let [access, stale] = [&ann, &refreshed(&ann).await].map(|client| client.access.clone().unwrap());
    let mut jtis = Vec::new();
    for (token, kind, fresh, issued, lifetime) in [
        (&access, "access", true, now, 15 * 60),
        (&stale, "access", false, now + 60, 15 * 60),
        (ann.refresh.as_ref().unwrap(), "refresh", false, now, 30 * 24 * 60 * 60),
    ] {
        let claims = Parts::of(token).claims;
        let expected = json!({
            "identity": id, "sub": id, "type": kind, "fresh": fresh, "iat": issued, "nbf": issued, "exp": issued + lifetime,
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&claims[name], value, "{name} of {claims}");
        }
        jtis.push(claims["jti"].as_str().unwrap().to_owned());
        assert!(!claims.to_string().contains(PASSWORD), "{claims}");
    }
    jtis.sort();
    jtis.dedup();
    assert_eq!(jtis.len(), 3);
}

#[tokio::test]
async fn every_protected_route_reports_each_token_error() {
    let app = TestApp::start().await;
    let (ann, gone) = (app.user("ann").await, app.anonymous().login("ann", PASSWORD).await);
    let stale = refreshed(&ann).await;
    log_out(&gone).await;
    let tokens = [ann.clone(), gone, stale];
    for (method, path, need) in PROTECTED {
        let [right, gone, stale] = tokens.clone().map(|client| match need {
            Need::Refresh => client.with_refresh_token(),
            Need::Access | Need::Fresh => client,
        });
        let send = async |client: &Client| client.send(method.clone(), path, &[], "").await;
        send(&app.anonymous()).await.assert_refused("authorization_required");
        send(&right.with_token("garbage")).await.assert_refused("invalid_token");
        send(&gone).await.assert_refused("token_revoked");
        let (wrong_kind, expiry) = match need {
            Need::Refresh => (ann.clone(), 30 * DAY),
            Need::Access | Need::Fresh => (ann.with_refresh_token(), 15 * MINUTE),
        };
        send(&wrong_kind).await.assert_refused("invalid_token");
        if need == Need::Fresh {
            send(&stale).await.assert_refused("fresh_token_required");
        }
        // A separate clock, because the following routes still need valid tokens.
        let later = TestApp::with(app.db.clone(), Clock::held_at(app.clock.now()), &[]).await;
        advance(&later, expiry + LEEWAY);
        send(&right.at(&later)).await.assert_refused("token_expired");
    }
}

#[tokio::test]
async fn the_right_token_opens_every_protected_route() {
    for (method, path, need) in PROTECTED {
        let app = TestApp::start().await;
        let ann = app.user("ann").await;
        let client = match need {
            Need::Access => refreshed(&ann).await,
            Need::Fresh => ann,
            Need::Refresh => ann.with_refresh_token(),
        };
        let answer = client.send(method.clone(), path, &[], "").await;
        assert!([200, 400, 404].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.text());
    }
}

#[tokio::test]
async fn an_access_token_lasts_15_minutes_and_a_refresh_token_30_days() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    ann.create_original_todo("x").await;
    advance(&app, 15 * MINUTE - 1);
    ann.get("/todolist").await.assert(200);
    advance(&app, 1 + LEEWAY);
    ann.get("/todolist").await.assert_refused("token_expired");
    refreshed(&ann).await.get("/todolist").await.assert(200);

    advance(&app, 30 * DAY - 15 * MINUTE - LEEWAY - 1);
    refreshed(&ann).await.get("/todolist").await.assert(200);
    advance(&app, 1 + LEEWAY);
    refresh(&ann).await.assert_refused("token_expired");
}

#[tokio::test]
async fn an_expired_refresh_token_is_never_called_revoked() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    advance(&app, 30 * DAY - 1);
    for _ in 0..8 {
        let answer = refresh(&ann).await;
        if answer.status != 200 {
            answer.assert_refused("token_expired");
        }
        advance(&app, 1);
    }
}

#[tokio::test]
async fn a_refresh_token_can_be_used_repeatedly_for_tokens_that_are_not_fresh() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let todo = format!("/todo/{}", ann.create_original_todo("x").await);
    for _ in 0..3 {
        let stale = refreshed(&ann).await;
        stale.get(&todo).await.assert(200);
        stale.delete(&todo).await.assert_refused("fresh_token_required");
        advance(&app, DAY);
    }
}

#[tokio::test]
async fn a_logout_ends_only_its_own_session() {
    let app = TestApp::start().await;
    let (phone, laptop) = (app.user("ann").await, app.anonymous().login("ann", PASSWORD).await);
    let ben = app.user("ben").await;
    let stale = refreshed(&phone).await;
    for client in [&phone, &laptop, &ben] {
        client.create_original_todo("x").await;
    }
    log_out(&stale).await;
    for app in [app.clone(), app.restart().await] {
        for ended in [&phone, &stale] {
            ended.at(&app).get("/todolist").await.assert_refused("token_revoked");
            ended.at(&app).post("/logout", Value::Null).await.assert_refused("token_revoked");
            refresh(&ended.at(&app)).await.assert_refused("token_revoked");
        }
        for other in [&laptop, &ben] {
            other.at(&app).get("/todolist").await.assert(200);
            refreshed(&other.at(&app)).await.get("/todolist").await.assert(200);
        }
    }
    let again = app.anonymous().login("ann", PASSWORD).await;
    again.get("/todolist").await.assert(200);
    advance(&app, 29 * DAY);
    refresh(&phone.at(&app.restart().await)).await.assert_refused("token_revoked");
    refresh(&laptop).await.assert(200);
}

#[tokio::test]
async fn a_refresh_token_dies_with_its_session() {
    let app = TestApp::start().await;
    let (ann, other) = (app.user("ann").await, app.anonymous().login("ann", PASSWORD).await);
    let session = doc! { "_id": Parts::of(ann.refresh.as_ref().unwrap()).claims["sid"].as_str().unwrap() };
    let sessions = app.db.collection("sessions");
    let ended = doc! { "$set": { "ended_at": app.clock.now() } };
    assert_eq!(sessions.update_one(session.clone(), ended).await.unwrap().modified_count, 1);
    refresh(&ann).await.assert_refused("token_revoked");
    refresh(&other).await.assert(200);
    sessions.delete_one(session).await.unwrap();
    refresh(&ann).await.assert_refused("token_revoked");
}

#[tokio::test]
async fn a_refresh_token_cannot_log_out() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    ann.with_refresh_token().post("/logout", Value::Null).await.assert_refused("invalid_token");
    ann.create_original_todo("x").await;
    refreshed(&ann).await.get("/todolist").await.assert(200);
}

#[tokio::test]
async fn the_first_of_several_token_errors_is_reported() {
    let app = TestApp::start().await;
    let (ann, other) = (app.user("ann").await, app.anonymous().login("ann", PASSWORD).await);
    let stale = refreshed(&ann).await;
    log_out(&ann).await;
    let new = json!({ "name": "x", "description": "y" });
    let create = async |client: &Client| client.post("/createtodo", new.clone()).await;

    create(&stale).await.assert_refused("token_revoked");
    create(&ann.with_refresh_token()).await.assert_refused("invalid_token");
    ann.post("/refresh", Value::Null).await.assert_refused("invalid_token");

    advance(&app, 15 * MINUTE + LEEWAY);
    let forged = format!("{}x", stale.access.as_ref().unwrap());
    create(&stale.with_token(forged)).await.assert_refused("invalid_token");
    for expired in [&stale, &ann, &other] {
        create(expired).await.assert_refused("token_expired");
        expired.post("/refresh", Value::Null).await.assert_refused("token_expired");
    }

    advance(&app, 30 * DAY);
    for expired in [&ann, &other] {
        refresh(expired).await.assert_refused("token_expired");
        create(&expired.with_refresh_token()).await.assert_refused("token_expired");
    }
}
