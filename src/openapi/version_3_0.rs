//! The API document as OpenAPI 3.0.3, for tools that do not know 3.1.
//!
//! **Invariant:** says what the 3.1 document says, in the words of 3.0: `nullable`, one `example`, `allOf` around a reference
//! that has a description of its own.

use serde_json::{Map, Value, json};

use super::schema::{named, remove_unused};

pub(super) fn of(document: &Value) -> Value {
    let mut older = document.clone();
    older["openapi"] = json!("3.0.3");
    if let Some(info) = older["info"].as_object_mut() {
        let summary = info.remove("summary").unwrap_or_default();
        let description = info["description"].as_str().unwrap_or_default();
        let whole = format!("{}\n\n{description}", summary.as_str().unwrap_or_default());
        info.insert("description".to_owned(), json!(whole));
        info["license"] = json!({ "name": info["license"]["name"] });
    }
    convert(&mut older, &document["components"]["schemas"]);
    add_nullable_schemas(&mut older["components"]);
    let paths = older["paths"].clone();
    remove_unused(&mut older["components"], &paths);
    older
}

/// `null` must be valid for a reference too, so there is a second schema that allows it.
fn add_nullable_schemas(components: &mut Value) {
    let Some(schemas) = components["schemas"].as_object_mut() else { return };
    let nullable = schemas.iter().map(|(name, schema)| {
        let mut nullable = schema.clone();
        nullable["nullable"] = json!(true);
        if let Some(values) = nullable.get_mut("enum").and_then(Value::as_array_mut) {
            values.push(Value::Null);
        }
        (format!("Nullable{name}"), nullable)
    });
    let nullable: Vec<_> = nullable.collect();
    schemas.extend(nullable);
}

fn convert(value: &mut Value, schemas: &Value) {
    match value {
        Value::Object(object) => {
            convert_schema(object, schemas);
            // An example is data, not a schema.
            object
                .iter_mut()
                .filter(|(key, _)| !["example", "value"].contains(&key.as_str()))
                .for_each(|(_, value)| convert(value, schemas));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| convert(item, schemas)),
        _ => {}
    }
}

fn convert_schema(object: &mut Map<String, Value>, schemas: &Value) {
    if let Some(Value::Array(examples)) = object.get("examples") {
        let first = examples.first().cloned();
        object.remove("examples");
        object.extend(first.map(|first| ("example".to_owned(), first)));
    }
    if let Some(constant) = object.remove("const") {
        object.insert("type".to_owned(), json!("string"));
        object.insert("enum".to_owned(), json!([constant]));
    }
    convert_types(object);
    convert_union(object, schemas);
    if object.contains_key("$ref") && object.len() > 1 {
        let reference = object.remove("$ref");
        object.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
    }
}

fn convert_types(object: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = object.get("type") else { return };
    let (null, mut others): (Vec<_>, Vec<_>) = types.iter().cloned().partition(|word| word == "null");
    if !null.is_empty() {
        object.insert("nullable".to_owned(), json!(true));
    }
    if others.len() == 1 {
        object.insert("type".to_owned(), others.remove(0));
    } else {
        object.remove("type");
        let each = others.into_iter().map(|word| json!({ "type": word }));
        object.insert("anyOf".to_owned(), each.collect());
    }
}

/// `oneOf` a schema and null.
fn convert_union(object: &mut Map<String, Value>, schemas: &Value) {
    let Some(Value::Array(parts)) = object.get("oneOf") else { return };
    let others: Vec<_> = parts.iter().filter(|part| part["type"] != "null").cloned().collect();
    if others.len() < parts.len() {
        object.remove("oneOf");
        // `nullable` counts only beside a type.
        let name = others.first().and_then(|other| other["$ref"].as_str()?.rsplit('/').next());
        if let Some(name) = name {
            object.insert("type".to_owned(), schemas[name]["type"].clone());
            object.insert("allOf".to_owned(), json!([named(&format!("Nullable{name}"))]));
        }
        object.insert("nullable".to_owned(), json!(true));
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::{DOCUMENT, ORIGINAL};
    use super::*;

    fn each_object(value: &Value, check: &mut impl FnMut(&Map<String, Value>)) {
        match value {
            Value::Object(object) => {
                check(object);
                object
                    .iter()
                    .filter(|(key, _)| *key != "value")
                    .for_each(|(_, value)| each_object(value, check));
            }
            Value::Array(items) => items.iter().for_each(|value| each_object(value, check)),
            _ => {}
        }
    }

    #[test]
    fn nothing_is_left_that_only_3_1_knows() {
        for document in [&*DOCUMENT, &*ORIGINAL] {
            let older = of(document);
            let mut objects = 0;
            each_object(&older, &mut |object| {
                objects += 1;
                let is_newer = object.get("type").is_some_and(|word| word.is_array() || word == "null")
                    || object.contains_key("const")
                    || object.get("examples").is_some_and(Value::is_array)
                    || object.contains_key("$ref") && object.len() > 1;
                assert!(!is_newer, "{object:?}");
            });
            assert!(objects > 100);
            assert_eq!(
                older["paths"].as_object().unwrap().len(),
                document["paths"].as_object().unwrap().len()
            );
        }
    }

    #[test]
    fn null_becomes_nullable() {
        let mut schemas = json!([
            { "type": ["string", "null"], "examples": ["a", "b"] },
            { "oneOf": [{ "$ref": "#/components/schemas/X" }, { "type": "null" }], "description": "X." },
            { "$ref": "#/x", "description": "X." },
        ]);
        convert(&mut schemas, &json!({ "X": { "type": "object" } }));
        let expected = json!([
            { "type": "string", "nullable": true, "example": "a" },
            { "allOf": [{ "$ref": "#/components/schemas/NullableX" }], "type": "object", "nullable": true, "description": "X." },
            { "allOf": [{ "$ref": "#/x" }], "description": "X." },
        ]);
        assert_eq!(schemas, expected);
    }
}
