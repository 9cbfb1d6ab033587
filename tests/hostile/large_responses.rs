//! Large responses that the client hardly reads: pages of large todos, and event streams that catch up on them.

use std::net::IpAddr;

use reqwest::Method;
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::attacker::HOSTILE;
use crate::bulk;
use crate::fleet::account::Account;
use crate::fleet::raw_http::request;
use crate::texts::escaped;

/// As many todos as fit on a page. In JSON, each has 98 kB.
const TODOS: usize = 200;
const READERS: usize = 60;
const STREAMS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn slow_readers_of_large_pages() {
    let mut arena = Arena::prepare("slow_readers", &[]).await;
    let (mallory, _) = hoarder(&arena, "mallory").await;
    arena
        .attack(&format!("{READERS} slow readers of large pages"), async |assault| {
            assault.read_slowly(pages(&mallory)).await;
        })
        .await;
    arena.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn slow_event_streams_that_catch_up() {
    let mut arena = Arena::prepare("events", &[]).await;
    let (mallory, token) = hoarder(&arena, "mallory").await;
    arena
        .attack(&format!("{STREAMS} slow event streams"), async |assault| {
            assault.read_slowly(streams(&mallory, &token)).await;
        })
        .await;
    arena.end().await;
}

/// A user with a page of large todos, and a sync token from before.
pub(crate) async fn hoarder(arena: &Arena, name: &str) -> (Account, String) {
    let (account, instance) = (arena.register(name).await, arena.hostile_instance());
    let start = account.call(&instance, Method::POST, "/v1/sync", &json!({ "token": null })).await;
    let large = json!({ "name": "large", "description": escaped() });
    bulk::create(&account, &instance, vec![large; TODOS]).await;
    (account, start.body["token"].as_str().unwrap().to_owned())
}

pub(crate) fn pages(account: &Account) -> Vec<(IpAddr, Vec<u8>)> {
    let page = request("GET", "/v1/todos?limit=200", &account.access, "", &Value::Null);
    vec![(HOSTILE, page); READERS]
}

pub(crate) fn streams(account: &Account, token: &str) -> Vec<(IpAddr, Vec<u8>)> {
    let last = format!("last-event-id: {token}\r\n");
    vec![(HOSTILE, request("GET", "/v1/events", &account.access, &last, &Value::Null)); STREAMS]
}
