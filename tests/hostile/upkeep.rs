//! The upkeep of other users continues, although a document of one user cannot be read. This test runs beside the others,
//! because it mostly waits.

use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use bson::{Document, doc};
use mongodb::Collection;
use reqwest::Method;
use serde_json::{Value, json};

use crate::bulk;
use crate::fleet::LOG_WITHOUT_REQUESTS;
use crate::fleet::account::{Account, id_of};
use crate::fleet::instance::Instance;
use crate::fleet::process::Server;
use crate::fleet::replica_set::ReplicaSet;

const TODOS: usize = 1_500;
/// How long after the response the process is killed.
const KILLED: Duration = Duration::from_millis(60);
const SETTLED: Duration = Duration::from_millis(300);
/// The upkeep runs once a minute, and continues what was interrupted for more than a minute.
const FINISHED: Duration = Duration::from_secs(140);

/// A user whose list has been deleted, while not all of its todos are in the trash.
struct Interrupted {
    account: Account,
    list: ObjectId,
}

#[tokio::test]
async fn upkeep_continues_after_an_unreadable_document() {
    let set = ReplicaSet::start("hostile_upkeep").await;
    let settings = [LOG_WITHOUT_REQUESTS, ("ACCESS_TOKEN_TTL", "1h")];
    let client = mongodb::Client::with_uri_str(&set.uri).await.unwrap();
    let database = client.default_database().unwrap();
    let (todos, lists) = (database.collection("todos"), database.collection::<Document>("lists"));
    let mut interrupted = Vec::new();
    for name in ["ann", "ben"] {
        let server = Server::start_ready(&set.uri, &settings).await;
        interrupted.push(interrupt(name, &server, &todos).await);
    }
    // The first one cannot be finished.
    lists.update_one(doc! { "_id": interrupted[0].list }, doc! { "$set": { "name": 5 } }).await.unwrap();
    let _server = Server::start_ready(&set.uri, &settings).await;
    let began = Instant::now();
    while left(&todos, &interrupted[1]).await > 0 {
        let count = left(&todos, &interrupted[1]).await;
        assert!(began.elapsed() < FINISHED, "upkeep: {count} todos of the other user are still live");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!("upkeep: the interrupted deletion of another user was finished after {:.0?}", began.elapsed());
    database.drop().await.unwrap();
}

/// Deletes a large list, and kills the process before all todos are in the trash.
async fn interrupt(name: &str, server: &Server, todos: &Collection<Document>) -> Interrupted {
    let instance = Instance::of(0, server);
    let account = Account::register(name, &instance).await;
    let list = account.call(&instance, Method::POST, "/v1/lists", &json!({ "name": "large" })).await;
    let list = ObjectId::parse_str(id_of(&list.body)).unwrap();
    let todo = |number: usize| json!({ "name": format!("todo {number}"), "list_id": list.to_hex() });
    let ids = bulk::create(&account, &instance, (0..TODOS).map(todo)).await;
    let unreached = doc! { "_id": *ids.last().unwrap() };
    let before = todos.find_one(unreached.clone()).await.unwrap().expect("a todo");
    let path = format!("/v1/lists/{list}");
    let delete = account.call(&instance, Method::DELETE, &path, &Value::Null);
    let _ = tokio::time::timeout(KILLED, delete).await;
    server.signal("-KILL");
    let interrupted = Interrupted { account, list };
    let mut count = left(todos, &interrupted).await;
    // The database still completes the command that it was working on.
    loop {
        tokio::time::sleep(SETTLED).await;
        let now = left(todos, &interrupted).await;
        if now == count {
            break;
        }
        count = now;
    }
    if count == 0 {
        todos.replace_one(unreached, before).await.unwrap();
    }
    interrupted
}

/// The number of live todos in the list.
async fn left(todos: &Collection<Document>, interrupted: &Interrupted) -> u64 {
    let live = doc! { "owner_id": interrupted.account.id, "list_id": interrupted.list, "state": "live" };
    todos.count_documents(live).await.unwrap()
}
