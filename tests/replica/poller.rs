//! A client that asks for a page again and again with `If-None-Match`, while its user changes something now and then.
//!
//! Between two changes it waits for more than a minute, because then the service no longer reads the page.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api_client::ApiClient;
use crate::fleet::instance::Instance;
use crate::fleet::{StopFlag, random_millis};
use crate::two_instances::any;

const PATH: &str = "/v1/todos";
const QUIET: Duration = Duration::from_secs(62);
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) struct Poller {
    caller: ApiClient,
    todo: String,
    tag: String,
    name: Value,
}

impl Poller {
    pub(crate) async fn new(mut caller: ApiClient, instance: &Instance) -> Self {
        let created = caller.call(instance, Method::POST, PATH, &json!({ "name": "first" })).await;
        assert_eq!(created.status, 201, "{created:?}");
        let todo = format!("{PATH}/{}", created.body["id"].as_str().unwrap());
        Self { caller, todo, tag: "\"\"".to_owned(), name: Value::Null }
    }

    pub(crate) async fn run(mut self, instances: [Instance; 2], stop: StopFlag) {
        let mut number = 0;
        while !stop.is_set() {
            number += 1;
            let name = json!(format!("name {number}"));
            while !self.rename(any(&instances), &name).await {
                tokio::time::sleep(PAUSE).await;
            }
            let until = Instant::now() + QUIET + random_millis(8_000);
            while Instant::now() < until && !stop.is_set() {
                self.poll(any(&instances), &name).await;
                stop.sleep(PAUSE).await;
            }
        }
    }

    async fn rename(&mut self, instance: &Instance, name: &Value) -> bool {
        let body = json!({ "name": name });
        self.caller.call(instance, Method::PATCH, &self.todo, &body).await.status == 200
    }

    /// Asks for the page, which must have this name, because the change was confirmed.
    async fn poll(&mut self, instance: &Instance, name: &Value) {
        let known = [("if-none-match", &*self.tag)];
        let answer = self.caller.call_with(instance, Method::GET, PATH, &known, &Value::Null).await;
        if answer.status == 200 {
            answer.headers["etag"].to_str().unwrap().clone_into(&mut self.tag);
            self.name = answer.body["items"][0]["name"].clone();
        } else if answer.status != 304 {
            return;
        }
        self.caller.findings.count("polls of an unchanged page", usize::from(answer.status == 304));
        let is_current = self.name == *name;
        self.caller.findings.check(is_current, || {
            format!("a poll at {} returned {}: {} is {name} now", instance.number, answer.status, self.name)
        });
    }
}
