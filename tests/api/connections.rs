//! Connections: slow ones, too many of them, too long headers, and the headers for browsers.

use std::time::{Duration, Instant};

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::json;
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
    let server = Server::start_ready(db.uri(), &[("KEEP_ALIVE", "12s")]).await;
    let body = "POST /v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let original = body.replace("/v1/login", "/login");
    let answered = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    let second_head = format!("{answered}GET / HT");
    let texts =
        ["", "GET / HT", "GET /livez HTTP/1.1\r\nhost: x\r\n", body, &original, answered, &second_head];
    let connections = texts.map(async |text| until_closed(sent(&server, text).await).await);
    let closed = join_all(connections).await;
    for ((answer, held), text) in closed.iter().zip(texts) {
        assert!(*held < HELD, "{held:?}: {text}");
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let expected: &[&str] = if text.starts_with("POST") {
            &["408"]
        } else if text.starts_with(answered) {
            &["200"]
        } else {
            &["", "408"]
        };
        assert!(expected.contains(&status), "{text}: {answer}");
    }
    assert!(
        closed[5].1 > Duration::from_secs(12),
        "a connection is kept between requests: {:?}",
        closed[5].1
    );
    assert!(closed[5].0.contains("keep-alive: timeout=12"), "{}", closed[5].0);
    assert!(closed[3].0.contains("request_timeout"), "{}", closed[3].0);
    assert!(closed[4].0.contains("timed out"), "{}", closed[4].0);
}

/// Connects from another address of this machine.
#[cfg(target_os = "linux")]
async fn connect_from(server: &Server, address: &str) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(server.url("").trim_start_matches("http://").parse().unwrap()).await.unwrap()
}

/// Whether the server closes the connection without a response.
#[cfg(target_os = "linux")]
async fn is_closed(stream: &mut TcpStream) -> bool {
    let closed = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut [0])).await;
    closed.is_ok_and(|read| read.is_err() || read.is_ok_and(|bytes| bytes == 0))
}

#[cfg(target_os = "linux")]
async fn status_of(mut stream: TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut bytes, mut line) = ([0; 12], String::new());
    if stream.read_exact(&mut bytes).await.is_ok() {
        line = String::from_utf8_lossy(&bytes).into_owned();
    }
    line
}

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";

/// A request whose body does not arrive.
const UNFINISHED: &str =
    "POST /v1/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";

#[tokio::test]
async fn connections_past_the_limit_are_closed_at_once() {
    let db = TestDatabase::create().await;
    let limits = [("MAX_CONNECTIONS", "5"), ("MAX_CONNECTIONS_PER_ADDRESS", "10")];
    let server = Server::start_ready(db.uri(), &limits).await;
    let mut held = Vec::new();
    let refused = loop {
        let mut stream = sent(&server, UNFINISHED).await;
        let closed = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut [0])).await;
        if closed.is_ok() {
            break held.len();
        }
        held.push(stream);
        assert!(held.len() <= 5, "one more connection than the limit was served");
    };
    assert_eq!(refused, 5);
    drop(held);
    server.wait_for_status("/livez", 200).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn each_address_has_a_share_of_the_connections() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[("MAX_CONNECTIONS", "12")]).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect_from(&server, "127.0.0.2").await);
    }
    let mut further = connect_from(&server, "127.0.0.2").await;
    assert!(is_closed(&mut further).await);
    assert_eq!(status_of(connect_from(&server, "127.0.0.3").await, LIVEZ).await, "HTTP/1.1 200");
    let behind_proxy = [("MAX_CONNECTIONS", "12"), ("TRUSTED_PROXY_HOPS", "1")];
    let server = Server::start_ready(db.uri(), &behind_proxy).await;
    for _ in 0..8 {
        held.push(connect_from(&server, "127.0.0.2").await);
    }
    assert_eq!(status_of(connect_from(&server, "127.0.0.2").await, LIVEZ).await, "HTTP/1.1 200");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn idle_connections_do_not_keep_others_out() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[("MAX_CONNECTIONS", "20")]).await;
    let mut busy = connect_from(&server, "127.0.0.9").await;
    busy.write_all(UNFINISHED.as_bytes()).await.unwrap();
    let mut idle = Vec::new();
    for number in 0..24 {
        let mut stream = connect_from(&server, &format!("127.0.0.{}", 2 + number / 4)).await;
        // Some have sent a part of a head, and some have had a response.
        let part = ["", "GET /livez HTTP/1.1\r\n", LIVEZ][number % 3];
        let _ = stream.write_all(part.as_bytes()).await;
        idle.push(stream);
    }
    for address in ["127.0.0.10", "127.0.0.11", "127.0.0.12"] {
        let began = Instant::now();
        let status = status_of(connect_from(&server, address).await, LIVEZ).await;
        assert_eq!(status, "HTTP/1.1 200");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    assert!(!is_closed(&mut busy).await, "a connection with a request was closed");
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
    let origins = "https://TODO.example.org:443, http://localhost:3000, capacitor://localhost";
    let settings = [("CORS_ORIGINS", origins), ("CORS_HEADERS", "X-Trace, X-Requested-With")];
    let app = TestApp::with(db, clock, &settings).await;
    let ann = app.v1_user("ann").await;
    let from = async |client: &Client, method: Method, origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "PATCH")];
        client.send(method, "/v1/user", &headers, "").await
    };
    for origin in ["https://todo.example.org", "http://localhost:3000", "capacitor://localhost"] {
        let preflight = from(&app.anonymous(), Method::OPTIONS, origin).await.assert(200);
        assert_eq!(preflight.header("access-control-allow-origin"), origin);
        assert!(preflight.header("access-control-allow-methods").contains("PATCH"));
        for header in ["if-match", "x-trace", "x-requested-with"] {
            assert!(preflight.header("access-control-allow-headers").contains(header));
        }
        let answer = from(&ann, Method::GET, origin).await.assert(200);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        for header in ["etag", "date", "allow"] {
            assert!(answer.header("access-control-expose-headers").contains(header));
        }
        let refused = from(&app.anonymous(), Method::GET, origin).await.assert(401);
        assert_eq!(refused.header("access-control-allow-origin"), origin, "a page may read why");
        let headers = [("origin", origin), ("access-control-request-method", "PATCH")];
        let unknown =
            async |method| app.anonymous().send(method, "/v1/nowhere", &headers, "").await.assert(404);
        assert_eq!(unknown(Method::GET).await.header("access-control-allow-origin"), origin);
        unknown(Method::OPTIONS).await;
    }
    for origin in ["https://evil.example.org", "null", "https://todo.example.org.evil.org"] {
        let answer = from(&ann, Method::GET, origin).await.assert(200);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
}

#[tokio::test]
async fn responses_are_compressed_as_the_client_accepts() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let get = async |path: &str, accepted: &str| {
        ann.send(Method::GET, path, &[("accept-encoding", accepted)], "").await.assert(200)
    };
    let long = ann.post("/v1/todos", json!({ "name": "a", "description": "text ".repeat(500) })).await;
    let path = format!("/v1/todos/{}", long.id());
    for (accepted, encoding) in
        [("gzip", "gzip"), ("br", "br"), ("gzip, br", "br"), ("identity", ""), ("zstd", "")]
    {
        for path in [path.as_str(), "/v1/todos", "/v1/openapi.json"] {
            // As text, because a compressed body is not the JSON of the API document.
            let request = axum::http::Request::get(path)
                .header("accept-encoding", accepted)
                .header("authorization", format!("Bearer {}", ann.access.as_ref().unwrap()));
            let answer = app.send(request.body(axum::body::Body::empty()).unwrap()).await.assert(200);
            assert_eq!(answer.header("content-encoding"), encoding, "{path} {accepted}");
            assert!(answer.header("vary").contains("accept-encoding"), "{path} {accepted}");
        }
    }
    let versioned = ann.send(Method::HEAD, &path, &[("accept-encoding", "gzip")], "").await;
    assert_eq!((versioned.header("etag"), versioned.header("content-encoding")), ("\"1\"", ""));
    assert_eq!(get("/v1/user", "gzip").await.header("content-encoding"), "", "a short response");
    assert_eq!(get("/v1/events", "gzip, br").await.header("content-encoding"), "");
}

#[tokio::test]
async fn addresses_contain_the_path_under_which_people_reach_the_service() {
    let db = TestDatabase::create().await;
    let settings = [("PUBLIC_URL", "https://example.org/todo/")];
    let app = TestApp::with(db, todo_api::clock::Clock::system(), &settings).await;
    let ann = app.v1_user("ann").await;
    let created = ann.post("/v1/todos", json!({ "name": "a" })).await.assert(201);
    assert_eq!(created.header("location"), format!("/todo/v1/todos/{}", created.id()));
    ann.create_todo(json!({ "name": "b" })).await;
    let page = ann.get("/v1/todos?limit=1").await.assert(200);
    assert!(page.header("link").starts_with("</todo/v1/todos?limit=1&cursor="), "{}", page.header("link"));
    assert_eq!(app.anonymous().get("/docs").await.header("location"), "/todo/docs/");
    let document = app.anonymous().get("/v1/openapi.json").await.json();
    assert_eq!(document["servers"], json!([{ "url": "https://example.org/todo" }]));
    let page = app.anonymous().get("/admin/sign-in").await.assert(200).text();
    assert!(page.contains("action=\"/todo/admin/sign-in\""), "{page}");
    assert!(page.contains("href=\"/todo/assets/") && !page.contains("href=\"/a"), "{page}");
}
