//! A database for each test, on the MongoDB that `MONGODB_URI` names. It is deleted after the test.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bson::{Document, doc};
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
}

impl TestDatabase {
    pub(crate) async fn create() -> Self {
        static SWEPT: OnceCell<()> = OnceCell::const_new();
        let server = server_uri();
        let client = Client::with_uri_str(&server).await.expect("MONGODB_URI is not usable");
        SWEPT.get_or_init(|| sweep(&client)).await;
        let name = format!("{PREFIX}{}_{}", seconds_since_1970(), &RandomId::new().to_string()[..12]);
        Self(Arc::new(Inner { uri: with_database(&server, &name), db: client.database(&name) }))
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
        static FAIL_POINT: Mutex<()> = Mutex::const_new(());
        let guard = FAIL_POINT.lock().await;
        let fail = doc! { "configureFailPoint": "failCommand", "mode": { "times": times }, "data": data };
        self.0.db.client().database("admin").run_command(fail).await.unwrap();
        guard
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
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
