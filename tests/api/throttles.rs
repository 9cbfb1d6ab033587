//! Throttles against guessing: per address, per name from an address, and per name from anywhere.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use todo_api::clock::Clock;
use todo_api::http::access_log::PeerAddress;

use crate::support::v1::MINUTE;
use crate::support::{Answer, PASSWORD, TestApp, TestDatabase};

const HOME: [u8; 4] = [192, 0, 2, 1];
const AWAY: [u8; 4] = [192, 0, 2, 2];
const WRONG: &str = "wrong password";

/// A service that throttles, with a user `ann`, who registered from elsewhere.
async fn throttling() -> TestApp {
    let clock = Clock::held_at(Clock::system().now());
    let app = TestApp::with(TestDatabase::create().await, clock, &[("THROTTLES", "on")]).await;
    register(&app, [203, 0, 113, 1], "ann").await.assert(201);
    app
}

/// A request from an address, with an access token unless it is empty.
async fn send(
    app: &TestApp,
    from: impl Into<IpAddr>,
    method: Method,
    path: &str,
    token: &str,
    body: &Value,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let peer = PeerAddress(SocketAddr::new(from.into(), 4_711));
    app.send(request.extension(peer).body(Body::from(body.to_string())).unwrap()).await
}

async fn login(app: &TestApp, from: impl Into<IpAddr>, name: &str, password: &str) -> Answer {
    let body = json!({ "username": name, "password": password });
    send(app, from, Method::POST, "/v1/login", "", &body).await
}

async fn register(app: &TestApp, from: impl Into<IpAddr>, name: &str) -> Answer {
    let body = json!({ "username": name, "password": PASSWORD });
    send(app, from, Method::POST, "/v1/register", "", &body).await
}

/// Checks for a 429, and returns the seconds to wait.
#[track_caller]
fn wait_of(answer: Answer) -> u64 {
    answer.assert_problem(429, "too_many_requests").header("retry-after").parse().unwrap()
}

#[tokio::test]
async fn five_failed_logins_delay_even_the_correct_password() {
    let app = throttling().await;
    app.advance(MINUTE);
    for _ in 0..5 {
        login(&app, HOME, "ann", WRONG).await.assert_problem(401, "invalid_credentials");
    }
    assert_eq!(wait_of(login(&app, HOME, "ann", WRONG).await), 2);
    assert_eq!(wait_of(login(&app, HOME, "ann", PASSWORD).await), 2);
    assert_eq!(wait_of(login(&app, HOME, "ANN", PASSWORD).await), 2, "however it is written");
    login(&app, AWAY, "ann", PASSWORD).await.assert(200);
    app.advance(1);
    assert_eq!(wait_of(login(&app, HOME, "ann", PASSWORD).await), 1);
    app.advance(1);
    login(&app, HOME, "ann", PASSWORD).await.assert(200);
    app.advance(MINUTE);
    for _ in 0..5 {
        login(&app, HOME, "ann", WRONG).await.assert_problem(401, "invalid_credentials");
    }
    assert_eq!(wait_of(login(&app, HOME, "ann", WRONG).await), 2, "the success had cleared the first five");
}

#[tokio::test]
async fn waits_double_from_2_seconds_to_15_minutes() {
    let app = throttling().await;
    for _ in 0..5 {
        login(&app, HOME, "ann", WRONG).await.assert(401);
    }
    for seconds in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        // The address has its attempts back by then, so that only the name counts.
        assert_eq!(wait_of(login(&app, HOME, "ann", WRONG).await), seconds);
        app.advance(seconds);
        login(&app, HOME, "ann", WRONG).await.assert(401);
    }
}

#[tokio::test]
async fn unknown_usernames_are_throttled_like_known_ones() {
    let app = throttling().await;
    let mut seen = Vec::new();
    for name in ["ann", "nobody"] {
        let mut answers = Vec::new();
        for _ in 0..8 {
            answers.push(login(&app, HOME, name, WRONG).await.anonymised());
        }
        seen.push(answers);
        app.advance(MINUTE);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].iter().filter(|answer| answer.status == 429).count(), 3);
}

#[tokio::test]
async fn password_changes_are_throttled_like_logins() {
    let app = throttling().await;
    let token = login(&app, HOME, "ann", PASSWORD).await.json()["access_token"].as_str().unwrap().to_owned();
    let change = async |current: &str| {
        let body = json!({ "current_password": current, "new_password": "battery staple" });
        send(&app, HOME, Method::PUT, "/v1/user/password", &token, &body).await
    };
    for _ in 0..5 {
        change(WRONG).await.assert_problem(401, "invalid_credentials");
    }
    assert_eq!(wait_of(change(WRONG).await), 2);
    assert_eq!(wait_of(change(PASSWORD).await), 2);
    assert_eq!(wait_of(login(&app, HOME, "ann", PASSWORD).await), 2, "they count together");
    app.advance(2);
    change(PASSWORD).await.assert(200);
}

#[tokio::test]
async fn an_address_has_a_burst_of_ten_attempts_and_then_ten_a_minute() {
    let app = throttling().await;
    for n in 0..5 {
        login(&app, HOME, &format!("nobody{n}"), WRONG).await.assert(401);
        register(&app, HOME, &format!("user{n}")).await.assert(201);
    }
    assert_eq!(wait_of(login(&app, HOME, "ann", PASSWORD).await), 6);
    assert_eq!(wait_of(register(&app, HOME, "user9").await), 6);
    let original = json!({ "username": "ann", "password": PASSWORD });
    let original = send(&app, HOME, Method::POST, "/login", "", &original).await.assert(429);
    assert_eq!(original.header("retry-after"), "6");
    register(&app, AWAY, "user9").await.assert(201);
    login(&app, AWAY, "ann", PASSWORD).await.assert(200);
    app.advance(6);
    let tokens = login(&app, HOME, "ann", PASSWORD).await.assert(200).json();
    assert_eq!(wait_of(login(&app, HOME, "ann", PASSWORD).await), 6);
    // Requests with a token are not counted.
    let token = tokens["access_token"].as_str().unwrap();
    for _ in 0..30 {
        send(&app, HOME, Method::GET, "/v1/user", token, &Value::Null).await.assert(200);
    }
    app.advance(MINUTE);
    for n in 0..10 {
        register(&app, HOME, &format!("more{n}")).await.assert(201);
    }
    wait_of(register(&app, HOME, "more10").await);
}

/// The statuses of ten attempts from an address, which use up its burst.
async fn use_up(app: &TestApp, from: impl Into<IpAddr> + Copy) {
    for n in 0..10 {
        login(app, from, &format!("nobody{n}"), WRONG).await.assert(401);
    }
}

#[tokio::test]
async fn a_throttled_address_is_refused_before_its_body_is_read() {
    let app = throttling().await;
    let token = login(&app, AWAY, "ann", PASSWORD).await.json()["access_token"].as_str().unwrap().to_owned();
    use_up(&app, HOME).await;
    let routes = [
        (Method::POST, "/v1/register", ""),
        (Method::POST, "/v1/login", ""),
        (Method::POST, "/register", ""),
        (Method::POST, "/login", ""),
        (Method::PUT, "/v1/user/password", &*token),
    ];
    for (method, path, token) in routes {
        let never_sent = Body::from_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
        let peer = PeerAddress(SocketAddr::new(HOME.into(), 4_711));
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {token}")).extension(peer);
        app.send(request.body(never_sent).unwrap()).await.assert(429);
    }
    send(&app, HOME, Method::GET, "/v1/login", "", &Value::Null).await.assert(405);
    send(&app, HOME, Method::PUT, "/v1/user/password", "", &Value::Null).await.assert(401);
}

#[tokio::test]
async fn attempts_with_an_invalid_body_and_password_changes_count() {
    let app = throttling().await;
    let token = login(&app, HOME, "ann", PASSWORD).await.json()["access_token"].as_str().unwrap().to_owned();
    for _ in 0..4 {
        send(&app, HOME, Method::POST, "/v1/register", "", &json!({})).await.assert(422);
        let change = json!({ "current_password": PASSWORD, "new_password": "short" });
        send(&app, HOME, Method::PUT, "/v1/user/password", &token, &change).await.assert(422);
    }
    send(&app, HOME, Method::POST, "/login", "", &json!([])).await.assert(400);
    assert_eq!(wait_of(login(&app, HOME, "ann", PASSWORD).await), 6);
}

#[tokio::test]
async fn a_refresh_is_never_throttled_by_address() {
    let app = throttling().await;
    let tokens = login(&app, AWAY, "ann", PASSWORD).await.assert(200).json();
    use_up(&app, HOME).await;
    wait_of(login(&app, HOME, "ann", PASSWORD).await);
    let token = tokens["refresh_token"].as_str().unwrap();
    send(&app, HOME, Method::POST, "/v1/refresh", token, &Value::Null).await.assert(200);
}

#[tokio::test]
async fn clients_without_a_known_address_share_one_limit_and_no_one_elses() {
    let clock = Clock::held_at(Clock::system().now());
    let settings = [("THROTTLES", "on"), ("TRUSTED_PROXY_HOPS", "1")];
    let app = TestApp::with(TestDatabase::create().await, clock, &settings).await;
    let login = async |name: &str, forwarded: &[u8]| {
        let peer = PeerAddress(SocketAddr::new([10, 0, 0, 1].into(), 4_711));
        let request = Request::post("/v1/login").header("content-type", "application/json").extension(peer);
        let request = request.header("x-forwarded-for", forwarded);
        app.send(
            request.body(Body::from(json!({ "username": name, "password": WRONG }).to_string())).unwrap(),
        )
        .await
    };
    for n in 0..10_u8 {
        login(&format!("nobody{n}"), format!("192.0.2.{n}, unknown").as_bytes()).await.assert(401);
    }
    wait_of(login("ann", b"192.0.2.99, _hidden").await);
    wait_of(login("ann", b"192.0.2.99, \xff").await);
    for known in [b"unknown, 192.0.2.1".as_slice(), b"\xff, 10.0.0.1", b"192.0.2.2:4711"] {
        login("ann", known).await.assert(401);
    }
}

#[tokio::test]
async fn after_100_failures_in_an_hour_each_new_address_gets_one_attempt() {
    let app = throttling().await;
    for n in 0..100_u8 {
        login(&app, [198, 51, 100, n], "ann", WRONG).await.assert(401);
    }
    // Every instance shares the count through the database.
    let other = TestApp::with(app.db.clone(), app.clock.clone(), &[("THROTTLES", "on")]).await;
    for (app, home, away) in [(&app, HOME, AWAY), (&other, [192, 0, 2, 3], [192, 0, 2, 4])] {
        login(app, home, "ann", WRONG).await.assert(401);
        assert_eq!(wait_of(login(app, home, "ann", PASSWORD).await), 15 * MINUTE);
        login(app, away, "ann", PASSWORD).await.assert(200);
        login(app, away, "ann", PASSWORD).await.assert(200);
    }
    for _ in 0..5 {
        login(&app, HOME, "nobody", WRONG).await.assert(401);
    }
    app.advance(15 * MINUTE);
    login(&app, HOME, "ann", PASSWORD).await.assert(200);
}

#[tokio::test]
async fn a_session_shows_the_address_of_its_login() {
    let app = throttling().await;
    let tokens =
        login(&app, "2001:db8::7".parse::<IpAddr>().unwrap(), "ann", PASSWORD).await.assert(200).json();
    let token = tokens["access_token"].as_str().unwrap();
    let list = send(&app, HOME, Method::GET, "/v1/sessions", token, &Value::Null).await.assert(200).json();
    assert_eq!(list["items"][0]["ip"], "2001:db8::7");
}

#[tokio::test]
async fn disabled_throttles_delay_nobody() {
    let app = TestApp::start().await;
    app.v1_user("ann").await;
    for _ in 0..30 {
        login(&app, HOME, "ann", WRONG).await.assert(401);
    }
    login(&app, HOME, "ann", PASSWORD).await.assert(200);
    assert!(app.db.all("failed_logins").await.is_empty());
}
