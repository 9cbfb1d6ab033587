//! Clients of the `/v1` routes, and assertions that every response must pass.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use bson::{Document, doc};
use serde_json::{Value, json};

use super::tokens::Parts;
use super::{Answer, Client, PASSWORD, TestApp};

/// All times are in seconds.
pub(crate) const MINUTE: u64 = 60;
pub(crate) const DAY: u64 = 24 * 60 * MINUTE;
pub(crate) const LEEWAY: u64 = 5;

/// How long the service may take for work after the response.
const PATIENCE: Duration = Duration::from_secs(10);

impl TestApp {
    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A registered user, logged in through `/v1`.
    pub(crate) async fn v1_user(&self, name: &str) -> Client {
        self.anonymous().v1_register(name, PASSWORD).await.assert(201);
        self.v1_login(name).await
    }

    /// Another session of a user.
    pub(crate) async fn v1_login(&self, name: &str) -> Client {
        let answer = self.anonymous().v1_try_login(name, PASSWORD).await;
        self.anonymous().with_tokens(&answer.assert(200))
    }

    /// A registered user with the role `admin`, logged in.
    pub(crate) async fn v1_admin(&self, name: &str) -> Client {
        self.anonymous().v1_register(name, PASSWORD).await.assert(201);
        let admin = doc! { "$set": { "roles": ["user", "admin"] } };
        let named = doc! { "username": name };
        self.db.collection("users").update_one(named, admin).await.unwrap();
        self.v1_login(name).await
    }

    /// The stored document of a client's session.
    pub(crate) async fn session_of(&self, client: &Client) -> Document {
        let sid = doc! { "_id": client.sid() };
        self.db.collection("sessions").find_one(sid).await.unwrap().expect("the session is not stored")
    }

    /// How often the refresh token of a client's session was replaced.
    pub(crate) async fn stored_generation(&self, client: &Client) -> i64 {
        self.session_of(client).await.get_i64("gen").unwrap()
    }

    /// The audited events, in order.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let all = self.db.all("audit").await;
        all.iter().map(|entry| entry.get_str("event").unwrap().to_owned()).collect()
    }
}

impl Client {
    pub(crate) async fn v1_register(&self, username: &str, password: &str) -> Answer {
        self.post("/v1/register", json!({ "username": username, "password": password })).await
    }

    pub(crate) async fn v1_try_login(&self, username: &str, password: &str) -> Answer {
        self.post("/v1/login", json!({ "username": username, "password": password })).await
    }

    /// The same client with the tokens of a response.
    #[track_caller]
    pub(crate) fn with_tokens(&self, answer: &Answer) -> Self {
        let tokens = answer.assert_tokens();
        let text = |name: &str| tokens[name].as_str().map(str::to_owned);
        Self { app: self.app.clone(), access: text("access_token"), refresh: text("refresh_token") }
    }

    /// Presents the refresh token.
    pub(crate) async fn v1_refresh(&self) -> Answer {
        self.with_refresh_token().send(Method::POST, "/v1/refresh", &[], "").await
    }

    /// The same client with refreshed tokens.
    pub(crate) async fn v1_refreshed(&self) -> Self {
        self.with_tokens(&self.v1_refresh().await.assert(200))
    }

    pub(crate) async fn v1_logout(&self) -> Answer {
        self.send(Method::POST, "/v1/logout", &[], "").await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::PATCH, path, &body).await
    }

    /// Creates a todo through `/v1`, and returns its id.
    pub(crate) async fn create_todo(&self, body: Value) -> String {
        self.post("/v1/todos", body).await.assert(201).id()
    }

    /// Creates a list, and returns its id.
    pub(crate) async fn create_list(&self, body: Value) -> String {
        self.post("/v1/lists", body).await.assert(201).id()
    }

    /// The names on the page of todos that a query selects, in their order. `query` is empty or begins with `?`.
    pub(crate) async fn todo_names(&self, query: &str) -> Vec<String> {
        let page = self.get(&format!("/v1/todos{query}")).await.assert(200).json();
        let todos = page["items"].as_array().unwrap();
        todos.iter().map(|todo| todo["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Uses the access token, and waits until the service has noted that the client has it, which happens after the
    /// response.
    pub(crate) async fn use_access(&self) {
        self.get("/v1/user").await.assert(200);
        let generation = self.generation();
        let noted = async {
            while self.app.session_of(self).await.get_i64("seen").unwrap() < generation {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, noted).await.expect("the use was not noted in time");
    }

    pub(crate) fn claims(&self) -> Value {
        Parts::of(self.access.as_ref().expect("the client is not logged in")).claims
    }

    pub(crate) fn sid(&self) -> String {
        self.claims()["sid"].as_str().unwrap().to_owned()
    }

    pub(crate) fn generation(&self) -> i64 {
        self.claims()["gen"].as_i64().unwrap()
    }

    /// Checks that the session is over: neither token opens a route, and there is nothing to log out of.
    pub(crate) async fn assert_over(&self) {
        self.assert_closed().await;
        self.v1_logout().await.assert(204);
        self.with_refresh_token().v1_logout().await.assert(204);
    }

    /// Checks that the session refuses its tokens because it is blocked.
    pub(crate) async fn assert_blocked(&self) {
        self.assert_closed().await;
        self.v1_logout().await.assert_problem(401, "token_revoked");
        self.with_refresh_token().v1_logout().await.assert_problem(401, "token_revoked");
    }

    async fn assert_closed(&self) {
        self.get("/v1/user").await.assert_problem(401, "token_revoked");
        self.get("/v1/sessions").await.assert_problem(401, "token_revoked");
        self.v1_refresh().await.assert_problem(401, "token_revoked");
    }
}

impl Answer {
    /// The id of the object in the body.
    #[track_caller]
    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().expect("an object has an id").to_owned()
    }

    /// The tokens of a response, which must have all token fields and no others.
    #[track_caller]
    pub(crate) fn assert_tokens(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("cache-control"), "no-store");
        let body = self.json();
        assert_members(
            &body,
            "token_type access_token expires_in refresh_token refresh_expires_in session_id",
        );
        assert_eq!(body["token_type"], "Bearer");
        for (token, lifetime) in [("access_token", "expires_in"), ("refresh_token", "refresh_expires_in")] {
            let claims = Parts::of(body[token].as_str().unwrap()).claims;
            let seconds = body[lifetime].as_i64().unwrap();
            assert!(seconds > 0, "{lifetime} is {seconds}");
            assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), seconds);
            assert_eq!(claims["sid"], body["session_id"]);
        }
        body
    }

    /// Checks for a complete problem (RFC 9457).
    #[track_caller]
    pub(crate) fn assert_problem(self, status: u16, code: &str) -> Self {
        let seen = format!("{status} {code} expected: {self:?} {}", self.text());
        assert_eq!(self.status, status, "{seen}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{seen}");
        assert_eq!(self.header("cache-control"), "no-store", "{seen}");
        let body = self.json();
        let more = match code {
            "invalid_input" => " errors",
            "version_mismatch" => " current",
            _ => "",
        };
        assert_members(&body, &format!("type title status detail code request_id{more}"));
        assert_eq!(body["type"], format!("/problems/{code}"), "{seen}");
        assert_eq!(body["code"], code, "{seen}");
        assert_eq!(body["status"], status, "{seen}");
        assert_eq!(body["request_id"], self.header("x-request-id"), "{seen}");
        for text in ["title", "detail"] {
            assert!(body[text].as_str().is_some_and(|text| !text.is_empty()), "{seen}");
        }
        assert_eq!(self.headers.contains_key("www-authenticate"), status == 401, "{seen}");
        assert_eq!(self.headers.contains_key("retry-after"), [429, 503].contains(&status), "{seen}");
        self
    }

    /// Checks for invalid input with exactly these pointers, in any order.
    #[track_caller]
    pub(crate) fn assert_faults(self, pointers: &[&str]) -> Self {
        let answer = self.assert_problem(422, "invalid_input");
        let body = answer.json();
        let faults = body["errors"].as_array().unwrap();
        for fault in faults {
            assert_members(fault, "pointer code detail");
            assert!(fault.as_object().unwrap().values().all(Value::is_string), "{fault}");
        }
        let found: BTreeSet<_> = faults.iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
        assert_eq!(found, pointers.iter().copied().collect(), "{body}");
        answer
    }

    /// The response without the request id.
    pub(crate) fn anonymised(mut self) -> Self {
        let id = self.header("x-request-id").to_owned();
        self.headers.remove("x-request-id");
        self.body = self.text().replace(&id, "").into_bytes();
        self
    }
}

pub(crate) fn todo_path(id: &str) -> String {
    format!("/v1/todos/{id}")
}

/// Checks that an object has exactly these fields.
#[track_caller]
pub(crate) fn assert_members(object: &Value, names: &str) {
    let found: BTreeSet<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(found, names.split_whitespace().collect(), "{object}");
}
