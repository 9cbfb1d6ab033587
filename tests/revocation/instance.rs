//! One server process as its clients reach it: every request with the moments when it was sent and answered.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::process::Server;

/// The way to an instance; cheap to clone.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) number: usize,
    url: String,
    http: Client,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) sent: Instant,
    pub(crate) came: Instant,
    /// 0 when nothing came.
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// A protected route to try a token on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// `GET /v1/user`, which reads the database behind the check of the token.
    User,
    /// `PATCH /v1/user` with a body that cannot be read: a token that is accepted gets a 400, whatever the database.
    Unreadable,
}

/// The tokens of a session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Answer {
    pub(crate) fn took(&self) -> Duration {
        self.came - self.sent
    }
}

impl Instance {
    /// The instance of this number, which listens already.
    pub(crate) fn of(number: usize, server: &Server) -> Self {
        let http = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        Self { number, url: server.url(""), http }
    }

    /// Tries a token on a protected route.
    pub(crate) async fn knock(&self, door: Door, token: &str) -> Answer {
        match door {
            Door::User => self.send(Method::GET, "/v1/user", token, String::new()).await,
            Door::Unreadable => self.send(Method::PATCH, "/v1/user", token, "{".to_owned()).await,
        }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, token: &str, body: Value) -> Answer {
        self.send(method, path, token, body.to_string()).await
    }

    async fn send(&self, method: Method, path: &str, token: &str, body: String) -> Answer {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        let request = request.header("content-type", "application/json").body(body);
        let sent = Instant::now();
        let response = request.send().await;
        let came = Instant::now();
        match response {
            Ok(response) => {
                let status = response.status().as_u16();
                Answer { sent, came, status, body: response.json().await.unwrap_or_default() }
            }
            Err(error) => Answer { sent, came, status: 0, body: json!(format!("{error:?}")) },
        }
    }

    /// A new session, or the status that was answered instead.
    pub(crate) async fn log_in(&self, username: &str, password: &str) -> Result<Session, u16> {
        let body = json!({ "username": username, "password": password });
        let answer = self.call(Method::POST, "/v1/login", "", body).await;
        if answer.status != 200 {
            return Err(answer.status);
        }
        let token = |kind: &str| answer.body[kind].as_str().unwrap().to_owned();
        Ok(Session { access: token("access_token"), refresh: token("refresh_token") })
    }
}
