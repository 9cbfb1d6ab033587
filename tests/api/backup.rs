//! `todo-api backup` and `todo-api restore`: the content of the file, what a restore returns, and what is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aws_lc_rs::rand;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, Timestamp, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use todo_api::clock::Clock;
use todo_api::mongo;
use todo_api::operator::backup::operations;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use crate::support::process::{self, Mongod, Server};
use crate::support::replica::{Replica, server_state};
use crate::support::{PASSWORD, SECRET, TestApp, TestDatabase};

/// Collections that a backup leaves out or a restore creates again.
const OWN_TO_A_DATABASE: [&str; 4] = ["fences", "lineage", "sessions", "access_tokens"];

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

async fn run(command: &str, file: &Path, uri: &str) -> (Option<i32>, String) {
    let (code, stdout, stderr) =
        process::run(&[command, file.to_str().unwrap()], &[("MONGODB_URI", uri)]).await;
    assert_eq!(stdout, "");
    // Before it writes, a restore states how much it will write.
    let (sizes, lines): (Vec<_>, Vec<_>) = stderr.lines().partition(|line| line.contains("; writing"));
    assert_eq!(sizes.len(), usize::from(command == "restore" && code == Some(0)), "{stderr}");
    assert_eq!(lines.len(), 1, "one line: {stderr}");
    (code, stderr)
}

async fn backup(db: &TestDatabase, file: &Path) {
    let (code, said) = run("backup", file, db.uri()).await;
    assert_eq!(code, Some(0), "{said}");
}

async fn restore(file: &Path, db: &TestDatabase) {
    let (code, said) = run("restore", file, db.uri()).await;
    assert_eq!(code, Some(0), "{said}");
}

/// A shell command with pipes. The shell knows the program as `$todo`, and two URIs.
fn in_shell(line: &str, from: &str, to: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).env_clear().current_dir(std::env::temp_dir());
    command.envs([
        ("todo", env!("CARGO_BIN_EXE_todo-api")),
        ("from", from),
        ("to", to),
        ("JWT_SECRET", SECRET),
    ]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn shell(line: &str, from: &str, to: &str, input: Option<&[u8]>) -> (Option<i32>, String) {
    let mut child = in_shell(line, from, to).spawn().unwrap();
    // A command that refuses its input need not read all of it.
    let _ = child.stdin.take().unwrap().write_all(input.unwrap_or_default());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

async fn documents(db: &TestDatabase) -> BTreeMap<String, Vec<Document>> {
    let listed = db.run(doc! { "listCollections": 1, "nameOnly": true }).await;
    let names = listed.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
    let mut all = BTreeMap::new();
    for name in names.iter().map(|found| found.as_document().unwrap().get_str("name").unwrap()) {
        let found = db.all(name).await;
        if !found.is_empty() {
            all.insert(name.to_owned(), found);
        }
    }
    all
}

/// Removes what a restore changes on purpose.
fn comparable(mut all: BTreeMap<String, Vec<Document>>) -> BTreeMap<String, Vec<Document>> {
    all.retain(|name, _| !OWN_TO_A_DATABASE.contains(&name.as_str()));
    for name in ["todos", "lists", "blacklist"] {
        for document in all.get_mut(name).into_iter().flatten() {
            document.remove("changed").unwrap();
        }
    }
    let is_of_a_user = |entry: &Document| entry.get_str("_id").unwrap().starts_with("user:");
    all.entry("blacklist".to_owned()).or_default().retain(|entry| !is_of_a_user(entry));
    for user in all.get_mut("users").into_iter().flatten() {
        user.remove("epoch").unwrap();
    }
    // A backup is recorded after it was made.
    let is_of_a_backup = |entry: &Document| entry.get_str("event").unwrap() == "backed_up";
    all.entry("audit".to_owned()).or_default().retain(|entry| !is_of_a_backup(entry));
    all
}

/// Documents that compress badly, so that the backup has some length.
async fn fill(collection: &Collection<Document>, count: i32) {
    let document = |number| {
        let mut bytes = vec![0; 300];
        rand::fill(&mut bytes).unwrap();
        doc! { "_id": number, "filling": Binary { subtype: BinarySubtype::Generic, bytes } }
    };
    collection.insert_many((0..count).map(document)).await.unwrap();
}

/// A user with every kind of object, and the replica that shows whether all of it is there.
async fn lived_in(app: &TestApp) -> (crate::support::Client, Replica) {
    let ann = app.v1_user("ann").await;
    let id = |answer: Value| answer["id"].as_str().unwrap().to_owned();
    let list = id(ann.post("/v1/lists", json!({ "name": "home" })).await.assert(201).json());
    for number in 0..20 {
        let new = json!({ "name": format!("milk {number}"), "list_id": list, "tags": ["shop"] });
        ann.post("/v1/todos", new).await.assert(201);
    }
    for query in ["", "?permanent=true"] {
        let todo = id(ann.post("/v1/todos", json!({ "name": "old" })).await.assert(201).json());
        ann.delete(&format!("/v1/todos/{todo}{query}")).await.assert(204);
    }
    app.v1_login("ann").await.v1_logout().await.assert(204);
    app.v1_user("ben").await.delete_account().await;
    let mut replica = Replica::default();
    replica.sync(&ann, 200).await;
    (ann, replica)
}

impl crate::support::Client {
    async fn delete_account(&self) {
        let body = json!({ "password": PASSWORD });
        self.send_json(axum::http::Method::DELETE, "/v1/user", &body).await.assert(204);
    }
}

#[tokio::test]
async fn a_restore_returns_every_document_unchanged() {
    let app = TestApp::start().await;
    lived_in(&app).await;
    // A file of another program, or of a later version.
    let stamp = Timestamp { time: 1, increment: 2 };
    let odd = doc! {
        "_id": { "a": [1, 2_i64, 3.5, Bson::Null] }, "changed": stamp, "$set": "x", "a.b": { "": true },
        "decimal": "1.10".parse::<bson::Decimal128>().unwrap(), "regex": bson::Regex { pattern: bson::cstr!("^a").into(), options: bson::cstr!("i").into() },
        "code": Bson::JavaScriptCode("1".to_owned()), "min": Bson::MinKey, "max": Bson::MaxKey, "text": "\0\u{1f4a9}",
    };
    app.db.collection("operators_own").insert_one(odd.clone()).await.unwrap();
    fill(&app.db.collection("more"), 2_500).await;

    let (place, restored) = (Place::new(), TestDatabase::create().await);
    let before = documents(&app.db).await;
    backup(&app.db, &place.file("db")).await;
    assert_eq!(place.names(), BTreeSet::from(["db".to_owned()]));
    restore(&place.file("db"), &restored).await;

    let after = documents(&restored).await;
    assert_eq!(after["operators_own"], [odd]);
    assert_eq!(after["lineage"].len(), 1);
    assert!(!after.contains_key("sessions") && !after.contains_key("access_tokens"));
    for kind in ["users", "todos", "lists", "blacklist", "audit", "migrations", "more"] {
        assert!(!before[kind].is_empty(), "{kind}");
    }
    for kind in ["todos", "lists", "blacklist"] {
        let stamps = |all: &BTreeMap<String, Vec<Document>>| -> Vec<Timestamp> {
            all[kind].iter().map(|document| document.get_timestamp("changed").unwrap()).collect()
        };
        assert!(stamps(&after).iter().min() > stamps(&before).iter().max(), "{kind} has stamps of its own");
    }
    assert_eq!(comparable(after), comparable(before));
}

#[tokio::test]
async fn a_restore_ends_sessions_and_sync_tokens_but_keeps_passwords() {
    let app = TestApp::start().await;
    let (ann, _) = lived_in(&app).await;
    let (place, restored) = (Place::new(), TestDatabase::create().await);
    backup(&app.db, &place.file("db")).await;
    let state = server_state(&ann).await;

    // Changes after the backup are undone.
    let mut replica = Replica::default();
    app.db.collection("users").update_many(doc! {}, doc! { "$inc": { "epoch": 5_i64 } }).await.unwrap();
    let later = app.v1_login("ann").await;
    later.post("/v1/todos", json!({ "name": "undone" })).await.assert(201);
    replica.sync(&later, 200).await;
    assert_eq!(replica.objects.len(), state.len() + 1);

    restore(&place.file("db"), &restored).await;
    let anew = TestApp::with(restored, app.clock.clone(), &[]).await;
    for session in [&ann, &later] {
        session.at(&anew).assert_over().await;
    }
    let ann = anew.v1_login("ann").await;
    ann.v1_refreshed().await;
    let old = json!({ "token": replica.token });
    ann.post("/v1/sync", old).await.assert_problem(410, "sync_token_expired");
    let headers = [("last-event-id", replica.token.as_str().unwrap())];
    let resumed = ann.send(axum::http::Method::GET, "/v1/events", &headers, "").await;
    resumed.assert_problem(410, "sync_token_expired");

    replica.token = Value::Null;
    replica.sync(&ann, 7).await;
    replica.assert_is(&state);
    replica.assert_is(&server_state(&ann).await);
    ann.post("/v1/todos", json!({ "name": "new" })).await.assert(201);
    replica.sync(&ann, 7).await;
    replica.assert_is(&server_state(&ann).await);
}

#[tokio::test]
async fn a_second_restore_invalidates_the_sync_tokens_of_the_first() {
    let app = TestApp::start().await;
    lived_in(&app).await;
    let place = Place::new();
    let mut tokens = Vec::new();
    let mut source = app.db.clone();
    for name in ["first", "second"] {
        let restored = TestDatabase::create().await;
        backup(&source, &place.file(name)).await;
        restore(&place.file(name), &restored).await;
        let anew = TestApp::over(restored.clone()).await;
        let ann = anew.v1_login("ann").await;
        for old in &tokens {
            ann.post("/v1/sync", json!({ "token": old })).await.assert_problem(410, "sync_token_expired");
        }
        let answer = ann.post("/v1/sync", json!({})).await.assert(200).json();
        ann.post("/v1/sync", json!({ "token": answer["token"] })).await.assert(200);
        tokens.push(answer["token"].clone());
        source = restored;
    }
}

/// Creates lists with one todo each until it is told to stop.
async fn write(server: Arc<Server>, token: String, stop: Arc<AtomicBool>, written: Arc<AtomicU64>) {
    while !stop.load(Ordering::SeqCst) {
        let list = server.post("/v1/lists", &token, &json!({ "name": "list" })).await;
        assert_eq!(list.status(), 201);
        let list = list.json::<Value>().await.unwrap();
        let todo = json!({ "name": "todo", "list_id": list["id"] });
        assert_eq!(server.post("/v1/todos", &token, &todo).await.status(), 201);
        written.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_backup_during_writes_is_a_snapshot() {
    let db = TestDatabase::create().await;
    let server = Arc::new(Server::start_ready(db.uri(), &[]).await);
    // The moment between reading the lists and reading the todos.
    fill(&db.collection("more"), 3_000).await;
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut writers = Vec::new();
    for name in ["ann", "ben", "cleo"] {
        let (token, _) = server.user(name).await;
        writers.push(tokio::spawn(write(server.clone(), token, stop.clone(), written.clone())));
    }
    let write_on = async |more: u64| {
        let goal = written.load(Ordering::SeqCst) + more;
        let reached = async || (written.load(Ordering::SeqCst) >= goal).then_some(());
        process::eventually("the writers write", reached).await;
    };
    write_on(5).await;
    let before = usize::try_from(written.load(Ordering::SeqCst)).unwrap();
    let line = "MONGODB_URI=$from exec $todo backup -";
    let mut child = tokio::process::Command::from(in_shell(line, db.uri(), "")).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // The first filler documents have arrived, so the lists have been read. The backup reads the rest only on demand.
    let mut bytes = vec![0; 1_000];
    stdout.read_exact(&mut bytes).await.unwrap();
    write_on(10).await;
    stdout.read_to_end(&mut bytes).await.unwrap();
    assert!(child.wait().await.unwrap().success());
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    let (place, restored) = (Place::new(), TestDatabase::create().await);
    fs::write(place.file("db"), bytes).unwrap();
    restore(&place.file("db"), &restored).await;
    let (lists, todos) = (restored.all("lists").await, restored.all("todos").await);
    let lists: BTreeSet<_> = lists.iter().map(|list| list.get_object_id("_id").unwrap()).collect();
    for todo in &todos {
        assert!(lists.contains(&todo.get_object_id("list_id").unwrap()), "{todo}");
    }
    let (lists, todos) = (lists.len(), todos.len());
    assert!(todos >= before, "what was acknowledged is there: {todos}, {before}");
    assert!(
        (todos..=todos + 3).contains(&lists),
        "each writer may be at most one list ahead: {lists}, {todos}"
    );
}

/// A service with a backup of some length in the file `db`, and its bytes.
async fn long_backup() -> (TestApp, Place, Vec<u8>) {
    let (app, place) = (TestApp::start().await, Place::new());
    lived_in(&app).await;
    fill(&app.db.collection("more"), 3_000).await;
    backup(&app.db, &place.file("db")).await;
    let whole = fs::read(place.file("db")).unwrap();
    (app, place, whole)
}

#[tokio::test]
async fn a_broken_file_is_refused_and_leaves_the_database_empty() {
    let (_, place, whole) = long_backup().await;
    let restored = TestDatabase::create().await;
    let cut = |length: usize| whole[..length].to_vec();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        bytes
    };
    let (half, last) = (whole.len() / 2, whole.len() - 1);
    let broken = [
        (cut(0), "truncated"),
        (cut(8), "truncated"),
        (cut(9), "truncated"),
        (cut(100), "truncated"),
        (cut(half), "truncated"),
        (cut(last), "truncated"),
        (flipped(3), "not a backup"),
        (flipped(8), "version"),
        (flipped(half), "corrupted"),
        (flipped(last - 10), "corrupted"),
        ([whole.as_slice(), b"more"].concat(), "corrupted"),
    ];
    for (number, (bytes, expected)) in broken.into_iter().enumerate() {
        fs::write(place.file("broken"), &bytes).unwrap();
        let (code, said) = run("restore", &place.file("broken"), restored.uri()).await;
        assert!(code == Some(1) && said.contains(expected), "{number}: {said}");
        assert!(!said.contains("loaded"), "something was written before all was read: {said}");
        let line = "MONGODB_URI=$to exec $todo restore -";
        let (code, said) = shell(line, "", restored.uri(), Some(&bytes));
        assert!(code == Some(1) && said.contains(expected) && said.lines().count() == 1, "{number}: {said}");
        assert_eq!(documents(&restored).await, BTreeMap::new(), "{number}");
    }
    restore(&place.file("db"), &restored).await;
}

#[tokio::test]
async fn the_service_refuses_a_half_restored_database() {
    let (app, place, whole) = long_backup().await;
    let restored = TestDatabase::create().await;
    let line = "MONGODB_URI=$to exec $todo restore -";
    let mut restoring = tokio::process::Command::from(in_shell(line, "", restored.uri())).spawn().unwrap();
    let mut input = restoring.stdin.take().unwrap();
    input.write_all(&whole[..whole.len() - 100]).await.unwrap();
    let is_loaded = async || restored.collection("more").find_one(doc! {}).await.unwrap();
    process::eventually("documents are loaded", is_loaded).await;
    restoring.kill().await.unwrap();

    let left = documents(&restored).await;
    let (file, other) = (place.file("db"), place.file("other"));
    let commands: [&[&str]; 6] = [
        &["serve"],
        &["migrate"],
        &["seed"],
        &["user", "create", "eve"],
        &["backup", other.to_str().unwrap()],
        &["restore", file.to_str().unwrap()],
    ];
    for command in commands {
        let (code, _, said) = process::run(command, &[("MONGODB_URI", restored.uri())]).await;
        let expected = "the database contains an unfinished restore; drop the database and restore again";
        assert!(said.contains(expected) && said.lines().count() == 1, "{command:?}: {said}");
        assert_eq!(code, Some(1), "{command:?}");
    }
    assert_eq!(place.names(), BTreeSet::from(["db".to_owned()]));
    assert_eq!(documents(&restored).await, left);

    restored.run(doc! { "dropDatabase": 1 }).await;
    restore(&file, &restored).await;
    assert_eq!(comparable(documents(&restored).await), comparable(documents(&app.db).await));
    Server::start_ready(restored.uri(), &[]).await;
}

#[tokio::test]
async fn a_restore_sets_its_mark_first_and_removes_it_last() {
    let app = TestApp::start().await;
    lived_in(&app).await;
    let (place, restored) = (Place::new(), TestDatabase::create().await);
    backup(&app.db, &place.file("db")).await;
    let db = mongo::connect(&SecretString::from(restored.uri()), false).await.unwrap();
    let (now, stop) = (Clock::system().now(), CancellationToken::new());
    let source = operations::Source { path: &place.file("db"), max_bytes: u64::MAX };
    operations::load(&db, source, now, &stop, |_| {}).await.unwrap();

    let any = restored.collection("lineage");
    let of_it = bson::Regex {
        pattern: format!("^{}[.]", any.namespace().db).try_into().unwrap(),
        options: bson::cstr!("").into(),
    };
    let filter = doc! { "$or": [{ "ns": of_it.clone(), "op": { "$ne": "c" } }, { "o.applyOps.ns": of_it }] };
    let oplog = any.client().database("local").collection::<Document>("oplog.rs");
    let written = oplog.find(filter).sort(doc! { "$natural": 1 }).await.unwrap();
    let written: Vec<Document> = written.try_collect().await.unwrap();
    let is_mark = |entry: &Document| entry.get_str("ns").unwrap() == any.namespace().to_string();
    let (first, last) = (written.first().unwrap(), written.last().unwrap());
    assert!(is_mark(first) && first.get_str("op").unwrap() == "i", "{first}");
    assert!(is_mark(last) && last.get_str("op").unwrap() == "u", "{last}");
    assert_eq!(written.iter().filter(|entry| is_mark(entry)).count(), 2);
    assert!(written.len() > 5);
}

#[tokio::test]
async fn a_restore_refuses_a_database_with_documents() {
    let app = TestApp::start().await;
    lived_in(&app).await;
    let (place, other) = (Place::new(), TestDatabase::create().await);
    backup(&app.db, &place.file("db")).await;
    other.collection("anything").insert_one(doc! { "_id": 1 }).await.unwrap();
    let before = documents(&other).await;
    let (code, said) = run("restore", &place.file("db"), other.uri()).await;
    assert!(code == Some(1) && said.contains("`anything`"), "{said}");
    assert_eq!(documents(&other).await, before);
    other.collection("anything").delete_one(doc! { "_id": 1 }).await.unwrap();
    restore(&place.file("db"), &other).await;
}

#[tokio::test]
async fn a_backup_overwrites_no_file_and_leaves_no_partial_file() {
    use std::os::unix::fs::PermissionsExt;
    let (db, place) = (TestDatabase::create().await, Place::new());
    let (code, said) = run("backup", &place.file("db"), db.uri()).await;
    assert!(code == Some(1) && said.contains("nothing"), "{said}");
    fill(&db.collection("more"), 3_000).await;

    fs::write(place.file("taken"), "mine").unwrap();
    fs::write(place.file("begun.part"), "mine").unwrap();
    for (name, expected) in
        [("taken", "already"), ("begun", "begun.part"), ("no/folder", "No such file"), ("..", "name")]
    {
        let (code, said) = run("backup", &place.file(name), db.uri()).await;
        assert!(code == Some(1) && said.contains(expected), "{name}: {said}");
    }
    for name in ["taken", "begun.part"] {
        assert_eq!(fs::read(place.file(name)).unwrap(), b"mine");
    }
    assert_eq!(place.names().len(), 2);
    let (code, said) = shell("MONGODB_URI=$from exec $todo backup - > /dev/full", db.uri(), "", None);
    assert!(code == Some(1) && said.contains("No space left") && said.lines().count() == 1, "{said}");

    backup(&db, &place.file("db")).await;
    let mode = fs::metadata(place.file("db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the file must contain the password hashes");
}

#[tokio::test]
async fn a_backup_works_through_a_pipe() {
    let app = TestApp::start().await;
    lived_in(&app).await;
    fill(&app.db.collection("more"), 3_000).await;
    let restored = TestDatabase::create().await;
    let line = "MONGODB_URI=$from $todo backup - | MONGODB_URI=$to $todo restore -";
    let (code, said) = shell(line, app.db.uri(), restored.uri(), None);
    assert!(code == Some(0) && said.lines().count() == 2, "{said}");
    assert_eq!(comparable(documents(&restored).await), comparable(documents(&app.db).await));
}

#[tokio::test]
async fn an_expired_snapshot_is_reported_in_one_line() {
    // A fail point affects the whole server.
    let (mongod, place) = (Mongod::named("forgetful"), Place::new());
    let uri = mongod.script(&["--ram", "--test-commands", "start"]).await;
    let client = mongodb::Client::with_uri_str(&uri).await.unwrap();
    fill(&client.database(mongo::DEFAULT_NAME).collection("more"), 3_000).await;
    // SnapshotTooOld.
    let fail = doc! { "configureFailPoint": "failCommand", "mode": { "times": 1 }, "data": {
        "failCommands": ["getMore"], "errorCode": 239, "appName": "todo-api",
    } };
    client.database("admin").run_command(fail).await.unwrap();
    let (code, said) = run("backup", &place.file("db"), &uri).await;
    assert!(code == Some(1) && said.contains("minSnapshotHistoryWindowInSeconds"), "{said}");
    assert_eq!(place.names(), BTreeSet::new());
}

#[tokio::test]
async fn a_backup_that_expands_to_more_than_the_limit_is_refused_before_anything_is_written() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for n in 0..40 {
        let body = json!({ "name": n.to_string(), "description": "x".repeat(16_000) });
        ann.post("/v1/todos", body).await.assert(201);
    }
    let (place, restored) = (Place::new(), TestDatabase::create().await);
    let file = place.file("db");
    backup(&app.db, &file).await;
    let restore_within = async |max: &str| {
        let arguments = ["restore", file.to_str().unwrap(), "--max-size", max];
        let (code, _, said) = process::run(&arguments, &[("MONGODB_URI", restored.uri())]).await;
        (code, said)
    };
    let (code, said) = restore_within("500KB").await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("more than 488.28 KiB") && said.contains("--max-size"), "{said}");
    assert!(documents(&restored).await.is_empty());
    let (code, said) = restore_within("much").await;
    assert!(code == Some(2) && said.contains("16GiB"), "{said}");
    let (code, said) = restore_within("10MiB").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.lines().next().unwrap().contains("expands to"), "{said}");
}
