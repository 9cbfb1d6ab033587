//! What handlers ask for: the service's state, made once from the configuration. Must not know a route.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use axum::http::HeaderValue;
use tokio_util::task::TaskTracker;

use crate::audit::store::Audit;
use crate::auth::operations::Auth;
use crate::auth::revocation::blacklist::{Blacklist, ENTRIES_MAX};
use crate::auth::revocation::store::Revocations;
use crate::auth::store::Sessions;
use crate::auth::throttling::Throttle;
use crate::auth::throttling::failed_logins::FailedLogins;
use crate::auth::token::Keys;
use crate::clock::Clock;
use crate::config::{Config, Registration, Switch};
use crate::crypto::sealed::Sealer;
use crate::error::OperatorError;
use crate::http::admission::Admission;
use crate::http::readiness::Readiness;
use crate::idempotency::store::Idempotency;
use crate::lists::store::Lists;
use crate::mongo::{self, Db, PrepareError};
use crate::sync::event_stream::EventSources;
use crate::sync::feed::Feed;
use crate::sync::hub::Hub;
use crate::todos::store::Todos;
use crate::users::operations::Accounts;
use crate::users::password::Hasher;
use crate::users::store::Users;
use crate::workspace::Workspaces;
use crate::{lists, todos};

/// Everything that handlers ask for; cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Lets handlers ask for these parts by their types.
macro_rules! impl_from_ref {
    ($($part:ident: $type:ty),* $(,)?) => {
        $(impl FromRef<AppState> for $type {
            fn from_ref(state: &AppState) -> Self {
                state.$part.clone()
            }
        })*
    };
}

impl_from_ref! {
    db: Db,
    auth: Arc<Auth>,
    accounts: Arc<Accounts>,
    planner: Arc<Workspaces>,
    idempotency: Arc<Idempotency>,
    seals: Arc<Sealer>,
    sources: EventSources,
    readiness: Readiness,
}

/// What there is one of.
pub struct Shared {
    /// The database.
    pub db: Db,
    /// Tokens and sessions.
    pub auth: Arc<Auth>,
    /// Users.
    pub accounts: Arc<Accounts>,
    /// Todos and lists.
    pub planner: Arc<Workspaces>,
    /// Requests that may be repeated.
    pub idempotency: Arc<Idempotency>,
    /// Cursors and whatever else clients keep for us.
    pub seals: Arc<Sealer>,
    /// Streams of events.
    pub sources: EventSources,
    /// Whether requests may come in.
    pub readiness: Readiness,
    /// The work that is under way.
    pub tasks: TaskTracker,
    /// The collections that start prepares.
    pub stores: Stores,
    /// Passwords, for the migration that hashes them.
    pub hasher: Arc<Hasher>,
    /// How many proxies of ours stand in front.
    pub hops: TrustedProxyHops,
    /// How much goes to the database at a time.
    pub admission: Admission,
    /// Origins whose pages may use the API.
    pub origins: AllowedOrigins,
}

/// How many proxies of ours stand in front.
#[derive(Clone, Copy)]
pub struct TrustedProxyHops(pub usize);

/// Origins whose pages may use the API.
#[derive(Clone)]
pub struct AllowedOrigins(pub Arc<[HeaderValue]>);

/// The stores that have indexes.
#[derive(Clone)]
pub struct Stores {
    users: Users,
    todos: Todos,
    lists: Lists,
    sessions: Sessions,
    revocations: Revocations,
    failed_logins: FailedLogins,
    audit: Audit,
    idempotency: Arc<Idempotency>,
}

impl AppState {
    /// The state for a configuration. Nothing is sent to the database yet.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub async fn new(config: &Config, clock: Clock) -> Result<Self, OperatorError> {
        let db = mongo::connect(&config.mongodb_uri, config.metrics_addr.is_some()).await?;
        let (current, previous) = (&config.jwt_secret, &config.jwt_secrets_previous);
        let unusable = |error| OperatorError(format!("JWT_SECRET cannot be used: {error}"));
        let stores = Stores {
            users: Users::new(&db),
            todos: Todos::new(&db),
            lists: Lists::new(&db),
            sessions: Sessions::new(&db),
            revocations: Revocations::new(&db),
            failed_logins: FailedLogins::new(&db),
            audit: Audit::new(&db, clock.clone()),
            idempotency: Idempotency::new(&db, clock.clone(), current, previous).map_err(unusable)?.into(),
        };
        let keys = Keys::derive(current, previous).map_err(unusable)?;
        let blacklist = Arc::new(Blacklist::new(stores.revocations.clone(), ENTRIES_MAX));
        let auth = Arc::new(Auth::new(
            keys,
            blacklist,
            stores.sessions.clone(),
            clock.clone(),
            config.access_token_ttl,
        ));
        let seals = Arc::new(Sealer::derive(current, previous).map_err(unusable)?);
        let planner = Arc::new(Workspaces::new(
            stores.todos.clone(),
            stores.lists.clone(),
            stores.users.clone(),
            clock.clone(),
        ));
        let hub = Arc::new(Hub::new(Feed::new(&db), config.max_event_connections));
        let hasher = Arc::new(Hasher::new(config.bcrypt_cost, config.password_pepper.as_ref()));
        let accounts = Accounts {
            users: stores.users.clone(),
            todos: stores.todos.clone(),
            lists: stores.lists.clone(),
            auth: auth.clone(),
            audit: stores.audit.clone(),
            hasher: hasher.clone(),
            throttle: Throttle::new(config.throttles == Switch::On, clock.clone()),
            failed_logins: stores.failed_logins.clone(),
            clock,
            registration_open: config.registration == Registration::Open,
        };
        let sources =
            EventSources { planner: planner.clone(), hub, auth: auth.clone(), seals: seals.clone() };
        Ok(Self(Arc::new(Shared {
            db,
            auth,
            accounts: Arc::new(accounts),
            planner,
            idempotency: stores.idempotency.clone(),
            seals,
            sources,
            readiness: Readiness::default(),
            tasks: TaskTracker::new(),
            stores,
            hasher,
            hops: TrustedProxyHops(config.trusted_proxy_hops),
            admission: Admission::default(),
            origins: AllowedOrigins(config.cors_origins.clone().into()),
        })))
    }
}

impl Stores {
    /// Creates the indexes that are missing.
    ///
    /// # Errors
    /// See [`mongo::ensure_indexes`].
    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        self.users.ensure_indexes().await?;
        todos::store::ensure_indexes(&self.todos).await?;
        lists::store::ensure_indexes(&self.lists).await?;
        self.sessions.ensure_indexes().await?;
        self.revocations.ensure_indexes().await?;
        self.failed_logins.ensure_indexes().await?;
        self.audit.ensure_indexes().await?;
        self.idempotency.ensure_indexes().await
    }
}
