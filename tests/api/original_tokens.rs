//! Tokens on the original's routes: what they say, how long they last, what ends them, and how each fault is answered.

use std::time::Duration;

use axum::http::{HeaderValue, Method, Request};
use serde_json::{Value, json};

use crate::support::tokens::{Need, PROTECTED, Parts};
use crate::support::{Answer, Client, PASSWORD, TestApp};

/// In seconds, as all times here.
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
async fn every_protected_route_answers_each_fault_of_a_token_in_its_own_words() {
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
        // Its own clock, for this one goes on; the other routes still need their tokens.
        let later = todo_api::clock::Clock::held_at(app.clock.now());
        let later = TestApp::with(app.db.clone(), later, &[]).await;
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
async fn a_header_has_the_scheme_bearer_and_one_token() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    ann.create_todo("x").await;
    let token = ann.access.clone().unwrap();
    let send = async |values: &[&[u8]]| {
        let request = values.iter().fold(Request::get("/todolist"), |request, value| {
            request.header("authorization", HeaderValue::from_bytes(value).unwrap())
        });
        app.send(request.body(axum::body::Body::empty()).unwrap()).await
    };
    for scheme in ["Bearer", "bearer", "BEARER", "bEARER"] {
        send(&[format!("{scheme} {token}").as_bytes()]).await.assert(200);
    }
    for none in [vec![], vec![b"".as_slice()]] {
        send(&none).await.assert_refused("authorization_required");
    }
    let wrong = [
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "bearer",
        " ",
        &token,
        &format!("Bearer{token}"),
        &format!("Bearer:{token}"),
        &format!("Bearer: {token}"),
        &format!("Bearer  {token}"),
        &format!("Bearer\t{token}"),
        &format!(" Bearer {token}"),
        &format!("Bearer {token} "),
        &format!("Bearer {token} x"),
        &format!("Bearer {token},"),
        &format!("Bearer {token}, Bearer {token}"),
        &format!("Bearer \"{token}\""),
        &format!("Bearer token={token}"),
        &format!("Bearer Bearer {token}"),
        &format!("Basic {token}"),
        "Basic YW5uOmNvcnJlY3QgaG9yc2U=",
        &format!("JWT {token}"),
        &format!("Token {token}"),
        &format!("Bearer\u{a0}{token}"),
        &format!("B\u{e9}arer {token}"),
        &format!("Bearer {token}\u{e9}"),
        &format!("\u{ff22}earer {token}"),
        "Bearer \u{1f600}",
    ];
    for header in wrong {
        send(&[header.as_bytes()]).await.assert_refused("invalid_token");
    }
    let (right, other) = (format!("Bearer {token}"), b"Bearer \xff\xfe".as_slice());
    for headers in
        [vec![other], vec![right.as_bytes(); 2], vec![right.as_bytes(), b"x"], vec![other, right.as_bytes()]]
    {
        send(&headers).await.assert_refused("invalid_token");
    }
}

#[tokio::test]
async fn a_token_is_read_from_its_header_alone() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let token = ann.access.as_deref().unwrap();
    let anonymous = app.anonymous();
    for parameter in ["jwt", "token", "access_token", "Authorization", "access_token_cookie"] {
        let path = format!("/todolist?{parameter}={token}");
        anonymous.get(&path).await.assert_refused("authorization_required");
        let cookie = format!("{parameter}={token}");
        let headers =
            [("cookie", cookie.as_str()), ("x-authorization", token), ("proxy-authorization", token)];
        let answer = anonymous.send(Method::GET, "/todolist", &headers, "").await;
        answer.assert_refused("authorization_required");
        let body = json!({ parameter: token, "name": "x", "description": "y" });
        anonymous.post("/createtodo", body).await.assert_refused("authorization_required");
    }
}

#[tokio::test]
async fn an_access_token_lasts_15_minutes_and_a_refresh_token_30_days() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    ann.create_todo("x").await;
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
async fn a_refresh_token_at_its_end_is_called_revoked_at_no_moment() {
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
async fn refreshing_gives_a_token_that_is_not_fresh_as_often_as_asked() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let todo = format!("/todo/{}", ann.create_todo("x").await);
    for _ in 0..3 {
        let stale = refreshed(&ann).await;
        stale.get(&todo).await.assert(200);
        stale.delete(&todo).await.assert_refused("fresh_token_required");
        advance(&app, DAY);
    }
}

#[tokio::test]
async fn logging_out_ends_the_whole_session_and_no_other() {
    let app = TestApp::start().await;
    let (phone, laptop) = (app.user("ann").await, app.anonymous().login("ann", PASSWORD).await);
    let ben = app.user("ben").await;
    let stale = refreshed(&phone).await;
    for client in [&phone, &laptop, &ben] {
        client.create_todo("x").await;
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
async fn a_refresh_token_logs_nobody_out() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    ann.with_refresh_token().post("/logout", Value::Null).await.assert_refused("invalid_token");
    ann.create_todo("x").await;
    refreshed(&ann).await.get("/todolist").await.assert(200);
}

#[tokio::test]
async fn of_several_faults_the_first_in_the_order_of_the_checks_is_told() {
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
