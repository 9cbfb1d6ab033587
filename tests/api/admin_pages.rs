//! The admin pages: signing in, who may see them, attacks on their forms, and what the forms do.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use todo_api::auth::token::Role;
use todo_api::users::access::{AccessPatch, LastAdmin};
use todo_api::users::operations::ClientInfo;

use crate::support::{Answer, PASSWORD, TestApp, TestDatabase};

const COOKIE: &str = "todo_admin";

/// A browser without JavaScript: it keeps cookies and says where its forms come from.
#[derive(Clone)]
struct Browser {
    app: TestApp,
    cookies: BTreeMap<String, String>,
    headers: Vec<(&'static str, String)>,
}

impl Browser {
    fn new(app: &TestApp) -> Self {
        Self {
            app: app.clone(),
            cookies: BTreeMap::new(),
            headers: vec![("sec-fetch-site", "same-origin".into())],
        }
    }

    /// The same browser, which sends these headers with each request.
    fn sending(&self, headers: &[(&'static str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { headers, ..self.clone() }
    }

    async fn send(&mut self, method: Method, path: &str, form: &[(&str, &str)]) -> Answer {
        let body: Vec<_> =
            form.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, &**value)).collect();
        headers.push(("cookie", &cookies));
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        let answer = self.app.anonymous().send(method, path, &headers, body.join("&")).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let (pair, attributes) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(attributes.contains("HttpOnly; SameSite=Strict"), "{cookie:?}");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[]).await
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, form).await
    }

    /// Sends a form that must succeed, and returns the page to which the response redirects.
    async fn act(&mut self, path: &str, form: &[(&str, &str)]) -> String {
        let answer = self.post(path, form).await.assert(303);
        let target = answer.header("location").to_owned();
        self.get(&target).await.assert(200).text()
    }

    async fn sign_in(&mut self, name: &str) -> Answer {
        self.post("/admin/sign-in", &[("username", name), ("password", PASSWORD)]).await
    }

    async fn is_signed_in(&mut self) -> bool {
        self.get("/admin").await.status == 200
    }
}

async fn id_of(app: &TestApp, name: &str) -> String {
    app.state.administration.id_of(name).await.unwrap().to_hex()
}

/// Registers an admin.
async fn make_admin(app: &TestApp, name: &str) -> String {
    app.anonymous().register(name, PASSWORD).await.assert(201);
    set_roles(app, name, vec![Role::User, Role::Admin]).await;
    id_of(app, name).await
}

async fn set_roles(app: &TestApp, name: &str, roles: Vec<Role>) {
    let id = app.state.administration.id_of(name).await.unwrap();
    let patch = AccessPatch { roles: Some(roles), disabled: None };
    let (admin, by) = (&app.state.administration, ClientInfo::OPERATOR);
    assert!(admin.set_access(id, &patch, None, LastAdmin::MayGo, &by).await.is_ok());
}

/// A browser in which the admin `root` is signed in.
async fn signed_in(app: &TestApp) -> Browser {
    make_admin(app, "root").await;
    let mut browser = Browser::new(app);
    let answer = browser.sign_in("root").await.assert(303);
    assert_eq!(answer.header("location"), "/admin");
    browser
}

/// Every page and form, with an id of a user and of a session.
fn routes(id: &str) -> Vec<(Method, String)> {
    let mut routes: Vec<_> =
        ["", "/users", "/users/new", "/audit"].map(|path| (Method::GET, format!("/admin{path}"))).into();
    for path in ["", "/delete"] {
        routes.push((Method::GET, format!("/admin/users/{id}{path}")));
    }
    let sid = "0".repeat(32);
    routes.push((Method::POST, "/admin/users/new".into()));
    for path in ["roles", "disable", "enable", "password", "delete", "sessions/end"] {
        routes.push((Method::POST, format!("/admin/users/{id}/{path}")));
    }
    routes.push((Method::POST, format!("/admin/users/{id}/tokens/end")));
    routes.push((Method::POST, format!("/admin/users/{id}/tokens/{id}/end")));
    for path in ["end", "block", "unblock"] {
        routes.push((Method::POST, format!("/admin/users/{id}/sessions/{sid}/{path}")));
    }
    routes
}

#[tokio::test]
async fn pages_have_a_strict_policy_and_no_script() {
    let app = TestApp::start().await;
    let mut root = signed_in(&app).await;
    let id = id_of(&app, "root").await;
    for (method, path) in routes(&id).into_iter().filter(|(method, _)| *method == Method::GET) {
        let page = root.send(method, &path, &[]).await.assert(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("referrer-policy"), "same-origin", "{path}");
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self';") && !policy.contains("script"),
            "{policy}"
        );
        let html = page.text();
        for forbidden in ["<script", " style=", " on", "http://", "https://", "eyJ"] {
            let found = html
                .match_indices(forbidden)
                .any(|(at, _)| forbidden != " on" || html[at + 3..].starts_with("click"));
            assert!(!found, "{path} has {forbidden}: {html}");
        }
    }
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_sign_in_page() {
    let app = TestApp::start().await;
    let id = make_admin(&app, "root").await;
    for (method, path) in routes(&id) {
        let answer = Browser::new(&app).send(method.clone(), &path, &[]).await.assert(303);
        assert!(answer.header("location").starts_with("/admin/sign-in"), "{method} {path}");
        assert!(answer.body.is_empty() && answer.header("www-authenticate").is_empty());
    }
    let mut browser = Browser::new(&app);
    let answer = browser.get("/admin/users?q=a").await.assert(303);
    assert_eq!(answer.header("location"), "/admin/sign-in?next=%2Fadmin%2Fusers%3Fq%3Da");
    let form = [("username", "root"), ("password", PASSWORD), ("next", "%2Fadmin%2Fusers%3Fq%3Da")];
    let answer = browser.post("/admin/sign-in", &form).await.assert(303);
    assert_eq!(answer.header("location"), "/admin/users?q=a");
    browser.get("/admin/nothing").await.assert(404);
    browser.get("/admin/users/000000000000000000000000").await.assert(404);
    browser.get("/admin/users/x").await.assert(404);
}

#[tokio::test]
async fn forms_of_other_origins_are_refused() {
    let app = TestApp::start().await;
    let root = signed_in(&app).await;
    let id = id_of(&app, "root").await;
    let host = ("host", "todo.lan:8000");
    let posts: Vec<_> = routes(&id).into_iter().filter(|(method, _)| *method == Method::POST).collect();
    for headers in [
        &[host][..],
        &[host, ("origin", "http://evil.example")],
        // Another service on the same host gets the cookies, because ports do not separate sites.
        &[host, ("origin", "http://todo.lan:8001")],
        &[host, ("origin", "null")],
        &[host, ("sec-fetch-site", "same-site"), ("origin", "http://todo.lan:8000")],
        &[host, ("sec-fetch-site", "cross-site")],
        &[host, ("sec-fetch-site", "none")],
        &[host, ("referer", "http://todo.lan:8001/admin")],
    ] {
        let mut other = root.sending(headers);
        for (_, path) in &posts {
            other.post(path, &[("role", "user")]).await.assert(403);
        }
        for path in ["/admin/sign-out", "/admin/sign-in"] {
            let answer = other.post(path, &[("username", "root"), ("password", PASSWORD)]).await.assert(403);
            assert_eq!(answer.header("set-cookie"), "");
        }
    }
    // Text browsers send the second one.
    for from_own_page in [("origin", "http://todo.lan:8000"), ("referer", "http://todo.lan:8000/admin/users")]
    {
        let mut own = root.sending(&[host, from_own_page]);
        assert!(own.is_signed_in().await);
        own.post(&format!("/admin/users/{id}/enable"), &[]).await.assert(303);
    }
}

#[tokio::test]
async fn tokens_of_the_api_open_no_page_and_page_tokens_no_route() {
    let app = TestApp::start().await;
    let root = signed_in(&app).await;
    let login = json!({ "username": "root", "password": PASSWORD });
    let tokens = app.anonymous().post("/v1/login", login).await.assert(200).json();
    for name in ["access_token", "refresh_token"] {
        let mut thief = Browser::new(&app);
        thief.cookies.insert(COOKIE.into(), tokens[name].as_str().unwrap().to_owned());
        assert!(!thief.is_signed_in().await, "{name}");
        let path = format!("/admin/users/{}/disable", id_of(&app, "root").await);
        assert_eq!(thief.post(&path, &[]).await.assert(303).header("location"), "/admin/sign-in");
    }
    let mut thief = Browser::new(&app);
    let body = json!({ "name": "script", "scopes": ["todos:read", "todos:write", "caldav"] });
    let client = app.anonymous().with_token(tokens["access_token"].as_str().unwrap().to_owned());
    let personal = client.post("/v1/tokens", body).await.assert(201).json();
    thief.cookies.insert(COOKIE.into(), personal["token"].as_str().unwrap().to_owned());
    assert!(!thief.is_signed_in().await, "a personal access token");
    let page_token = app.anonymous().with_token(root.cookies[COOKIE].clone());
    for path in
        ["/v1/user", "/v1/todos", "/v1/sessions", "/v1/tokens", "/v1/events", "/v1/admin/users", "/todolist"]
    {
        page_token.get(path).await.assert(401);
    }
    for path in ["/v1/refresh", "/v1/logout", "/v1/sync", "/refresh"] {
        page_token.post(path, json!({})).await.assert(401);
    }
    assert!(root.clone().is_signed_in().await);
}

#[tokio::test]
async fn only_admins_sign_in_and_every_wrong_password_reads_the_same() {
    let app = TestApp::start().await;
    make_admin(&app, "root").await;
    app.user("ann").await;
    let mut browser = Browser::new(&app);
    assert!(browser.sign_in("ann").await.assert(403).text().contains("Only administrators"));
    let mut wrong = Vec::new();
    for name in ["root", "nobody", "ann"] {
        let answer =
            browser.post("/admin/sign-in", &[("username", name), ("password", "wrong")]).await.assert(401);
        wrong.push(answer.text().replace(name, ""));
    }
    wrong.dedup();
    assert_eq!(wrong.len(), 1);
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn signing_in_to_pages_is_throttled_like_a_login() {
    let db = TestDatabase::create().await;
    let clock = todo_api::clock::Clock::held_at(todo_api::clock::Clock::system().now());
    let app = TestApp::with(db, clock, &[("THROTTLES", "on")]).await;
    make_admin(&app, "root").await;
    let mut browser = Browser::new(&app);
    let mut last = 0;
    for _ in 0..12 {
        let form = [("username", "root"), ("password", "wrong")];
        last = browser.post("/admin/sign-in", &form).await.status.as_u16();
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn signing_in_opens_a_new_session_and_ends_the_one_of_the_cookie() {
    let app = TestApp::start().await;
    let mut victim = Browser::new(&app);
    // Fixation: a cookie that somebody else knows is in the browser before the victim signs in.
    let mut attacker = signed_in(&app).await;
    victim.cookies.clone_from(&attacker.cookies);
    victim.sign_in("root").await.assert(303);
    assert_ne!(victim.cookies[COOKIE], attacker.cookies[COOKIE]);
    assert!(victim.is_signed_in().await);
    assert!(!attacker.is_signed_in().await);
    victim.cookies.insert(COOKIE.into(), "chosen-by-somebody".into());
    victim.sign_in("root").await.assert(303);
    assert!(victim.cookies[COOKIE].starts_with("eyJ"));
}

#[tokio::test]
async fn a_cookie_is_worthless_after_signing_out() {
    let app = TestApp::start().await;
    let mut root = signed_in(&app).await;
    let mut copy = root.clone();
    let page = root.act("/admin/sign-out", &[]).await;
    assert!(page.contains("You are signed out."), "{page}");
    assert!(!root.cookies.contains_key(COOKIE));
    assert!(!copy.is_signed_in().await);
    let id = id_of(&app, "root").await;
    copy.post(&format!("/admin/users/{id}/disable"), &[]).await.assert(303);
    assert!(copy.clone().sign_in("root").await.status == 303);
    // A repetition does no harm.
    copy.post("/admin/sign-out", &[]).await.assert(303);
}

#[tokio::test]
async fn an_open_page_of_a_former_admin_can_do_nothing_on_any_instance() {
    let app = TestApp::start().await;
    // Its copy of the blacklist is not renewed, so only a read of the database can refuse the cookies.
    let other_instance = app.restart().await;
    let mut root = signed_in(&app).await;
    let victim = make_admin(&app, "victim").await;
    for (name, path, form) in [
        ("demoted", "roles", ("role", "user")),
        ("disabled", "disable", ("", "")),
        ("replaced", "password", ("password", "another+long+word")),
        ("ended", "sessions/end", ("", "")),
        ("deleted", "delete", ("", "")),
    ] {
        let id = make_admin(&app, name).await;
        let mut open = Browser::new(&app);
        open.sign_in(name).await.assert(303);
        root.post(&format!("/admin/users/{id}/{path}"), &[form]).await.assert(303);
        for instance in [&other_instance, &app] {
            open.app = instance.clone();
            let answer = open.post(&format!("/admin/users/{victim}/disable"), &[]).await;
            assert!([303, 403].contains(&answer.status.as_u16()), "{name}: {answer:?}");
            assert!(!open.is_signed_in().await, "{name}");
        }
    }
    assert!(Browser::new(&app).sign_in("victim").await.status == 303, "nothing was changed");
}

#[tokio::test]
async fn two_admins_cannot_demote_each_other() {
    let app = TestApp::start().await;
    let other = make_admin(&app, "other").await;
    let mut root_browser = signed_in(&app).await;
    let mut other_browser = Browser::new(&app);
    other_browser.sign_in("other").await.assert(303);
    let root = id_of(&app, "root").await;
    let (a, b) = (format!("/admin/users/{other}/roles"), format!("/admin/users/{root}/disable"));
    let (first, second) =
        tokio::join!(root_browser.post(&a, &[("role", "user")]), other_browser.post(&b, &[]));
    let mut left = 0;
    for browser in [&mut root_browser, &mut other_browser] {
        left += usize::from(browser.is_signed_in().await);
    }
    assert_eq!(left, 1, "{first:?} {second:?}");
    let (mut last, id) =
        if root_browser.is_signed_in().await { (root_browser, root) } else { (other_browser, other) };
    for path in ["roles", "disable", "delete"] {
        let page = last.post(&format!("/admin/users/{id}/{path}"), &[]).await.assert(409).text();
        assert!(page.contains("The last administrator"), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_session_lasts_while_it_is_used_but_at_most_12_hours() {
    let app = TestApp::start().await;
    let mut root = signed_in(&app).await;
    let mut unused = root.clone();
    for _ in 0..28 {
        assert!(root.is_signed_in().await);
        app.clock.advance(Duration::from_mins(25));
    }
    assert!(!unused.is_signed_in().await);
    assert!(root.is_signed_in().await);
    app.clock.advance(Duration::from_mins(21));
    assert!(!root.is_signed_in().await);
    let page = root.get("/admin/sign-in").await.assert(200).text();
    assert!(page.contains("Your session has ended."), "{page}");
    assert!(!root.get("/admin/sign-in").await.text().contains("Your session has ended."));
}

#[tokio::test]
async fn after_five_minutes_a_form_asks_for_the_password_and_is_then_done() {
    let app = TestApp::start().await;
    app.user("ann").await;
    let mut root = signed_in(&app).await;
    let path = format!("/admin/users/{}/password", id_of(&app, "ann").await);
    let form = [("password", "brand+new+word"), ("one_time", "on")];
    app.clock.advance(Duration::from_mins(5));
    let page = root.post(&path, &form).await.assert(200).text();
    assert!(page.contains("own_password") && page.contains("value=\"brand new word\""), "{page}");
    app.anonymous().login("ann", PASSWORD).await;
    let wrong = [&form[..], &[("own_password", "wrong")]].concat();
    root.post(&path, &wrong).await.assert(401);
    app.anonymous().login("ann", PASSWORD).await;
    let right = [&form[..], &[("own_password", PASSWORD)]].concat();
    assert!(root.act(&path, &right).await.contains("The password was set."));
    // The password counts for the next form too.
    assert!(root.act(&path, &[("password", "another+word")]).await.contains("The password was set."));
    app.anonymous().login("ann", "another word").await;
}

#[tokio::test]
async fn forms_change_users_and_the_audit_names_the_admin() {
    let app = TestApp::start().await;
    let mut root = signed_in(&app).await;
    let form = [
        ("username", "ann"),
        ("email", "ann@example.org"),
        ("password", "only for once"),
        ("one_time", "on"),
    ];
    let page = root.act("/admin/users/new", &form).await;
    assert!(page.contains("The user was created.") && page.contains("Must change password"), "{page}");
    assert!(page.contains("<h1>ann</h1>") && page.contains("ann@example.org"), "{page}");
    let login = json!({ "username": "ann", "password": "only for once", "new_password": PASSWORD });
    app.anonymous().post("/v1/login", login).await.assert(200);
    let user = format!("/admin/users/{}", id_of(&app, "ann").await);

    let taken = root.post("/admin/users/new", &form).await.assert(409).text();
    assert!(taken.contains("The username is taken.") && taken.contains("value=\"ann\""), "{taken}");
    let bad = [("username", "x"), ("password", "x"), ("email", "x")];
    let bad = root.post("/admin/users/new", &bad).await.assert(422).text();
    for text in ["The username must have 3", "The password must have 8", "ann@example.org"] {
        assert!(bad.contains(text), "{bad}");
    }
    root.post(&format!("{user}/password"), &[("password", "short")]).await.assert(422);

    let page = root.get(&user).await.text();
    let sid = page
        .split("/sessions/")
        .find_map(|part| {
            part.strip_suffix("/block\" method=\"post\">").or(part.split_once("/block\"").map(|(sid, _)| sid))
        })
        .unwrap()
        .to_owned();
    assert!(
        root.act(&format!("{user}/sessions/{sid}/block"), &[]).await.contains("The session was blocked.")
    );
    assert!(
        root.act(&format!("{user}/sessions/{sid}/unblock"), &[]).await.contains("The session was unblocked.")
    );
    assert!(root.act(&format!("{user}/sessions/{sid}/end"), &[]).await.contains("No session."));
    root.post(&format!("{user}/sessions/{sid}/end"), &[]).await.assert(404);
    assert!(root.act(&format!("{user}/sessions/end"), &[]).await.contains("All sessions were ended."));
    let ann = app.v1_login("ann").await;
    let script = json!({ "name": "the script", "scopes": ["todos:read"] });
    let script = ann.post("/v1/tokens", script).await.assert(201).id();
    let page = root.get(&user).await.text();
    assert!(page.contains("the script") && page.contains("todos:read") && !page.contains("tdo_"), "{page}");
    let page = root.act(&format!("{user}/tokens/{script}/end"), &[]).await;
    assert!(page.contains("The access token was ended.") && page.contains("No access token."), "{page}");
    root.post(&format!("{user}/tokens/{script}/end"), &[]).await.assert(404);
    let page = root.act(&format!("{user}/tokens/end"), &[]).await;
    assert!(page.contains("All access tokens were ended."), "{page}");
    assert!(root.act(&format!("{user}/disable"), &[]).await.contains("The user was disabled."));
    assert!(root.act(&format!("{user}/enable"), &[]).await.contains("The user was enabled."));
    assert!(
        root.act(&format!("{user}/roles"), &[("role", "admin")]).await.contains("is an administrator now")
    );
    assert!(
        root.act(&format!("{user}/roles"), &[("role", "user")]).await.contains("no longer an administrator")
    );

    let audit = root.get("/admin/audit?user=ann").await.assert(200).text();
    for event in [
        "registered",
        "session blocked",
        "session unblocked",
        "sessions ended",
        "access tokens ended",
        "disabled",
        "enabled",
        "roles changed: administrator",
        "roles changed: User",
    ] {
        assert!(audit.contains(&format!(">{event}</td>")), "{event}: {audit}");
    }
    assert!(audit.matches(">root</a>").count() >= 8, "{audit}");
    let question = root.get(&format!("{user}/delete")).await.assert(200).text();
    assert!(question.contains("Delete ann?") && question.contains("cannot be undone"), "{question}");
    assert!(root.act(&format!("{user}/delete"), &[]).await.contains("The user was deleted."));
    root.get(&user).await.assert(404);
}

#[tokio::test]
async fn lists_are_searched_filtered_and_paged() {
    let app = TestApp::start().await;
    let mut root = signed_in(&app).await;
    for number in 0..60 {
        app.anonymous().register(&format!("user-{number:02}"), PASSWORD).await.assert(201);
    }
    let first = root.get("/admin/users").await.assert(200).text();
    assert_eq!(first.matches("<tr role=\"row\">").count(), 51);
    assert!(first.contains("Next page") && !first.contains("First page"));
    let next =
        first.split("href=\"").find_map(|part| part.split_once("\" rel=\"next\"").map(|(to, _)| to)).unwrap();
    let second = root.get(next).await.assert(200).text();
    assert_eq!(second.matches("<tr role=\"row\">").count(), 12);
    assert!(!second.contains("Next page") && second.contains("First page"));
    let found = root.get("/admin/users?q=USER-07&state=active").await.text();
    assert!(found.contains("user-07") && !found.contains("user-08"), "{found}");
    assert!(root.get("/admin/users?role=admin").await.text().contains(">root</a>"));
    assert!(root.get("/admin/users?state=disabled").await.text().contains("No user matches."));
    for odd in ["?after=%00&q=%F0%9F%98%80", "?q=%22%3E%3Cscript%3E", "?state=x&role=x&x=y", "?q=.*"] {
        let page = root.get(&format!("/admin/users{odd}")).await.assert(200).text();
        assert!(!page.contains("<script"), "{odd}");
    }
    let audit = root.get("/admin/audit?event=register").await.assert(200).text();
    assert_eq!(audit.matches("<tr role=\"row\">").count(), 51);
    let next =
        audit.split("href=\"").find_map(|part| part.split_once("\" rel=\"next\"").map(|(to, _)| to)).unwrap();
    let rest = root.get(&next.replace("&#38;", "&").replace("&amp;", "&")).await.assert(200).text();
    assert_eq!(rest.matches("<tr role=\"row\">").count(), 12);
    for odd in ["?user=nobody", "?from=2000-01-01&to=2000-01-02", "?after=x-y&event=x&from=31.12.2026"] {
        root.get(&format!("/admin/audit{odd}")).await.assert(200);
    }
}

#[tokio::test]
async fn pages_are_in_german_for_germans() {
    let app = TestApp::start().await;
    let mut root = signed_in(&app).await;
    let mut german =
        root.sending(&[("accept-language", "de-AT, en;q=0.5"), ("sec-fetch-site", "same-origin")]);
    let page = german.get("/admin").await.assert(200).text();
    assert!(page.contains("<html lang=\"de\">") && page.contains("<h1>Übersicht</h1>"), "{page}");
    assert!(root.get("/admin").await.text().contains("<html lang=\"en\">"));
    let bad =
        german.post("/admin/users/new", &[("username", "x"), ("password", "y")]).await.assert(422).text();
    assert!(bad.contains("Der Benutzername muss 3 bis 64 Zeichen haben."), "{bad}");
    assert!(german.get("/admin/nichts").await.assert(404).text().contains("Das ging nicht"));
}

#[tokio::test]
async fn cookies_are_bound_to_the_host_over_tls() {
    let db = TestDatabase::create().await;
    let clock = todo_api::clock::Clock::held_at(todo_api::clock::Clock::system().now());
    let app = TestApp::with(db, clock, &[("TRUSTED_PROXY_HOPS", "1")]).await;
    make_admin(&app, "root").await;
    let plain = Browser::new(&app);
    let tls = [("x-forwarded-proto", "https"), ("host", "todo.example"), ("origin", "https://todo.example")];
    let mut browser = plain.sending(&tls);
    let answer = browser.sign_in("root").await.assert(303);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-todo_admin=") && cookie.contains("; Path=/; Secure;"), "{cookie}");
    assert!(browser.is_signed_in().await);
    // A cookie that a page without TLS could have set does not count.
    let token = browser.cookies.remove("__Host-todo_admin").unwrap();
    browser.cookies.insert(COOKIE.into(), token);
    assert!(!browser.is_signed_in().await);
}
