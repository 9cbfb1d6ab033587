//! The original's routes in general: paths, methods, the order of the checks, and what all responses have in common.

use std::collections::HashSet;

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::support::{Client, PASSWORD, TestApp};

const ID: &str = "0123456789abcdef01234567";
const WRONG_METHOD: &str = "The method is not allowed for the requested URL.";

/// Every route with its sorted `Allow` header.
const ROUTES: [(&str, &[&str]); 8] = [
    ("/register", &["OPTIONS", "POST"]),
    ("/login", &["OPTIONS", "POST"]),
    ("/refresh", &["OPTIONS", "POST"]),
    ("/logout", &["OPTIONS", "POST"]),
    ("/user/ann", &["DELETE", "GET", "HEAD", "OPTIONS"]),
    ("/createtodo", &["OPTIONS", "POST"]),
    ("/todo/0123456789abcdef01234567", &["DELETE", "GET", "HEAD", "OPTIONS", "PUT"]),
    ("/todolist", &["GET", "HEAD", "OPTIONS"]),
];

const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get"];

fn method(name: &str) -> Method {
    name.parse().unwrap()
}

fn sorted(allow: &str) -> Vec<&str> {
    let mut methods: Vec<&str> = allow.split(',').map(str::trim).collect();
    methods.sort_unstable();
    methods
}

#[tokio::test]
async fn options_lists_the_allowed_methods_without_a_token() {
    let app = TestApp::start().await;
    for (path, allowed) in ROUTES {
        for client in [app.anonymous(), app.anonymous().with_token("garbage")] {
            let answer = client.send(Method::OPTIONS, path, &[], "{").await.assert(200);
            assert_eq!(answer.text(), "", "{path}");
            assert_eq!(sorted(answer.header("allow")), allowed, "{path}");
        }
    }
}

#[tokio::test]
async fn an_unsupported_method_is_refused_first() {
    let app = TestApp::start().await;
    let garbage = app.anonymous().with_token("garbage");
    for (path, allowed) in ROUTES {
        for wrong in METHODS.iter().filter(|method| !allowed.contains(method)) {
            let answer = garbage.send_json(method(wrong), path, &Value::Null).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{wrong} {path}");
            assert_eq!(sorted(answer.header("allow")), allowed, "{wrong} {path}");
            if *wrong == "HEAD" {
                assert_eq!(answer.text(), "", "{path}");
            } else {
                answer.assert_message(405, WRONG_METHOD);
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found_with_any_method() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let slashed =
        ROUTES.iter().flat_map(|(path, _)| [format!("{path}/"), format!("/{path}"), format!("{path}/x")]);
    let odd = [
        "/",
        "/user",
        "/user/",
        "/todo",
        "/todo/",
        "/todos",
        "/Login",
        "/LOGIN",
        "/login%2F",
        "/api/login",
        "/%",
    ];
    for path in slashed.chain(odd.map(str::to_owned)) {
        for name in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            for client in [&ann, &app.anonymous()] {
                client.send_json(method(name), &path, &Value::Null).await.assert_message(404, "Not found");
            }
        }
        assert_eq!(ann.send(Method::HEAD, &path, &[], "").await.assert(404).text(), "");
    }
}

#[tokio::test]
async fn head_returns_the_headers_of_get() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let todo = format!("/todo/{}", ann.create_original_todo("buy milk").await);
    let unknown = format!("/todo/{ID}");
    let paths = [&todo, &unknown, "/todolist", "/user/ann", "/user/nobody"];
    for (client, path) in paths.iter().flat_map(|path| [(ann.clone(), path), (app.anonymous(), path)]) {
        let (get, head) = (client.get(path).await, client.send(Method::HEAD, path, &[], "").await);
        assert!(!get.body.is_empty(), "{path}");
        assert_eq!((head.status, head.text().as_str()), (get.status, ""), "{path}");
        for header in ["content-type", "cache-control", "www-authenticate"] {
            assert_eq!(head.header(header), get.header(header), "{header} of {path}");
        }
        assert!(["", get.header("content-length")].contains(&head.header("content-length")), "{path}");
    }
}

#[tokio::test]
async fn authentication_comes_before_the_body_and_the_body_before_the_lookup() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let refreshed = ann.with_refresh_token().post("/refresh", Value::Null).await.assert(200).json();
    let stale = ann.with_token(refreshed["access_token"].as_str().unwrap());
    let unknown = format!("/todo/{ID}");
    let malformed = "The browser (or proxy) sent a request that this server could not understand.";
    for (method, path) in
        [(Method::POST, "/createtodo"), (Method::PUT, &unknown), (Method::PUT, "/todo/malformed")]
    {
        let json = [("content-type", "application/json")];
        for body in ["{", "{}", &" ".repeat(2 * 1024 * 1024)] {
            let send = |client: Client| {
                let (method, path, body) = (method.clone(), path.to_owned(), body.to_owned());
                async move { client.send(method, &path, &json, body).await }
            };
            send(app.anonymous()).await.assert_refused("authorization_required");
            send(ann.with_token("garbage")).await.assert_refused("invalid_token");
            send(ann.with_refresh_token()).await.assert_refused("invalid_token");
            send(stale.clone()).await.assert_refused("fresh_token_required");
        }
        ann.send(method.clone(), path, &json, "{").await.assert_message(400, malformed);
        ann.send(method.clone(), path, &json, "{}").await.assert(400);
        ann.send(method, path, &json, " ".repeat(2 * 1024 * 1024)).await.assert(413);
    }
    let whole = json!({ "name": "x", "description": "y" });
    ann.put(&unknown, whole.clone()).await.assert_message(404, "Todo not found");
    ann.send_json(Method::PATCH, &unknown, &whole).await.assert_message(405, WRONG_METHOD);
}

#[tokio::test]
async fn an_unneeded_body_is_not_read() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let path = format!("/todo/{}", ann.create_original_todo("buy milk").await);
    let refresh = ann.with_refresh_token();
    for (client, method, path) in [
        (&ann, Method::GET, path.as_str()),
        (&ann, Method::GET, "/todolist"),
        (&ann, Method::GET, "/user/ann"),
        (&refresh, Method::POST, "/refresh"),
        (&ann, Method::DELETE, &path),
        (&ann, Method::POST, "/logout"),
    ] {
        client.send(method, path, &[("content-type", "application/json")], "{").await.assert(200);
    }
}

#[tokio::test]
async fn every_response_has_a_request_id() {
    let app = TestApp::start().await;
    let mut seen = HashSet::new();
    for path in ROUTES.iter().map(|(path, _)| *path).chain(["/unknown", "/login/"]) {
        for name in METHODS.iter().chain(&["OPTIONS"]) {
            let answer = app.anonymous().send(method(name), path, &[], "").await;
            assert!(seen.insert(answer.header("x-request-id").to_owned()), "{name} {path}");
            let own = [("x-request-id", "of-the-client-1")];
            let answer = app.anonymous().send(method(name), path, &own, "").await;
            assert_eq!(answer.header("x-request-id"), "of-the-client-1", "{name} {path}");
        }
    }
}

/// A proxy to MongoDB that can be cut: its port, and the task to abort.
async fn wire(app: &TestApp) -> (u16, AbortHandle) {
    let primary = app.db.run(bson::doc! { "hello": 1 }).await.get_str("primary").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let relay = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(&primary).await.unwrap();
            connections.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    });
    (port, relay.abort_handle())
}

#[tokio::test]
async fn every_route_returns_retry_after_without_a_database() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let (port, wire) = wire(&app).await;
    let uri = format!(
        "mongodb://127.0.0.1:{port}/{}?directConnection=true&serverSelectionTimeoutMS=200",
        app.db.collection("users").namespace().db
    );
    let cut_off = TestApp::with(app.db.clone(), app.clock.clone(), &[("MONGODB_URI", &uri)]).await;
    let ann = ann.at(&cut_off);
    ann.get("/user/ann").await.assert(200);
    wire.abort();

    let credentials = json!({ "username": "ann", "password": PASSWORD });
    let fields = json!({ "name": "x", "description": "y" });
    let todo = format!("/todo/{ID}");
    let refresh = ann.with_refresh_token();
    let requests = [
        (&ann, Method::POST, "/register", &credentials),
        (&ann, Method::POST, "/login", &credentials),
        (&refresh, Method::POST, "/refresh", &Value::Null),
        (&ann, Method::GET, "/user/ann", &Value::Null),
        (&ann, Method::DELETE, "/user/ann", &Value::Null),
        (&ann, Method::POST, "/createtodo", &fields),
        (&ann, Method::GET, &todo, &Value::Null),
        (&ann, Method::PUT, &todo, &fields),
        (&ann, Method::DELETE, &todo, &Value::Null),
        (&ann, Method::GET, "/todolist", &Value::Null),
    ];
    let answers = requests.map(|(client, method, path, body)| async move {
        (path, client.send_json(method, path, body).await)
    });
    for (path, answer) in join_all(answers).await {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}: {}", answer.text());
        assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{path}");
        assert!(answer.json()["message"].is_string(), "{path}");
    }
    ann.post("/logout", Value::Null).await.assert(503);
}
