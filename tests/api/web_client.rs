//! The web client: its pages, and its login by a cookie that only `/web/` reads.

use axum::http::Method;
use serde_json::{Value, json};
use todo_api::web::assets::VERSION;

use crate::support::v1::DAY;
use crate::support::{Answer, Client, PASSWORD, TestApp, TestDatabase};

const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// A browser with one cookie, which sends requests from a page of the service.
#[derive(Clone)]
struct Browser {
    app: TestApp,
    cookie: String,
}

impl Browser {
    fn new(app: &TestApp) -> Self {
        Self { app: app.clone(), cookie: String::new() }
    }

    async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let cookie = [("cookie", &*self.cookie), ("content-type", "application/json")];
        let headers: Vec<_> = headers.iter().copied().chain(cookie).collect();
        self.app.anonymous().send(Method::POST, path, &headers, body.to_owned()).await
    }

    /// Keeps the cookie that the response sets.
    async fn post(&mut self, path: &str, body: &str) -> Answer {
        let answer = self.post_with(path, &[SAME_ORIGIN], body).await;
        let cookie = answer.header("set-cookie").split(';').next().unwrap();
        if !cookie.is_empty() {
            cookie.clone_into(&mut self.cookie);
        }
        answer
    }

    async fn sign_in(app: &TestApp, name: &str) -> (Self, Client) {
        let mut browser = Self::new(app);
        let answer = browser.post("/web/login", &credentials(name)).await.assert(200).json();
        (browser, client(app, &answer))
    }
}

fn credentials(name: &str) -> String {
    json!({ "username": name, "password": PASSWORD, "device": "Firefox" }).to_string()
}

fn client(app: &TestApp, answer: &Value) -> Client {
    app.anonymous().with_token(answer["access_token"].as_str().unwrap())
}

async fn registered() -> TestApp {
    let app = TestApp::start().await;
    app.anonymous().v1_register("ann", PASSWORD).await.assert(201);
    app
}

#[tokio::test]
async fn people_get_the_web_client_and_programs_do_not() {
    let app = TestApp::start().await;
    let get = async |path: &str, headers: &[(&str, &str)]| {
        app.anonymous().send(Method::GET, path, headers, "").await
    };
    let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let page = get("/", &[html]).await.assert(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains(&format!("assets/{VERSION}/js/main.js")), "{}", page.text());
    assert!(!page.text().contains("{{"));
    let vary: Vec<_> = page.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(vary.concat(), "accept-encodingaccept");
    let links = get("/", &[("accept", "application/json")]).await.assert(200);
    assert_eq!((links.header("vary"), &links.json()["docs"]), ("accept", &json!("/docs/")));
    for accept in [&[("accept", "*/*")][..], &[]] {
        let answer = get("/", accept).await.assert(404);
        assert_eq!(answer.json(), json!({ "message": "Not found" }), "{accept:?}");
    }
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/sw.js", "text/javascript; charset=utf-8"),
        ("/app.webmanifest", "application/manifest+json"),
    ] {
        let answer = get(path, &[html]).await.assert(200);
        assert_eq!((answer.header("content-type"), answer.header("cache-control")), (kind, "no-cache"));
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        let policy = answer.header("content-security-policy");
        for directive in ["default-src 'none'", "script-src 'self';", "require-trusted-types-for 'script'"] {
            assert!(policy.contains(directive) && !policy.contains("unsafe"), "{policy}");
        }
        let known = get(path, &[html, ("if-none-match", answer.header("etag"))]).await.assert(304);
        assert!(known.body.is_empty());
    }
}

#[tokio::test]
async fn every_file_that_the_pages_name_exists() {
    let app = TestApp::start().await;
    for page in ["/", "/sw.js", "/app.webmanifest"] {
        let text = app.anonymous().send(Method::GET, page, &[("accept", "text/html")], "").await.text();
        let mut paths: Vec<_> = text
            .split(&format!("assets/{VERSION}/"))
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect();
        if page == "/sw.js" {
            let list = text.split("const FILES = ").nth(1).unwrap().split(';').next().unwrap();
            paths = serde_json::from_str(list).unwrap();
            assert!(paths.len() >= 3 && !paths.iter().any(|path| path.starts_with("docs/")), "{paths:?}");
        }
        assert!(!paths.is_empty(), "{page}");
        for path in paths {
            app.anonymous().get(&format!("/assets/{VERSION}/{path}")).await.assert(200);
        }
    }
}

#[tokio::test]
async fn the_refresh_token_is_only_in_a_strict_cookie() {
    let app = registered().await;
    let mut browser = Browser::new(&app);
    let answer = browser.post("/web/login", &credentials("ann")).await.assert(200);
    let body = answer.json();
    assert!(body.get("refresh_token").is_none() && body["user"]["username"] == "ann", "{body}");
    let (pair, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
    assert!(pair.starts_with("todo_refresh=ey") && !answer.text().contains(&pair["todo_refresh=".len()..]));
    let lifetime = &body["refresh_expires_in"];
    assert_eq!(attributes, format!("Path=/web; HttpOnly; SameSite=Strict; Max-Age={lifetime}"));
    // The access token is like any other, and the cookie opens nothing but `/web/`.
    client(&app, &body).get("/v1/user").await.assert(200);
    let cookie = [("cookie", pair), SAME_ORIGIN];
    app.anonymous().send(Method::GET, "/v1/user", &cookie, "").await.assert_problem(401, "token_missing");
    app.anonymous().send(Method::POST, "/v1/refresh", &cookie, "").await.assert_problem(401, "token_missing");
    let sessions = client(&app, &body).get("/v1/sessions").await.assert(200).json();
    assert_eq!(sessions["items"][0]["device"], "Firefox");
}

#[tokio::test]
async fn over_tls_the_cookie_is_bound_to_the_host() {
    let clock = todo_api::clock::Clock::held_at(todo_api::clock::Clock::system().now());
    let app = TestApp::with(TestDatabase::create().await, clock, &[("TRUSTED_PROXY_HOPS", "1")]).await;
    app.anonymous().v1_register("ann", PASSWORD).await.assert(201);
    let tls = [SAME_ORIGIN, ("x-forwarded-proto", "https")];
    let answer = Browser::new(&app).post_with("/web/login", &tls, &credentials("ann")).await.assert(200);
    let (pair, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
    assert!(attributes.starts_with("Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age="), "{attributes}");
    // A page without TLS can set only the other name.
    let value = pair.strip_prefix("__Host-todo_refresh=").unwrap();
    let planted = Browser { cookie: format!("todo_refresh={value}"), app: app.clone() };
    planted.post_with("/web/refresh", &tls, "").await.assert(204);
    let browser = Browser { cookie: pair.to_owned(), app };
    browser.post_with("/web/refresh", &tls, "").await.assert(200);
}

#[tokio::test]
async fn below_a_path_the_cookie_is_bound_to_the_host_and_the_path() {
    let clock = todo_api::clock::Clock::held_at(todo_api::clock::Clock::system().now());
    let settings = [("TRUSTED_PROXY_HOPS", "1"), ("PUBLIC_URL", "https://example.org/todo")];
    let app = TestApp::with(TestDatabase::create().await, clock, &settings).await;
    app.anonymous().v1_register("ann", PASSWORD).await.assert(201);
    let tls = [SAME_ORIGIN, ("x-forwarded-proto", "https")];
    let answer = Browser::new(&app).post_with("/web/login", &tls, &credentials("ann")).await.assert(200);
    let (pair, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
    assert!(attributes.starts_with("Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age="), "{attributes}");
    let (name, value) = pair.split_once('=').unwrap();
    assert!(name.starts_with("__Host-todo_refresh-"), "{name}");
    // A service at another path of the host has set these.
    for other in ["__Host-todo_refresh", "__Host-todo_refresh-000000000000"] {
        let browser = Browser { cookie: format!("{other}={value}"), app: app.clone() };
        browser.post_with("/web/refresh", &tls, "").await.assert(204);
    }
    let browser = Browser { cookie: format!("__Host-todo_refresh=x; {pair}"), app };
    browser.post_with("/web/refresh", &tls, "").await.assert(200);
}

#[tokio::test]
async fn a_refresh_replaces_the_cookie_and_a_failed_one_keeps_it() {
    let app = registered().await;
    let (mut browser, before) = Browser::sign_in(&app, "ann").await;
    let first = browser.cookie.clone();
    let answer = browser.post("/web/refresh", "").await.assert(200).json();
    assert_ne!(browser.cookie, first);
    assert_eq!(answer["user"]["username"], "ann");
    client(&app, &answer).get("/v1/user").await.assert(200);
    before.get("/v1/user").await.assert(200);
    let access = format!("todo_refresh={}", before.access.as_ref().unwrap());
    // Two tabs that refresh at the same time get the same generation.
    let other_tab = Browser { cookie: first.clone(), app: app.clone() };
    other_tab.post_with("/web/refresh", &[SAME_ORIGIN], "").await.assert(200);
    for (cookie, status) in
        [("", 204), ("todo_refresh=", 204), ("other=1", 204), ("todo_refresh=nonsense", 401), (&access, 401)]
    {
        let broken = Browser { cookie: cookie.to_owned(), app: app.clone() };
        let answer = broken.post_with("/web/refresh", &[SAME_ORIGIN], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (status, ""), "{cookie}");
    }
    app.advance(DAY);
    let copied = other_tab.post_with("/web/refresh", &[SAME_ORIGIN], "").await;
    assert!(copied.status == 200 || copied.header("set-cookie").is_empty());
}

#[tokio::test]
async fn a_copied_cookie_is_worth_nothing_after_signing_out() {
    let app = registered().await;
    let (mut browser, client) = Browser::sign_in(&app, "ann").await;
    let stolen = browser.clone();
    let answer = browser.post("/web/logout", "").await.assert(204);
    assert_eq!(answer.header("set-cookie"), "todo_refresh=; Path=/web; HttpOnly; SameSite=Strict; Max-Age=0");
    let refused =
        stolen.post_with("/web/refresh", &[SAME_ORIGIN], "").await.assert_problem(401, "token_revoked");
    assert_eq!(refused.header("set-cookie"), "");
    client.get("/v1/user").await.assert_problem(401, "token_revoked");
    let bearer = format!("Bearer {}", stolen.cookie.strip_prefix("todo_refresh=").unwrap());
    let as_bearer =
        app.anonymous().send(Method::POST, "/v1/refresh", &[("authorization", &bearer)], "").await;
    as_bearer.assert_problem(401, "token_revoked");
    // Signing out can be repeated, with any cookie or none.
    for cookie in [&*stolen.cookie, "", "todo_refresh=nonsense"] {
        let again = Browser { cookie: cookie.to_owned(), app: app.clone() };
        again.post_with("/web/logout", &[SAME_ORIGIN], "").await.assert(204);
    }
}

#[tokio::test]
async fn ending_the_session_or_changing_the_password_ends_the_cookie() {
    let app = registered().await;
    let (mut browser, client) = Browser::sign_in(&app, "ann").await;
    let id = client.get("/v1/sessions").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    client.delete(&format!("/v1/sessions/{id}")).await.assert(204);
    browser.post("/web/refresh", "").await.assert_problem(401, "token_revoked");
    let (mut browser, client) = Browser::sign_in(&app, "ann").await;
    let change = json!({ "current_password": PASSWORD, "new_password": "another horse" });
    client.put("/v1/user/password", change).await.assert(200);
    browser.post("/web/refresh", "").await.assert_problem(401, "token_revoked");
}

#[tokio::test]
async fn signing_in_again_ends_the_earlier_session_of_the_browser() {
    let app = registered().await;
    let (mut browser, earlier) = Browser::sign_in(&app, "ann").await;
    let copy = browser.clone();
    browser.post("/web/login", &credentials("ann")).await.assert(200);
    earlier.get("/v1/user").await.assert_problem(401, "token_revoked");
    copy.post_with("/web/refresh", &[SAME_ORIGIN], "").await.assert_problem(401, "token_revoked");
    // A wrong password ends nothing.
    let wrong = json!({ "username": "ann", "password": "wrong" }).to_string();
    browser.post("/web/login", &wrong).await.assert_problem(401, "invalid_credentials");
    browser.post("/web/refresh", "").await.assert(200);
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let app = registered().await;
    let (browser, client) = Browser::sign_in(&app, "ann").await;
    let host = ("host", "todo.lan:8000");
    for headers in [
        &[][..],
        &[host],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "")],
        &[SAME_ORIGIN, ("sec-fetch-site", "cross-site")],
        &[host, ("origin", "http://todo.lan")],
        &[host, ("origin", "http://todo.lan:8001")],
        &[host, ("origin", "https://todo.lan:8000")],
        &[host, ("origin", "http://evil.example")],
        &[host, ("origin", "null")],
        &[host, ("origin", "http://todo.lan:8000"), ("sec-fetch-site", "cross-site")],
    ] {
        for path in ["/web/login", "/web/refresh", "/web/logout"] {
            let answer = browser.post_with(path, headers, &credentials("ann")).await;
            let answer = answer.assert_problem(403, "forbidden");
            assert_eq!(answer.header("set-cookie"), "", "{path} {headers:?}");
        }
    }
    client.get("/v1/user").await.assert(200);
    let own = [host, ("origin", "http://todo.lan:8000")];
    browser.post_with("/web/refresh", &own, "").await.assert(200);
    for path in ["/web/login", "/web/refresh", "/web/logout"] {
        app.anonymous().get(path).await.assert(405);
    }
}

#[tokio::test]
async fn logins_by_cookie_are_throttled_like_others() {
    let clock = todo_api::clock::Clock::held_at(todo_api::clock::Clock::system().now());
    let app = TestApp::with(TestDatabase::create().await, clock, &[("THROTTLES", "on")]).await;
    let wrong = json!({ "username": "ann", "password": "wrong" }).to_string();
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let answer = Browser::new(&app).post_with("/web/login", &[SAME_ORIGIN], &wrong).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!((statuses[0], statuses[6]), (401, 429), "{statuses:?}");
}

#[tokio::test]
async fn invalid_bodies_of_a_login_name_the_field() {
    let app = TestApp::start().await;
    let browser = Browser::new(&app);
    for (body, status) in [("", 400), ("{", 400), ("[]", 400), ("{\"username\":1}", 422)] {
        assert_eq!(
            browser.post_with("/web/login", &[SAME_ORIGIN], body).await.status.as_u16(),
            status,
            "{body}"
        );
    }
    let unknown = json!({ "username": "a", "password": "b", "x": 1 }).to_string();
    let answer =
        browser.post_with("/web/login", &[SAME_ORIGIN], &unknown).await.assert_problem(422, "invalid_input");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/x");
    let large = "x".repeat(17 * 1024);
    browser.post_with("/web/login", &[SAME_ORIGIN], &large).await.assert(413);
}
