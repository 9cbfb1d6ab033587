//! A database for each test, on the MongoDB that `MONGODB_URI` names. It is deleted after the test, except if it was
//! prepared for the service: then a later test gets it as it was, because to create all collections and indexes takes
//! longer than most tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex as StdMutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bson::{Bson, Document, doc};
use mongodb::{Client, Collection, Database};
use todo_api::crypto::random_id::RandomId;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

const PREFIX: &str = "todo_api_test_";
/// Databases older than this belong to runs that were killed, and are deleted.
const STALE: Duration = Duration::from_hours(1);

/// The database of one test. It is deleted with the last clone.
#[derive(Clone)]
pub(crate) struct TestDatabase(Arc<Inner>);

struct Inner {
    uri: String,
    db: Database,
    prepared: OnceLock<Contents>,
}

/// The collections of a database, with their indexes and documents.
type Contents = Vec<(String, Vec<Document>, Vec<Document>)>;

struct Free {
    uri: String,
    name: String,
    contents: Contents,
    since: Instant,
}

static FREE: StdMutex<VecDeque<Free>> = StdMutex::new(VecDeque::new());
/// After this time, no write of an ended test is on its way any more.
const SETTLED: Duration = Duration::from_secs(2);

impl TestDatabase {
    pub(crate) async fn create() -> Self {
        static SWEPT: OnceCell<()> = OnceCell::const_new();
        let server = server_uri();
        let client = Client::with_uri_str(&server).await.expect("MONGODB_URI is not usable");
        SWEPT.get_or_init(|| sweep(&client)).await;
        let name = format!("{PREFIX}{}_{}", seconds_since_1970(), &RandomId::new().to_string()[..12]);
        let (uri, db) = (with_database(&server, &name), client.database(&name));
        Self(Arc::new(Inner { uri, db, prepared: OnceLock::new() }))
    }

    /// An empty database, or one of an ended test as it was when it was prepared.
    pub(crate) async fn create_or_reuse() -> Self {
        loop {
            let free = FREE.lock().unwrap().pop_front_if(|free| free.since.elapsed() >= SETTLED);
            let Some(Free { uri, name, contents, .. }) = free else { return Self::create().await };
            let client = Client::with_uri_str(&server_uri()).await.expect("MONGODB_URI is not usable");
            let database =
                Self(Arc::new(Inner { uri, db: client.database(&name), prepared: OnceLock::new() }));
            // Otherwise the test has changed indexes. Then the database is deleted here.
            if database.restore(&contents).await {
                database.0.prepared.get_or_init(|| contents);
                return database;
            }
        }
    }

    /// The service has prepared the database, and a later test may get it in this state.
    pub(crate) async fn remember_prepared(&self) {
        if self.0.prepared.get().is_none() {
            let contents = self.contents().await;
            self.0.prepared.get_or_init(|| contents);
        }
    }

    async fn contents(&self) -> Contents {
        let mut contents = Vec::new();
        let mut names = self.0.db.list_collection_names().await.unwrap();
        names.sort();
        for name in names {
            let (indexes, documents) = (self.indexes(&name).await, self.all(&name).await);
            contents.push((name, indexes, documents));
        }
        contents
    }

    async fn indexes(&self, collection: &str) -> Vec<Document> {
        let listed = self.run(doc! { "listIndexes": collection, "cursor": { "batchSize": 100 } }).await;
        let batch = listed.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
        batch.iter().map(|index| index.as_document().unwrap().clone()).collect()
    }

    /// Returns false if the collections have other indexes.
    async fn restore(&self, contents: &Contents) -> bool {
        for name in self.0.db.list_collection_names().await.unwrap() {
            if !contents.iter().any(|(known, ..)| *known == name) {
                self.collection(&name).drop().await.unwrap();
            }
        }
        for (name, indexes, documents) in contents {
            self.collection(name).delete_many(doc! {}).await.unwrap();
            if !documents.is_empty() {
                self.collection(name).insert_many(documents).await.unwrap();
            }
            if self.indexes(name).await != *indexes {
                return false;
            }
        }
        true
    }

    pub(crate) fn uri(&self) -> &str {
        &self.0.uri
    }

    /// A stored collection, for what the API hides.
    pub(crate) fn collection(&self, name: &str) -> Collection<Document> {
        self.0.db.collection(name)
    }

    /// Every document of a collection, ordered by id.
    pub(crate) async fn all(&self, collection: &str) -> Vec<Document> {
        use futures_util::TryStreamExt;
        let found = self.collection(collection).find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
        found.try_collect().await.unwrap()
    }

    pub(crate) async fn run(&self, command: Document) -> Document {
        self.0.db.run_command(command).await.unwrap()
    }

    /// Makes the next commands that match `data` fail. `data` should name an `appName`, so that no other test is
    /// affected. A server has only one such fail point, so other tests that need it wait until the guard is dropped.
    pub(crate) async fn fail(&self, times: i32, data: Document) -> MutexGuard<'static, ()> {
        self.set_fail_point(doc! { "times": times }, data).await
    }

    /// As [`Self::fail`], for all commands after the first `skipped` ones.
    pub(crate) async fn fail_after(&self, skipped: i32, data: Document) -> MutexGuard<'static, ()> {
        self.set_fail_point(doc! { "skip": skipped }, data).await
    }

    pub(crate) async fn fail_no_more(&self, guard: MutexGuard<'static, ()>) {
        drop(guard);
        drop(self.set_fail_point("off", doc! {}).await);
    }

    async fn set_fail_point(&self, mode: impl Into<Bson>, data: Document) -> MutexGuard<'static, ()> {
        static FAIL_POINT: Mutex<()> = Mutex::const_new(());
        let guard = FAIL_POINT.lock().await;
        let set = doc! { "configureFailPoint": "failCommand", "mode": mode.into(), "data": data };
        self.0.db.client().database("admin").run_command(set).await.unwrap();
        guard
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(contents) = self.prepared.take() {
            let (uri, name) = (self.uri.clone(), self.db.name().to_owned());
            FREE.lock().unwrap().push_back(Free { uri, name, contents, since: Instant::now() });
            return;
        }
        // The runtime of the test is about to end, so the deletion gets its own thread and runtime.
        let (uri, name) = (self.uri.clone(), self.db.name().to_owned());
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime
                .block_on(async { Client::with_uri_str(&uri).await.ok()?.database(&name).drop().await.ok() })
        });
        let _: Result<Option<()>, _> = removal.join();
    }
}

/// The URI of the MongoDB for tests. Tests fail without it. They are not skipped.
pub(crate) fn server_uri() -> String {
    std::env::var("MONGODB_URI")
        .expect("MONGODB_URI must name a MongoDB replica set; `scripts/test` starts one")
}

/// `uri` with `name` as its database.
pub(crate) fn with_database(uri: &str, name: &str) -> String {
    let (scheme, rest) = uri.split_once("://").expect("a URI has a scheme");
    let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
    let hosts = path.split('/').next().unwrap_or_default();
    format!("{scheme}://{hosts}/{name}?{options}")
}

async fn sweep(client: &Client) {
    let names = client.list_database_names().await.expect("the server of MONGODB_URI is not reachable");
    for name in names {
        let born = name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next()?.parse::<u64>().ok());
        if born.is_some_and(|born| born + STALE.as_secs() < seconds_since_1970()) {
            let _ = client.database(&name).drop().await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the age of a database on the server is real time")]
fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
