//! Creates many todos quickly, through sync.

use bson::oid::ObjectId;
use futures_util::StreamExt;
use futures_util::stream::iter;
use reqwest::Method;
use serde_json::{Value, json};

use crate::fleet::account::{Account, patiently};
use crate::fleet::instance::Instance;

/// The maximum number of commands.
pub(crate) const COMMANDS: usize = 100;
/// Requests of this size are answered soon, even on a busy machine.
const BATCH: usize = 50;
const BYTES: usize = 200_000;
/// The number of requests at a time.
const PARALLEL: usize = 3;

/// Creates todos of these bodies, and returns their ids.
pub(crate) async fn create(
    account: &Account,
    instance: &Instance,
    bodies: impl IntoIterator<Item = Value>,
) -> Vec<ObjectId> {
    let mut ids = Vec::new();
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
    for body in bodies {
        let id = ObjectId::new();
        let command = put(id, &body).to_string();
        if command.len() > room || batches.last().is_none_or(|batch| batch.len() == BATCH) {
            batches.push(Vec::new());
            room = BYTES;
        }
        room = room.saturating_sub(command.len());
        batches.last_mut().unwrap().push(command);
        ids.push(id);
    }
    iter(batches).for_each_concurrent(PARALLEL, |batch| send(account, instance, batch)).await;
    ids
}

/// A command of sync that creates or replaces a todo.
pub(crate) fn put(id: ObjectId, body: &Value) -> Value {
    json!({ "id": ObjectId::new().to_hex(), "op": "put", "type": "todo", "target": id.to_hex(), "body": body })
}

async fn send(account: &Account, instance: &Instance, commands: Vec<String>) {
    let body = format!(r#"{{"token":null,"limit":1,"commands":[{}]}}"#, commands.join(","));
    // A repetition gets the first results.
    let send = async || instance.send(Method::POST, "/v1/sync", &account.access, &[], body.clone()).await;
    let answer = patiently(send).await;
    let results = answer.body["results"].as_array();
    let refused = results.is_none_or(|results| {
        results.iter().any(|result| ![200, 201].map(Value::from).contains(&result["status"]))
    });
    assert!(answer.status == 200 && !refused, "{}: {:.2000}", answer.status, answer.body.to_string());
}
