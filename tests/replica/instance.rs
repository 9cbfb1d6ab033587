//! One server process as its clients reach it.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::process::Server;

/// The way to a process; cheap to clone.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) number: usize,
    url: String,
    http: Client,
    streams: Client,
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

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the database may have been away: it is worth another try.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self.status, 0 | 503)
    }
}

impl Instance {
    /// The process of this number, which listens already.
    pub(crate) fn of(number: usize, server: &Server) -> Self {
        let http = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        Self { number, url: server.url(""), http, streams: Client::new() }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, token: &str, body: &Value) -> Answer {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let sent = Instant::now();
        let response = match request.send().await {
            Ok(response) => (response.status().as_u16(), response.bytes().await),
            Err(error) => (0, Err(error)),
        };
        let came = Instant::now();
        match response {
            (status, Ok(bytes)) => {
                Answer { sent, came, status, body: serde_json::from_slice(&bytes).unwrap_or_default() }
            }
            (_, Err(error)) => Answer { sent, came, status: 0, body: json!(format!("{error:?}")) },
        }
    }

    /// Asks for the events behind `last`, or from now on; the refusal if there is one.
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
                let status = response.status().as_u16();
                Err(Answer { sent, came, status, body: response.json().await.unwrap_or_default() })
            }
            Err(error) => Err(Answer { sent, came, status: 0, body: json!(format!("{error:?}")) }),
        }
    }
}
