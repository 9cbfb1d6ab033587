//! Searches in todos that have as many words as they can, for words that all of them have.

use serde_json::json;

use crate::arena::Arena;
use crate::attacker::{HOSTILE, Request};
use crate::bulk;
use crate::texts::short_words;

const TODOS: usize = 100;
const WORDS: usize = 5_000;
const CONNECTIONS: usize = 80;
/// How many words of two letters fit into a search by its length, and how many words a search may have.
const WORDS_BY_LENGTH: usize = 166;
const WORDS_MAX: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn searches_for_many_words() {
    let mut arena = Arena::prepare("search", &[]).await;
    let mallory = arena.register("mallory").await;
    let words = short_words(WORDS);
    let todo = json!({ "name": "words", "description": words.join(" ") });
    bulk::create(&mallory, &arena.hostile_instance(), vec![todo; TODOS]).await;
    for count in [WORDS_BY_LENGTH, WORDS_MAX] {
        let path = path(&words[..count]);
        arena
            .attack(&format!("search for {count} words"), async |assault| {
                let client = assault.attacker(HOSTILE, &mallory.access);
                assault.repeat(vec![client; CONNECTIONS], move |_, _| Request::get(&path)).await;
            })
            .await;
    }
    arena.end().await;
}

/// A page of todos with these words.
pub(crate) fn path(words: &[String]) -> String {
    let q: String = form_urlencoded::byte_serialize(words.join(" ").as_bytes()).collect();
    format!("/v1/todos?q={q}")
}
