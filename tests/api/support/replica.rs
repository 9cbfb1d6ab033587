//! A syncing client's copy of its objects, built from responses and events, to compare with the server.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Client;

/// Todos and lists by id.
#[derive(Debug, Default)]
pub(crate) struct Replica {
    pub(crate) objects: BTreeMap<String, Value>,
    pub(crate) token: Value,
}

impl Replica {
    /// Applies a response of `POST /v1/sync`, and keeps its token.
    pub(crate) fn apply(&mut self, answer: &Value) {
        if answer["full"] == true && self.token.is_null() {
            self.objects.clear();
        }
        self.apply_changes(answer);
        self.token = answer["token"].clone();
    }

    /// Applies the changes of a response or an event. Versions never decrease.
    pub(crate) fn apply_changes(&mut self, changes: &Value) {
        for object in ["lists", "todos"].iter().flat_map(|kind| changes[kind].as_array().unwrap()) {
            let id = object["id"].as_str().unwrap().to_owned();
            let known = self.objects.insert(id, object.clone());
            let known = known.map_or(0, |known| known["version"].as_i64().unwrap());
            assert!(known <= object["version"].as_i64().unwrap(), "{known} was known: {object}");
        }
        for removed in changes["removed"].as_array().unwrap() {
            assert!(["todo", "list"].contains(&removed["type"].as_str().unwrap()), "{removed}");
            self.objects.remove(removed["id"].as_str().unwrap());
        }
    }

    /// Syncs in pages of at most `limit` until there are no more, and returns the number of changes.
    pub(crate) async fn sync(&mut self, client: &Client, limit: usize) -> usize {
        let mut came = 0;
        loop {
            let body = json!({ "token": self.token, "limit": limit });
            let answer = client.post("/v1/sync", body).await.assert(200).json();
            let size: usize =
                ["todos", "lists", "removed"].iter().map(|part| answer[part].as_array().unwrap().len()).sum();
            assert!(size <= limit, "{size} changes in a page of {limit}");
            came += size;
            self.apply(&answer);
            if answer["has_more"] == false {
                return came;
            }
            // A page is shorter if an object changed twice while the page was read.
            assert!(size > limit / 2, "{size} changes in a page of {limit} before the last one");
        }
    }

    #[track_caller]
    pub(crate) fn assert_is(&self, server: &BTreeMap<String, Value>) {
        assert_eq!(&self.objects, server);
    }
}

/// Everything that a user has, read through the list routes.
pub(crate) async fn server_state(client: &Client) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for path in ["/v1/todos?deleted=any&limit=200", "/v1/lists?deleted=any&limit=200"] {
        let mut cursor = String::new();
        loop {
            let page = client.get(&format!("{path}{cursor}")).await.assert(200).json();
            for item in page["items"].as_array().unwrap() {
                let mut item = item.clone();
                // Sync leaves this field out, because a client counts its own todos.
                item.as_object_mut().unwrap().remove("open_count");
                all.insert(item["id"].as_str().unwrap().to_owned(), item);
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
    }
    all
}
