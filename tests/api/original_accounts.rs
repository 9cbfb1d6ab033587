//! The original's routes for registration and login.

use axum::http::Method;
use bson::doc;
use serde_json::json;

use crate::support::{Answer, PASSWORD, TestApp, TestDatabase};

const TAKEN: &str = "A user with that username already exists";
const BLANK: &str = "This field cannot be blank.";

#[tokio::test]
async fn registration_and_login_return_both_tokens() {
    let app = TestApp::start().await;
    app.anonymous().register("ann", PASSWORD).await.assert_message(201, "User created successfully.");
    let body = json!({ "username": "ann", "password": PASSWORD });
    let tokens = app.anonymous().post("/login", body).await.assert(200).json();
    assert_eq!(tokens.as_object().unwrap().len(), 2);
    assert!(tokens["access_token"].is_string() && tokens["refresh_token"].is_string());
}

#[tokio::test]
async fn a_username_is_taken_in_any_case_or_normalization() {
    let app = TestApp::start().await;
    app.anonymous().register("Jos\u{e9}", PASSWORD).await.assert(201);
    for same in ["Jos\u{e9}", "JOS\u{c9}", "jose\u{301}"] {
        app.anonymous().register(same, PASSWORD).await.assert_message(400, TAKEN);
    }
    app.anonymous().login("JOSE\u{301}", PASSWORD).await;
}

#[tokio::test]
async fn registering_a_taken_username_does_not_change_its_user() {
    let app = TestApp::start().await;
    app.user("ann").await;
    let before = app.db.all("users").await;
    app.anonymous().register("ann", "another password").await.assert_message(400, TAKEN);
    assert_eq!(app.db.all("users").await, before);
}

#[tokio::test]
async fn one_of_50_racing_registrations_of_a_name_succeeds() {
    let app = TestApp::start().await;
    let attempts = (0..50).map(|_| {
        let client = app.anonymous();
        tokio::spawn(async move { client.register("ann", PASSWORD).await.status.as_u16() })
    });
    let mut statuses = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        statuses.push(attempt.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(app.db.all("users").await.len(), 1);
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
    let app = TestApp::start().await;
    app.user("ann").await;
    for (name, password) in [
        ("ann", "wrong password"),
        ("nobody", PASSWORD),
        ("", ""),
        ("ann\0", PASSWORD),
        ("ann ", PASSWORD),
        ("$ne", "$ne"),
        ("ann", "Correct horse"),
    ] {
        let body = json!({ "username": name, "password": password });
        let refused = app.anonymous().post("/login", body).await;
        let refused = refused.assert_message(401, "Invalid Credentials!");
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
    }
}

#[tokio::test]
async fn missing_fields_are_reported_one_at_a_time_in_order() {
    let app = TestApp::start().await;
    for path in ["/register", "/login"] {
        for body in [json!({}), json!({ "password": "x" }), json!({ "username": null, "password": "x" })] {
            app.anonymous()
                .post(path, body)
                .await
                .assert_json(400, &json!({ "message": { "username": BLANK } }));
        }
        let body = json!({ "username": "ann", "other": 1 });
        app.anonymous().post(path, body).await.assert_json(400, &json!({ "message": { "password": BLANK } }));
        let none = app.anonymous().send(Method::POST, path, &[], "").await;
        none.assert_json(400, &json!({ "message": { "username": BLANK } }));
    }
}

/// An error that names one field.
#[track_caller]
fn assert_fault_of(field: &str, answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    let body = answer.json();
    let faults = body["message"].as_object().unwrap();
    assert!(faults.len() == 1 && faults[field].is_string(), "{what}: {body}");
}

#[tokio::test]
async fn a_new_username_has_1_to_64_characters() {
    let app = TestApp::start().await;
    for character in ["x", "\u{e9}", "\u{1f600}"] {
        for length in [1, 63, 64] {
            let name = character.repeat(length);
            app.anonymous().register(&name, PASSWORD).await.assert(201);
            app.anonymous().login(&name, PASSWORD).await;
        }
        for length in [0, 65, 3_000] {
            let answer = app.anonymous().register(&character.repeat(length), PASSWORD).await;
            assert_fault_of("username", &answer, &format!("{character} times {length}"));
        }
    }
    assert_eq!(app.db.all("users").await.len(), 9);
}

#[tokio::test]
async fn a_new_username_has_no_control_or_invisible_characters() {
    let app = TestApp::start().await;
    let invisible = "\0\u{1}\t\n\r\u{1b}\u{7f}\u{85}\u{9f}\u{a0}\u{ad}\u{34f}\u{61c}\u{115f}\u{17b4}\
        \u{180e}\u{2003}\u{200b}\u{200d}\u{200e}\u{2028}\u{202e}\u{2060}\u{2066}\u{2800}\
        \u{3000}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{1d173}\u{e0001}\u{e0041}\u{e0100}";
    for character in invisible.chars() {
        for name in [character.to_string(), format!("a{character}b"), format!("ab{character}")] {
            let answer = app.anonymous().register(&name, PASSWORD).await;
            assert_fault_of("username", &answer, &format!("{name:?}"));
        }
    }
    assert_eq!(app.db.all("users").await.len(), 0);
}

#[tokio::test]
async fn a_new_username_may_have_any_visible_characters() {
    let app = TestApp::start().await;
    for name in [
        "Ann Str\u{f6}m",
        "\u{674e}\u{1f600}",
        "\u{5d0}\u{5d1}",
        "a/b",
        "$ne",
        "a.b",
        "'\"\\",
        "<b>&",
        "%41",
        "5",
    ] {
        app.anonymous().register(name, PASSWORD).await.assert(201);
        app.anonymous().login(name, PASSWORD).await;
    }
}

#[tokio::test]
async fn a_new_password_has_8_to_128_characters() {
    let app = TestApp::start().await;
    for (n, character) in ["x", "\u{e9}", "\u{1f600}"].iter().enumerate() {
        for length in [8, 128] {
            let (name, password) = (format!("user {n} {length}"), character.repeat(length));
            app.anonymous().register(&name, &password).await.assert(201);
            app.anonymous().login(&name, &password).await;
        }
        for length in [0, 7, 129, 3_000] {
            let answer = app.anonymous().register("ann", &character.repeat(length)).await;
            assert_fault_of("password", &answer, &format!("{character} times {length}"));
        }
    }
    assert_fault_of("username", &app.anonymous().register("", "short").await, "the first of two faults");
    app.anonymous().register("common", "password").await.assert(201);
}

#[tokio::test]
async fn every_character_of_a_password_counts() {
    let app = TestApp::start().await;
    let passwords =
        [format!("{}y", "x".repeat(127)), "before\0after".to_owned(), " inner and outer ".to_owned()];
    let others: [&[String]; 3] = [
        &["x".repeat(127), "x".repeat(128), format!("{}y", "x".repeat(71)), "x".repeat(72)],
        &["before".to_owned(), "before\0other".to_owned(), "beforeafter".to_owned()],
        &["inner and outer".to_owned(), " inner and outer".to_owned(), " Inner and outer ".to_owned()],
    ];
    for (n, (password, others)) in passwords.iter().zip(others).enumerate() {
        let name = format!("user {n}");
        app.anonymous().register(&name, password).await.assert(201);
        app.anonymous().login(&name, password).await;
        for other in others {
            let body = json!({ "username": name, "password": other });
            app.anonymous().post("/login", body).await.assert_message(401, "Invalid Credentials!");
        }
    }
}

#[tokio::test]
async fn unknown_fields_of_a_registration_are_ignored() {
    let app = TestApp::start().await;
    let id = bson::oid::ObjectId::new();
    let body = json!({
        "username": "ann", "password": PASSWORD, "_id": { "$oid": id.to_hex() }, "id": id.to_hex(), "roles": ["admin"],
        "epoch": 7, "version": 7, "username_key": "ben", "password_hash": "x", "deleted_at": null, "$set": { "a": 1 },
    });
    app.anonymous().post("/register", body).await.assert(201);
    app.anonymous().register("ben", PASSWORD).await.assert(201);
    let user = app.db.collection("users").find_one(doc! { "username": "ann" }).await.unwrap().unwrap();
    assert_ne!(user.get_object_id("_id").unwrap(), id);
    assert_eq!(user.get_array("roles").unwrap(), &vec!["user".into()]);
    for invented in ["id", "$set", "password"] {
        assert!(!user.contains_key(invented), "{user}");
    }
    app.anonymous().login("ann", PASSWORD).await;
}

#[tokio::test]
async fn passwords_appear_in_no_response_and_not_in_the_database() {
    let app = TestApp::start().await;
    let (right, wrong) = ("canary-of-the-right-one", "canary-of-a-wrong-one");
    let (short, long) = ("canary7", "canary".repeat(30));
    let mut answers = Vec::new();
    for password in [right, wrong, short, &long] {
        answers.push(app.anonymous().register("ann", password).await);
    }
    for password in [right, wrong] {
        answers
            .push(app.anonymous().post("/login", json!({ "username": "ann", "password": password })).await);
    }
    let ann = app.anonymous().login("ann", right).await;
    for path in ["/user/ann", "/user/nobody", "/todolist"] {
        answers.push(ann.get(path).await);
    }
    assert_eq!(answers.iter().filter(|answer| answer.status.is_success()).count(), 3);
    for answer in answers {
        let seen = format!("{:?} {}", answer.headers, answer.text());
        assert!(!seen.contains("canary") && !seen.contains("hmac-sha384"), "{seen}");
    }
    let mut documents = 0;
    let collections = app.db.run(doc! { "listCollections": 1 }).await;
    for collection in collections.get_document("cursor").unwrap().get_array("firstBatch").unwrap() {
        let name = collection.as_document().unwrap().get_str("name").unwrap();
        for document in app.db.all(name).await {
            documents += 1;
            assert!(!document.to_string().contains("canary"), "{name}: {document}");
        }
    }
    assert!(documents >= 2, "there is no user or session to check");
}

#[tokio::test]
async fn users_of_the_original_keep_names_and_passwords_that_break_new_rules() {
    let db = TestDatabase::create().await;
    let long = "long name ".repeat(500);
    let originals = [(long.as_str(), "1"), ("\u{200b}\u{7}", ""), ("", "password of no name"), ("x", &long)];
    for (username, password) in originals {
        db.collection("users").insert_one(doc! { "username": username, "password": password }).await.unwrap();
    }
    let app = TestApp::over(db).await;
    for (username, password) in originals {
        let client = app.anonymous().login(username, password).await;
        client.create_original_todo("theirs").await;
        assert_eq!(client.get("/todolist").await.assert(200).json().as_array().unwrap().len(), 1);
    }
}
