//! An attacker who creates objects under the ids that the service would use next, if its ids were predictable.

use bson::oid::ObjectId;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::arena::Arena;
use crate::assault::Assault;
use crate::attacker::HOSTILE;
use crate::fleet::account::Account;
use crate::fleet::instance::Instance;

const CONNECTIONS: usize = 4;
/// How many ids are guessed after each created todo, and for how many seconds ahead.
const COUNTERS: u32 = 4;
const SECONDS: u32 = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn ids_that_the_service_would_use_next() {
    let mut arena = Arena::prepare("ids", &[]).await;
    let mallory = arena.register("mallory").await;
    arena
        .attack("todos under predicted ids", async |assault| {
            guess(&mallory, &assault).await;
        })
        .await;
    arena.end().await;
}

pub(crate) async fn guess(account: &Account, assault: &Assault) {
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        tasks.spawn(guess_on_one_connection(account.clone(), assault.clone()));
    }
    tasks.join_all().await;
}

async fn guess_on_one_connection(account: Account, assault: Assault) {
    let instance = Instance::from_address(0, &assault.url, HOSTILE);
    let body = json!({ "name": "guess" });
    while !assault.stop.is_set() {
        let seen = account.call(&instance, Method::POST, "/v1/todos", &body).await;
        assault.tally.count(seen.status);
        let Some(id) = seen.body["id"].as_str() else { continue };
        let seen = ObjectId::parse_str(id).unwrap();
        let seconds = (0..SECONDS).flat_map(|second| (1..=COUNTERS).map(move |counter| (second, counter)));
        for (second, counter) in seconds {
            let path = format!("/v1/todos/{}", following(seen, second, counter));
            let put = account.call(&instance, Method::PUT, &path, &body).await;
            assault.tally.count(put.status);
        }
    }
}

/// The id that a generator as in the specification of BSON makes after `seconds` and so many further ids: time, process
/// and counter.
fn following(id: ObjectId, seconds: u32, further: u32) -> ObjectId {
    let mut bytes = id.bytes();
    let time = u32::from_be_bytes(bytes[..4].try_into().unwrap()) + seconds;
    let counter = u32::from_be_bytes([0, bytes[9], bytes[10], bytes[11]]) + further;
    bytes[..4].copy_from_slice(&time.to_be_bytes());
    bytes[9..].copy_from_slice(&counter.to_be_bytes()[1..]);
    ObjectId::from_bytes(bytes)
}
