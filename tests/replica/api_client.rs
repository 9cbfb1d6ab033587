//! A client with a session, which it renews when its access token has expired.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::events::Events;
use crate::findings::Findings;
use crate::fleet::instance::{Answer, Instance};
use crate::fleet::{PASSWORD, chance};
use crate::replica::{Objects, key_of};

/// A token younger than this must be accepted, whatever the settings of a test.
const YOUNG: Duration = Duration::from_secs(30);
/// How many characters of a request body are printed.
const BODY_WIDTH: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_mins(1);

/// A client of one user.
pub(crate) struct ApiClient {
    name: String,
    pub(crate) findings: Findings,
    access: String,
    refresh: String,
    since: Instant,
    /// Whether the token comes from a login, because writes of the original API need a fresh token.
    is_fresh: bool,
}

impl ApiClient {
    /// Registers a user, and opens a session.
    pub(crate) async fn register(name: &str, instance: &Instance, findings: &Findings) -> Self {
        let answer = instance.register(name).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Self::log_in(name, instance, findings).await
    }

    pub(crate) async fn log_in(name: &str, instance: &Instance, findings: &Findings) -> Self {
        let mut caller = Self {
            name: name.to_owned(),
            findings: findings.clone(),
            access: String::new(),
            refresh: String::new(),
            since: Instant::now(),
            is_fresh: false,
        };
        caller.renew(instance, true).await;
        caller
    }

    /// Sends a request, with a new token if the old one has expired.
    pub(crate) async fn call(
        &mut self,
        instance: &Instance,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Answer {
        self.call_with(instance, method, path, &[], body).await
    }

    /// Like [`ApiClient::call`], with headers.
    pub(crate) async fn call_with(
        &mut self,
        instance: &Instance,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let needs_fresh = !path.starts_with("/v1/");
        if needs_fresh && !self.is_fresh {
            self.renew(instance, true).await;
        }
        let began = Instant::now();
        loop {
            let answer = instance.send(method.clone(), path, &self.access, headers, body.to_string()).await;
            self.findings.judge(&answer, || {
                let body: String = body.to_string().chars().take(BODY_WIDTH).collect();
                format!("{method} {path} at {} {body}", instance.number)
            });
            if answer.status != 401 || began.elapsed() > PATIENCE {
                return answer;
            }
            self.refused(&answer, path);
            self.renew(instance, needs_fresh || chance(30)).await;
        }
    }

    /// Opens an event stream after `last`, or from now on.
    pub(crate) async fn listen(&mut self, instance: &Instance, last: Option<&str>) -> Result<Events, Answer> {
        loop {
            let answer = match Events::open(instance, &self.access, last).await {
                Err(answer) if answer.status == 401 => answer,
                opened => {
                    if let Err(answer) = &opened {
                        self.findings.judge(answer, || format!("events of {}", instance.number));
                    }
                    return opened;
                }
            };
            self.refused(&answer, "/v1/events");
            self.renew(instance, chance(30)).await;
        }
    }

    fn refused(&self, answer: &Answer, path: &str) {
        self.findings.count("tokens expired", 1);
        let age = answer.sent.saturating_duration_since(self.since);
        self.findings
            .check(age > YOUNG, || format!("{path}: a token of {age:?} is refused: {}", answer.body));
    }

    /// Refreshes the session or logs in until either succeeds.
    pub(crate) async fn renew(&mut self, instance: &Instance, by_login: bool) {
        let (began, mut by_login) = (Instant::now(), by_login);
        loop {
            assert!(began.elapsed() < PATIENCE, "{} gets no token", self.name);
            let credentials = json!({ "username": self.name, "password": PASSWORD });
            let refresh = ("/v1/refresh", &*self.refresh, Value::Null);
            let (path, token, body) = if by_login { ("/v1/login", "", credentials) } else { refresh };
            let since = Instant::now();
            let answer = instance.call(Method::POST, path, token, &body).await;
            self.findings.judge(&answer, || format!("POST {path} at {}", instance.number));
            if answer.status == 200 {
                let session = answer.session();
                (self.access, self.refresh) = (session.access, session.refresh);
                (self.since, self.is_fresh) = (since, by_login);
                return;
            }
            let refused = !answer.is_unavailable();
            self.findings.check(!refused, || format!("{path}: {} {}", answer.status, answer.body));
            by_login |= refused;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// All objects on the server, read through the list routes, in the form that sync uses.
    pub(crate) async fn server_state(&mut self, instance: &Instance) -> Objects {
        let mut objects = Objects::new();
        for (kind, path) in [("todo", "/v1/todos"), ("list", "/v1/lists")] {
            let mut cursor = String::new();
            loop {
                let page = format!("{path}?deleted=any&limit=200{cursor}");
                let answer = self.call(instance, Method::GET, &page, &Value::Null).await;
                if answer.status != 200 {
                    assert!(answer.is_unavailable(), "{page}: {answer:?}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                for object in answer.body["items"].as_array().unwrap() {
                    let mut object = object.clone();
                    object.as_object_mut().unwrap().remove("open_count");
                    objects.insert(key_of(kind, &object), object);
                }
                let Some(next) = answer.body["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
        }
        objects
    }
}
