//! The service on a private MongoDB, with the calm user, ready to be attacked.

use std::net::SocketAddr;

use mongodb::{Client, Database};

use crate::attacker::{CALM, HOSTILE};
use crate::fleet::account::Account;
use crate::fleet::faults::Faults;
use crate::fleet::instance::Instance;
use crate::fleet::process::Server;
use crate::fleet::replica_set::ReplicaSet;
use crate::fleet::{exclusive_use, log_tails};
use crate::meter::Process;
use crate::victim::CalmUser;

/// The log has neither requests nor refusals, of which there are very many. The tokens outlive a test.
const SETTINGS: [(&str, &str); 2] =
    [("LOG_LEVEL", "info,todo_api::http::access_log=error"), ("ACCESS_TOKEN_TTL", "1h")];
/// As in production.
const ATTACKED: [(&str, &str); 2] = [("THROTTLES", "on"), ("BCRYPT_COST", "12")];

/// The promise for one attack, in MB.
const MEMORY_MAX: f64 = 150.0;

pub(crate) struct Arena {
    pub(crate) name: String,
    pub(crate) set: ReplicaSet,
    pub(crate) servers: Vec<Server>,
    pub(crate) mongod: Process,
    pub(crate) calm: CalmUser,
    pub(crate) faults: Faults,
    /// How much memory an attack may cost, in MB.
    pub(crate) memory_max: f64,
    settings: Vec<(&'static str, &'static str)>,
    _exclusive: tokio::sync::MutexGuard<'static, ()>,
}

impl Arena {
    /// Starts the service over an empty database, without rate limits, so that a test can prepare its data quickly.
    /// `settings` hold for the attacked process.
    pub(crate) async fn prepare(name: &str, settings: &[(&'static str, &'static str)]) -> Self {
        let exclusive = exclusive_use().await;
        let set = ReplicaSet::start(&format!("hostile_{name}")).await;
        let mongod = Process(set.pids().await[0]);
        let server = Server::start_ready(&set.uri, &SETTINGS).await;
        let calm = CalmUser::register(&Instance::of(0, &server)).await;
        Self {
            name: name.to_owned(),
            set,
            servers: vec![server],
            mongod,
            calm,
            faults: Faults::default(),
            memory_max: MEMORY_MAX,
            settings: ATTACKED.into_iter().chain(settings.iter().copied()).collect(),
            _exclusive: exclusive,
        }
    }

    /// Replaces the process by a new one with the settings of production, whose memory is what an idle process needs.
    pub(crate) async fn restart(&mut self) {
        self.servers.clear();
        let settings: Vec<_> = SETTINGS.into_iter().chain(self.settings.iter().copied()).collect();
        self.servers.push(Server::start_ready(&self.set.uri, &settings).await);
    }

    pub(crate) fn server(&self) -> &Server {
        &self.servers[0]
    }

    pub(crate) fn service(&self) -> Process {
        Process(self.server().pid())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server().url("").trim_start_matches("http://").parse().unwrap()
    }

    /// A client with the address of the calm user.
    pub(crate) fn calm_instance(&self) -> Instance {
        Instance::from_address(0, &self.server().url(""), CALM)
    }

    /// A client with the address of the attacker.
    pub(crate) fn hostile_instance(&self) -> Instance {
        Instance::from_address(0, &self.server().url(""), HOSTILE)
    }

    pub(crate) async fn register(&self, name: &str) -> Account {
        Account::register(name, &self.hostile_instance()).await
    }

    /// The database, for what the API hides.
    pub(crate) async fn database(&self) -> Database {
        Client::with_uri_str(&self.set.uri).await.unwrap().default_database().unwrap()
    }

    /// Fails the test if there were faults, or if the log contains errors.
    pub(crate) async fn end(self) {
        for server in &self.servers {
            let errors = server.log().into_iter().filter(|line| line["level"] == "ERROR");
            for error in errors.map(|line| line.to_string()).chain(server.complaints()) {
                self.faults.add(&format!("the log says {error:.400}"));
            }
        }
        self.database().await.drop().await.unwrap();
        let log = log_tails(&self.servers);
        drop(self.servers);
        self.faults.assert_none(&self.name, || log);
    }
}
