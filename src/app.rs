//! The service as one value: its state, THE route table, and the layers around it. Must not hold logic of any route.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::header::{ALLOW, CACHE_CONTROL};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use tokio_util::task::TaskTracker;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::audit::store::Audit;
use crate::auth::blacklist::{Blacklist, ENTRIES_MAX};
use crate::auth::failed_logins::FailedLogins;
use crate::auth::operations::Auth;
use crate::auth::revocations::Revocations;
use crate::auth::store::Sessions;
use crate::auth::throttle::Throttle;
use crate::auth::token::Keys;
use crate::clock::Clock;
use crate::config::{Config, Registration, Switch};
use crate::db::{self, Db, Setup};
use crate::error::{Error, Refusal, Resource};
use crate::health::{self, Readiness};
use crate::idempotency::store::Idempotency;
use crate::lists::store::Lists;
use crate::seal::Seals;
use crate::sync::connection::Sources;
use crate::sync::hub::Hub;
use crate::sync::store::Feed;
use crate::todos::operations::Planner;
use crate::todos::store::Todos;
use crate::users::operations::{Accounts, Parts};
use crate::users::password::Hasher;
use crate::users::store::Users;
use crate::{detach, extract, lists, openapi, original, problem, sync, tags, telemetry, todos, users};

/// Everything that handlers ask for; cheap to clone.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// The database.
    pub db: Db,
    /// Tokens and sessions.
    pub auth: Arc<Auth>,
    /// Users.
    pub accounts: Arc<Accounts>,
    /// Todos and lists.
    pub planner: Planner,
    /// Requests that may be repeated.
    pub idempotency: Idempotency,
    /// Cursors and whatever else clients keep for us.
    pub seals: Arc<Seals>,
    /// Streams of events.
    pub sources: Sources,
    /// Whether requests may come in.
    pub readiness: Readiness,
    /// The work that is under way.
    pub tasks: TaskTracker,
    /// The collections that start prepares.
    pub stores: Stores,
    /// Passwords, for the migration that hashes them.
    pub hasher: Arc<Hasher>,
    /// How many proxies of ours stand in front.
    pub hops: Hops,
}

/// How many proxies of ours stand in front.
#[derive(Clone, Copy)]
pub struct Hops(pub usize);

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
    idempotency: Idempotency,
}

impl AppState {
    /// The state for a configuration. Nothing is sent to the database yet.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub async fn new(config: &Config, clock: Clock) -> Result<Self, Refusal> {
        let db = db::connect(&config.mongodb_uri).await?;
        let (current, previous) = (&config.jwt_secret, &config.jwt_secrets_previous);
        let unusable = |error| Refusal(format!("JWT_SECRET cannot be used: {error}"));
        let stores = Stores {
            users: Users::new(&db),
            todos: Todos::new(&db),
            lists: Lists::new(&db),
            sessions: Sessions::new(&db),
            revocations: Revocations::new(&db),
            failed_logins: FailedLogins::new(&db),
            audit: Audit::new(&db, clock.clone()),
            idempotency: Idempotency::new(&db, clock.clone(), current, previous).map_err(unusable)?,
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
        let seals = Arc::new(Seals::derive(current, previous).map_err(unusable)?);
        let planner =
            Planner::new(stores.todos.clone(), stores.lists.clone(), stores.users.clone(), clock.clone());
        let hub = Arc::new(Hub::new(Feed::new(&db), config.max_event_connections));
        let hasher = Arc::new(Hasher::new(config.bcrypt_cost, config.password_pepper.as_ref()));
        let accounts = Accounts::new(Parts {
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
        });
        let sources = Sources { planner: planner.clone(), hub, auth: auth.clone(), seals: seals.clone() };
        Ok(Self {
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
            hops: Hops(config.trusted_proxy_hops),
        })
    }
}

impl Stores {
    /// Creates the indexes that are missing.
    ///
    /// # Errors
    /// See [`db::ensure_indexes`].
    pub async fn ensure_indexes(&self) -> Result<(), Setup> {
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

/// The whole service: every route with its layers.
pub fn router(state: AppState) -> Router {
    let hops = state.hops.0;
    let errors = |router: Router<AppState>| router.method_not_allowed_fallback(method_not_allowed);
    let routes = Router::new()
        .merge(errors(original(&state)).layer(from_fn(original::wire::render)))
        .merge(errors(v1(&state)))
        .merge(errors(service()))
        .fallback(unknown_path)
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(from_fn(problem::render))
        .layer(from_fn(move |request, next| telemetry::log_request(hops, request, next)))
        .with_state(state);
    // `Allow` is put in by the router itself, outside its layers.
    Router::new().fallback_service(routes).layer(map_response(allow_options))
}

/// The routes of the original service.
fn original(state: &AppState) -> Router<AppState> {
    use original::handlers as h;
    let routes = Router::new()
        .route("/register", post(h::register))
        .route("/login", post(h::login))
        .route("/refresh", post(h::refresh))
        .route("/logout", post(h::logout))
        .route("/user/{username}", get(h::get_user).delete(h::delete_user))
        .route("/createtodo", post(h::create_todo))
        .route("/todo/{todo_id}", get(h::get_todo).put(h::replace_todo).delete(h::delete_todo))
        .route("/todolist", get(h::list_todos));
    guarded(routes, state)
}

/// The routes of our own API.
fn v1(state: &AppState) -> Router<AppState> {
    use lists::handlers as l;
    use sync::handlers as s;
    use tags::handlers as g;
    use todos::handlers as t;
    use users::handlers as u;
    let routes = Router::new()
        .route("/v1/register", post(u::register))
        .route("/v1/login", post(u::login))
        .route("/v1/refresh", post(u::refresh))
        .route("/v1/logout", post(u::logout))
        .route("/v1/sessions", get(u::sessions).delete(u::end_sessions))
        .route("/v1/sessions/{id}", delete(u::end_session))
        .route("/v1/user", get(u::get).patch(u::patch).delete(u::delete))
        .route("/v1/user/password", put(u::change_password))
        .route("/v1/todos", get(t::list).post(t::create))
        .route("/v1/todos/{id}", get(t::get).put(t::put).patch(t::patch).delete(t::delete))
        .route("/v1/todos/{id}/restore", post(t::restore))
        .route("/v1/todos/{id}/move", post(t::move_to))
        .route("/v1/todos/{id}/tags/{tag}", put(g::link).delete(g::unlink))
        .route("/v1/tags", get(g::list))
        .route("/v1/tags/{tag}", patch(g::rename).delete(g::delete))
        .route("/v1/lists", get(l::list).post(l::create))
        .route("/v1/lists/{id}", get(l::get).put(l::put).patch(l::patch).delete(l::delete))
        .route("/v1/lists/{id}/restore", post(l::restore))
        .route("/v1/lists/{id}/move", post(l::move_to))
        .route("/v1/sync", post(s::sync))
        .route("/v1/events", get(s::events));
    guarded(routes, state)
}

/// The routes that operators and their tools use.
fn service() -> Router<AppState> {
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/problems/{code}", get(problem::explained))
        .route("/v1/openapi.json", get(openapi::handlers::document))
        .route("/docs", get(openapi::handlers::docs))
        .route("/docs/", get(openapi::handlers::index))
        .route("/docs/{file}", get(openapi::handlers::file))
}

/// What stands around every route that works on the database.
fn guarded(routes: Router<AppState>, state: &AppState) -> Router<AppState> {
    routes
        .route_layer(DefaultBodyLimit::max(extract::BODY_LIMIT))
        .route_layer(from_fn_with_state(state.tasks.clone(), detach::detach))
        .route_layer(from_fn_with_state(state.readiness.clone(), health::gate))
}

/// `OPTIONS` on any route says what it allows (RFC 9110 §9.3.7); other methods that it has not are refused.
async fn method_not_allowed(method: Method) -> Result<StatusCode, Error> {
    if method == Method::OPTIONS { Ok(StatusCode::OK) } else { Err(Error::MethodNotAllowed) }
}

/// `OPTIONS` belongs to what a route allows, though no route names it.
async fn allow_options(mut response: Response) -> Response {
    let allowed = response.headers().get(ALLOW).and_then(|allowed| allowed.to_str().ok()).map(str::to_owned);
    if let Some(Ok(all)) = allowed.map(|allowed| HeaderValue::from_str(&format!("{allowed},OPTIONS"))) {
        response.headers_mut().insert(ALLOW, all);
    }
    response
}

/// Outside `/v1`, the original's clients hear what they know.
async fn unknown_path(method: Method, uri: Uri) -> Response {
    let unknown = Error::NotFound(Resource::Path).into_response();
    if uri.path() == "/v1" || uri.path().starts_with("/v1/") {
        return unknown;
    }
    original::wire::worded(unknown, &method)
}
