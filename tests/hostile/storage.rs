//! Todos that need much more space in the database than in the request.

use std::time::{Duration, Instant};

use bson::doc;
use mongodb::Database;
use serde_json::json;

use crate::arena::Arena;
use crate::attacker::{HOSTILE, Request};
use crate::table;
use crate::texts::unspaced;

const TODOS: usize = 250;
const CONNECTIONS: usize = 4;
/// The attack ends after this time, even if not all todos have been created.
const GIVEN_UP: Duration = Duration::from_mins(1);
/// How much space a sent byte may take in documents, and in indexes.
const DOCUMENTS_MAX: f64 = 2.0;
const INDEXES_MAX: f64 = 1.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn long_texts_without_spaces() {
    let mut arena = Arena::prepare("storage", &[]).await;
    let mallory = arena.register("mallory").await;
    let database = arena.database().await;
    let before = sizes(&database).await;
    let tally = arena
        .attack(&format!("create {TODOS} long texts"), async |assault| {
            let client = assault.attacker(HOSTILE, &mallory.access);
            let (began, mut next) = (Instant::now(), 0);
            while next < TODOS && began.elapsed() < GIVEN_UP {
                let some = next..TODOS.min(next + CONNECTIONS);
                next = some.end;
                assault.once(some.map(|number| (client.clone(), create(number)))).await;
            }
        })
        .await;
    let after = sizes(&database).await;
    let created = f64::from(u32::try_from(tally.number(201..202)).unwrap());
    let sent = created * f64::from(u32::try_from(unspaced(1).len()).unwrap()) / 1e6;
    let (documents, indexes) = (after.0 - before.0, after.1 - before.1);
    table::add(&format!(
        "create: {created} of {TODOS} created, {sent:.1} MB sent, {documents:.1} MB of documents, {indexes:.1} MB of indexes"
    ));
    let faults = &arena.faults;
    faults.check(documents <= DOCUMENTS_MAX * sent, || format!("{documents:.1} MB of documents"));
    faults.check(indexes <= INDEXES_MAX * sent, || format!("{indexes:.1} MB of indexes"));
    faults.check(tally.number(201..202) == TODOS, || format!("only {created} todos could be created"));
    arena.end().await;
}

pub(crate) fn create(number: usize) -> Request {
    let body = json!({ "name": format!("long {number}"), "description": unspaced(number) });
    Request::post("/v1/todos", body.to_string())
}

/// The sizes of the documents and indexes of todos, in MB.
async fn sizes(database: &Database) -> (f64, f64) {
    // The sizes of indexes are those at the last checkpoint.
    database.client().database("admin").run_command(doc! { "fsync": 1 }).await.unwrap();
    let stats = database.run_command(doc! { "collStats": "todos", "scale": 1 }).await.unwrap();
    let size = |field: &str| {
        let size = stats.get(field).unwrap();
        size.as_f64().or(size.as_i32().map(f64::from)).unwrap_or_else(|| {
            size.as_i64()
                .and_then(|size| i32::try_from(size / 1_000).ok())
                .map_or(0.0, |size| f64::from(size) * 1e3)
        }) / 1e6
    };
    (size("size"), size("totalIndexSize"))
}
