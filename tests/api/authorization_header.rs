//! The forms of the `Authorization` header, the only place from which a token is read.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request};
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn the_header_has_the_bearer_scheme_and_one_token() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    ann.create_original_todo("x").await;
    let token = ann.access.clone().unwrap();
    let send = async |values: &[&[u8]]| {
        let request = values.iter().fold(Request::get("/todolist"), |request, value| {
            request.header("authorization", HeaderValue::from_bytes(value).unwrap())
        });
        app.send(request.body(Body::empty()).unwrap()).await
    };
    for scheme in ["Bearer", "bearer", "BEARER", "bEARER", "Bearer ", "bearer   "] {
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
async fn a_token_is_read_only_from_the_authorization_header() {
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
