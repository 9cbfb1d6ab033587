//! Errors under `/v1`: problem details with the request id, and the pages that explain them.

use axum::http::Method;
use serde_json::json;

use crate::support::v1::todo_path;
use crate::support::{Answer, Client, PASSWORD, TestApp};

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
        "\u{feff}",
        "{\u{feff}}",
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
            for depth in [33, 34, 1_000, 2_000] {
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
        let limit = if ["/v1/register", "/v1/login"].contains(&path) { 16 * 1024 } else { MIB };
        let send = async |size: usize| {
            let body = format!("{{\"z\":\"{}\"}}", "z".repeat(size - 8));
            assert_eq!(body.len(), size);
            ann.send(method.clone(), path, &JSON, body).await
        };
        send(limit - 1).await.assert_problem(422, "invalid_input");
        send(limit).await.assert_problem(422, "invalid_input");
        for size in [limit + 1, 3 * MIB] {
            let refused = send(size).await.assert_problem(413, "body_too_large");
            let detail = refused.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(&limit.to_string()), "{detail}");
        }
    }
}

#[tokio::test]
async fn a_refresh_reads_at_most_16_kib_of_a_body_without_a_type() {
    let app = TestApp::start().await;
    let (v1, original) = (app.v1_user("ann").await, app.user("ben").await);
    let refresh = async |client: &Client, path, size| {
        client.with_refresh_token().send(Method::POST, path, &[], " ".repeat(size)).await
    };
    refresh(&v1, "/v1/refresh", 16 * 1024 + 1).await.assert_problem(413, "body_too_large");
    refresh(&original, "/refresh", 16 * 1024 + 1).await.assert(413);
    v1.send(Method::POST, "/v1/refresh", &[], " ".repeat(MIB)).await.assert_problem(401, "token_invalid");
    refresh(&original, "/refresh", 16 * 1024).await.assert(200);
    refresh(&v1, "/v1/refresh", 16 * 1024).await.assert(200);
}

#[tokio::test]
async fn a_merge_patch_is_accepted_where_it_means_something() {
    const MERGE_PATCH: [(&str, &str); 1] = [("content-type", "application/merge-patch+json")];
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let todo = todo_path(&ann.create_todo(json!({ "name": "a", "tags": ["x"] })).await);
    let list = format!("/v1/lists/{}", ann.create_list(json!({ "name": "l" })).await);
    let send = async |method, path: &str| ann.send(method, path, &MERGE_PATCH, r#"{"name":"b"}"#).await;
    for path in [&todo, &list] {
        send(Method::PATCH, path).await.assert(200);
        let refused = send(Method::PUT, path).await.assert_problem(415, "unsupported_media_type");
        assert_eq!(refused.header("accept-patch"), "");
    }
    ann.send(Method::PATCH, "/v1/user", &MERGE_PATCH, r#"{"time_zone":"Europe/Berlin"}"#).await.assert(200);
    let refused = send(Method::PATCH, "/v1/tags/x").await.assert_problem(415, "unsupported_media_type");
    assert_eq!(refused.header("accept-patch"), "application/json");
    let refused =
        ann.send(Method::PATCH, &todo, &[("content-type", "application/json-patch+json")], "[]").await;
    assert_eq!(refused.header("accept-patch"), "application/merge-patch+json, application/json");
    refused.assert_problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn an_encoded_body_is_refused_and_a_byte_order_mark_is_skipped() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let headers = |encoding| [("content-type", "application/json"), ("content-encoding", encoding)];
    let send = async |encoding, body: &str| {
        ann.send(Method::POST, "/v1/todos", &headers(encoding), body.to_owned()).await
    };
    for encoding in ["gzip", "br", "deflate", "identity, gzip"] {
        let refused = send(encoding, r#"{"name":"a"}"#).await.assert_problem(415, "unsupported_media_type");
        assert_eq!(refused.header("accept-encoding"), "identity");
    }
    send("identity", "\u{feff}{\"name\":\"a\"}").await.assert(201);
    send("identity", "\u{feff}\u{feff}{\"name\":\"a\"}").await.assert_problem(400, "malformed_json");
    let original = headers("identity");
    let created =
        ann.send(Method::POST, "/createtodo", &original, "\u{feff}{\"name\":\"a\",\"description\":\"\"}");
    created.await.assert(201);
}

#[tokio::test]
async fn a_body_needs_a_json_media_type() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for (method, path) in routes() {
        let types = [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonx",
            "json",
            "",
            "text/json",
            "application/json-patch+json",
            "application/vnd.x+json",
        ];
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
    let codes = "malformed_json malformed_request head_too_large token_missing token_invalid token_expired token_revoked token_not_fresh \
        invalid_credentials forbidden session_required insufficient_scope registration_closed password_change_required last_admin not_found method_not_allowed username_taken version_mismatch \
        idempotency_key_reused id_taken in_trash nothing_to_undo limit_reached sync_token_expired too_many_connections request_timeout \
        body_too_large unsupported_media_type invalid_input too_many_requests internal_error unavailable";
    for code in codes.split_whitespace() {
        let answer = app.anonymous().get(&format!("/problems/{code}")).await.assert(200);
        let explanation = answer.json();
        assert_eq!((&explanation["code"], &explanation["problem"]["code"]), (&json!(code), &json!(code)));
        assert!(explanation["advice"].as_str().unwrap().len() > 20, "{explanation}");
        let page = app
            .anonymous()
            .send(Method::GET, &format!("/problems/{code}"), &[("accept", "text/html")], "")
            .await;
        let page = page.assert(200);
        assert!(page.header("content-type").starts_with("text/html"));
        assert!(page.text().contains(explanation["title"].as_str().unwrap()), "{}", page.text());
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

/// Checks for a small problem with a pointer for each of at most 100 violations.
#[track_caller]
fn assert_small(answer: &Answer, what: &str) -> Vec<String> {
    assert!(answer.body.len() < 64 * 1024, "{what}: {} bytes", answer.body.len());
    let problem = answer.json();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    assert!(errors.len() <= 100, "{what}: {} errors", errors.len());
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect();
    for pointer in &pointers {
        assert!(pointer.chars().count() <= 200, "{what}: {pointer}");
        assert!(!pointer.ends_with('~'), "{what}: {pointer}");
    }
    pointers
}

#[tokio::test]
async fn hostile_bodies_get_small_responses() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let object = |members: &mut dyn Iterator<Item = String>| {
        format!("{{{}}}", members.map(|name| format!("\"{name}\":0")).collect::<Vec<_>>().join(","))
    };
    let long = |c: &str| c.repeat(900_000 / c.len());
    let bodies = [
        ("999 unknown fields", object(&mut (0..999).map(|n| format!("x{n}"))), 422),
        ("a MiB of unknown fields", object(&mut (0..100_000).map(|n| n.to_string())), 422),
        ("a long name", object(&mut std::iter::once(long("x"))), 422),
        ("a long name to escape", object(&mut std::iter::once(format!("x{}", long("~")))), 422),
        ("a long name of wide characters", object(&mut std::iter::once(long("\u{1f600}"))), 422),
        (
            "long names of control characters",
            object(&mut (0..500).map(|n| format!("{n}{}", "\\u0001".repeat(300)))),
            422,
        ),
        (
            "a long name twice",
            object(&mut [long("x").split_off(450_000), long("x").split_off(450_000)].into_iter()),
            400,
        ),
        ("a long text", format!("\"{}\"", long("x")), 400),
        ("a long number", long("1"), 400),
        ("many tags", format!("{{\"name\":\"x\",\"tags\":[{}\"\"]}}", "\"\",".repeat(300_000)), 422),
        ("blank tags", format!("{{\"name\":\"x\",\"tags\":[{}\"\"]}}", "\"\",".repeat(900)), 422),
        ("many numbers as tags", format!("{{\"name\":\"x\",\"tags\":[{}0]}}", "0,".repeat(500_000)), 422),
        (
            "many fields inside",
            format!("{{\"name\":\"x\",\"due\":{}}}", object(&mut (0..90_000).map(|n| n.to_string()))),
            422,
        ),
    ];
    for (what, body, status) in bodies {
        let answer = ann.send(Method::POST, "/v1/todos", &JSON, body).await.assert(status);
        let pointers = assert_small(&answer, what);
        match what {
            "999 unknown fields" => assert_eq!(pointers.len(), 100),
            "a MiB of unknown fields" => assert_eq!(pointers, [""]),
            "a long name" => assert!(pointers.contains(&format!("/{}", "x".repeat(199)))),
            "many tags" => assert_eq!(pointers, ["/tags"]),
            "many fields inside" => assert_eq!(pointers, ["/due"]),
            _ => {}
        }
    }
    for commands in ["{},".repeat(300_000), "0,".repeat(500_000), "[],".repeat(300_000)] {
        let body = format!("{{\"token\":null,\"commands\":[{commands}{{}}]}}");
        let answer = ann.send(Method::POST, "/v1/sync", &JSON, body).await.assert(422);
        assert_eq!(assert_small(&answer, "commands"), ["/commands"]);
    }
    let query: Vec<_> = (0..3_000).map(|n| format!("x{n}")).collect();
    let answer = ann.get(&format!("/v1/todos?{}", query.join("&"))).await.assert(422);
    assert_eq!(assert_small(&answer, "many parameters"), [""]);
    let answer = ann.get(&format!("/v1/todos?{}", "%01".repeat(3_000))).await.assert(422);
    assert_small(&answer, "a long parameter");
}

#[tokio::test]
async fn the_results_of_hostile_commands_are_small() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let unknown: Vec<_> = (0..300).map(|n| format!("\"{n}{}\":0", "\\u0001".repeat(3))).collect();
    let unknown = unknown.join(",");
    let command = |id: usize| {
        format!(
            "{{\"id\":\"{id}\",\"op\":\"put\",\"type\":\"todo\",\"target\":\"{id:024}\",\"body\":{{\"name\":\"x\",{unknown}}}}}"
        )
    };
    let commands: Vec<_> = (0..100).map(command).collect();
    let body = format!("{{\"token\":null,\"commands\":[{}]}}", commands.join(","));
    let answer = ann.send(Method::POST, "/v1/sync", &JSON, body).await.assert(200);
    let results = answer.json()["results"].as_array().unwrap().clone();
    assert_eq!(results.len(), 100);
    for result in results {
        assert_eq!(result["status"], 422);
        assert!(result.to_string().len() < 16 * 1024, "{} bytes", result.to_string().len());
    }
}

/// Characters that NFKC turns into 18.
const EXPANDING: &str = "\u{fdfa}";

#[tokio::test]
async fn text_that_expands_is_refused_by_its_length_without_being_normalized() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let (long, shorter) = (EXPANDING.repeat(300_000), EXPANDING.repeat(5_000));
    let register =
        |username: &str, password: &str| json!({ "username": username, "password": password }).to_string();
    let todo = |field: &str, value: serde_json::Value| json!({ "name": "x", field: value }).to_string();
    let change =
        |current: &str, new: &str| json!({ "current_password": current, "new_password": new }).to_string();
    let requests = [
        (Method::POST, "/v1/register", register(&long, &long), 413),
        (Method::POST, "/v1/register", register(&shorter, PASSWORD), 422),
        (Method::POST, "/v1/register", register("ben", &shorter), 422),
        (Method::POST, "/v1/login", register(&shorter, PASSWORD), 401),
        (Method::POST, "/v1/login", register("ann", &shorter), 401),
        (Method::POST, "/login", register(&shorter, PASSWORD), 401),
        (Method::PUT, "/v1/user/password", change(PASSWORD, &long), 422),
        (Method::PUT, "/v1/user/password", change(&long, "battery staple"), 401),
        (Method::POST, "/v1/todos", todo("tags", json!([long])), 422),
        (Method::POST, "/v1/todos", todo("description", json!(long)), 422),
        (Method::POST, "/v1/todos", todo("name", json!(long)), 422),
        (Method::POST, "/v1/lists", json!({ "name": long }).to_string(), 422),
        (Method::PATCH, "/v1/user", json!({ "email": long }).to_string(), 422),
        (Method::PATCH, "/v1/user", json!({ "time_zone": long }).to_string(), 422),
        (Method::GET, &format!("/v1/todos?q={}", "%EF%B7%BA".repeat(3_000)), String::new(), 422),
        (Method::GET, &format!("/v1/todos?tag={}", "%EF%B7%BA".repeat(3_000)), String::new(), 422),
        (
            Method::PATCH,
            &format!("/v1/tags/{}", "%EF%B7%BA".repeat(3_000)),
            r#"{"name":"x"}"#.to_owned(),
            404,
        ),
        (Method::GET, &format!("/user/{}", "%EF%B7%BA".repeat(3_000)), String::new(), 403),
    ];
    for (method, path, body, status) in requests {
        let size = body.len();
        let answer = ann.send(method.clone(), path, &JSON, body).await;
        assert_eq!(
            answer.status,
            status,
            "{method} {} with {size} bytes: {}",
            &path[..path.len().min(40)],
            answer.text()
        );
        assert_small(&answer, path);
    }
}
