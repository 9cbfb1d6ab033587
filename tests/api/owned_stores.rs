//! The stores return and change only the objects of the given user.

use bson::oid::ObjectId;
use bson::{Timestamp, doc};
use serde_json::json;
use todo_api::owned::bulk::BulkChange;
use todo_api::owned::change_stamp::StreamPosition;
use todo_api::owned::collection::{OwnedBy, OwnedCollection};
use todo_api::owned::document::IdUse;
use todo_api::owned::note::Note;
use todo_api::owned::{Owned, Selection};
use todo_api::todos::model::Todo;

use crate::support::TestApp;

const BEGINNING: StreamPosition = StreamPosition { stamp: Timestamp { time: 0, increment: 0 }, behind: None };

fn everything() -> Selection {
    Selection { filter: doc! {}, sort: doc! { "position": 1 }, index: "_id_", limit: 0 }
}

/// The number of objects that each read returns.
async fn found(own: &OwnedBy<'_, Todo>, id: ObjectId) -> [usize; 7] {
    let mut changed = 0;
    let count = |_, _| {
        changed += 1;
        Ok(true)
    };
    own.changed(BEGINNING, None, 10, count).await.unwrap();
    [
        usize::from(own.find(id).await.unwrap().is_some()),
        usize::from(own.get_durable(id).await.is_ok()),
        usize::from(own.id_use(id).await.unwrap() == IdUse::ThisUser),
        own.select(everything()).await.unwrap().len(),
        usize::try_from(own.count(doc! {}, "_id_", 10).await.unwrap()).unwrap(),
        own.aggregate(doc! {}, vec![], "_id_").await.unwrap().len(),
        changed,
    ]
}

#[tokio::test]
async fn store_methods_never_reach_another_users_objects() {
    let app = TestApp::start().await;
    let (now, tasks) = (app.clock.now(), &app.state.tasks);
    let todos = OwnedCollection::<Todo>::new(&app.state.db, tasks);
    let (ann, ben) = (todos.of(ObjectId::new()), todos.of(ObjectId::new()));
    let todo = Todo::blank(ObjectId::new(), ann.owner_id(), "a".to_owned(), now);
    let id = todo.id;
    assert_eq!(ann.insert(&todo).await.unwrap(), Some(1));
    assert_eq!((found(&ann, id).await, found(&ben, id).await), ([1; 7], [0; 7]));

    let half_done = doc! { "$set": { "unfinished": { "since": now, "acts": [] } } };
    app.db.collection("todos").update_one(doc! {}, half_done).await.unwrap();
    let before = app.db.all("todos").await;
    let stolen = Todo { owner_id: ben.owner_id(), name: "stolen".to_owned(), ..todo };
    assert_eq!(ben.insert(&stolen).await.unwrap(), None);
    assert_eq!(ben.insert_each(std::slice::from_ref(&stolen)).await.unwrap(), 0);
    assert!(!ben.swap(&stolen.moved("b".to_owned(), now), 1, None).await.unwrap());
    let set = async |own: &OwnedBy<'_, Todo>| {
        own.set(id, doc! {}, doc! { "$eq": ["$completed", true] }, doc! { "completed": true }, now)
            .await
            .unwrap()
    };
    assert_eq!(set(&ben).await, None);
    ben.clear_pending_effects(id, None).await.unwrap();
    ben.becomes_parent(id).await.unwrap();
    let change =
        BulkChange { only: doc! { "$literal": true }, set: doc! { "name": "stolen" }, is_for_all: true };
    ben.change_each(vec![id], change, now, &Note::none()).await.unwrap();
    ben.remove_each(vec![id], doc! { "$literal": true }, now, &Note::none()).await.unwrap();
    assert!(!ben.bury(id, 1, now, None).await.unwrap());
    ben.delete_all().await.unwrap();
    assert_eq!(app.db.all("todos").await, before);

    ann.clear_pending_effects(id, None).await.unwrap();
    assert!(!app.db.all("todos").await[0].contains_key("unfinished"));
    ann.becomes_parent(id).await.unwrap();
    assert!(set(&ann).await.is_some_and(|todo| todo.completed && todo.is_parent));
    assert!(ann.bury(id, 2, now, None).await.unwrap());
}

#[tokio::test]
async fn sync_returns_only_the_callers_own_objects() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    for kind in ["todos", "lists"] {
        ann.post(&format!("/v1/{kind}"), json!({ "name": "ann's" })).await.assert(201);
    }
    let mine = ben.post("/v1/todos", json!({ "name": "ben's" })).await.assert(201).json();
    let came = ben.post("/v1/sync", json!({ "token": null, "commands": [] })).await.assert(200).json();
    assert_eq!((&came["todos"], &came["lists"]), (&json!([mine]), &json!([])));
    ann.post("/v1/todos", json!({ "name": "ann's" })).await.assert(201);
    let later = json!({ "token": came["token"], "commands": [] });
    let came = ben.post("/v1/sync", later).await.assert(200).json();
    assert!(came["todos"].as_array().unwrap().iter().all(|todo| *todo == mine), "{came}");
    assert_eq!(came["lists"], json!([]));
}
