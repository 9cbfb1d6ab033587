//! A client of one server process. Every response carries the times at which the request was sent and answered.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Client, ClientBuilder, Method, Response};
use serde_json::{Value, json};

use super::PASSWORD;
use super::process::Server;

/// How long an idle connection is kept: well below the ten seconds after which the service closes it.
const IDLE: Duration = Duration::from_secs(5);

/// A client of one process, cheap to clone.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) number: usize,
    url: String,
    http: Client,
    streams: Client,
}

/// The response to a request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The number of the instance that was asked.
    pub(crate) number: usize,
    pub(crate) sent: Instant,
    pub(crate) came: Instant,
    /// 0 if no response came.
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// A text, if it is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn took(&self) -> Duration {
        self.came - self.sent
    }

    /// The tokens of a successful login or refresh.
    pub(crate) fn session(&self) -> Session {
        let token = |kind: &str| self.body[kind].as_str().expect("a token").to_owned();
        Session { access: token("access_token"), refresh: token("refresh_token") }
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the database may have been unavailable, so that a retry makes sense.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self.status, 0 | 503)
    }
}

/// The tokens of a session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Instance {
    /// A client of this process, which already listens.
    pub(crate) fn of(number: usize, server: &Server) -> Self {
        Self::build(number, &server.url(""), Client::builder())
    }

    /// A client of the process at this URL, whose connections come from a loopback address. Linux lets a client choose
    /// any of 127.0.0.0/8.
    pub(crate) fn from_address(number: usize, url: &str, address: IpAddr) -> Self {
        Self::build(number, url, Client::builder().local_address(address))
    }

    fn build(number: usize, url: &str, http: ClientBuilder) -> Self {
        let http = http.timeout(Duration::from_secs(30)).pool_idle_timeout(IDLE).build().unwrap();
        Self { number, url: url.to_owned(), http, streams: Client::new() }
    }

    /// Registers a user with the first password.
    pub(crate) async fn register(&self, username: &str) -> Answer {
        let body = json!({ "username": username, "password": PASSWORD });
        self.call(Method::POST, "/v1/register", "", &body).await
    }

    pub(crate) async fn log_in(&self, username: &str, password: &str) -> Answer {
        let body = json!({ "username": username, "password": password });
        self.call(Method::POST, "/v1/login", "", &body).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, token: &str, body: &Value) -> Answer {
        self.send(method, path, token, &[], body.to_string()).await
    }

    /// Sends any request with a JSON media type.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        let mut request = request.header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = Instant::now();
        let (status, headers, bytes) = match request.send().await {
            Ok(response) => (response.status().as_u16(), response.headers().clone(), response.bytes().await),
            Err(error) => (0, HeaderMap::new(), Err(error)),
        };
        let came = Instant::now();
        let text = |bytes: &[u8]| match String::from_utf8_lossy(bytes).into_owned() {
            empty if empty.is_empty() => Value::Null,
            text => Value::String(text),
        };
        let body = bytes.map(|bytes| serde_json::from_slice(&bytes).unwrap_or_else(|_| text(&bytes)));
        match body {
            Ok(body) => Answer { number: self.number, sent, came, status, headers, body },
            Err(error) => Answer {
                number: self.number,
                sent,
                came,
                status: 0,
                headers,
                body: json!(format!("{error:?}")),
            },
        }
    }

    /// Opens the event stream after `last`, or from now on. A refused request is the error.
    pub(crate) async fn listen(&self, token: &str, last: Option<&str>) -> Result<Response, Answer> {
        let mut request = self.streams.get(format!("{}/v1/events", self.url)).bearer_auth(token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let sent = Instant::now();
        let response = request.send().await;
        let came = Instant::now();
        match response {
            Ok(response) if response.status() == 200 => Ok(response),
            Ok(response) => {
                let (status, headers) = (response.status().as_u16(), response.headers().clone());
                Err(Answer {
                    number: self.number,
                    sent,
                    came,
                    status,
                    headers,
                    body: response.json().await.unwrap_or_default(),
                })
            }
            Err(error) => {
                let body = json!(format!("{error:?}"));
                Err(Answer { number: self.number, sent, came, status: 0, headers: HeaderMap::new(), body })
            }
        }
    }
}
