//! Request bodies on the original's routes: which are read, and how their values become text.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, PASSWORD, TestApp};

const JSON: &str = "application/json";
const BLANK_NAME: &str = "This field cannot be left blank!";
const BLANK_DESCRIPTION: &str = "Every item needs a store_id.";
const MALFORMED: &str = "The browser (or proxy) sent a request that this server could not understand.";

async fn create(client: &Client, media_type: &str, body: impl Into<Body>) -> Answer {
    client.send(Method::POST, "/createtodo", &[("content-type", media_type)], body).await
}

fn blank(field: &str, text: &str) -> Value {
    json!({ "message": { field: text } })
}

#[tokio::test]
async fn json_is_read_only_with_a_json_media_type() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let whole = json!({ "name": "x", "description": "y" }).to_string();
    for json in [
        JSON,
        "APPLICATION/JSON",
        "Application/Json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json ; a=b",
        "application/vnd.x+json",
        "application/vnd.API+JSON; v=1",
        "application/problem+json",
        "application/ld+json;charset=utf-8",
    ] {
        create(&ann, json, whole.clone()).await.assert(201);
        create(&ann, json, "{").await.assert_message(400, MALFORMED);
    }
    for other in [
        "",
        "text/plain",
        "text/json",
        "text/plain; a=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/xml",
        "application/jsonp",
        "application/json-seq",
        "application/x-json",
        "application/vnd.x+jsonx",
        "application/vnd.x+xml",
        "application/",
        "application",
        "json",
        "/json",
        "*/*",
        "application/*",
        "image/svg+json",
        "application /json",
        "application/json/x",
    ] {
        for body in [whole.as_str(), "{", "name=x&description=y", ""] {
            create(&ann, other, body.to_owned()).await.assert_json(400, &blank("name", BLANK_NAME));
        }
    }
    let none = ann.send(Method::POST, "/createtodo", &[], whole).await;
    none.assert_json(400, &blank("name", BLANK_NAME));
}

#[tokio::test]
async fn values_become_text_as_in_python() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    // The right side is the result of `str(json.loads(...))` in Python 3.
    let texts = [
        ("5", "5"),
        ("-1", "-1"),
        ("-0", "0"),
        ("true", "True"),
        ("false", "False"),
        ("\"\"", ""),
        ("\"5\"", "5"),
        ("\"true\"", "true"),
        ("1.50", "1.5"),
        ("0.1", "0.1"),
        ("1e5", "100000.0"),
        ("1E5", "100000.0"),
        ("0.1e1", "1.0"),
        ("-0.0", "-0.0"),
        ("0e5", "0.0"),
        ("1e16", "1e+16"),
        ("9999999999999998.0", "9999999999999998.0"),
        ("1e-4", "0.0001"),
        ("1e-5", "1e-05"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("1e400", "inf"),
        ("-1e400", "-inf"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("123456789012345680.0", "1.2345678901234568e+17"),
        ("-2.5e-300", "-2.5e-300"),
        ("3.141592653589793238", "3.141592653589793"),
        (r#""\u00e9\ud83d\ude00\n\u0000\/""#, "\u{e9}\u{1f600}\n\0/"),
    ];
    for (written, text) in texts {
        let body = format!("{{ \"name\": {written}, \"description\": {written} }}");
        let todo = create(&ann, JSON, body).await.assert(201).json();
        assert_eq!((&todo["name"], &todo["description"]), (&json!(text), &json!(text)), "{written}");
    }
    ann.post("/register", json!({ "username": 12_345, "password": 1_234_567.5 })).await.assert(201);
    app.anonymous().login("12345", "1234567.5").await;
    ann.post("/register", json!({ "username": true, "password": "password" })).await.assert(201);
    app.anonymous().login("True", "password").await;
}

#[tokio::test]
async fn null_arrays_and_objects_count_as_missing() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for nothing in ["null", "[]", "[\"x\"]", "{}", "{\"a\":1}", "{\"$ne\":null}", "[[[]]]"] {
        let answer = create(&ann, JSON, format!("{{\"name\":{nothing},\"description\":\"\"}}")).await;
        answer.assert_json(400, &blank("name", BLANK_NAME));
        let answer = create(&ann, JSON, format!("{{\"name\":\"\",\"description\":{nothing}}}")).await;
        answer.assert_json(400, &blank("description", BLANK_DESCRIPTION));
        for path in ["/register", "/login"] {
            let body = format!("{{\"username\":\"ben\",\"password\":{nothing}}}");
            let answer = app.anonymous().send(Method::POST, path, &[("content-type", JSON)], body).await;
            answer.assert_json(400, &blank("password", "This field cannot be blank."));
        }
    }
}

#[tokio::test]
async fn unknown_fields_are_ignored_with_any_value() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for surplus in ["null", "1e999", "[1,{\"a\":[]}]", "{\"name\":\"z\"}", "\"\"", &deep] {
        let body = format!("{{\"x\":{surplus},\"name\":\"x\",\"description\":\"y\",\"\":{surplus}}}");
        create(&ann, JSON, body).await.assert(201);
    }
    let body = format!(" \r\n\t{{{} }}\n", r#" "description" : "y" , "name":"x""#);
    create(&ann, JSON, body).await.assert(201);
}

#[tokio::test]
async fn fields_are_read_only_from_the_body() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let credentials = format!("username=ann&password={}", PASSWORD.replace(' ', "%20"));
    let fields = "name=x&description=y";
    let put = format!("/todo/{}", ann.create_original_todo("as it was").await);
    let before = (app.db.all("users").await, app.db.all("todos").await);
    let username = blank("username", "This field cannot be blank.");
    let name = blank("name", BLANK_NAME);
    for (method, path, query, refusal) in [
        (Method::POST, "/register", credentials.as_str(), &username),
        (Method::POST, "/login", &credentials, &username),
        (Method::POST, "/createtodo", fields, &name),
        (Method::PUT, &put, fields, &name),
    ] {
        let asked = format!("{path}?{query}");
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
        let parts = pairs.fold(String::new(), |parts, (name, value)| {
            parts + &format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        }) + "--b--\r\n";
        let multipart = [("content-type", "multipart/form-data; boundary=b")];
        let pairs: Vec<String> = query.split('&').map(|pair| pair.replace('=', ": ")).collect();
        let headers: Vec<(&str, &str)> = pairs.iter().map(|pair| pair.split_once(": ").unwrap()).collect();
        for answer in [
            ann.send(method.clone(), &asked, &[], "").await,
            ann.send(method.clone(), &asked, &[("content-type", JSON)], "{}").await,
            ann.send(method.clone(), path, &form, query.to_owned()).await,
            ann.send(method.clone(), path, &multipart, parts).await,
            ann.send(method, path, &headers, "").await,
        ] {
            answer.assert_json(400, refusal);
        }
    }
    assert_eq!((app.db.all("users").await, app.db.all("todos").await), before);

    let body = json!({ "name": "of the body", "description": "" });
    let todo = ann.post("/createtodo?name=of%20the%20query&description=z", body).await.assert(201).json();
    assert_eq!((&todo["name"], &todo["description"]), (&json!("of the body"), &json!("")));
}
