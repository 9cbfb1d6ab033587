//! A client of the API, with or without tokens, and the responses that it gets.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::{TestApp, document};

/// Sends requests to one service, with the tokens of a login if there are any.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) app: TestApp,
    /// The access token of the requests.
    pub(crate) access: Option<String>,
    pub(crate) refresh: Option<String>,
}

impl Client {
    pub(crate) fn new(app: TestApp) -> Self {
        Self { app, access: None, refresh: None }
    }

    /// The same client with another access token.
    pub(crate) fn with_token(&self, token: impl Into<String>) -> Self {
        Self { access: Some(token.into()), ..self.clone() }
    }

    /// The same client with the refresh token in place of the access token.
    pub(crate) fn with_refresh_token(&self) -> Self {
        self.with_token(self.refresh.clone().expect("the client is not logged in"))
    }

    /// The same client at another instance.
    pub(crate) fn at(&self, app: &TestApp) -> Self {
        Self { app: app.clone(), ..self.clone() }
    }

    pub(crate) async fn register(&self, username: &str, password: &str) -> Answer {
        self.post("/register", json!({ "username": username, "password": password })).await
    }

    /// Logs in through the original's route. The login must succeed.
    #[track_caller]
    pub(crate) fn login(&self, username: &str, password: &str) -> impl Future<Output = Self> {
        let body = json!({ "username": username, "password": password });
        async move {
            let tokens = self.post("/login", body).await.assert(200).json();
            let text = |name: &str| tokens[name].as_str().map(str::to_owned);
            Self { app: self.app.clone(), access: text("access_token"), refresh: text("refresh_token") }
        }
    }

    /// Creates a todo through the original's route, and returns its id.
    pub(crate) async fn create_original_todo(&self, name: &str) -> String {
        let todo =
            self.post("/createtodo", json!({ "name": name, "description": "" })).await.assert(201).json();
        todo["_id"]["$oid"].as_str().expect("a todo has an id").to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::POST, path, &body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send_json(Method::PUT, path, &body).await
    }

    pub(crate) async fn send_json(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(method, path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// As [`Client::send_json`], with one more header.
    pub(crate) async fn send_json_with(
        &self,
        method: Method,
        path: &str,
        header: (&str, &str),
        body: &Value,
    ) -> Answer {
        self.send(method, path, &[("content-type", "application/json"), header], body.to_string()).await
    }

    /// Sends any request, with the access token unless `headers` has an `authorization` header.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method.clone()).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) =
            self.access.as_ref().filter(|_| !headers.iter().any(|(name, _)| *name == "authorization"))
        {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = self.app.send(request.body(body.into()).expect("a well-formed request")).await;
        assert!(!answer.header("x-request-id").is_empty(), "a response has no request id: {answer:?}");
        document::check(&method, path, &answer);
        answer
    }
}

/// A complete response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        // An event stream never ends.
        let is_endless = parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let body = if is_endless {
            Vec::new()
        } else {
            body.collect().await.expect("the body is incomplete").to_bytes().to_vec()
        };
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header is text"))
    }

    #[track_caller]
    pub(crate) fn assert(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// Checks the status and the exact JSON.
    #[track_caller]
    pub(crate) fn assert_json(self, status: u16, body: &Value) -> Self {
        let answer = self.assert(status);
        assert_eq!(&answer.json(), body);
        answer
    }

    /// Checks for the original's refusal of a token.
    #[track_caller]
    pub(crate) fn assert_refused(self, error: &str) -> Self {
        let (member, text) = match error {
            "token_expired" => ("message", "The token has expired."),
            "invalid_token" => ("message", "Signature verification failed."),
            "authorization_required" => ("description", "Request does not contain an access token."),
            "fresh_token_required" => ("description", "The token is not fresh."),
            "token_revoked" => ("description", "The token has been revoked."),
            _ => panic!("the original has no error {error}"),
        };
        let answer = self.assert_json(401, &json!({ member: text, "error": error }));
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{:?}", answer.headers);
        answer
    }

    /// Checks the status and `{"message": text}`.
    #[track_caller]
    pub(crate) fn assert_message(self, status: u16, text: &str) -> Self {
        self.assert_json(status, &json!({ "message": text }))
    }
}
