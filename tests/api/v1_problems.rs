//! Errors under `/v1`: problem details with the request id, and the pages that explain them.

use axum::http::Method;
use serde_json::json;

use crate::support::{PASSWORD, TestApp};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const MIB: usize = 1024 * 1024;

/// Every route that reads a body.
fn routes() -> [(Method, &'static str); 4] {
    [
        (Method::POST, "/v1/register"),
        (Method::POST, "/v1/login"),
        (Method::PATCH, "/v1/user"),
        (Method::PUT, "/v1/user/password"),
    ]
}

#[tokio::test]
async fn a_valid_request_id_of_the_client_is_returned() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for path in ["/v1/user", "/v1/nothing", "/v1/register"] {
        for id in ["mine", "a-B_c.d:9", &"x".repeat(64)] {
            let answer = ann.send(Method::GET, path, &[("x-request-id", id)], "").await;
            assert_eq!(answer.header("x-request-id"), id, "{path}");
            if answer.status != 200 {
                assert_eq!(answer.json()["request_id"], id);
            }
        }
        let mut seen = Vec::new();
        for odd in ["", "a b", "a\"b", "<script>", &"x".repeat(65)] {
            let answer = ann.send(Method::GET, path, &[("x-request-id", odd)], "").await;
            seen.push(answer.header("x-request-id").to_owned());
        }
        seen.sort();
        seen.dedup();
        assert!(seen.len() == 5 && seen.iter().all(|id| id.len() == 32), "{seen:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_one_json_object_is_malformed() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let before = app.db.all("users").await;
    let twice = r#"{"email":"a@example.org","email":"b@example.org"}"#;
    let texts = [
        "",
        " ",
        "{",
        "}",
        "null",
        "[]",
        "1",
        "\"x\"",
        "{}{}",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":NaN}",
        "{\"a\":01}",
        "{\"a\":\"\\x41\"}",
        "username=ann&password=x",
        "<user/>",
        "{}x",
        "\u{feff}{}",
        twice,
    ];
    for body in
        texts.iter().map(|text| text.as_bytes()).chain([b"\xff\xfe{\0}\0".as_slice(), b"{\"a\":\"\xff\"}"])
    {
        for (method, path) in routes() {
            let answer = ann.send(method, path, &JSON, body.to_vec()).await;
            assert_eq!(answer.status, 400, "{path}: {}: {}", String::from_utf8_lossy(body), answer.text());
            answer.assert_problem(400, "malformed_json");
        }
    }
    assert_eq!(app.db.all("users").await, before);
}

#[tokio::test]
async fn json_may_be_nested_at_most_32_levels_deep() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| {
            let inner = if close == "}" { "1" } else { "" };
            format!("{{\"z\":{}{inner}{}}}", open.repeat(depth - 1), close.repeat(depth - 1))
        };
        for (method, path) in routes() {
            let send = async |depth| ann.send(method.clone(), path, &JSON, nested(depth)).await;
            for depth in [2, 31, 32] {
                let answer = send(depth).await.assert_problem(422, "invalid_input");
                assert!(answer.text().contains("\"/z\""), "{}", answer.text());
            }
            for depth in [33, 34, 1_000, 100_000] {
                send(depth).await.assert_problem(400, "malformed_json");
            }
        }
    }
    let brackets = json!({ "username": "[".repeat(64), "password": format!("\\\"{}", "{".repeat(100)) });
    app.anonymous().post("/v1/register", brackets).await.assert(201);
}

#[tokio::test]
async fn a_body_may_have_at_most_1_mib() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for (method, path) in routes() {
        let send = async |size: usize| {
            let body = format!("{{\"z\":\"{}\"}}", "z".repeat(size - 8));
            assert_eq!(body.len(), size);
            ann.send(method.clone(), path, &JSON, body).await
        };
        send(MIB - 1).await.assert_problem(422, "invalid_input");
        send(MIB).await.assert_problem(422, "invalid_input");
        send(MIB + 1).await.assert_problem(413, "body_too_large");
        send(3 * MIB).await.assert_problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn a_body_needs_a_json_media_type() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for (method, path) in routes() {
        let types =
            ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json", "", "text/json"];
        for wrong in
            types.map(|wrong| [("content-type", wrong)]).iter().map(<[_; 1]>::as_slice).chain([[].as_slice()])
        {
            let answer = ann.send(method.clone(), path, wrong, "{}").await;
            answer.assert_problem(415, "unsupported_media_type");
        }
        for right in ["application/json", "Application/JSON; charset=utf-8", "application/json ; x=y"] {
            let answer = ann.send(method.clone(), path, &[("content-type", right)], r#"{"z":1}"#).await;
            answer.assert_problem(422, "invalid_input");
        }
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for path in [
        "/v1/",
        "/v1/nothing",
        "/v1/user/",
        "/v1/users",
        "/v1/User",
        "/v1//user",
        "/v1/sessions/x/y",
        "/v1/%00",
        "/v1/..%2fuser",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::PATCH] {
            let answer = ann.send(method, path, &[], "").await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text());
            answer.assert_problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn the_path_v1_itself_returns_a_problem() {
    let app = TestApp::start().await;
    app.anonymous().get("/v1").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn an_unsupported_method_lists_the_allowed_ones() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let id = format!("/v1/sessions/{}", ann.sid());
    for (path, allowed) in [
        ("/v1/register", "POST"),
        ("/v1/login", "POST"),
        ("/v1/refresh", "POST"),
        ("/v1/logout", "POST"),
        ("/v1/sessions", "DELETE GET HEAD"),
        (id.as_str(), "DELETE"),
        ("/v1/user", "DELETE GET HEAD PATCH"),
        ("/v1/user/password", "PUT"),
        ("/v1/todos", "GET HEAD POST"),
        ("/v1/todos/x", "DELETE GET HEAD PATCH PUT"),
        ("/v1/lists", "GET HEAD POST"),
        ("/v1/lists/x/move", "POST"),
        ("/v1/sync", "POST"),
        ("/v1/events", "GET HEAD"),
        ("/v1/tags/x", "DELETE PATCH"),
        ("/problems/not_found", "GET HEAD"),
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
            if allowed.split(' ').any(|known| known == method.as_str()) {
                continue;
            }
            let answer = app.anonymous().send(method.clone(), path, &[], "").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            let answer = answer.assert_problem(405, "method_not_allowed");
            let mut said: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
            said.retain(|method| *method != "OPTIONS");
            said.sort_unstable();
            assert_eq!(said.join(" "), allowed, "{method} {path}");
        }
    }
    ann.get("/v1/user").await.assert(200);
}

#[tokio::test]
async fn every_problem_code_has_a_page_and_unknown_codes_have_none() {
    let app = TestApp::start().await;
    let codes = "malformed_json token_missing token_invalid token_expired token_revoked token_not_fresh \
        invalid_credentials forbidden registration_closed not_found method_not_allowed username_taken version_mismatch \
        idempotency_key_reused id_taken in_trash limit_reached sync_token_expired too_many_connections request_timeout \
        body_too_large unsupported_media_type invalid_input too_many_requests internal_error unavailable";
    for code in codes.split_whitespace() {
        let answer = app.anonymous().get(&format!("/problems/{code}")).await.assert(200);
        assert!(answer.header("content-type").starts_with("text/"), "{:?}", answer.headers);
        assert!(answer.text().contains(code) && answer.text().len() > code.len() + 20, "{}", answer.text());
    }
    for unknown in
        ["", "x", "Not_Found", "not_found ", "%00", "%ff", "..", "username", "404", &"x".repeat(9_000)]
    {
        let answer = app.anonymous().get(&format!("/problems/{}", unknown.replace(' ', "%20"))).await;
        assert_eq!(answer.status, 404, "{unknown}: {}", answer.text());
    }
    app.anonymous().get("/problems/x").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_head_request_returns_the_headers_of_a_get() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for path in ["/v1/user", "/v1/sessions"] {
        let (get, head) = (ann.get(path).await, ann.send(Method::HEAD, path, &[], "").await);
        assert!(head.status == 200 && head.body.is_empty());
        for name in ["etag", "cache-control", "content-type"] {
            assert_eq!(head.header(name), get.header(name));
        }
    }
}

#[tokio::test]
async fn no_response_contains_a_password_or_its_hash() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let canary = "canary".repeat(30);
    let mut answers = vec![ann.get("/v1/user").await, ann.get("/v1/sessions").await];
    for body in [
        json!({ "username": "ben", "password": canary }),
        json!({ "username": "ann", "password": canary }),
        json!({ "username": canary, "password": PASSWORD, "canary": "canary" }),
        json!({ "current_password": canary, "new_password": canary }),
    ] {
        for (method, path) in routes() {
            answers.push(ann.send_json(method, path, &body).await);
        }
    }
    for answer in answers {
        let text = answer.text().replace("\"/canary\"", "");
        assert!(!text.contains("canary") && !text.contains("hash") && !text.contains("hmac"), "{text}");
    }
}
