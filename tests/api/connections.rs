//! Connections: slow ones, too many of them, too long headers, and the headers for browsers.

use std::time::{Duration, Instant};

use axum::http::Method;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::process::Server;
use crate::support::{Client, TestApp, TestDatabase};

/// How long an idle client may keep a connection.
const HELD: Duration = Duration::from_secs(15);

async fn connect(server: &Server) -> TcpStream {
    let address = server.url("").trim_start_matches("http://").to_owned();
    TcpStream::connect(address).await.unwrap()
}

/// Reads until the connection is closed. Returns the bytes and the duration.
async fn until_closed(mut stream: TcpStream) -> (String, Duration) {
    let (began, mut bytes) = (Instant::now(), Vec::new());
    let closed = tokio::time::timeout(2 * HELD, stream.read_to_end(&mut bytes)).await;
    assert!(closed.is_ok(), "the connection was not closed");
    (String::from_utf8_lossy(&bytes).into_owned(), began.elapsed())
}

async fn sent(server: &Server, text: &str) -> TcpStream {
    let mut stream = connect(server).await;
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn slow_or_silent_connections_are_closed() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let body = "POST /v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let original = body.replace("/v1/login", "/login");
    let answered = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    let texts = ["", "GET / HT", "GET /livez HTTP/1.1\r\nhost: x\r\n", body, &original, answered];
    let connections = texts.map(async |text| until_closed(sent(&server, text).await).await);
    let closed = join_all(connections).await;
    for ((answer, held), text) in closed.iter().zip(texts) {
        assert!(*held < HELD, "{held:?}: {text}");
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let expected: &[&str] = if text.starts_with("POST") {
            &["408"]
        } else if text == answered {
            &["200"]
        } else {
            &["", "408"]
        };
        assert!(expected.contains(&status), "{text}: {answer}");
    }
    assert!(closed[3].0.contains("request_timeout"), "{}", closed[3].0);
    assert!(closed[4].0.contains("timed out"), "{}", closed[4].0);
}

#[tokio::test]
async fn connections_past_the_limit_are_closed_at_once() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[("MAX_CONNECTIONS", "5")]).await;
    let mut held = Vec::new();
    let refused = loop {
        let mut stream = sent(&server, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut byte = [0];
        if stream.read_exact(&mut byte).await.is_err() {
            break held.len();
        }
        held.push(stream);
        assert!(held.len() <= 5, "one more connection than the limit was served");
    };
    // The client that waited for readiness may still have a connection.
    assert!((4..=5).contains(&refused), "{refused}");
    drop(held);
    server.wait_for_status("/livez", 200).await;
}

#[tokio::test]
async fn too_long_request_headers_are_refused() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let with =
        |headers: String| format!("GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    for (headers, status) in [
        (format!("x: {}\r\n", "y".repeat(20_000)), "200"),
        (format!("x: {}\r\n", "y".repeat(200_000)), "431"),
        ("x: y\r\n".repeat(60), "200"),
        ("x: y\r\n".repeat(70), "431"),
    ] {
        let (answer, _) = until_closed(sent(&server, &with(headers)).await).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    }
}

#[tokio::test]
async fn responses_carry_security_headers() {
    let db = TestDatabase::create().await;
    let clock = todo_api::clock::Clock::system();
    let app = TestApp::with(db, clock, &[("TRUSTED_PROXY_HOPS", "1")]).await;
    let get = async |path: &str, proto: &str| {
        app.anonymous().send(Method::GET, path, &[("x-forwarded-proto", proto)], "").await
    };
    for path in ["/livez", "/v1/user", "/todolist", "/nowhere", "/docs/", "/v1/openapi.json"] {
        let (plain, secure) = (get(path, "http").await, get(path, "https").await);
        assert_eq!(plain.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(plain.header("referrer-policy"), "no-referrer", "{path}");
        for directive in ["frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"] {
            assert!(plain.header("content-security-policy").contains(directive), "{path}: {directive}");
        }
        assert_eq!(plain.header("strict-transport-security"), "", "{path}");
        assert_eq!(secure.header("strict-transport-security"), "max-age=31536000", "{path}");
        assert_eq!(plain.header("access-control-allow-origin"), "", "{path}");
    }
    let direct = TestApp::start().await.anonymous();
    let answer = direct.send(Method::GET, "/livez", &[("x-forwarded-proto", "https")], "").await;
    assert_eq!(
        answer.header("strict-transport-security"),
        "",
        "forwarding headers must be ignored without a proxy"
    );
}

#[tokio::test]
async fn only_configured_origins_may_use_the_api_from_a_browser() {
    let db = TestDatabase::create().await;
    let clock = todo_api::clock::Clock::system();
    let origins = "https://todo.example.org, http://localhost:3000";
    let app = TestApp::with(db, clock, &[("CORS_ORIGINS", origins)]).await;
    let ann = app.v1_user("ann").await;
    let from = async |client: &Client, method: Method, origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "PATCH")];
        client.send(method, "/v1/user", &headers, "").await
    };
    for origin in ["https://todo.example.org", "http://localhost:3000"] {
        let preflight = from(&app.anonymous(), Method::OPTIONS, origin).await.assert(200);
        assert_eq!(preflight.header("access-control-allow-origin"), origin);
        assert!(preflight.header("access-control-allow-methods").contains("PATCH"));
        assert!(preflight.header("access-control-allow-headers").contains("if-match"));
        let answer = from(&ann, Method::GET, origin).await.assert(200);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert!(answer.header("access-control-expose-headers").contains("etag"));
        let refused = from(&app.anonymous(), Method::GET, origin).await.assert(401);
        assert_eq!(refused.header("access-control-allow-origin"), origin, "a page may read why");
    }
    for origin in ["https://evil.example.org", "null", "https://todo.example.org.evil.org"] {
        let answer = from(&ann, Method::GET, origin).await.assert(200);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
}
