//! Some instances of the service over one database, with clients that survive restarts.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use bson::oid::ObjectId;
use bson::{Document, doc};
use futures_util::TryStreamExt;
use mongodb::{Client, Collection};

use crate::fleet::instance::Instance;
use crate::fleet::process::Server;
use crate::fleet::replica_set::ReplicaSet;
use crate::fleet::{LOG_WITHOUT_REQUESTS, log_tails, random};

/// The tokens outlive a test.
const SETTINGS: [(&str, &str); 2] = [LOG_WITHOUT_REQUESTS, ("ACCESS_TOKEN_TTL", "1h")];

pub(crate) struct Service {
    pub(crate) set: ReplicaSet,
    pub(crate) instances: Instances,
    pub(crate) servers: Vec<Server>,
    settings: Vec<(&'static str, &'static str)>,
    /// The errors in the logs of instances that are gone.
    earlier: Vec<String>,
}

/// The running instances. Clones share the list, which changes when an instance is restarted.
#[derive(Clone)]
pub(crate) struct Instances(Arc<RwLock<Vec<Instance>>>);

impl Instances {
    /// The client of the instance with this number.
    pub(crate) fn to(&self, number: usize) -> Instance {
        self.0.read().unwrap()[number].clone()
    }

    /// The client of a random instance.
    pub(crate) fn any(&self) -> Instance {
        let all = self.0.read().unwrap();
        all[random(all.len())].clone()
    }

    pub(crate) fn all(&self) -> Vec<Instance> {
        self.0.read().unwrap().clone()
    }
}

impl Service {
    /// Starts `count` instances over an empty database. `settings` override those of the suite.
    pub(crate) async fn start(part: &str, count: usize, settings: &[(&'static str, &'static str)]) -> Self {
        let set = ReplicaSet::start(&format!("faults_{part}")).await;
        let settings: Vec<_> = SETTINGS.into_iter().chain(settings.iter().copied()).collect();
        let mut servers = Vec::new();
        for _ in 0..count {
            servers.push(Server::start_ready(&set.uri, &settings).await);
        }
        let instances =
            servers.iter().enumerate().map(|(number, server)| Instance::of(number, server)).collect();
        let instances = Instances(Arc::new(RwLock::new(instances)));
        Self { set, instances, servers, settings, earlier: Vec::new() }
    }

    /// Starts a killed instance again. The new process listens, but may not be ready.
    pub(crate) async fn restart(&mut self, number: usize) {
        let server = Server::start(&self.set.uri, &self.settings).await;
        self.instances.0.write().unwrap()[number] = Instance::of(number, &server);
        let gone = std::mem::replace(&mut self.servers[number], server);
        self.earlier.extend(errors(&gone));
    }

    /// All errors and panics that the instances have logged.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.earlier.iter().cloned().chain(self.servers.iter().flat_map(errors)).collect()
    }

    /// The last log lines of each instance.
    pub(crate) fn log(&self) -> String {
        log_tails(&self.servers)
    }

    /// A stored collection, for what the API hides.
    pub(crate) async fn collection(&self, name: &str) -> Collection<Document> {
        let client = Client::with_uri_str(&self.set.uri).await.unwrap();
        client.default_database().unwrap().collection(name)
    }

    /// The ids of the stored todos of a user, with their versions.
    pub(crate) async fn stored(&self, owner: ObjectId) -> BTreeMap<String, i64> {
        let own = doc! { "owner_id": owner, "state": { "$ne": "gone" } };
        let todos = self.collection("todos").await;
        let found = todos.find(own).projection(doc! { "version": 1 }).await.unwrap();
        let version = |document: Document| {
            (document.get_object_id("_id").unwrap().to_hex(), document.get_i64("version").unwrap())
        };
        found.map_ok(version).try_collect().await.unwrap()
    }
}

fn errors(server: &Server) -> Vec<String> {
    let lines = server.log().into_iter().filter(|line| line["level"] == "ERROR");
    lines.map(|line| line.to_string()).chain(server.complaints()).collect()
}
