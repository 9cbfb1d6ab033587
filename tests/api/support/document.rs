//! Validates every response of every test against the API document.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use axum::http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};
use todo_api::openapi::document::{DOCUMENT, ORIGINAL};

use super::Answer;

static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);

/// Both documents in one. Their paths are different, and components with the same name are the same.
static DOCUMENTS: LazyLock<Value> = LazyLock::new(|| {
    let mut all = DOCUMENT.clone();
    let extend = |all: &mut Value, more: &Value| {
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    };
    extend(&mut all["paths"], &ORIGINAL["paths"]);
    for kind in ["schemas", "responses", "headers"] {
        extend(&mut all["components"][kind], &ORIGINAL["components"][kind]);
    }
    all
});

/// The components of the documents. No object may have a field that its schema does not name.
static COMPONENTS: LazyLock<Value> = LazyLock::new(|| {
    let mut components = DOCUMENTS["components"].clone();
    components["schemas"].as_object_mut().unwrap().values_mut().for_each(|schema| close(schema, true));
    components
});

/// Forbids unnamed fields in objects. Parts of an `allOf` leave that to the whole.
fn close(schema: &mut Value, is_whole: bool) {
    if let Some(reference) = schema["$ref"].as_str().filter(|_| !is_whole) {
        *schema = DOCUMENTS.pointer(reference.trim_start_matches('#')).unwrap().clone();
    }
    let Some(object) = schema.as_object_mut() else { return };
    for part in object.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        close(part, false);
    }
    for part in object.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        close(part, true);
    }
    for member in object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        close(member.1, true);
    }
    if let Some(items) = object.get_mut("items") {
        close(items, true);
    }
    if is_whole && (object.contains_key("allOf") || object.contains_key("properties")) {
        object.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

/// A validator for a schema of the document.
pub(crate) fn validator(schema: &Value) -> &'static Validator {
    let mut known = VALIDATORS.lock().unwrap();
    known.entry(schema.to_string()).or_insert_with(|| {
        let mut whole = schema.clone();
        close(&mut whole, true);
        whole["components"] = COMPONENTS.clone();
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&whole);
        Box::leak(Box::new(validator.unwrap()))
    })
}

/// The path template and the operation of the document for a request.
pub(crate) fn operation(method: &Method, path: &str) -> Option<(&'static str, &'static Value)> {
    let path = path.split('?').next().unwrap();
    let matches = |template: &str| {
        let (given, wanted): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
        let same =
            |(given, wanted): (&&str, &&str)| given == wanted || wanted.starts_with('{') && !given.is_empty();
        given.len() == wanted.len() && given.iter().zip(&wanted).all(same)
    };
    let document: &'static Value = &DOCUMENTS;
    let paths = document["paths"].as_object().unwrap();
    let (template, methods) = paths.iter().find(|(template, _)| matches(template))?;
    let (_, operation) =
        methods.as_object()?.iter().find(|(name, _)| name.to_ascii_uppercase() == method.as_str())?;
    Some((template, operation))
}

/// Checks that the document describes a response: status, body and headers.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let Some((_, operation)) = operation(method, path) else { return };
    let status = answer.status.as_u16().to_string();
    let seen = || format!("{method} {path}: {status} {}", answer.text());
    let mut described =
        operation["responses"].get(&status).unwrap_or_else(|| panic!("not in the API document: {}", seen()));
    if let Some(reference) = described["$ref"].as_str() {
        described = DOCUMENTS.pointer(reference.trim_start_matches('#')).unwrap();
    }
    let media_type = answer.header("content-type").split(';').next().unwrap();
    let content = described["content"].as_object();
    match content.and_then(|content| content.get(media_type)) {
        Some(media) if media_type.ends_with("json") => {
            let body = answer.json();
            let faults: Vec<_> =
                validator(&media["schema"]).iter_errors(&body).map(|error| error.to_string()).collect();
            assert!(faults.is_empty(), "{faults:?}: {}", seen());
        }
        Some(_) => {}
        None => assert!(
            content.is_none() && answer.body.is_empty(),
            "the API document has no such body: {}",
            seen()
        ),
    }
    for header in
        ["etag", "location", "retry-after", "www-authenticate", "idempotent-replayed", "link", "x-request-id"]
    {
        let told = described["headers"].as_object().into_iter().flatten();
        let is_told = told.into_iter().any(|(name, _)| name.eq_ignore_ascii_case(header));
        assert!(
            !answer.headers.contains_key(header) || is_told,
            "the API document has no header {header}: {}",
            seen()
        );
    }
}
