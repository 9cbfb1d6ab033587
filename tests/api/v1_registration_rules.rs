//! The rules for new accounts under `/v1`, each tested at its limit and one past it.

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp};

/// `é`, an emoji and a letter: text with more bytes than characters.
const CHARACTERS: [&str; 3] = ["x", "\u{e9}", "\u{1f600}"];

#[tokio::test]
async fn a_new_username_has_3_to_64_characters() {
    let app = TestApp::start().await;
    for character in CHARACTERS {
        for length in [0, 1, 2, 65, 3_000] {
            let refused = app.anonymous().v1_register(&character.repeat(length), PASSWORD).await;
            refused.assert_faults(&["/username"]);
        }
        for length in [3, 4, 63, 64] {
            let name = character.repeat(length);
            app.anonymous().v1_register(&name, PASSWORD).await.assert(201);
            app.v1_login(&name).await.get("/v1/user").await.assert(200);
        }
    }
    assert_eq!(app.db.all("users").await.len(), 12);
}

#[tokio::test]
async fn a_new_username_has_only_visible_characters() {
    let app = TestApp::start().await;
    let invisible = "\0\t\n\r\u{1b}\u{7f}\u{85}\u{a0}\u{ad}\u{34f}\u{61c}\u{115f}\u{180e}\u{2003}\u{200b}\u{200d}\
        \u{200e}\u{200f}\u{2028}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{2800}\u{3164}\u{fe0f}\u{feff}\u{fff9}\u{e0041}";
    for character in invisible.chars() {
        for name in [format!("ann{character}b"), format!("anna{character}"), format!("{character}anna")] {
            app.anonymous().v1_register(&name, PASSWORD).await.assert_faults(&["/username"]);
        }
    }
    assert!(app.db.all("users").await.is_empty());
    for name in ["Ann Str\u{f6}m", "\u{674e}\u{1f600}\u{674e}", "a/b", "$ne", "a.b", "'\"\\", "<b>&", "%41"] {
        app.anonymous().v1_register(name, PASSWORD).await.assert(201);
        assert_eq!(app.v1_login(name).await.get("/v1/user").await.json()["username"], name);
    }
}

#[tokio::test]
async fn a_new_password_has_8_to_128_characters() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for (n, character) in CHARACTERS.into_iter().enumerate() {
        for length in [0, 1, 7, 129, 3_000] {
            let password = character.repeat(length);
            app.anonymous().v1_register("ben", &password).await.assert_faults(&["/password"]);
            let change = json!({ "current_password": PASSWORD, "new_password": password });
            ann.put("/v1/user/password", change).await.assert_faults(&["/new_password"]);
        }
        for length in [8, 9, 127, 128] {
            let (name, password) = (format!("user{n} {length}"), character.repeat(length));
            app.anonymous().v1_register(&name, &password).await.assert(201);
            let user = app.anonymous().with_tokens(&app.anonymous().v1_try_login(&name, &password).await);
            let other = format!("{}y", character.repeat(length - 1));
            app.anonymous().v1_try_login(&name, &other).await.assert_problem(401, "invalid_credentials");
            let change = json!({ "current_password": password, "new_password": other });
            user.put("/v1/user/password", change).await.assert(200);
            app.anonymous().v1_try_login(&name, &other).await.assert(200);
        }
    }
    app.v1_login("ann").await;
}

#[tokio::test]
async fn a_new_password_is_neither_common_nor_the_username() {
    let app = TestApp::start().await;
    let ann = app.v1_user("Ann Marie").await;
    for password in [
        "password",
        "PASSWORD",
        "12345678",
        "iloveyou",
        "Football",
        "Ann Marie",
        "ann marie",
        "ANN MARI\u{ff25}",
    ] {
        app.anonymous().v1_register("\u{ff21}nn marie", password).await.assert_faults(&["/password"]);
        let change = json!({ "current_password": PASSWORD, "new_password": password });
        ann.put("/v1/user/password", change).await.assert_faults(&["/new_password"]);
    }
    app.anonymous().v1_register("ben", "Ann Marie").await.assert(201);
    app.v1_login("Ann Marie").await;
}

#[tokio::test]
async fn accounts_of_the_original_work_although_new_ones_have_stricter_rules() {
    let app = TestApp::start().await;
    for (name, password) in [("a", "password"), ("longer", "longer, as its name"), ("12345678", "12345678")] {
        app.anonymous().register(name, password).await.assert(201);
        let user = app.anonymous().with_tokens(&app.anonymous().v1_try_login(name, password).await);
        assert_eq!(user.get("/v1/user").await.assert(200).json()["username"], name);
        user.patch("/v1/user", json!({ "email": "a@example.org" })).await.assert(200);
        let change = json!({ "current_password": password, "new_password": "battery staple" });
        user.put("/v1/user/password", change).await.assert(200);
        app.anonymous().v1_try_login(name, "battery staple").await.assert(200);
    }
}

#[tokio::test]
async fn an_email_is_an_address_of_at_most_254_bytes() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let labels = format!("{}.{}.{}", "d".repeat(60), "d".repeat(60), "d".repeat(60));
    let of_length = |length: usize| {
        let rest = format!("@{labels}.{}.org", "d".repeat(length - 64 - 1 - labels.len() - 5));
        format!("{}{rest}", "a".repeat(64))
    };
    assert_eq!(of_length(254).len(), 254);
    for (n, right) in ["ann@example.org", "a.b+c@sub.example.org", &of_length(254)].into_iter().enumerate() {
        let user = ann.patch("/v1/user", json!({ "email": right })).await.assert(200).json();
        assert_eq!(user["email"], right);
        let body = json!({ "username": format!("user{n}"), "password": PASSWORD, "email": right });
        app.anonymous().post("/v1/register", body).await.assert(201);
    }
    for wrong in [
        "",
        " ",
        "ann",
        "@",
        "ann@",
        "@example.org",
        "a b@example.org",
        "ann@example.org\n",
        &of_length(255),
        "a@b@c",
    ] {
        ann.patch("/v1/user", json!({ "email": wrong })).await.assert_faults(&["/email"]);
        let body = json!({ "username": "ben", "password": PASSWORD, "email": wrong });
        app.anonymous().post("/v1/register", body).await.assert_faults(&["/email"]);
    }
}

#[tokio::test]
async fn a_time_zone_is_an_iana_name() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    for right in ["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC", "Asia/Kolkata"] {
        let user = ann.patch("/v1/user", json!({ "time_zone": right })).await.assert(200).json();
        assert_eq!(user["time_zone"], right);
    }
    for wrong in [
        "",
        " UTC",
        "Europe/Atlantis",
        "europe/berlin ",
        "+02:00",
        "../../etc/passwd",
        "Europe/Berlin\0",
        "$ne",
    ] {
        ann.patch("/v1/user", json!({ "time_zone": wrong })).await.assert_faults(&["/time_zone"]);
    }
    assert_eq!(ann.get("/v1/user").await.json()["time_zone"], "Asia/Kolkata");
}

#[tokio::test]
async fn a_device_has_at_most_200_characters_and_may_be_null() {
    let app = TestApp::start().await;
    app.v1_user("ann").await;
    let login = async |device: Value| {
        let body = json!({ "username": "ann", "password": PASSWORD, "device": device });
        app.anonymous().post("/v1/login", body).await
    };
    for right in [Value::Null, json!(""), json!("\u{1f4f1}".repeat(200))] {
        login(right).await.assert_tokens();
    }
    login(json!("x".repeat(201))).await.assert_faults(&["/device"]);
}

#[tokio::test]
async fn all_violations_of_a_body_are_reported_together() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let anonymous = app.anonymous();
    for (path, body, wrong) in [
        ("/v1/register", json!({}), vec!["/username", "/password"]),
        (
            "/v1/register",
            json!({ "username": null, "password": 1, "email": "x", "y": 1 }),
            vec!["/username", "/password", "/email", "/y"],
        ),
        (
            "/v1/register",
            json!({ "username": "a\u{0}", "password": "x", "email": [], "roles": [] }),
            vec!["/username", "/password", "/email", "/roles"],
        ),
        (
            "/v1/register",
            json!({ "password": "x", "a": 1, "b": 2 }),
            vec!["/username", "/password", "/a", "/b"],
        ),
        ("/v1/login", json!({}), vec!["/username", "/password"]),
        (
            "/v1/login",
            json!({ "device": "x".repeat(201), "y": 1 }),
            vec!["/username", "/password", "/device", "/y"],
        ),
    ] {
        anonymous.post(path, body).await.assert_faults(&wrong);
    }
    let body = json!({ "email": "x", "time_zone": "x", "id": 1 });
    ann.patch("/v1/user", body).await.assert_faults(&["/email", "/time_zone", "/id"]);
}

#[tokio::test]
async fn all_violations_of_a_password_change_are_reported_together() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let body = json!({ "new_password": "short", "y": 1 });
    ann.put("/v1/user/password", body).await.assert_faults(&["/current_password", "/new_password", "/y"]);
}
