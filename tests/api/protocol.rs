//! What the service does with the protocol itself: heads that violate HTTP, bodies that nobody reads, and HTTP/2 without
//! TLS.

use std::time::{Duration, Instant};

use reqwest::Version;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::TestDatabase;
use crate::support::process::Server;

const PATIENCE: Duration = Duration::from_secs(10);

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.url("").trim_start_matches("http://")).await.unwrap()
}

/// Everything until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("not closed").unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One response of a connection that stays open.
async fn response(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let whole = async {
        loop {
            bytes.push(stream.read_u8().await.expect("the connection is closed"));
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| length.parse::<usize>().unwrap() == body.len()) {
                return text.into_owned();
            }
        }
    };
    tokio::time::timeout(PATIENCE, whole).await.expect("no response")
}

#[track_caller]
fn assert_problem(response: &str, status: u16, code: &str) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {response}"));
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    assert!(head.contains("content-type: application/problem+json"), "{response}");
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).expect("a request id");
    let problem: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("not a problem: {response}"));
    assert_eq!((&problem["code"], &problem["request_id"]), (&json!(code), &json!(id)), "{response}");
}

#[tokio::test]
async fn a_head_that_violates_http_gets_a_problem() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let send = async |text: &str| {
        let mut stream = connect(&server).await;
        // The server may close the connection before it has read everything.
        let _ = stream.write_all(text.as_bytes()).await;
        rest(&mut stream).await
    };
    for head in [
        "GET /livez HTTP/1.1",
        "GET /livez HTTP/1.1\r\nhost: a\r\nhost: a",
        "GET /livez HTTP/1.1\r\nhost: a b",
        "GET /livez HTTP/1.1\r\nhost: a\r\nno colon",
        "GET /livez HTTP/1.1\r\nhost: a\r\nx\u{1}: y",
        "GET /liv\u{1}ez HTTP/1.1\r\nhost: a",
        "GET /livez HTTP/7.1\r\nhost: a",
        "not a request",
    ] {
        let answer = send(&format!("{head}\r\nconnection: close\r\n\r\n")).await;
        assert_problem(&answer, 400, "malformed_request");
    }
    for headers in ["x: y\r\n".repeat(70), format!("x: {}\r\n", "y".repeat(200_000))] {
        let answer = send(&format!("GET /livez HTTP/1.1\r\nhost: a\r\n{headers}\r\n")).await;
        assert_problem(&answer, 431, "head_too_large");
    }
    assert!(send("GET /livez HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 200"), "HTTP/1.0 needs no host");
    // A second request that cannot be read, after one that can.
    let answers = send("GET /livez HTTP/1.1\r\nhost: a\r\n\r\nnot a request\r\n\r\n").await;
    assert!(answers.starts_with("HTTP/1.1 200") && answers.contains("HTTP/1.1 400"), "{answers}");
    assert!(server.log().iter().any(|line| line["status"] == 431 && line["request_id"].is_string()));
}

#[tokio::test]
async fn a_request_refused_before_its_body_does_not_break_the_next_one() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let head = |length: usize, more: &str| {
        format!(
            "POST /v1/todos HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n"
        )
    };
    let mut stream = connect(&server).await;
    for _ in 0..5 {
        stream.write_all(head(2_000, "").as_bytes()).await.unwrap();
        // The body arrives in another packet, as clients send it.
        tokio::time::sleep(Duration::from_millis(5)).await;
        stream.write_all("x".repeat(2_000).as_bytes()).await.unwrap();
        let answer = response(&mut stream).await;
        assert_problem(&answer, 401, "token_missing");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
    let chunked =
        "POST /v1/todos HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    stream.write_all(chunked.as_bytes()).await.unwrap();
    assert_problem(&response(&mut stream).await, 401, "token_missing");

    // A long body is not read, and the client still gets the response although it sends the whole body first.
    let mut stream = connect(&server).await;
    let size = 3 * 1024 * 1024;
    stream.write_all(head(size, "").as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; size]).await.unwrap();
    let answer = rest(&mut stream).await;
    assert_problem(&answer, 401, "token_missing");
    assert!(answer.contains("connection: close") && !answer.contains("keep-alive"), "{answer}");

    // A client that waits for permission to send the body does not get it.
    let mut stream = connect(&server).await;
    stream.write_all(head(10, "expect: 100-continue\r\n").as_bytes()).await.unwrap();
    let answer = response(&mut stream).await;
    assert_problem(&answer, 401, "token_missing");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn http2_works_without_tls() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let (ann, _) = server.user("ann").await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let create = async |number: usize| {
        let request = client.post(server.url("/v1/todos")).bearer_auth(&ann);
        let answer = request.json(&json!({ "name": number.to_string() })).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (201, Version::HTTP_2));
        assert!(!answer.headers().contains_key("keep-alive"), "{answer:?}");
    };
    futures_util::future::join_all((0..30).map(create)).await;
    let refused = client.post(server.url("/v1/todos")).body("x".repeat(2_000_000)).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let request = client.get(server.url("/livez"));
    let many = (0..70).fold(request, |request, n| request.header(format!("x-{n}"), "y"));
    let many = many.send().await.unwrap();
    assert_eq!(many.status(), 431);
    assert_eq!(many.json::<Value>().await.unwrap()["code"], "head_too_large");
    let page = client.get(server.url("/v1/todos?limit=50")).bearer_auth(&ann).send().await.unwrap();
    let page: Value = page.json().await.unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 30);
    // Pages of the service are recognized by `:authority`, because HTTP/2 has no `Host`.
    for (origin, status) in [(server.url(""), 204), ("http://evil.example".to_owned(), 403)] {
        let refresh = client.post(server.url("/web/refresh")).header("origin", origin).send().await.unwrap();
        assert_eq!(refresh.status(), status);
    }
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn a_client_that_resets_many_streams_is_disconnected() {
    let db = TestDatabase::create().await;
    let server = Server::start_ready(db.uri(), &[]).await;
    let mut stream = connect(&server).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    // `:method: GET`, `:scheme: http`, `:path: /v1/todos`, `:authority: a` (RFC 7541).
    let path = b"/v1/todos";
    let head = [&[0x82, 0x86, 0x04, 9][..], path, &[0x01, 1, b'a']].concat();
    let began = Instant::now();
    let mut sent = 0;
    let (mut read, mut write) = stream.split();
    let attack = async {
        for id in (1..).step_by(2) {
            let request = [frame(1, 5, id, &head), frame(3, 0, id, &8_u32.to_be_bytes())].concat();
            if write.write_all(&request).await.is_err() {
                return;
            }
            sent += 1;
            tokio::task::yield_now().await;
        }
    };
    let mut scratch = vec![0; 65_536];
    let closed = async { while read.read(&mut scratch).await.is_ok_and(|bytes| bytes > 0) {} };
    let over = async {
        tokio::select! { () = attack => {}, () = closed => {} }
    };
    tokio::time::timeout(PATIENCE, over).await.expect("the connection stays open");
    assert!(began.elapsed() < PATIENCE, "{sent} requests");
    server.wait_for_status("/livez", 200).await;
}
