//! Random requests that change todos and lists through every route of both API surfaces.

use std::sync::{Arc, Mutex};

use bson::oid::ObjectId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::fleet::{chance, random};

/// Above these numbers of known ids, no more objects are created.
const TODOS: usize = 1_200;
const LISTS: usize = 25;
/// How many of the latest ids are chosen more often, so that writers collide.
const HOT: usize = 30;
/// The maximum number of commands in a request.
const BATCH: usize = 100;

const PRIORITIES: [&str; 4] = ["none", "low", "medium", "high"];

#[derive(Debug)]
pub(crate) struct RandomRequest {
    pub(crate) kind: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// The ids that the writers know, including ids of deleted objects. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct KnownIds(Arc<Mutex<[Vec<String>; 2]>>);

impl KnownIds {
    pub(crate) fn add(&self, kind: &str, id: &str) {
        let ids = &mut self.0.lock().unwrap()[index(kind)];
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }

    pub(crate) fn forget(&self, kind: &str, id: &str) {
        self.0.lock().unwrap()[index(kind)].retain(|known| known != id);
    }

    /// A random id of this kind, sometimes one that no object has.
    fn any(&self, kind: &str) -> String {
        let ids = &self.0.lock().unwrap()[index(kind)];
        if ids.is_empty() || chance(2) {
            return ObjectId::new().to_hex();
        }
        let end = if chance(40) { ids.len().min(HOT) } else { ids.len() };
        ids[ids.len() - 1 - random(end)].clone()
    }

    /// A new id for an object that the client creates with PUT.
    fn own(&self, kind: &str) -> String {
        let id = ObjectId::new().to_hex();
        self.add(kind, &id);
        id
    }

    fn is_full(&self, kind: &str) -> bool {
        let known = self.0.lock().unwrap();
        known[index(kind)].len() >= if kind == "todo" { TODOS } else { LISTS }
    }
}

fn index(kind: &str) -> usize {
    usize::from(kind == "list")
}

/// A random request other than sync.
pub(crate) fn any(known: &KnownIds) -> RandomRequest {
    match random(100) {
        0..18 => original(known),
        18..58 => todo(known),
        58..72 => moving(known),
        72..80 => tag(known),
        _ => list(known),
    }
}

fn act(kind: &'static str, method: Method, path: String, body: Value) -> RandomRequest {
    RandomRequest { kind, method, path, body }
}

fn original(known: &KnownIds) -> RandomRequest {
    let fields = json!({ "name": text("original"), "description": text("as before") });
    match random(10) {
        0..5 if !known.is_full("todo") => {
            act("original create", Method::POST, "/createtodo".to_owned(), fields)
        }
        0..7 => act("original put", Method::PUT, format!("/todo/{}", known.any("todo")), fields),
        _ => act("original delete", Method::DELETE, format!("/todo/{}", known.any("todo")), Value::Null),
    }
}

fn todo(known: &KnownIds) -> RandomRequest {
    let path = |id: String| format!("/v1/todos/{id}");
    let one = || path(known.any("todo"));
    match random(40) {
        0..8 if !known.is_full("todo") => {
            act("todo create", Method::POST, "/v1/todos".to_owned(), whole_todo(known))
        }
        8..12 if !known.is_full("todo") => {
            act("todo put new", Method::PUT, path(known.own("todo")), whole_todo(known))
        }
        12..15 => act("todo put", Method::PUT, one(), whole_todo(known)),
        0..4 | 15..17 => act("todo purge", Method::DELETE, format!("{}?permanent=true", one()), Value::Null),
        17..22 => act("todo delete", Method::DELETE, one(), Value::Null),
        22..28 => act("todo restore", Method::POST, format!("{}/restore", one()), Value::Null),
        _ => act("todo patch", Method::PATCH, one(), todo_patch(known)),
    }
}

fn moving(known: &KnownIds) -> RandomRequest {
    if chance(20) {
        let path = format!("/v1/lists/{}/move", known.any("list"));
        return act("list move", Method::POST, path, beside(known, "list"));
    }
    act("todo move", Method::POST, format!("/v1/todos/{}/move", known.any("todo")), todo_move(known))
}

fn tag(known: &KnownIds) -> RandomRequest {
    let (tag, other) = (random(6), random(6));
    let link = format!("/v1/todos/{}/tags/t{tag}", known.any("todo"));
    match random(20) {
        0..12 => act("tag link", Method::PUT, link, Value::Null),
        12..18 => act("tag unlink", Method::DELETE, link, Value::Null),
        18 => act("tag delete", Method::DELETE, format!("/v1/tags/t{tag}"), Value::Null),
        _ => {
            let name = json!({ "name": format!("t{other}") });
            act("tag rename", Method::PATCH, format!("/v1/tags/t{tag}"), name)
        }
    }
}

fn list(known: &KnownIds) -> RandomRequest {
    let path = |id: String| format!("/v1/lists/{id}");
    let one = || path(known.any("list"));
    match random(20) {
        0..4 if !known.is_full("list") => {
            act("list create", Method::POST, "/v1/lists".to_owned(), whole_list())
        }
        4..6 if !known.is_full("list") => {
            act("list put new", Method::PUT, path(known.own("list")), whole_list())
        }
        6..9 => act("list put", Method::PUT, one(), whole_list()),
        9 => act("list delete", Method::DELETE, one(), Value::Null),
        10 if chance(50) => {
            act("list purge", Method::DELETE, format!("{}?permanent=true", one()), Value::Null)
        }
        12..15 => act("list restore", Method::POST, format!("{}/restore", one()), Value::Null),
        _ => act("list patch", Method::PATCH, one(), list_patch()),
    }
}

/// A random sync command, with its kind.
pub(crate) fn command(known: &KnownIds) -> (&'static str, Value) {
    let id = format!("command {}", ObjectId::new());
    let command = |op: &str, kind: &str, target: String, body: Value| {
        let mut command = json!({ "id": id, "op": op, "type": kind, "target": target, "body": body });
        if chance(10) {
            command["if_version"] = json!(1 + random(5));
        }
        command
    };
    let (todo, list) = (known.any("todo"), known.any("list"));
    match random(30) {
        0..5 if !known.is_full("todo") => {
            let own = known.own("todo");
            ("command put new todo", command("put", "todo", own, whole_todo(known)))
        }
        0..8 => ("command put todo", command("put", "todo", todo, whole_todo(known))),
        8..14 => ("command patch todo", command("patch", "todo", todo, todo_patch(known))),
        14..16 => ("command delete todo", command("delete", "todo", todo, json!({}))),
        16 => ("command purge todo", command("delete", "todo", todo, json!({ "permanent": true }))),
        17..20 => ("command restore todo", command("restore", "todo", todo, json!({}))),
        20..23 => ("command move todo", command("move", "todo", todo, todo_move(known))),
        23 => ("command put list", command("put", "list", list, whole_list())),
        24..26 => ("command patch list", command("patch", "list", list, list_patch())),
        26 => ("command delete list", command("delete", "list", list, json!({ "permanent": chance(20) }))),
        27..29 => ("command restore list", command("restore", "list", list, json!({}))),
        _ => ("command move list", command("move", "list", list, beside(known, "list"))),
    }
}

/// Commands that create `count` todos, in batches.
pub(crate) fn first_todos(known: &KnownIds, count: usize) -> Vec<Vec<Value>> {
    let command = |_| {
        let (id, body) = (known.own("todo"), json!({ "name": text("todo"), "tags": tags() }));
        json!({ "id": format!("first {id}"), "op": "put", "type": "todo", "target": id, "body": body })
    };
    (0..count).map(command).collect::<Vec<_>>().chunks(BATCH).map(<[_]>::to_vec).collect()
}

fn text(what: &str) -> String {
    format!("{what} {}", random(1_000_000))
}

fn tags() -> Value {
    (0..random(4)).map(|_| format!("t{}", random(6))).collect()
}

fn id_or_null(known: &KnownIds, kind: &str) -> Value {
    if chance(40) { Value::Null } else { json!(known.any(kind)) }
}

fn whole_todo(known: &KnownIds) -> Value {
    let mut todo = json!({ "name": text("todo"), "description": text("more"), "tags": tags() });
    if chance(30) {
        todo["list_id"] = id_or_null(known, "list");
    } else if chance(20) {
        todo["parent_id"] = json!(known.any("todo"));
    }
    todo
}

fn todo_patch(known: &KnownIds) -> Value {
    match random(20) {
        0..5 => json!({ "name": text("renamed") }),
        5..7 => json!({ "description": text("described") }),
        7..11 => json!({ "completed": chance(60) }),
        11 => json!({ "priority": PRIORITIES[random(4)] }),
        12..14 => json!({ "tags": tags() }),
        14 => json!({ "due": { "date": format!("2026-12-{:02}", 1 + random(31)) } }),
        15 => json!({
            "due": { "date": "2026-12-01" }, "recurrence": { "rule": "FREQ=DAILY;COUNT=5", "basis": "due" },
        }),
        16 => json!({ "due": null, "recurrence": null }),
        17 => json!({ "parent_id": id_or_null(known, "todo") }),
        _ => json!({ "list_id": id_or_null(known, "list") }),
    }
}

fn todo_move(known: &KnownIds) -> Value {
    match random(10) {
        0..3 => json!({ "list_id": id_or_null(known, "list") }),
        3..6 => json!({ "parent_id": id_or_null(known, "todo") }),
        _ => beside(known, "todo"),
    }
}

fn beside(known: &KnownIds, kind: &str) -> Value {
    let side = if chance(50) { "before" } else { "after" };
    json!({ side: known.any(kind) })
}

fn whole_list() -> Value {
    json!({ "name": text("list"), "color": format!("#{:06x}", random(0x100_0000)) })
}

fn list_patch() -> Value {
    if chance(50) { json!({ "name": text("list") }) } else { json!({ "description": text("of a list") }) }
}
