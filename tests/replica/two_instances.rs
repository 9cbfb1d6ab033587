//! Two instances of the service over one database.

use std::collections::BTreeMap;

use bson::{Document, doc};
use futures_util::TryStreamExt;

use crate::fleet::instance::Instance;
use crate::fleet::process::Server;
use crate::fleet::replica_set::ReplicaSet;
use crate::fleet::{LOG_WITHOUT_REQUESTS, log_tails, random};
use crate::replica::Key;
use crate::resources::Resources;

pub(crate) struct TwoInstances {
    pub(crate) set: ReplicaSet,
    pub(crate) instances: [Instance; 2],
    /// The memory and CPU time of each instance.
    pub(crate) resources: [Resources; 2],
    servers: [Server; 2],
}

impl TwoInstances {
    /// Starts two instances over an empty database.
    pub(crate) async fn start(part: &str, settings: &[(&str, &str)]) -> Self {
        let set = ReplicaSet::start(&format!("replica_{part}")).await;
        let settings: Vec<_> = settings.iter().copied().chain([LOG_WITHOUT_REQUESTS]).collect();
        let ((one, of_one), (two, of_two)) =
            (start(&set.uri, &settings).await, start(&set.uri, &settings).await);
        let instances = [Instance::of(0, &one), Instance::of(1, &two)];
        Self { set, instances, resources: [of_one, of_two], servers: [one, two] }
    }

    /// The stored versions of all objects, including removed ones, which the API does not show.
    pub(crate) async fn stored_versions(&self) -> BTreeMap<Key, i64> {
        let client = mongodb::Client::with_uri_str(&self.set.uri).await.unwrap();
        let database = client.default_database().unwrap();
        let mut versions = BTreeMap::new();
        for (kind, collection) in [("todo", "todos"), ("list", "lists")] {
            let collection = database.collection::<Document>(collection);
            let mut found = collection.find(doc! {}).projection(doc! { "version": 1 }).await.unwrap();
            while let Some(document) = found.try_next().await.unwrap() {
                let id = document.get_object_id("_id").unwrap().to_hex();
                versions.insert((kind, id), document.get_i64("version").unwrap());
            }
        }
        versions
    }

    /// The last log lines of each instance.
    pub(crate) fn log(&self) -> String {
        log_tails(&self.servers)
    }
}

/// A random instance.
pub(crate) fn any(instances: &[Instance; 2]) -> &Instance {
    &instances[random(2)]
}

async fn start(uri: &str, settings: &[(&str, &str)]) -> (Server, Resources) {
    let before = Resources::of_children();
    let server = Server::start_ready(uri, settings).await;
    let mut new = Resources::of_children();
    new.retain(|child| !before.contains(child));
    assert_eq!(new.len(), 1, "the server must be the only new process");
    (server, new.remove(0))
}
