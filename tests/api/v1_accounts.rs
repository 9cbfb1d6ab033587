//! The account under `/v1`: registration, reading, changes, and fields that a client cannot set.

use axum::http::Method;
use bson::doc;
use serde_json::{Value, json};

use crate::support::v1::assert_members;
use crate::support::{Answer, PASSWORD, TestApp, TestDatabase};

const ODD: [&str; 4] = ["password_hash", "username_key", "deleted_at", "$set"];

/// Checks that all fields of a user are there, and that the entity tag is the version.
#[track_caller]
fn assert_user(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    let user = answer.json();
    assert_members(&user, "id username email roles time_zone created_at version");
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    assert_eq!(answer.header("etag"), format!("\"{}\"", user["version"]));
    user
}

#[tokio::test]
async fn a_registration_returns_the_user_and_its_location() {
    let app = TestApp::start().await;
    let body = json!({ "username": "Ann \u{1f600}", "password": PASSWORD, "email": "ann@example.org" });
    let answer = app.anonymous().post("/v1/register", body).await;
    let user = assert_user(&answer, 201);
    assert_eq!(answer.header("location"), "/v1/user");
    let expected = json!({
        "id": app.db.all("users").await[0].get_object_id("_id").unwrap().to_hex(),
        "username": "Ann \u{1f600}", "email": "ann@example.org", "roles": ["user"], "time_zone": "UTC",
        "created_at": todo_api::clock::rfc3339(app.clock.now()).to_string(), "version": 1,
    });
    assert_eq!(user, expected);
    let ann = app.v1_login("ANN \u{1f600}").await;
    assert_eq!(assert_user(&ann.get("/v1/user").await, 200), expected);
    for email in [json!({}), json!({ "email": null })] {
        let mut body = json!({ "username": format!("ben{email}"), "password": PASSWORD });
        body.as_object_mut().unwrap().extend(email.as_object().unwrap().clone());
        let answer = app.anonymous().post("/v1/register", body).await;
        assert_eq!(assert_user(&answer, 201)["email"], Value::Null);
    }
}

#[tokio::test]
async fn a_taken_username_is_refused_in_any_case_or_normalization() {
    let app = TestApp::start().await;
    app.anonymous().v1_register("Jos\u{e9}", PASSWORD).await.assert(201);
    app.anonymous().register("original", PASSWORD).await.assert(201);
    let before = app.db.all("users").await;
    let same = ["Jos\u{e9}", "JOS\u{c9}", "jose\u{301}", "\u{ff2a}os\u{e9}", "Original"];
    for name in same {
        app.anonymous().v1_register(name, "another password").await.assert_problem(409, "username_taken");
    }
    assert_eq!(app.db.all("users").await, before);
    for name in &same[..4] {
        app.v1_login(name).await;
    }
}

#[tokio::test]
async fn one_of_50_racing_registrations_of_a_name_succeeds() {
    let app = TestApp::start().await;
    let attempts = (0..50).map(|_| {
        let client = app.anonymous();
        tokio::spawn(async move { client.v1_register("ann", PASSWORD).await })
    });
    let mut created = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            answer if answer.status == 201 => created += 1,
            // The address has a share of the queue of hashing.
            answer if answer.status == 429 => drop(answer.assert_problem(429, "too_many_requests")),
            answer => drop(answer.assert_problem(409, "username_taken")),
        }
    }
    assert_eq!((created, app.db.all("users").await.len()), (1, 1));
}

#[tokio::test]
async fn closed_registration_refuses_everyone() {
    let clock = todo_api::clock::Clock::system();
    let app = TestApp::with(TestDatabase::create().await, clock, &[("REGISTRATION", "closed")]).await;
    app.anonymous().v1_register("ann", PASSWORD).await.assert_problem(403, "registration_closed");
    assert!(app.db.all("users").await.is_empty());
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
    let app = TestApp::start().await;
    app.v1_user("ann").await;
    let refused = app.anonymous().v1_try_login("ann", "wrong password").await;
    let refused = refused.assert_problem(401, "invalid_credentials").anonymised();
    for (name, password) in
        [("nobody", PASSWORD), ("", ""), ("ann\0", PASSWORD), ("ann ", PASSWORD), ("$ne", "$ne")]
    {
        assert_eq!(app.anonymous().v1_try_login(name, password).await.anonymised(), refused, "{name:?}");
    }
}

#[tokio::test]
async fn a_patch_keeps_absent_fields_and_clears_null_fields() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let original = assert_user(&ann.get("/v1/user").await, 200);
    let mut expected = original.clone();
    for (n, (body, email, zone)) in [
        (json!({ "email": "a@example.org" }), json!("a@example.org"), "UTC"),
        (json!({ "time_zone": "Europe/Berlin" }), json!("a@example.org"), "Europe/Berlin"),
        (json!({ "email": null }), Value::Null, "Europe/Berlin"),
        (json!({ "email": "b@example.org", "time_zone": "UTC" }), json!("b@example.org"), "UTC"),
        (
            json!({ "email": "c@example.org", "time_zone": "Asia/Kolkata" }),
            json!("c@example.org"),
            "Asia/Kolkata",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = ann.patch("/v1/user", body.clone()).await;
        expected["email"] = email;
        expected["time_zone"] = json!(zone);
        expected["version"] = json!(n + 2);
        assert_eq!(assert_user(&answer, 200), expected, "{body}");
        assert_eq!(assert_user(&ann.get("/v1/user").await, 200), expected, "{body}");
    }
    ann.patch("/v1/user", json!({ "time_zone": null })).await.assert_faults(&["/time_zone"]);
    let unchanged = assert_user(&ann.patch("/v1/user", json!({})).await, 200);
    assert_eq!(unchanged, expected, "nothing was asked for");
    let merge = [("content-type", "application/merge-patch+json")];
    let answer = ann.send(Method::PATCH, "/v1/user", &merge, r#"{"email":null}"#).await;
    assert_eq!(assert_user(&answer, 200)["email"], Value::Null);
}

/// RFC 9110 §13.1.2: `If-None-Match: *` is false if any version exists.
#[tokio::test]
async fn unknown_and_read_only_fields_are_refused() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let before = (app.db.all("users").await, app.db.all("sessions").await);
    let id = bson::oid::ObjectId::new().to_hex();
    let members = [
        ("roles", json!(["admin"])),
        ("id", json!(id)),
        ("_id", json!(id)),
        ("epoch", json!(7)),
        ("version", json!(7)),
        ("created_at", json!("2020-01-01T00:00:00.000Z")),
        ("disabled_at", Value::Null),
        ("$inc", json!({ "version": 1 })),
        ("email.x", json!("x")),
        ("a/b~c", json!(1)),
        ("", json!(1)),
    ];
    let members = members.into_iter().chain(ODD.map(|name| (name, json!("x"))));
    let taken = json!({ "email": "ann@example.org" });
    for (name, value) in members {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        for (method, path, body) in [
            (Method::POST, "/v1/register", json!({ "username": "ben", "password": PASSWORD })),
            (Method::POST, "/v1/login", json!({ "username": "ann", "password": PASSWORD })),
            (Method::PATCH, "/v1/user", taken.clone()),
            (
                Method::PUT,
                "/v1/user/password",
                json!({ "current_password": PASSWORD, "new_password": "battery staple" }),
            ),
        ] {
            let mut body = body;
            body[name] = value.clone();
            ann.send_json(method, path, &body).await.assert_faults(&[&pointer]);
        }
    }
    ann.patch("/v1/user", json!({ "username": "ben" })).await.assert_faults(&["/username"]);
    ann.patch("/v1/user", json!({ "password": PASSWORD })).await.assert_faults(&["/password"]);
    assert_eq!((app.db.all("users").await, app.db.all("sessions").await), before);
}

#[tokio::test]
async fn a_database_operator_is_a_value_of_the_wrong_type() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let before = (app.db.all("users").await, app.db.all("sessions").await);
    let values = [
        json!({ "$ne": null }),
        json!({ "$gt": "" }),
        json!(["ann"]),
        json!(1),
        json!(true),
        json!({}),
        json!([]),
    ];
    for value in values {
        for (method, path, body, wrong) in [
            (
                Method::POST,
                "/v1/login",
                json!({ "username": value, "password": PASSWORD }),
                vec!["/username"],
            ),
            (Method::POST, "/v1/login", json!({ "username": "ann", "password": value }), vec!["/password"]),
            (
                Method::POST,
                "/v1/login",
                json!({ "username": "ann", "password": PASSWORD, "device": value }),
                vec!["/device"],
            ),
            (
                Method::POST,
                "/v1/register",
                json!({ "username": value, "password": value, "email": value }),
                vec!["/username", "/password", "/email"],
            ),
            (
                Method::PATCH,
                "/v1/user",
                json!({ "email": value, "time_zone": value }),
                vec!["/email", "/time_zone"],
            ),
            (
                Method::PUT,
                "/v1/user/password",
                json!({ "current_password": value, "new_password": value }),
                vec!["/current_password", "/new_password"],
            ),
        ] {
            ann.send_json(method, path, &body).await.assert_faults(&wrong);
        }
    }
    assert_eq!((app.db.all("users").await, app.db.all("sessions").await), before);
    let found = app.db.collection("users").count_documents(doc! {}).await.unwrap();
    assert_eq!(found, 1);
}

#[tokio::test]
async fn a_damaged_password_hash_matches_no_password() {
    let app = TestApp::start().await;
    app.v1_user("ann").await;
    for damaged in ["hmac-sha384:$2b$04$damaged", "hmac-sha384:"] {
        let set = doc! { "$set": { "password_hash": damaged } };
        app.db.collection("users").update_one(doc! { "username": "ann" }, set).await.unwrap();
        app.anonymous().v1_try_login("ann", PASSWORD).await.assert_problem(401, "invalid_credentials");
    }
}
