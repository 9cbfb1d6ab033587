//! Changes of a password, each of which needs an expensive hash.

use serde_json::json;

use crate::arena::Arena;
use crate::attacker::{HOSTILE, Request, one_of_many};

const CONNECTIONS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn many_changes_of_a_password() {
    let mut arena = Arena::prepare("passwords", &[]).await;
    arena.restart().await;
    // The hash has the cost of production.
    let mallory = arena.register("mallory").await;
    for (row, addresses) in [("one address", 1), ("many addresses", CONNECTIONS)] {
        arena
            .attack(&format!("{CONNECTIONS} password changes, {row}"), async |assault| {
                let clients = (0..CONNECTIONS).map(|number| {
                    let from = if addresses == 1 { HOSTILE } else { one_of_many(number) };
                    assault.attacker(from, &mallory.access)
                });
                assault.repeat(clients.collect(), |_, _| wrong_change()).await;
            })
            .await;
    }
    arena.end().await;
}

/// A change that is refused after the hash, so that the token stays valid.
pub(crate) fn wrong_change() -> Request {
    let body = json!({ "current_password": "not my password", "new_password": "another good password" });
    Request { method: reqwest::Method::PUT, ..Request::post("/v1/user/password", body.to_string()) }
}
