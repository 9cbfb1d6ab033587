//! The way to MongoDB: connection, time limits, what its errors mean. Must not know any collection.

pub mod commands;
mod error;
mod indexes;
pub mod metrics;
pub mod object_id;

use std::time::Duration;

use bson::{Document, doc};
use mongodb::error::Error as DriverError;
use mongodb::options::{Acknowledgment, ClientOptions, WriteConcern};
use mongodb::{Client, Collection, Database};
use secrecy::{ExposeSecret, SecretString};

pub use self::error::{DUPLICATE_KEY, PrepareError, code, is_duplicate_key, plain};
pub use self::indexes::{ensure_indexes, index};
use crate::error::{Error, OperatorError};

/// The database when the URI names none: the original's.
pub const DEFAULT_NAME: &str = "todolistapp";

/// How long MongoDB may work on one operation before it gives up itself.
pub const MAX_TIME: Duration = Duration::from_secs(5);

/// How long an operation waits for a server that can take it, as during an election.
const SERVER_SELECTION: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);
/// How long a node that has said it is about to leave is left alone: the driver asks it again with its next heartbeat
/// only, which must come well within [`SERVER_SELECTION`].
const HEARTBEAT: Duration = Duration::from_secs(2);
const POOL_MAX: u32 = 32;
const POOL_MIN: u32 = 2;

/// The service's database: what stores get their collections from.
#[derive(Clone)]
pub struct Db(Database);

impl Db {
    /// A collection, for the store that owns it.
    #[must_use]
    pub fn collection<T: Send + Sync>(&self, name: &str) -> Collection<T> {
        self.0.collection(name)
    }

    /// Ends the connections, for a command that is about to end: left to itself, the driver does so in the background,
    /// and may panic there.
    pub async fn close(&self) {
        self.0.client().clone().shutdown().await;
    }

    /// Whether a primary answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when none does.
    pub async fn ping(&self) -> Result<(), Error> {
        self.0.run_command(doc! { "ping": 1 }).await?;
        Ok(())
    }

    /// What kind of MongoDB the URI leads to.
    ///
    /// # Errors
    /// The driver's, when no server can be reached.
    pub async fn topology(&self) -> Result<Topology, DriverError> {
        let hello = self.0.run_command(doc! { "hello": 1 }).await?;
        Ok(Topology::of(&hello))
    }
}

/// Opens a client; nothing is sent until the first operation. If it `is_watched`, monitoring hears of it, which costs a
/// little for each command. Writes are acknowledged by a majority, from their journals.
///
/// # Errors
/// The URI cannot be understood. Its text is left out: it may hold a password.
pub async fn connect(uri: &SecretString, is_watched: bool) -> Result<Db, OperatorError> {
    let mut options = ClientOptions::parse(uri.expose_secret())
        .await
        .map_err(|error| OperatorError(format!("MONGODB_URI cannot be used: {}", plain(&error))))?;
    options.app_name.get_or_insert_with(|| env!("CARGO_PKG_NAME").to_owned());
    options.server_selection_timeout.get_or_insert(SERVER_SELECTION);
    options.connect_timeout.get_or_insert(CONNECT);
    options.heartbeat_freq.get_or_insert(HEARTBEAT);
    options.max_pool_size.get_or_insert(POOL_MAX);
    options.min_pool_size.get_or_insert(POOL_MIN);
    options.write_concern =
        Some(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(MAX_TIME).build());
    if is_watched {
        metrics::watch(&mut options);
    }
    let name = options.default_database.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
    let client = Client::with_options(options)
        .map_err(|error| OperatorError(format!("MONGODB_URI cannot be used: {}", plain(&error))))?;
    Ok(Db(client.database(&name)))
}

/// What kind of MongoDB answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// A replica set or a sharded cluster: has retryable writes and change streams.
    ReplicaSet,
    /// One server on its own, which has neither.
    Standalone,
}

impl Topology {
    /// What the answer to `hello` says; a member of a set that is not formed yet will be one.
    fn of(hello: &Document) -> Self {
        let member = hello.contains_key("setName") || hello.get_bool("isreplicaset").unwrap_or(false);
        let router = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
        if member || router { Self::ReplicaSet } else { Self::Standalone }
    }
}

/// Asks the first host of the URI directly what it is, for a set that the driver cannot find: a standalone server
/// never answers to `replicaSet=...` in a URI. `None` when the host does not answer.
pub async fn diagnose(uri: &SecretString) -> Option<Topology> {
    let mut options = ClientOptions::parse(uri.expose_secret()).await.ok()?;
    options.hosts.truncate(1);
    options.repl_set_name = None;
    options.direct_connection = Some(true);
    options.server_selection_timeout = Some(Duration::from_secs(1));
    let hello =
        Client::with_options(options).ok()?.database("admin").run_command(doc! { "hello": 1 }).await.ok()?;
    Some(Topology::of(&hello))
}
