//! Three instances of the service over one database.

use std::time::{Duration, Instant};

use mongodb::Client;

use crate::fleet::RECOVERY;
use crate::fleet::instance::Instance;
use crate::fleet::process::Server;
use crate::fleet::replica_set::ReplicaSet;
use crate::fleet::{log_tails, random};
use crate::protected_route::ProtectedRoute;
use crate::revoked_user::RevokedUser;

pub(crate) const SIZE: usize = 3;

/// Logs everything except requests, with the details of the blacklist.
const SETTINGS: [(&str, &str); 1] =
    [("LOG_LEVEL", "info,todo_api::auth=debug,todo_api::http::access_log=warn")];

pub(crate) struct ThreeInstances {
    pub(crate) set: ReplicaSet,
    pub(crate) instances: Vec<Instance>,
    servers: Vec<Server>,
}

impl ThreeInstances {
    /// Starts three instances over an empty database.
    pub(crate) async fn start(part: &str) -> Self {
        let set = ReplicaSet::start(&format!("revocation_{part}")).await;
        let start = || Server::start_ready(&set.uri, &SETTINGS);
        let (one, two, three) = tokio::join!(start(), start(), start());
        let servers = vec![one, two, three];
        let instances = servers.iter().enumerate().map(|(number, server)| Instance::of(number, server));
        Self { instances: instances.collect(), set, servers }
    }

    /// Kills an instance, and starts it again. The new process listens, but may not be ready.
    pub(crate) async fn restart(&mut self, number: usize) -> Instance {
        drop(self.servers.remove(number));
        self.servers.insert(number, Server::start(&self.set.uri, &SETTINGS).await);
        self.instances[number] = Instance::of(number, &self.servers[number]);
        self.instances[number].clone()
    }

    /// A random instance.
    pub(crate) fn any(&self) -> Instance {
        self.instances[random(SIZE)].clone()
    }

    /// Users with two sessions each, opened on random instances and accepted by all.
    pub(crate) async fn users(&self, count: usize) -> Vec<RevokedUser> {
        let mut users = Vec::with_capacity(count);
        let client = Client::with_uri_str(&self.set.uri).await.unwrap();
        let stored = client.default_database().expect("the URI names the database").collection("users");
        for number in 0..count {
            let user =
                RevokedUser::register(&format!("user-{number}"), &stored, &self.any(), &self.any()).await;
            for instance in &self.instances {
                for session in [&user.first, &user.second] {
                    assert_eq!(
                        instance.attempt(ProtectedRoute::ChecksTokenOnly, &session.access).await.status,
                        400
                    );
                }
            }
            users.push(user);
        }
        users
    }

    /// Waits until every instance answers requests with a valid token from the database, five times in a row. Returns
    /// how long that took.
    pub(crate) async fn recover(&self, good: &str) -> Duration {
        let began = Instant::now();
        let mut running = 0;
        while running < 5 {
            let mut well = true;
            for instance in &self.instances {
                well &= instance.attempt(ProtectedRoute::ReadsDatabase, good).await.status == 200;
            }
            running = if well { running + 1 } else { 0 };
            assert!(began.elapsed() < 4 * RECOVERY, "the service does not recover\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        began.elapsed()
    }

    /// The last log lines of each instance.
    pub(crate) fn log(&self) -> String {
        log_tails(&self.servers)
    }
}
