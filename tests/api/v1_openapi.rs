//! The API document: it lists every route, its examples are valid, and the binary contains its pages. Every response of
//! every test is validated against it.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};
use todo_api::openapi::document::{DOCUMENT, DOCUMENT_3_0, ORIGINAL};

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
    let documents: [&'static Value; 2] = [&DOCUMENT, &ORIGINAL];
    let paths = documents.into_iter().flat_map(|document| document["paths"].as_object().unwrap());
    paths.flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| (method, path, operation))
    })
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let described: BTreeSet<_> =
        described().map(|(method, path, _)| (method.clone(), path.clone())).collect();
    let mut routed = routed();
    // The document does not list pages and their files.
    let pages =
        ["/docs", "/dav", "/.well-known/", "/assets", "/admin", "/web/", "/sw.js", "/app.webmanifest"];
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
    walk(&ORIGINAL, &mut checked);
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
            for example in media["examples"].as_object().into_iter().flat_map(|examples| examples.values()) {
                let method: Method = method.to_ascii_uppercase().parse().unwrap();
                let headers = [("content-type", media_type.as_str())];
                let answer = ann.send(method.clone(), path, &headers, example["value"].to_string()).await;
                let is_known = ["/v1/register", "/v1/login", "/v1/refresh", "/v1/admin/users"]
                    .contains(&path.as_str())
                    && [401, 409].contains(&answer.status.as_u16());
                assert!(answer.status.is_success() || is_known, "{method} {path}: {}", answer.text());
            }
        }
    }
}

/// Every value of an object or array in a document, with its key and the object that has it.
fn each<'a>(value: &'a Value, visit: &mut impl FnMut(&'a str, &'a Value)) {
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| {
            visit(key, value);
            each(value, visit);
        }),
        Value::Array(items) => items.iter().for_each(|value| each(value, visit)),
        _ => {}
    }
}

#[test]
fn every_operation_property_and_parameter_has_a_sentence() {
    let is_sentence = |value: &Value| {
        value["description"].as_str().is_some_and(|text| text.ends_with(['.', ')', '`', '|']))
    };
    for (method, path, operation) in described() {
        assert!(is_sentence(operation), "{method} {path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(is_sentence(parameter), "{method} {path}: {parameter}");
        }
    }
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        assert!(is_sentence(schema), "{name}");
        for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
            assert!(is_sentence(schema) && schema["type"] != "null", "{name}.{property}");
        }
    }
}

#[test]
fn the_document_has_only_shapes_that_client_generators_know() {
    each(&DOCUMENT, &mut |key, value| match key {
        "not" | "allOf" | "anyOf" | "const" if !value.is_boolean() => panic!("{key}: {value}"),
        // The only union is with null.
        "oneOf" => {
            let parts = value.as_array().unwrap();
            assert!(parts.len() == 2 && parts[1] == json!({ "type": "null" }), "{value}");
        }
        _ => {}
    });
    for (method, path, operation) in described().filter(|(_, path, _)| path.starts_with("/v1/")) {
        each(operation, &mut |key, value| {
            let is_inline_object = key == "schema" && value["type"] == "object";
            assert!(!is_inline_object, "{method} {path} has an object without a name: {value}");
        });
        assert!(
            operation["security"].as_array().unwrap().len() <= 1 || path == "/v1/refresh",
            "{method} {path}"
        );
    }
}

#[test]
fn a_response_shows_what_the_request_of_the_same_example_sets() {
    let mut compared = 0;
    for (method, path, operation) in described() {
        let requests = operation["requestBody"]["content"]["application/json"]["examples"].as_object();
        for (name, request) in requests.into_iter().flatten() {
            for status in ["200", "201"] {
                let response =
                    &operation["responses"][status]["content"]["application/json"]["examples"][name]["value"];
                for (field, sent) in request["value"].as_object().unwrap() {
                    // Some fields of a request have another meaning in the response, such as the state of a sync.
                    let Some(shown) = response.get(field).filter(|_| sent.is_string() || sent.is_boolean())
                    else {
                        continue;
                    };
                    let is_other = ["token", "refresh_token"].contains(&field.as_str());
                    assert!(is_other || shown == sent, "{method} {path} {name}: {field} is {shown}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 20, "{compared}");
}

#[tokio::test]
async fn the_document_is_served_and_printed() {
    let app = TestApp::start().await;
    let served = app.anonymous().get("/v1/openapi.json").await.assert(200);
    assert_eq!(served.json(), *DOCUMENT);
    assert_eq!(served.json()["openapi"], "3.1.0");
    for (path, document) in [("/v1/openapi-3.0.json", &*DOCUMENT_3_0), ("/original/openapi.json", &*ORIGINAL)]
    {
        app.anonymous().get(path).await.assert_json(200, document);
    }
    let links = app
        .anonymous()
        .send(Method::GET, "/", &[("accept", "application/json")], "")
        .await
        .assert(200)
        .json();
    for path in
        links["documents"].as_array().unwrap().iter().chain([&links["docs"], &links["live"], &links["ready"]])
    {
        app.anonymous().get(path.as_str().unwrap()).await.assert(200);
    }
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
