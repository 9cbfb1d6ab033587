//! The connection to MongoDB: the client with its timeouts, the meaning of errors, indexes and commands.
//!
//! **Invariant:** this folder knows no collection. Stores name their collections.

pub mod commands;
pub mod deferred;
mod error;
mod indexes;
pub mod majority;
pub mod metrics;
pub mod object_id;

use std::time::Duration;

use bson::{Document, doc};
use mongodb::error::{Error as DriverError, ErrorKind};
use mongodb::options::{Acknowledgment, ClientOptions, ConnectionString, HostInfo, WriteConcern};
use mongodb::{Client, Collection, Database};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

pub use self::error::{PrepareError, codes, error_code, is_duplicate_key, one_line};
pub use self::indexes::{drop_index, ensure_indexes, index};
use crate::error::{Error, OperatorError};

// The original service uses the same default if the URI names no database.
pub const DEFAULT_NAME: &str = "todolistapp";

pub const MAX_TIME: Duration = Duration::from_secs(5);

const SYSTEM_DATABASES: [&str; 3] = ["admin", "config", "local"];

// How long an operation waits for a suitable server, for example during an election.
const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
// The name server may need several attempts.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
// The driver avoids a node that announced its shutdown until the next heartbeat, so several heartbeats must fit into
// SERVER_SELECTION_TIMEOUT.
const HEARTBEAT_FREQUENCY: Duration = Duration::from_secs(2);
pub const POOL_MAX: u32 = 32;
const POOL_MIN: u32 = 2;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Db(Database);

impl Db {
    pub fn collection<T: Send + Sync>(&self, name: &str) -> Collection<T> {
        self.0.collection(name)
    }

    pub async fn close(&self) {
        // Otherwise the driver closes the connections in the background, where it may panic while the runtime stops. With
        // `mongodb+srv://`, it first waits until it would ask the name server again, which takes a minute or more.
        let _ = timeout(CLOSE_TIMEOUT, self.0.client().clone().shutdown()).await;
    }

    pub async fn ping(&self) -> Result<(), Error> {
        self.0.run_command(doc! { "ping": 1 }).await?;
        Ok(())
    }

    pub async fn server_version(&self) -> Result<String, Error> {
        let info = self.0.run_command(doc! { "buildInfo": 1 }).await?;
        Ok(info.get_str("version").unwrap_or_default().to_owned())
    }

    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Whether there is no collection.
    pub async fn is_empty(&self) -> Result<bool, DriverError> {
        Ok(self.0.list_collection_names().await?.is_empty())
    }

    pub async fn topology(&self) -> Result<Topology, DriverError> {
        let hello = self.0.run_command(doc! { "hello": 1 }).await?;
        Ok(Topology::of(&hello))
    }
}

/// Creates a client, which connects at the first operation. Asks the name server for the hosts of `mongodb+srv://`, and
/// returns [`PrepareError::Unavailable`] if there is no answer.
pub async fn connect(uri: &SecretString, with_metrics: bool) -> Result<Db, PrepareError> {
    let parsed = ClientOptions::parse(uri.expose_secret());
    let parsed = timeout(LOOKUP_TIMEOUT, parsed).await.map_err(|_| unresolved("no answer in time"))?;
    let mut options = parsed.map_err(|error| unusable(&error))?;
    options.app_name.get_or_insert_with(|| env!("CARGO_PKG_NAME").to_owned());
    options.server_selection_timeout.get_or_insert(SERVER_SELECTION_TIMEOUT);
    options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
    options.heartbeat_freq.get_or_insert(HEARTBEAT_FREQUENCY);
    options.max_pool_size.get_or_insert(POOL_MAX);
    options.min_pool_size.get_or_insert(POOL_MIN);
    own_guarantees(&mut options);
    if with_metrics {
        metrics::record_connections(&mut options);
    }
    let name = options.default_database.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
    if SYSTEM_DATABASES.contains(&name.as_str()) {
        return Err(PrepareError::Refused(OperatorError(format!(
            "MONGODB_URI names the database `{name}`, which belongs to MongoDB; name another one in the path"
        ))));
    }
    let client = Client::with_options(options).map_err(|error| unusable(&error))?;
    Ok(Db(client.database(&name)))
}

/// Without the URI, because it may contain a password.
fn unusable(error: &DriverError) -> PrepareError {
    match &*error.kind {
        ErrorKind::DnsResolve { message, .. } => unresolved(message),
        _ => PrepareError::Refused(OperatorError(format!("MONGODB_URI cannot be used: {}", one_line(error)))),
    }
}

fn unresolved(why: &str) -> PrepareError {
    PrepareError::Unavailable(format!("the name server does not return the hosts of MONGODB_URI ({why})"))
}

/// The hosts and the name of the database, for the log. `None` if the URI cannot be used.
pub fn place(uri: &SecretString) -> Option<String> {
    let parsed = ConnectionString::parse(uri.expose_secret()).ok()?;
    let hosts = match parsed.host_info {
        HostInfo::HostIdentifiers(hosts) => {
            hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }
        HostInfo::DnsRecord(name) => name,
        _ => String::new(),
    };
    Some(format!("{hosts}/{}", parsed.default_database.as_deref().unwrap_or(DEFAULT_NAME)))
}

/// Sets what the promises of responses depend on, and warns of settings in the URI that would weaken them.
fn own_guarantees(options: &mut ClientOptions) {
    let set = [
        ("readPreference", options.selection_criteria.is_some()),
        ("readConcernLevel", options.read_concern.is_some()),
        ("w, journal or wTimeoutMS", options.write_concern.is_some()),
        ("retryWrites=false", options.retry_writes == Some(false)),
        ("retryReads=false", options.retry_reads == Some(false)),
    ];
    for (option, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
        tracing::warn!(option, "an option of MONGODB_URI is ignored, because the service decides it");
    }
    (options.selection_criteria, options.read_concern) = (None, None);
    (options.retry_writes, options.retry_reads) = (None, None);
    options.write_concern =
        Some(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(MAX_TIME).build());
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// A replica set or a sharded cluster, which has retryable writes and change streams.
    ReplicaSet,
    /// A single server outside a replica set, which has neither.
    Standalone,
}

impl Topology {
    fn of(hello: &Document) -> Self {
        // Before `rs.initiate()`, a member has no `setName` and reports `isreplicaset`.
        let is_member = hello.contains_key("setName") || hello.get_bool("isreplicaset").unwrap_or(false);
        let is_router = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
        if is_member || is_router { Self::ReplicaSet } else { Self::Standalone }
    }
}

/// `None` if the host does not respond.
pub async fn diagnose(uri: &SecretString) -> Option<Topology> {
    let mut options = ClientOptions::parse(uri.expose_secret()).await.ok()?;
    // The driver never selects a standalone server if the URI contains `replicaSet=...`, so ask the first host
    // directly.
    options.hosts.truncate(1);
    options.repl_set_name = None;
    options.direct_connection = Some(true);
    options.server_selection_timeout = Some(Duration::from_secs(1));
    let hello =
        Client::with_options(options).ok()?.database("admin").run_command(doc! { "hello": 1 }).await.ok()?;
    Some(Topology::of(&hello))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_of_the_database_has_no_password() {
        let place = |uri: &str| place(&uri.into()).unwrap();
        assert_eq!(
            place("mongodb://ann:secret@a.example,b.example:27018/todo?replicaSet=rs0"),
            "a.example:27017,b.example:27018/todo"
        );
        assert_eq!(place("mongodb+srv://ann:secret@db.example.org/?tls=true"), "db.example.org/todolistapp");
    }
}
