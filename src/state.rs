//! The service's shared state: built once from the configuration, and handed to handlers part by part.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use tokio_util::task::TaskTracker;

use crate::access_tokens::operations::AccessTokens;
use crate::access_tokens::store::TokenStore;
use crate::access_tokens::text::RepeatableTexts;
use crate::admin::operations::Administration;
use crate::admin::store::UserPages;
use crate::admin_pages::store::Numbers;
use crate::audit::store::Audit;
use crate::auth::operations::Auth;
use crate::auth::revocation::blacklist::{Blacklist, ENTRIES_MAX};
use crate::auth::revocation::store::Revocations;
use crate::auth::store::Sessions;
use crate::auth::throttling::Throttle;
use crate::auth::throttling::failed_logins::FailedLogins;
use crate::auth::token::SigningKeys;
use crate::clock::Clock;
use crate::config::public_url::PublicUrl;
use crate::config::{Config, Registration, Switch};
use crate::crypto::sealed::Sealer;
use crate::dav::content_tags::RememberedTags;
use crate::dav::turns::Turns;
use crate::error::{Error, OperatorError};
use crate::http::admission::Admission;
use crate::http::byte_budget::ByteBudget;
use crate::http::cors::Cors;
use crate::http::polling::PolledPages;
use crate::http::readiness::Readiness;
use crate::idempotency::store::Idempotency;
use crate::mongo::{Db, PrepareError};
use crate::sync::event_stream::EventSources;
use crate::sync::feed::Feed;
use crate::sync::hub::Hub;
use crate::transfer::handlers::UPLOADS_MAX;
use crate::transfer::jobs::Jobs;
use crate::transfer::operations::Transfers;
use crate::transfer::store::Imports;
use crate::users::basic_passwords::BasicPasswords;
use crate::users::operations::Accounts;
use crate::users::password::Hasher;
use crate::users::store::Users;
use crate::workspace::Workspaces;
use crate::workspace::stores::OwnedStores;

#[derive(Clone)]
pub struct AppState(Arc<Shared>);

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Lets a handler extract a part by its type, as `State<Arc<Auth>>`.
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
    access_tokens: Arc<AccessTokens>,
    accounts: Arc<Accounts>,
    administration: Arc<Administration>,
    numbers: Numbers,
    workspaces: Arc<Workspaces>,
    idempotency: Arc<Idempotency>,
    polled_pages: Arc<PolledPages>,
    remembered_tags: Arc<RememberedTags>,
    basic_passwords: Arc<BasicPasswords>,
    transfers: Arc<Transfers>,
    sealer: Arc<Sealer>,
    sources: EventSources,
    readiness: Readiness,
    public_url: Arc<PublicUrl>,
    calendar_turns: Turns,
}

pub struct Shared {
    pub db: Db,
    pub auth: Arc<Auth>,
    pub access_tokens: Arc<AccessTokens>,
    pub accounts: Arc<Accounts>,
    pub administration: Arc<Administration>,
    pub numbers: Numbers,
    pub workspaces: Arc<Workspaces>,
    pub idempotency: Arc<Idempotency>,
    pub polled_pages: Arc<PolledPages>,
    pub remembered_tags: Arc<RememberedTags>,
    pub basic_passwords: Arc<BasicPasswords>,
    pub transfers: Arc<Transfers>,
    pub sealer: Arc<Sealer>,
    pub sources: EventSources,
    pub calendar_turns: Turns,
    pub readiness: Readiness,
    /// The stop waits for these.
    pub tasks: TaskTracker,
    pub stores: Stores,
    pub hasher: Arc<Hasher>,
    pub trusted_proxy_hops: usize,
    pub admission: Admission,
    pub byte_budget: ByteBudget,
    /// For files to import.
    pub uploads: ByteBudget,
    pub cors: Cors,
    pub public_url: Arc<PublicUrl>,
}

pub struct Stores {
    users: Users,
    owned: OwnedStores,
    sessions: Sessions,
    access_tokens: TokenStore,
    revocations: Revocations,
    failed_logins: FailedLogins,
    audit: Audit,
    idempotency: Arc<Idempotency>,
    imports: Imports,
}

impl AppState {
    /// Sends nothing to the database.
    pub fn new(config: &Config, clock: Clock, db: Db) -> Result<Self, OperatorError> {
        let unusable = |error| OperatorError(format!("JWT_SECRET cannot be used: {error}"));
        let tasks = TaskTracker::new();
        let stores = Stores::new(&db, config, &clock, &tasks).map_err(unusable)?;
        let auth = Arc::new(auth(config, &stores, &clock).map_err(unusable)?);
        let access_tokens = Arc::new(access_tokens(config, &stores, &auth, clock.clone()).map_err(unusable)?);
        let sealer = Sealer::derive(&config.jwt_secret, &config.jwt_secrets_previous).map_err(unusable)?;
        let sealer = Arc::new(sealer);
        let hasher = Arc::new(Hasher::new(config.bcrypt_cost, config.password_pepper.as_ref()));
        let workspaces = Arc::new(workspaces(&stores, &clock));
        let admission = Admission::default();
        let sources = EventSources {
            workspaces: workspaces.clone(),
            hub: Arc::new(Hub::new(Feed::new(&db), config.max_event_connections)),
            auth: auth.clone(),
            seals: sealer.clone(),
            admission: admission.clone(),
        };
        let accounts = Arc::new(accounts(config, &stores, &auth, &access_tokens, &hasher, clock.clone()));
        let basic_passwords = BasicPasswords::new(accounts.clone(), config.caldav_passwords == Switch::On);
        let transfers = Transfers {
            workspaces: workspaces.clone(),
            accounts: accounts.clone(),
            imports: stores.imports.clone(),
            admission: admission.clone(),
            tasks: tasks.clone(),
            jobs: Jobs::default(),
        };
        let administration = Administration {
            accounts: accounts.clone(),
            pages: UserPages::new(&db),
            audit: stores.audit.clone(),
            tasks: tasks.clone(),
            clock,
        };
        Ok(Self(Arc::new(Shared {
            numbers: Numbers::new(&db),
            db,
            accounts,
            administration: Arc::new(administration),
            auth,
            access_tokens,
            workspaces,
            idempotency: stores.idempotency.clone(),
            polled_pages: Arc::default(),
            remembered_tags: Arc::default(),
            basic_passwords: Arc::new(basic_passwords),
            transfers: Arc::new(transfers),
            sealer,
            sources,
            calendar_turns: Turns::default(),
            readiness: Readiness::default(),
            tasks,
            stores,
            hasher,
            trusted_proxy_hops: config.trusted_proxy_hops,
            admission,
            byte_budget: ByteBudget::new(config.max_answer_bytes),
            uploads: ByteBudget::new(UPLOADS_MAX),
            cors: Cors { origins: config.cors_origins.clone(), headers: config.cors_headers.clone() },
            public_url: config.public_url.clone().into(),
        })))
    }
}

fn auth(config: &Config, stores: &Stores, clock: &Clock) -> Result<Auth, Error> {
    let keys = SigningKeys::derive(&config.jwt_secret, &config.jwt_secrets_previous)?;
    let blacklist = Arc::new(Blacklist::new(stores.revocations.clone(), ENTRIES_MAX));
    Ok(Auth::new(keys, blacklist, stores.sessions.clone(), clock.clone(), config.access_token_ttl))
}

fn access_tokens(
    config: &Config,
    stores: &Stores,
    auth: &Arc<Auth>,
    clock: Clock,
) -> Result<AccessTokens, Error> {
    let guesses = Throttle::new(config.throttles == Switch::On, clock.clone());
    let texts = RepeatableTexts::derive(&config.jwt_secret, &config.jwt_secrets_previous)?;
    let Stores { access_tokens, users, audit, .. } = stores;
    let (store, users, audit) = (access_tokens.clone(), users.clone(), audit.clone());
    Ok(AccessTokens::new(store, users, auth.clone(), audit, guesses, clock, texts))
}

fn workspaces(stores: &Stores, clock: &Clock) -> Workspaces {
    Workspaces::new(stores.owned.clone(), stores.users.clone(), clock.clone())
}

fn accounts(
    config: &Config,
    stores: &Stores,
    auth: &Arc<Auth>,
    access_tokens: &Arc<AccessTokens>,
    hasher: &Arc<Hasher>,
    clock: Clock,
) -> Accounts {
    Accounts {
        users: stores.users.clone(),
        owned: stores.owned.clone(),
        idempotency: stores.idempotency.clone(),
        imports: stores.imports.clone(),
        auth: auth.clone(),
        access_tokens: access_tokens.clone(),
        audit: stores.audit.clone(),
        hasher: hasher.clone(),
        throttle: Throttle::new(config.throttles == Switch::On, clock.clone()),
        failed_logins: stores.failed_logins.clone(),
        clock,
        registration_open: config.registration == Registration::Open,
    }
}

impl Stores {
    fn new(db: &Db, config: &Config, clock: &Clock, tasks: &TaskTracker) -> Result<Self, Error> {
        let (current, previous) = (&config.jwt_secret, &config.jwt_secrets_previous);
        Ok(Self {
            users: Users::new(db),
            owned: OwnedStores::new(db, tasks),
            sessions: Sessions::new(db),
            access_tokens: TokenStore::new(db),
            revocations: Revocations::new(db),
            failed_logins: FailedLogins::new(db),
            audit: Audit::new(db, clock.clone()),
            idempotency: Idempotency::new(db, clock.clone(), current, previous)?.into(),
            imports: Imports::new(db),
        })
    }

    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        self.users.ensure_indexes().await?;
        self.owned.ensure_indexes().await?;
        self.sessions.ensure_indexes().await?;
        self.access_tokens.ensure_indexes().await?;
        self.revocations.ensure_indexes().await?;
        self.failed_logins.ensure_indexes().await?;
        self.audit.ensure_indexes().await?;
        self.idempotency.ensure_indexes().await?;
        self.imports.ensure_indexes().await
    }
}
