//! A page of tags of a user with as many tags as possible.

use serde_json::{Value, json};

use crate::arena::Arena;
use crate::attacker::{HOSTILE, Request};
use crate::{bulk, is_long};

const TAGS: usize = 50;
const CONNECTIONS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn pages_of_very_many_tags() {
    let todos = if is_long() { 4_000 } else { 2_000 };
    let mut arena = Arena::prepare("tags", &[]).await;
    let mallory = arena.register("mallory").await;
    bulk::create(&mallory, &arena.hostile_instance(), tagged(todos)).await;
    arena
        .attack(&format!("tags of {todos} x {TAGS}"), async |assault| {
            let client = assault.attacker(HOSTILE, &mallory.access);
            assault.repeat(vec![client; CONNECTIONS], |_, _| Request::get("/v1/tags?limit=1")).await;
        })
        .await;
    arena.end().await;
}

/// Todos that have no tag in common.
pub(crate) fn tagged(count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(|todo| {
        let tags: Vec<_> = (0..TAGS).map(|tag| format!("tag {todo} {tag}")).collect();
        json!({ "name": format!("tagged {todo}"), "tags": tags })
    })
}
