//! The base of the tests: the service in this process over its own database, clients, and assertions.

pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod dav;
pub(crate) mod document;
pub(crate) mod events;
pub(crate) mod process;
pub(crate) mod replica;
pub(crate) mod tokens;
pub(crate) mod v1;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use todo_api::app;
use todo_api::auth::revocation::blacklist::AGE_MAX;
use todo_api::clock::Clock;
use todo_api::config::{self, Config};
use todo_api::state::AppState;
use todo_api::{mongo, startup};
use tokio::sync::Mutex;
use tower::ServiceExt;

pub(crate) use client::{Answer, Client};
pub(crate) use database::TestDatabase;

pub(crate) const SECRET: &str = "only-for-tests-only-for-tests-0123456789";

/// The password of every registered user.
pub(crate) const PASSWORD: &str = "correct horse";

/// The service itself waits for its database without end.
const PREPARATION: Duration = Duration::from_mins(1);

/// The whole service in this process, with a clock that only the test moves.
#[derive(Clone)]
pub(crate) struct TestApp {
    pub(crate) db: TestDatabase,
    pub(crate) clock: Clock,
    pub(crate) state: AppState,
    router: Router,
    loading: Arc<Mutex<()>>,
}

impl TestApp {
    /// A service over an empty database.
    pub(crate) async fn start() -> Self {
        let app = Self::over(TestDatabase::create_or_reuse().await).await;
        app.db.remember_prepared().await;
        app
    }

    /// A service over an existing database.
    pub(crate) async fn over(db: TestDatabase) -> Self {
        let clock = Clock::held_at(Clock::system().now());
        Self::with(db, clock, &[]).await
    }

    /// A service over a database, with a clock and settings.
    pub(crate) async fn with(db: TestDatabase, clock: Clock, settings: &[(&str, &str)]) -> Self {
        let config = config(db.uri(), settings);
        let store = mongo::connect(&config.mongodb_uri, false).await.expect("the URI is invalid");
        let state = AppState::new(&config, clock.clone(), store).expect("the test configuration is invalid");
        let prepared = startup::prepare(&state, &config.mongodb_uri);
        let prepared = tokio::time::timeout(PREPARATION, prepared).await;
        prepared.expect("MongoDB is not reachable").expect("the database cannot be prepared");
        let hub = state.sources.hub.clone();
        tokio::spawn(async move { hub.run().await });
        Self { db, clock, router: app::router(state.clone()), state, loading: Arc::default() }
    }

    /// Another instance over the same database and clock, as after a restart.
    pub(crate) async fn restart(&self) -> Self {
        Self::with(self.db.clone(), self.clock.clone(), &[]).await
    }

    /// Another instance, which fail points can tell from others by its `appName`.
    pub(crate) async fn with_app_name(&self, name: &str) -> Self {
        let uri = format!("{}&appName={name}", self.db.uri());
        Self::with(self.db.clone(), self.clock.clone(), &[("MONGODB_URI", &uri)]).await
    }

    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.clone())
    }

    /// A registered user, logged in through the original's routes.
    pub(crate) async fn user(&self, name: &str) -> Client {
        let client = self.anonymous();
        client.register(name, PASSWORD).await.assert(201);
        client.login(name, PASSWORD).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.respond(request).await).await
    }

    /// The response, whose body has not been read yet.
    pub(crate) async fn respond(&self, request: Request<Body>) -> Response {
        self.renew_blacklist();
        self.router.clone().oneshot(request).await.expect("a router cannot fail")
    }

    /// Loads the blacklist again when it is too old. In the service a task does this all the time. Otherwise every further
    /// request of the test would read the database instead, which takes longer than the rest of most requests.
    fn renew_blacklist(&self) {
        let is_old = self.state.auth.blacklist_state().1.is_some_and(|age| age >= AGE_MAX);
        let Some(loading) = is_old.then(|| self.loading.clone().try_lock_owned().ok()).flatten() else {
            return;
        };
        let state = self.state.clone();
        tokio::spawn(async move {
            let _ = state.auth.load_blacklist().await;
            drop(loading);
        });
    }
}

/// The configuration of tests: a cheap bcrypt cost, a secret, and then `settings`.
pub(crate) fn config(uri: &str, settings: &[(&str, &str)]) -> Config {
    let defaults = [("MONGODB_URI", uri), ("JWT_SECRET", SECRET), ("BCRYPT_COST", "4"), ("THROTTLES", "off")];
    let figment = config::figment(None::<&Path>, |name| {
        let all = settings.iter().chain(&defaults);
        all.clone().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    });
    Config::from_figment(&figment).expect("the test configuration is invalid")
}
