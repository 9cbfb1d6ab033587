//! Objects of another user look unknown, for every route and method that names an object.

use axum::http::Method;
use bson::Document;
use serde_json::json;

use crate::support::tokens::{PROTECTED_V1, UNKNOWN_ID};
use crate::support::{Answer, TestApp};

const COLLECTIONS: [&str; 4] = ["users", "todos", "lists", "sessions"];

/// Every route and method of the original that names an object by its id. Add new routes here.
const ROUTES: [(Method, &str); 4] = [
    (Method::GET, "/todo/{id}"),
    (Method::HEAD, "/todo/{id}"),
    (Method::PUT, "/todo/{id}"),
    (Method::DELETE, "/todo/{id}"),
];

async fn stored(app: &TestApp) -> Vec<Vec<Document>> {
    let mut all = Vec::new();
    for collection in COLLECTIONS {
        all.push(app.db.all(collection).await);
    }
    all
}

/// The response without its request id.
fn visible(mut answer: Answer) -> Answer {
    answer.headers.remove("x-request-id").unwrap();
    answer
}

#[tokio::test]
async fn another_users_object_looks_unknown_and_stays_unchanged() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.user("ann").await, app.user("ben").await);
    ben.create_original_todo("ben's own").await;
    let theirs = ann.create_original_todo("ann's").await;
    let before = stored(&app).await;
    let bodies = [
        json!({ "name": "stolen", "description": "x" }),
        json!({ "name": "stolen", "description": "x", "owner_id": ben.get("/user/ben").await.json()["_id"]["$oid"] }),
        json!({}),
    ];
    for (method, route) in ROUTES {
        for body in &bodies {
            let send = async |id: &str| ben.send_json(method.clone(), &route.replace("{id}", id), body).await;
            let unknown = visible(send("0123456789abcdef01234567").await);
            assert_eq!(visible(send(&theirs).await), unknown, "{method} {route} {body}");
            let refused = if method == Method::PUT && *body == json!({}) { 400 } else { 404 };
            assert_eq!(unknown.status, refused, "{method} {route} {body}");
        }
    }
    assert_eq!(stored(&app).await, before);
    for (method, route) in ROUTES {
        ann.send_json(method, &route.replace("{id}", &theirs), &bodies[0]).await.assert(200);
    }
}

#[tokio::test]
async fn a_list_has_only_the_callers_own_todos() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.user("ann").await, app.user("ben").await);
    ann.create_original_todo("ann's").await;
    ben.get("/todolist").await.assert_message(404, "No todos found for this user");
    ben.create_original_todo("ben's").await;
    for (client, name) in [(ann, "ann's"), (ben, "ben's")] {
        let list = client.get("/todolist").await.assert(200).json();
        let names: Vec<_> =
            list.as_array().unwrap().iter().map(|todo| todo["name"].as_str().unwrap()).collect();
        assert_eq!(names, [name]);
    }
}

#[tokio::test]
async fn an_admin_does_not_see_the_todos_of_others() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    app.user("root").await;
    let roles = bson::doc! { "$set": { "roles": ["user", "admin"] } };
    app.db.collection("users").update_one(bson::doc! { "username": "root" }, roles).await.unwrap();
    let root = app.anonymous().login("root", crate::support::PASSWORD).await;
    root.get("/user/ann").await.assert(200);
    let theirs = ann.create_original_todo("ann's").await;
    let before = stored(&app).await;
    for (method, route) in ROUTES {
        let body = json!({ "name": "stolen", "description": "x" });
        root.send_json(method, &route.replace("{id}", &theirs), &body).await.assert(404);
    }
    root.get("/todolist").await.assert_message(404, "No todos found for this user");
    assert_eq!(stored(&app).await, before);
}

/// The exception in the contract: usernames are not secret, because a registration shows whether a name is taken.
#[tokio::test]
async fn another_user_and_an_unknown_user_are_forbidden_alike() {
    let app = TestApp::start().await;
    let ben = app.user("ben").await;
    app.user("ann").await;
    let before = stored(&app).await;
    for method in [Method::GET, Method::HEAD, Method::DELETE] {
        ben.send(method.clone(), "/user/ann", &[], "").await.assert(403);
        ben.send(method, "/user/nobody", &[], "").await.assert(403);
    }
    assert_eq!(stored(&app).await, before);
}

/// Objects of another user under `/v1`, on every protected route with the id of a todo or list.
#[tokio::test]
async fn another_users_object_looks_unknown_in_v1_and_stays_unchanged() {
    let app = TestApp::start().await;
    let (ann, ben, root) = (app.v1_user("ann").await, app.v1_user("ben").await, app.v1_admin("root").await);
    let name = json!({ "name": "stolen" });
    for (kind, stranger) in [("todos", &ben), ("lists", &ben), ("todos", &root), ("lists", &root)] {
        let made = ann.post(&format!("/v1/{kind}"), json!({ "name": "ann's" })).await.assert(201).json();
        let theirs = made["id"].as_str().unwrap();
        let before = stored(&app).await;
        let (object, permanent) =
            (format!("/v1/{kind}/{UNKNOWN_ID}"), format!("/v1/{kind}/{UNKNOWN_ID}?permanent=true"));
        let routes = PROTECTED_V1.iter().map(|(method, path, _)| (method.clone(), path.as_str()));
        let routes = routes.filter(|(method, path)| {
            path.starts_with(&object) && !(*path == object && method == Method::PUT)
        });
        let routes: Vec<_> = routes.chain([(Method::DELETE, permanent.as_str())]).collect();
        assert!(routes.len() >= 6, "{kind} has routes");
        for (method, path) in &routes {
            let body = if path.ends_with("/move") { json!({}) } else { name.clone() };
            let send = async |path: &str| stranger.send_json(method.clone(), path, &body).await;
            let other = send(&path.replace(UNKNOWN_ID, theirs)).await;
            assert_eq!(other.status, send(path).await.status, "{method} {path}");
            other.assert_problem(404, "not_found");
        }
        stranger.put(&object.replace(UNKNOWN_ID, theirs), name.clone()).await.assert_problem(409, "id_taken");
        assert_eq!(stored(&app).await, before, "{kind}");
    }
}

#[tokio::test]
async fn renaming_or_removing_a_tag_affects_only_its_owner() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let tagged = json!({ "name": "tagged", "tags": ["home"] });
    let theirs = ann.post("/v1/todos", tagged.clone()).await.assert(201).json();
    ben.post("/v1/todos", tagged).await.assert(201);
    let counted = ben.get("/v1/tags").await.assert(200).json()["items"].clone();
    assert_eq!(counted, json!([{ "name": "home", "open_count": 1, "total_count": 1 }]));
    ben.patch("/v1/tags/home", json!({ "name": "house" })).await.assert(200);
    ben.delete("/v1/tags/house").await.assert(204);
    ben.delete("/v1/tags/home").await.assert_problem(404, "not_found");
    let path = format!("/v1/todos/{}", theirs["id"].as_str().unwrap());
    assert_eq!(ann.get(&path).await.assert(200).json(), theirs);
}
