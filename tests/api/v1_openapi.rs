//! The API document: it lists every route, its examples are valid, and the binary contains its pages. Every response of
//! every test is validated against it.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};
use todo_api::openapi::document::DOCUMENT;

use crate::support::TestApp;
use crate::support::document::{operation, validator};
use crate::support::process;

/// Every method and path of the route table, read from the text of the source.
fn routed() -> BTreeSet<(String, String)> {
    let table = include_str!("../../src/app.rs");
    let mut routed = BTreeSet::new();
    for route in table.split(".route(\"").skip(1) {
        let (path, rest) = route.split_once('"').unwrap();
        let handlers = rest.split(".route(").next().unwrap().split(';').next().unwrap();
        for method in ["get", "post", "put", "patch", "delete"] {
            if handlers.contains(&format!("{method}(")) {
                routed.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    routed
}

/// Every method, path and operation of the document.
fn described() -> impl Iterator<Item = (&'static String, &'static String, &'static Value)> {
    let document: &'static Value = &DOCUMENT;
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| (method, path, operation))
    })
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let described: BTreeSet<_> =
        described().map(|(method, path, _)| (method.clone(), path.clone())).collect();
    let mut routed = routed();
    // The document does not list pages and their files.
    let pages = ["/docs", "/assets", "/admin", "/web/", "/sw.js", "/app.webmanifest"];
    routed.retain(|(_, path)| path != "/" && !pages.iter().any(|page| path.starts_with(page)));
    assert_eq!(described, routed);
    assert!(routed.len() > 40, "{routed:?}");
}

#[test]
fn operation_ids_are_unique() {
    let ids: Vec<_> =
        described().map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{ids:?}");
    for (method, path, operation) in described() {
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{method} {path}");
        assert!(operation["security"].is_array(), "{method} {path} does not say which token it needs");
    }
}

#[test]
fn every_example_matches_its_schema() {
    fn walk(value: &Value, checked: &mut usize) {
        match value {
            Value::Object(object) => {
                if let (Some(schema), Some(examples)) =
                    (object.get("schema"), object.get("examples").and_then(Value::as_object))
                {
                    for example in examples.values() {
                        let faults: Vec<_> = validator(schema)
                            .iter_errors(&example["value"])
                            .map(|error| error.to_string())
                            .collect();
                        assert!(faults.is_empty(), "{faults:?}: {example}");
                        *checked += 1;
                    }
                }
                object.values().for_each(|value| walk(value, checked));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, checked)),
            _ => {}
        }
    }
    let mut checked = 0;
    walk(&DOCUMENT, &mut checked);
    assert!(checked > 60, "{checked}");
}

#[tokio::test]
async fn every_example_of_a_request_body_is_accepted() {
    let app = TestApp::start().await;
    let ann = app.v1_admin("ann").await;
    for (method, path, operation) in described() {
        let is_alien =
            path.contains('{') || operation["tags"] == json!(["Original"]) || path.contains("password");
        let Some(content) = operation["requestBody"]["content"].as_object().filter(|_| !is_alien) else {
            continue;
        };
        for (media_type, media) in content {
            let body = media["examples"]["usual"]["value"].to_string();
            let method: Method = method.to_ascii_uppercase().parse().unwrap();
            let answer = ann.send(method.clone(), path, &[("content-type", media_type)], body).await;
            let is_known = ["/v1/register", "/v1/login", "/v1/refresh", "/v1/admin/users"]
                .contains(&path.as_str())
                && [401, 409].contains(&answer.status.as_u16());
            assert!(answer.status.is_success() || is_known, "{method} {path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn the_document_is_served_and_printed() {
    let app = TestApp::start().await;
    let served = app.anonymous().get("/v1/openapi.json").await.assert(200);
    assert_eq!(served.json(), *DOCUMENT);
    assert_eq!(served.json()["openapi"], "3.1.0");
    let (code, printed, _) = process::run(&["openapi"], &[]).await;
    assert_eq!((code, serde_json::from_str::<Value>(&printed).unwrap()), (Some(0), served.json()));
}

#[tokio::test]
async fn the_binary_contains_the_pages() {
    let app = TestApp::start().await;
    let docs = app.anonymous().get("/docs").await.assert(308);
    assert_eq!(docs.header("location"), "/docs/");
    let index = app.anonymous().get("/docs/").await.assert(200);
    assert!(index.header("content-type").starts_with("text/html"));
    let page = index.text();
    let parts: Vec<_> = page.split('"').filter(|part| part.starts_with("../assets/")).collect();
    assert!(parts.len() >= 4, "{page}");
    for part in parts {
        let answer = app.anonymous().get(&part[2..]).await.assert(200);
        assert!(!answer.body.is_empty(), "{part}");
    }
    assert!(!page.contains("https://") && !page.contains("//unpkg"), "{page}");
    app.anonymous().get("/docs/../Cargo.toml").await.assert(404);
    app.anonymous().get("/docs/unknown").await.assert(404);
    assert!(operation(&Method::GET, "/v1/todos").is_some());
}
