//! A client that changes todos and lists at random, and notes the acknowledged writes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api_client::ApiClient;
use crate::fleet::instance::{Answer, Instance};
use crate::fleet::{StopFlag, chance, random, random_millis};
use crate::random_requests::{self, KnownIds, RandomRequest};
use crate::replica::{Key, version_of};
use crate::two_instances::any;

pub(crate) struct Writer {
    pub(crate) caller: ApiClient,
    pub(crate) known: KnownIds,
}

impl Writer {
    /// Writes until the run stops.
    pub(crate) async fn run(mut self, instances: [Instance; 2], stop: StopFlag) {
        while !stop.is_set() {
            let instance = any(&instances);
            if chance(8) {
                self.sync(instance, &stop).await;
            } else {
                self.act(instance, random_requests::any(&self.known)).await;
            }
            tokio::time::sleep(random_millis(20)).await;
        }
    }

    async fn act(&mut self, instance: &Instance, act: RandomRequest) {
        let RandomRequest { kind, method, path, body } = act;
        let answer = self.caller.call(instance, method, &path, &body).await;
        let made = made(&path, &answer);
        if let Some(((kind, id), _)) = &made {
            self.known.add(kind, id);
        }
        if answer.is_success() && path.ends_with("permanent=true") {
            self.purged(&path);
        }
        if !answer.is_unavailable() {
            self.caller.findings.write(kind, answer.is_success(), made);
        }
    }

    /// Forgets most of the removed ids. The others are requested again, and created again under the same id.
    fn purged(&self, path: &str) {
        let id = path.rsplit('/').next().and_then(|end| end.split('?').next()).unwrap();
        if chance(80) {
            self.known.forget(if path.starts_with("/v1/lists") { "list" } else { "todo" }, id);
        }
    }

    /// Sends commands until they are answered. Sometimes sends them again, which must not change anything.
    async fn sync(&mut self, instance: &Instance, stop: &StopFlag) {
        let (kinds, commands): (Vec<_>, Vec<_>) =
            (0..=random(8)).map(|_| random_requests::command(&self.known)).unzip();
        let Some(results) = self.send(instance, &commands, stop).await else { return };
        for ((kind, command), result) in kinds.iter().zip(&commands).zip(&results) {
            self.result(kind, command, result);
        }
        if chance(20) {
            let Some(again) = self.send(instance, &commands, stop).await else { return };
            let told = |results: &[Value]| -> Vec<Value> {
                results
                    .iter()
                    .map(|result| json!([result["id"], result["status"], result["version"]]))
                    .collect()
            };
            self.caller.findings.count("commands repeated", commands.len());
            self.caller.findings.check(told(&results) == told(&again), || {
                format!("repeated commands have other results: {commands:?}: {results:?}, then {again:?}")
            });
        }
    }

    async fn send(&mut self, instance: &Instance, commands: &[Value], stop: &StopFlag) -> Option<Vec<Value>> {
        let body = json!({ "token": null, "limit": 1, "commands": commands });
        while !stop.is_set() {
            let answer = self.caller.call(instance, Method::POST, "/v1/sync", &body).await;
            if answer.is_unavailable() {
                tokio::time::sleep(random_millis(200)).await;
                continue;
            }
            let results = answer.body["results"].as_array().cloned().unwrap_or_default();
            let is_right = answer.status == 200 && results.len() == commands.len();
            self.caller
                .findings
                .check(is_right, || format!("commands {commands:?}: {} {}", answer.status, answer.body));
            return is_right.then_some(results);
        }
        None
    }

    fn result(&self, kind: &'static str, command: &Value, result: &Value) {
        let status = result["status"].as_u64().unwrap_or_default();
        let is_right = matches!(status, 200 | 201 | 204 | 400..500) && result["id"] == command["id"];
        self.caller.findings.check(is_right, || format!("command {command}: {result}"));
        let made = result["version"].as_i64().map(|version| {
            let id = command["target"].as_str().unwrap().to_owned();
            ((if command["type"] == "list" { "list" } else { "todo" }, id), version)
        });
        self.caller.findings.write(kind, status < 300, made);
    }
}

/// The object in a response, with its version. If the response has no version, the version is at least 1.
fn made(path: &str, answer: &Answer) -> Option<(Key, i64)> {
    if !answer.is_success() {
        return None;
    }
    if let Some(id) = answer.body["_id"]["$oid"].as_str() {
        return Some((("todo", id.to_owned()), 1));
    }
    let id = answer.body["id"].as_str()?.to_owned();
    let kind = if path.starts_with("/v1/lists") { "list" } else { "todo" };
    Some(((kind, id), version_of(&answer.body)))
}
