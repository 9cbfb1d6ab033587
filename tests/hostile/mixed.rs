//! All attacks at the same time, each by a user of its own.

use bson::oid::ObjectId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::anonymous::{expensive, unknown_fields};
use crate::arena::Arena;
use crate::attacker::{HOSTILE, Request, one_of_many};
use crate::bulk::{self, COMMANDS};
use crate::fleet::account::{Account, id_of};
use crate::large_responses::{hoarder, pages, streams};
use crate::passwords::wrong_change;
use crate::sync::puts;
use crate::tags::tagged;
use crate::texts::short_words;
use crate::{ids, search, storage};

/// Fewer than where an attack runs alone, so that the preparation is quick.
const TODOS: usize = 500;
const CONNECTIONS: usize = 10;
/// Two users read large responses, and `MAX_ANSWER_BYTES` bounds what they read. In MB.
const MEMORY_MAX: f64 = 256.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn all_attacks_at_once() {
    let mut arena = Arena::prepare("mixed", &[]).await;
    arena.memory_max = MEMORY_MAX;
    let instance = arena.hostile_instance();
    let (reader, _) = hoarder(&arena, "reader").await;
    let (listener, token) = hoarder(&arena, "listener").await;
    let (searcher, tagger) = (arena.register("searcher").await, arena.register("tagger").await);
    let (writer, guesser) = (arena.register("writer").await, arena.register("guesser").await);
    let (hasher, syncer) = (arena.register("hasher").await, arena.register("syncer").await);
    let (deleter, list) = owner_of_a_list(&arena).await;
    let words = short_words(5_000);
    let todo = json!({ "name": "words", "description": words.join(" ") });
    bulk::create(&searcher, &instance, vec![todo; TODOS / 10]).await;
    bulk::create(&tagger, &instance, tagged(TODOS)).await;
    let search = search::path(&words[..10]);
    let targets: Vec<_> = (0..CONNECTIONS * COMMANDS).map(|_| ObjectId::new()).collect();
    arena
        .attack("all at once", async |assault| {
            let one = |token: &str| assault.attacker(HOSTILE, token);
            let many = |token: &str| vec![one(token); CONNECTIONS];
            let bodies = unknown_fields().map(|(number, body)| (one_of_many(number), body));
            tokio::join!(
                assault.read_slowly(pages(&reader)),
                assault.read_slowly(streams(&listener, &token)),
                assault.read_slowly(bodies),
                assault.repeat(many(""), |_, _| expensive()),
                assault.repeat(many(&searcher.access), move |_, _| Request::get(&search)),
                assault.repeat(many(&tagger.access), |_, _| Request::get("/v1/tags?limit=1")),
                assault.repeat(many(&hasher.access), |_, _| wrong_change()),
                assault.repeat(many(&writer.access), |client, time| storage::create(client + 100 * time)),
                assault.repeat(many(&syncer.access), move |client, time| {
                    puts(&targets[client * COMMANDS..][..COMMANDS], time)
                }),
                assault.repeat(vec![one(&deleter.access)], move |_, time| match time % 2 {
                    0 => Request::delete(&list),
                    _ => Request::post(&format!("{list}/restore"), ""),
                }),
                ids::guess(&guesser, &assault),
            );
        })
        .await;
    let ready = arena.hostile_instance().call(Method::GET, "/readyz", "", &Value::Null).await;
    arena.faults.check(ready.status == 200, || format!("the service is not ready: {ready:?}"));
    arena.end().await;
}

/// A user with a list of todos, and the path of the list.
async fn owner_of_a_list(arena: &Arena) -> (Account, String) {
    let (account, instance) = (arena.register("deleter").await, arena.hostile_instance());
    let list = account.call(&instance, Method::POST, "/v1/lists", &json!({ "name": "large" })).await;
    let list = id_of(&list.body).to_owned();
    let todo = |number: usize| json!({ "name": format!("todo {number}"), "list_id": list });
    bulk::create(&account, &instance, (0..TODOS).map(todo)).await;
    (account, format!("/v1/lists/{list}"))
}
