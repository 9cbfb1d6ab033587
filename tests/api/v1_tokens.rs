//! Tokens at every protected route under `/v1`: which are accepted, and the error codes of the others.

use axum::http::{HeaderValue, Method, Request};
use serde_json::json;
use todo_api::clock::Clock;

use crate::support::tokens::{Need, PROTECTED_V1};
use crate::support::v1::{DAY, LEEWAY, MINUTE};
use crate::support::{Answer, Client, PASSWORD, TestApp};

/// The route that accepts either token.
const LOGOUT: &str = "/v1/logout";

async fn send(client: &Client, method: &Method, path: &str) -> Answer {
    client.send(method.clone(), path, &[], "").await
}

/// The client with the token that the route needs.
fn presenting(client: &Client, need: Need) -> Client {
    if need == Need::Refresh { client.with_refresh_token() } else { client.clone() }
}

#[tokio::test]
async fn every_protected_route_reports_each_token_error() {
    let app = TestApp::start().await;
    let (ann, gone) = (app.v1_user("ann").await, app.v1_login("ann").await);
    let stale = app.v1_login("ann").await.v1_refreshed().await;
    gone.v1_logout().await.assert(204);
    let mut gone_user = app.v1_user("ben").await;
    gone_user.delete("/v1/user").await.assert(204);
    gone_user = gone_user.at(&app.restart().await);
    for (method, path, need) in PROTECTED_V1.iter().cloned() {
        let missing = send(&app.anonymous(), &method, &path).await.assert_problem(401, "token_missing");
        assert_eq!(missing.header("www-authenticate"), "Bearer");
        let invalid = send(&ann.with_token("garbage"), &method, &path).await;
        let invalid = invalid.assert_problem(401, "token_invalid");
        assert_eq!(invalid.header("www-authenticate"), "Bearer error=\"invalid_token\"");
        for gone in [&gone, &gone_user] {
            let answer = send(&presenting(gone, need), &method, &path).await;
            if path == LOGOUT {
                answer.assert(204)
            } else {
                answer.assert_problem(401, "token_revoked")
            };
        }
        let wrong_kind = if need == Need::Refresh { ann.clone() } else { ann.with_refresh_token() };
        if path != LOGOUT {
            send(&wrong_kind, &method, &path).await.assert_problem(401, "token_invalid");
        }
        if need == Need::Fresh {
            send(&stale, &method, &path).await.assert_problem(401, "token_not_fresh");
        }
        // A separate clock, because the other routes still need valid tokens.
        let later = TestApp::with(app.db.clone(), Clock::held_at(app.clock.now()), &[]).await;
        later.advance(if need == Need::Refresh { 30 * DAY } else { 15 * MINUTE } + LEEWAY);
        if path != LOGOUT {
            let answer = send(&presenting(&ann, need).at(&later), &method, &path).await;
            answer.assert_problem(401, "token_expired");
        }
    }
    send(&ann, &Method::GET, "/v1/user").await.assert(200);
}

#[tokio::test]
async fn the_right_token_opens_every_protected_route() {
    let app = TestApp::start().await;
    for (number, (method, path, need)) in PROTECTED_V1.iter().cloned().enumerate() {
        let name = format!("ann{number}");
        let is_for_admins = path.starts_with("/v1/admin/");
        let ann = if is_for_admins { app.v1_admin(&name).await } else { app.v1_user(&name).await };
        let client = if need == Need::Fresh { ann } else { presenting(&ann.v1_refreshed().await, need) };
        let answer = send(&client, &method, &path).await;
        assert!(
            [200, 204, 404, 415, 422].contains(&answer.status.as_u16()),
            "{method} {path}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn the_token_is_checked_before_the_body_and_the_path() {
    let app = TestApp::start().await;
    app.v1_user("ann").await;
    for (method, path) in [
        (Method::PATCH, "/v1/user"),
        (Method::PUT, "/v1/user/password"),
        (Method::DELETE, "/v1/sessions/x"),
        (Method::DELETE, "/v1/sessions?except=x"),
    ] {
        let json = [("content-type", "application/json")];
        for body in ["{", r#"{"z":1}"#, &"z".repeat(2 * 1024 * 1024)] {
            let answer = app.anonymous().send(method.clone(), path, &json, body.to_owned()).await;
            answer.assert_problem(401, "token_missing");
        }
    }
}

#[tokio::test]
async fn a_token_is_read_only_from_one_bearer_header() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let token = ann.access.clone().unwrap();
    let send = async |values: &[&str]| {
        let request = values.iter().fold(Request::get("/v1/user"), |request, value| {
            request.header("authorization", HeaderValue::from_str(value).unwrap())
        });
        app.send(request.body(axum::body::Body::empty()).unwrap()).await
    };
    let right = format!("Bearer {token}");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        send(&[&format!("{scheme} {token}")]).await.assert(200);
    }
    send(&[]).await.assert_problem(401, "token_missing");
    for wrong in [
        "Bearer",
        "Basic YW5uOmNvcnJlY3QgaG9yc2U=",
        &token,
        &format!("Bearer\t{token}"),
        &format!("{right} x"),
    ] {
        send(&[wrong]).await.assert_problem(401, "token_invalid");
    }
    send(&[&format!("Bearer   {token}")]).await.assert(200);
    send(&[&right, &right]).await.assert_problem(401, "token_invalid");
    let cookie = format!("access_token={token}");
    let headers = [("cookie", cookie.as_str()), ("x-authorization", token.as_str())];
    let path = format!("/v1/user?access_token={token}");
    let answer = app.anonymous().send(Method::GET, &path, &headers, "").await;
    answer.assert_problem(401, "token_missing");
}

#[tokio::test]
async fn tokens_work_on_both_api_surfaces() {
    let app = TestApp::start().await;
    let original = app.user("ann").await;
    original.get("/v1/user").await.assert(200);
    original.get("/v1/sessions").await.assert(200);
    let ours = app.v1_login("ann").await;
    ours.get("/user/ann").await.assert(200);
    ours.create_original_todo("x").await;
    ours.get("/todolist").await.assert(200);
    let body = json!({ "current_password": PASSWORD, "new_password": "battery staple" });
    let changed = original.with_tokens(&original.put("/v1/user/password", body).await);
    changed.get("/todolist").await.assert(200);
    ours.get("/todolist").await.assert_refused("token_revoked");
    // The new session does not rotate either.
    changed.with_refresh_token().post("/refresh", json!(null)).await.assert(200);
    changed.v1_refreshed().await.get("/v1/user").await.assert(200);
    changed.v1_logout().await.assert(204);
    original.get("/todolist").await.assert_refused("token_revoked");
}
