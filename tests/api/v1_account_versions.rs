//! Conditional requests on the account under `/v1`, by `If-Match` and `If-None-Match`.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp};

/// `PATCH /v1/user` with headers.
async fn patch(client: &Client, headers: &[(&str, &str)], body: Value) -> Answer {
    let headers = [headers, &[("content-type", "application/json")]].concat();
    client.send(Method::PATCH, "/v1/user", &headers, body.to_string()).await
}

async fn get_if(client: &Client, tag: &str) -> Answer {
    client.send(Method::GET, "/v1/user", &[("if-none-match", tag)], "").await
}

#[tokio::test]
async fn a_stale_change_is_refused_with_the_current_user() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let email = |n: i32| json!({ "email": format!("ann{n}@example.org") });
    patch(&ann, &[("if-match", "\"1\"")], email(1)).await.assert(200);
    for (n, right) in ["*", "\"3\"", "\"9\", \"4\"", "\"5\",\"x\""].into_iter().enumerate() {
        let answer = patch(&ann, &[("if-match", right)], email(i32::try_from(n).unwrap())).await;
        assert_eq!(answer.assert(200).json()["version"], n + 3, "{right}");
    }
    let before = app.db.all("users").await;
    let current = ann.get("/v1/user").await.json();
    for stale in ["\"1\"", "\"5\"", "\"7\"", "\"1\", \"2\"", "\"x\"", "\"\"", "\" 6\"", "\"6.0\"", "\"-6\""] {
        for body in [email(9), json!({})] {
            let refused = patch(&ann, &[("if-match", stale)], body).await;
            assert_eq!(refused.status, 412, "{stale}: {}", refused.text());
            assert_eq!(refused.assert_problem(412, "version_mismatch").json()["current"], current, "{stale}");
        }
    }
    for malformed in ["6", "\"6", "6\"", "", "\"6\";", "'6'", "*, \"6\"", "\"6\" \"7\""] {
        let refused = patch(&ann, &[("if-match", malformed)], email(9)).await;
        assert!([400, 412, 422].contains(&refused.status.as_u16()), "{malformed}: {}", refused.text());
    }
    assert_eq!(app.db.all("users").await, before);
}

#[tokio::test]
async fn one_of_16_concurrent_changes_of_one_version_succeeds() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let attempts = (0..16).map(|n| {
        let ann = ann.clone();
        let body = json!({ "email": format!("ann{n}@example.org") });
        tokio::spawn(async move { patch(&ann, &[("if-match", "\"1\"")], body).await })
    });
    let mut changed = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        let answer = attempt.await.unwrap();
        if answer.status == 200 {
            changed.push(answer.json());
        } else {
            let current = answer.assert_problem(412, "version_mismatch").json()["current"].clone();
            assert_eq!(current["version"], 2);
        }
    }
    assert_eq!(changed, [ann.get("/v1/user").await.json()]);
}

#[tokio::test]
async fn an_unchanged_user_is_not_sent_again() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for known in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "\"x\",\"1\""] {
        let answer = get_if(&ann, known).await;
        assert_eq!(answer.status, 304, "{known}: {}", answer.text());
        assert!(answer.body.is_empty());
        assert_eq!((answer.header("etag"), answer.header("cache-control")), ("\"1\"", "private, no-cache"));
    }
    for other in ["\"2\"", "\"x\"", "\"0\", \"2\""] {
        get_if(&ann, other).await.assert(200);
    }
    ann.patch("/v1/user", json!({ "email": null })).await.assert(200);
    get_if(&ann, "\"1\"").await.assert(200);
}

#[tokio::test]
async fn an_unknown_etag_matches_no_version() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for foreign in ["\"01\"", "\"+1\""] {
        get_if(&ann, foreign).await.assert(200);
        let refused = patch(&ann, &[("if-match", foreign)], json!({ "email": null })).await;
        refused.assert_problem(412, "version_mismatch");
    }
}

#[tokio::test]
async fn if_none_match_star_returns_no_body() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let answer = get_if(&ann, "*").await;
    assert_eq!(answer.status, 304, "{}", answer.text());
}
