//! The replica set that the script of the suite has started. Its nodes can be killed, frozen, stepped down and restarted.

use std::path::Path;
use std::time::Duration;

use bson::{Bson, Document, doc};
use mongodb::{Client, Database};
use tokio::process::Command;

use super::random;

/// The set, known by its name to `scripts/mongod`, with the database of one test.
pub(crate) struct ReplicaSet {
    name: String,
    pub(crate) database: String,
    pub(crate) uri: String,
}

/// One node, with its state at the time of the query.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    host: String,
    pid: String,
    state: String,
}

/// How often the fail point for commands had been reached before.
pub(crate) struct Delay(i32);

impl ReplicaSet {
    /// The set that `REPLICA_SET` names, complete and healthy, with an empty database for this test.
    pub(crate) async fn start(test: &str) -> Self {
        let name = std::env::var("REPLICA_SET");
        let name = name.expect("REPLICA_SET is not set: run this suite with its script in scripts/");
        let database = format!("{test}_{}", random(1_000_000));
        let mut set = Self { name, database, uri: String::new() };
        set.uri = set.script("start").await.trim().replace("/?", &format!("/{}?", set.database));
        set
    }

    /// Starts stopped nodes, thaws frozen nodes, and waits until there is a primary and two secondaries.
    pub(crate) async fn repair(&self) {
        self.script("start").await;
    }

    /// The primary and the two secondaries.
    pub(crate) async fn nodes(&self) -> (Node, [Node; 2]) {
        let status = self.script("status").await;
        let (primary, secondaries): (Vec<_>, Vec<_>) =
            status.lines().map(Node::of).partition(|node| node.state == "PRIMARY");
        let secondaries = secondaries.try_into().expect("two secondaries");
        (primary.into_iter().next().expect("a primary"), secondaries)
    }

    /// The process ids of all nodes.
    pub(crate) async fn pids(&self) -> Vec<u32> {
        self.script("status").await.lines().map(|node| Node::of(node).pid.parse().unwrap()).collect()
    }

    async fn script(&self, command: &str) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/mongod");
        let output = Command::new(script).args(["--name", &self.name, command]).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Node {
    /// From a line of `scripts/mongod status`: `host  pid 17  PRIMARY`.
    fn of(line: &str) -> Self {
        let mut words = line.split_whitespace().map(str::to_owned);
        let (host, pid, state) = (words.next(), words.nth(1), words.next());
        Self { host: host.unwrap(), pid: pid.unwrap(), state: state.unwrap() }
    }

    pub(crate) async fn kill(&self) {
        self.signal("-KILL").await;
    }

    pub(crate) async fn freeze(&self) {
        self.signal("-STOP").await;
    }

    pub(crate) async fn thaw(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.pid]).status().await.unwrap().success());
    }

    /// Makes these commands of the service fail on this node from now on. An empty list removes the failure.
    pub(crate) async fn fail(&self, commands: &[&str]) {
        let mode = if commands.is_empty() { "off" } else { "alwaysOn" };
        let data = doc! { "failCommands": commands.to_vec(), "errorCode": 40_573, "appName": "todo-api" };
        self.fail_commands(mode, data).await;
    }

    /// Sets the fail point for commands, in a mode such as `off` or `{ times: 1 }`.
    pub(crate) async fn fail_commands(&self, mode: impl Into<Bson>, data: Document) {
        self.set_fail_point("failCommand", mode, data).await;
    }

    /// Delays the next command of the service that `data` describes.
    pub(crate) async fn delay_next(&self, mut data: Document) -> Delay {
        data.insert("blockConnection", true);
        let command = doc! { "configureFailPoint": "failCommand", "mode": { "times": 1 }, "data": data };
        let before = self.admin().await.run_command(command).await.unwrap();
        Delay(before.get_i32("count").unwrap())
    }

    /// Waits until the delayed command has arrived.
    pub(crate) async fn wait_for(&self, Delay(before): Delay) {
        let arrived =
            doc! { "waitForFailPoint": "failCommand", "timesEntered": before + 1, "maxTimeMS": 10_000 };
        self.admin().await.run_command(arrived).await.unwrap();
    }

    /// Starts or stops replication to this node, a secondary.
    pub(crate) async fn replicate(&self, does: bool) {
        self.set_fail_point("stopReplProducer", if does { "off" } else { "alwaysOn" }, doc! {}).await;
    }

    async fn set_fail_point(&self, name: &str, mode: impl Into<Bson>, data: Document) {
        let command = doc! { "configureFailPoint": name, "mode": mode.into(), "data": data };
        self.admin().await.run_command(command).await.unwrap();
    }

    /// Makes this node, the primary, step down for ten seconds.
    pub(crate) async fn step_down(&self) {
        let command = doc! { "replSetStepDown": 10, "secondaryCatchUpPeriodSecs": 5 };
        let admin = self.admin().await;
        tokio::time::timeout(Duration::from_secs(10), admin.run_command(command)).await.unwrap().unwrap();
    }

    /// Makes this node, the primary, step down for a second, even if no other node has its last writes.
    pub(crate) async fn step_down_at_once(&self) {
        let command = doc! { "replSetStepDown": 1, "secondaryCatchUpPeriodSecs": 0, "force": true };
        self.admin().await.run_command(command).await.unwrap();
    }

    /// Makes this node the primary. Returns whether the others elected it.
    pub(crate) async fn step_up(&self) -> bool {
        self.admin().await.run_command(doc! { "replSetStepUp": 1 }).await.is_ok()
    }

    /// How many documents of a collection this node has, also those that no other node has.
    pub(crate) async fn count(&self, database: &str, collection: &str, filter: Document) -> i64 {
        let count = doc! { "count": collection, "query": filter };
        let counted = self.client().await.database(database).run_command(count).await.unwrap();
        counted.get_i32("n").unwrap().into()
    }

    /// Whether this node accepts a write now, and a majority has it within 500 ms.
    pub(crate) async fn takes_writes(&self) -> bool {
        let write = doc! {
            "insert": "probes", "documents": [{}], "maxTimeMS": 1_000,
            "writeConcern": { "w": "majority", "j": true, "wtimeout": 500 },
        };
        let written = self.client().await.database("probes").run_command(write).await;
        written.is_ok_and(|answer| {
            answer.get_i32("n").is_ok_and(|written| written == 1) && !answer.contains_key("writeConcernError")
        })
    }

    async fn admin(&self) -> Database {
        self.client().await.database("admin")
    }

    async fn client(&self) -> Client {
        let uri = format!("mongodb://{}/?directConnection=true", self.host);
        Client::with_uri_str(uri).await.unwrap()
    }
}
