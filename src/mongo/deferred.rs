//! Writes that wait for a majority together: the primary acknowledges each write as soon as it has applied it, and
//! [`Deferred::confirm`] waits once for all of them.
//!
//! Why a failover cannot roll back a confirmed write:
//!
//! 1. Every write is sent to one node, and only if this node is the primary does it accept the write.
//! 2. [`Deferred::begin`] has read the election of this node before the first write, and [`Deferred::confirm`] reads it
//!    again after the last one. Each election has its own id, and a node that loses its role and is elected again has the
//!    id of a later election. So if both ids are equal, the node was the primary all the time, and its oplog has every
//!    write in the order in which they were sent. The node cannot have rolled back a write, because a primary does not.
//! 3. Between the last write and the second reading, a majority acknowledges the newest entry of this oplog. Nodes
//!    copy the oplog in its order, so this majority has all earlier entries too, and no node without them can be elected.
//!
//! If one of these steps fails, the writes may be lost, also those that the primary had acknowledged. The caller must not
//! report any of them. No deferred write is sent again after an error, because the second attempt could reach a new election
//! of the node, which does not have the writes before it.
//!
//! **Invariant:** a write that is not deferred may reach a later primary than the writes and reads before it. So everything
//! before it has been confirmed ([`Deferred::wait_at_once`]). Otherwise it could survive although the write that it belongs to
//! is rolled back. It could even replace another write: after a failover, two different writes can have given a document the
//! same version, one on each primary.
//!
//! **Invariant:** between two deferred writes of which the second must not exist without the first, the first has been
//! confirmed ([`Deferred::confirm_written`]). If this node was elected again between them, a rollback of the first does not
//! include the second.

use std::collections::HashSet;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bson::oid::ObjectId;
use bson::{Document, doc};
use mongodb::error::Result as DriverResult;
use mongodb::options::{SelectionCriteria, ServerAddress};
use mongodb::{Collection, Database, ServerType};

use super::error::{may_have_been_applied, reply_code};
use super::majority::{self, database, max_time_ms, write_concern};
use super::metrics::record;
use crate::error::Error;

pub struct Deferred {
    /// Its documents have texts as ids.
    results: Collection<Document>,
    primary: SelectionCriteria,
    election: ObjectId,
    /// The documents that have been written since the last confirmation.
    unconfirmed: Mutex<HashSet<ObjectId>>,
    /// The updates of `results` that wait for the next settlement, with the document that each one is about.
    unstored: Mutex<Vec<(Option<ObjectId>, Document)>>,
    /// Whether a result was stored that already had a value.
    is_outrun: AtomicBool,
    /// How many [`AtOnce`] exist.
    at_once: AtomicUsize,
}

/// While it exists, writes do not defer their wait.
pub struct AtOnce<'a>(&'a Deferred);

impl Drop for AtOnce<'_> {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Deferred {
    /// `results` is the collection in which the results of the writes are stored. `None` if the server does not name its
    /// election, for example a router of a sharded cluster.
    pub async fn begin<T: Send + Sync>(results: &Collection<T>) -> Result<Option<Self>, Error> {
        let results = results.clone_with_type::<Document>();
        let database = database(&results);
        let found = match Self::find_primary(&database).await {
            // The connection may have been closed while it was idle.
            Err(error) if may_have_been_applied(&error) => Self::find_primary(&database).await?,
            found => found?,
        };
        let Some((address, election)) = found else { return Ok(None) };
        let primary = SelectionCriteria::Predicate(Arc::new(move |server| *server.address() == address));
        let (unconfirmed, unstored) = (Mutex::default(), Mutex::default());
        let (is_outrun, at_once) = (AtomicBool::new(false), AtomicUsize::new(0));
        Ok(Some(Self { results, primary, election, unconfirmed, unstored, is_outrun, at_once }))
    }

    async fn find_primary(database: &Database) -> DriverResult<Option<(ServerAddress, ObjectId)>> {
        let chosen = Arc::new(Mutex::new(None));
        let choice = chosen.clone();
        // Of a replica set this is only the primary. Routers have no election.
        let primary = SelectionCriteria::Predicate(Arc::new(move |server| {
            let is_primary = server.server_type() != ServerType::RsSecondary;
            if is_primary {
                *lock(&choice) = Some(server.address().clone());
            }
            is_primary
        }));
        let election = election(database, primary).await?;
        let address = lock(&chosen).take();
        Ok(address.zip(election))
    }

    /// For reads that must see the writes.
    pub fn primary(&self) -> SelectionCriteria {
        self.primary.clone()
    }

    pub fn is_deferring(&self) -> bool {
        self.at_once.load(Ordering::SeqCst) == 0
    }

    /// Settles everything so far, unless writes wait themselves already.
    pub async fn wait_at_once(&self) -> Result<AtOnce<'_>, Error> {
        if self.is_deferring() {
            self.settle().await?;
        }
        self.at_once.fetch_add(1, Ordering::SeqCst);
        Ok(AtOnce(self))
    }

    /// Must be called before the document is written.
    pub fn note(&self, id: ObjectId) {
        lock(&self.unconfirmed).insert(id);
    }

    /// Returns after a majority has every write so far. After an error, none of the writes since the last confirmation may
    /// be reported.
    pub async fn confirm(&self) -> Result<(), Error> {
        // It matches nothing. Then MongoDB waits for the newest entry of the oplog (`noop_writes_wait_for_write_concern`
        // among its tests).
        let nothing = doc! { "q": { "_id": "" }, "u": { "$unset": { "none": "" } } };
        let wait = doc! {
            "update": self.results.name(),
            "updates": [nothing],
            "maxTimeMS": max_time_ms(),
            "writeConcern": write_concern(),
        };
        let database = database(&self.results);
        let wait = database.run_command(wait).selection_criteria(self.primary());
        let reply = record("update", wait).await?;
        if reply_code(&reply).is_some() {
            return Err(Error::unavailable(format!("a majority may not have the last writes: {reply}")));
        }
        if election(&database, self.primary()).await? != Some(self.election) {
            return Err(Error::unavailable("the primary has changed since the first write"));
        }
        lock(&self.unconfirmed).clear();
        Ok(())
    }

    /// Confirms all writes if this document is among those that were written.
    pub async fn confirm_written(&self, id: ObjectId) -> Result<(), Error> {
        if lock(&self.unconfirmed).contains(&id) { self.confirm().await } else { Ok(()) }
    }

    /// Has a result stored at the next settlement. `about` is the document that the request changes.
    pub fn note_result(&self, about: Option<ObjectId>, update: Document) {
        lock(&self.unstored).push((about, update));
    }

    pub fn unstored(&self) -> usize {
        lock(&self.unstored).len()
    }

    pub fn has_unstored(&self, about: ObjectId) -> bool {
        lock(&self.unstored).iter().any(|(other, _)| *other == Some(about))
    }

    /// Confirms all writes, and then stores their results.
    pub async fn settle(&self) -> Result<(), Error> {
        self.confirm().await?;
        let unstored = mem::take(&mut *lock(&self.unstored));
        if unstored.is_empty() {
            return Ok(());
        }
        let count = u64::try_from(unstored.len()).unwrap_or(u64::MAX);
        let updates = unstored.into_iter().map(|(_, update)| update).collect();
        if majority::update_all(&self.results, updates).await? < count {
            self.is_outrun.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Whether another request has stored one of the results before.
    pub fn is_outrun(&self) -> bool {
        self.is_outrun.load(Ordering::SeqCst)
    }

    pub(super) async fn send(&self, name: &'static str, mut command: Document) -> DriverResult<Document> {
        command.insert("writeConcern", doc! { "w": 1 });
        let database = database(&self.results);
        record(name, database.run_command(command).selection_criteria(self.primary())).await
    }
}

/// The id of the election that made this node the primary, if it is the primary.
async fn election(database: &Database, node: SelectionCriteria) -> DriverResult<Option<ObjectId>> {
    // `hello` needs no rights.
    let hello = database.run_command(doc! { "hello": 1 }).selection_criteria(node);
    let hello = record("hello", hello).await?;
    let is_primary = hello.get_bool("isWritablePrimary").unwrap_or_default();
    Ok(hello.get_object_id("electionId").ok().filter(|_| is_primary))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code under this lock can panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
