//! A client that only sends: it counts the statuses of the responses, and throws their bodies away.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Method};

/// The pause after a refusal, as if the client were a little way off.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a client waits for a response.
const PATIENCE: Duration = Duration::from_secs(30);

/// The address of the calm user, and the usual address of an attacker.
pub(crate) const CALM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const HOSTILE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// One of many addresses, for an attacker who has them.
pub(crate) fn one_of_many(number: usize) -> IpAddr {
    let byte = |number: usize| u8::try_from(number % 250 + 1).unwrap();
    IpAddr::V4(Ipv4Addr::new(127, 1, byte(number / 250), byte(number)))
}

/// How many responses had which status; 0 counts broken connections. Clones share the counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<u16, usize>>>);

impl Tally {
    pub(crate) fn count(&self, status: u16) {
        *self.0.lock().unwrap().entry(status).or_default() += 1;
    }

    /// The number of responses with a status in this range.
    pub(crate) fn number(&self, statuses: std::ops::Range<u16>) -> usize {
        self.0.lock().unwrap().range(statuses).map(|(_, count)| count).sum()
    }

    /// Such as `200: 17, 429: 3`.
    pub(crate) fn text(&self) -> String {
        let counts = self.0.lock().unwrap();
        let counts = counts.iter().map(|(status, count)| match status {
            0 => format!("broken: {count}"),
            _ => format!("{status}: {count}"),
        });
        counts.collect::<Vec<_>>().join(", ")
    }
}

/// A prepared request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: Vec::new() }
    }

    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: Method::POST, path: path.to_owned(), body: body.into() }
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self { method: Method::DELETE, ..Self::get(path) }
    }
}

/// A client of one address with one token.
#[derive(Clone)]
pub(crate) struct Attacker {
    http: Client,
    url: String,
    token: String,
    tally: Tally,
}

impl Attacker {
    pub(crate) fn new(url: &str, from: IpAddr, token: &str, tally: &Tally) -> Self {
        let http = Client::builder().local_address(from).timeout(PATIENCE).build().unwrap();
        Self { http, url: url.to_owned(), token: token.to_owned(), tally: tally.clone() }
    }

    /// Sends a request, reads the response to its end, and counts and returns the status.
    pub(crate) async fn send(&self, request: Request) -> u16 {
        let status = self.status(request).await.unwrap_or(0);
        self.tally.count(status);
        if !(200..300).contains(&status) {
            tokio::time::sleep(PAUSE).await;
        }
        status
    }

    async fn status(&self, request: Request) -> reqwest::Result<u16> {
        let url = format!("{}{}", self.url, request.path);
        let mut sent = self.http.request(request.method, url).header("content-type", "application/json");
        if !self.token.is_empty() {
            sent = sent.bearer_auth(&self.token);
        }
        let mut response = sent.body(request.body).send().await?;
        while response.chunk().await?.is_some() {}
        Ok(response.status().as_u16())
    }
}
