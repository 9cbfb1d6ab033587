//! The route table, and the layers around the routes.

mod guard;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, patch, post, put};
use axum::{Extension, Router};
use tower::util::{MapRequestLayer, MapResponseLayer};

use self::guard::{guarded, guarded_for};
use crate::config::Config;
use crate::config::public_url::PublicUrl;
use crate::error::{Error, Resource};
use crate::http::accept::{Format, preferred};
use crate::http::access_log::AccessLogEntry;
use crate::http::answer_bytes::AnswerBytes;
use crate::http::body::{BODY_TIMEOUT, BodyLimit, CREDENTIALS_LIMIT};
use crate::http::exchange::ProtocolError;
use crate::http::security_headers::Transport;
use crate::http::{allow, compression, problem, readiness, security_headers};
use crate::state::AppState;
use crate::{
    access_tokens, admin, admin_pages, dav, lists, openapi, original, sync, tags, todos, users, web,
};

pub fn router(state: AppState) -> Router {
    let edge_state = (state.trusted_proxy_hops, state.public_url.clone());
    let errors = |router: Router<AppState>| router.method_not_allowed_fallback(method_not_allowed);
    let routes = Router::new()
        .merge(errors(original(&state)).layer(from_fn(original::wire::render)))
        .merge(errors(v1(&state)))
        .merge(errors(transfer(&state)))
        .merge(errors(admin(&state)))
        .merge(
            errors(admin_pages(&state)).layer(from_fn_with_state(state.clone(), admin_pages::render::render)),
        )
        .merge(errors(web_client(&state)))
        .merge(dav(&state))
        .merge(errors(service()));
    let routes = match state.cors.layer() {
        // A preflight of an unknown path gets its 404.
        Some(cors) => routes
            .route_layer(cors.clone())
            .fallback_service(any(unknown_path).layer(cors).options(unknown_path)),
        None => routes.fallback(unknown_path),
    };
    let routes = routes.layer(from_fn_with_state(edge_state, edge)).with_state(state);
    // The router adds `Allow` outside its own layers, so only an outer router can change it.
    Router::new()
        .fallback_service(routes)
        .layer(MapRequestLayer::new(dav::handlers::probe))
        .layer(MapResponseLayer::new(allow::list_options))
        .layer(compression::layer())
}

/// While the hosts of the database are not known yet.
pub fn before_database(config: &Config) -> Router {
    let edge_state = (config.trusted_proxy_hops, Arc::new(config.public_url.clone()));
    let starting = async |method: Method, uri: Uri| {
        let error = Error::unavailable("the hosts of the database are not known yet").into_response();
        in_format_of(uri.path(), &method, error)
    };
    let routes = Router::new()
        .route("/livez", get(readiness::live))
        // A route, so that the access log knows the probe.
        .route("/readyz", any(starting))
        .fallback(starting);
    routes.layer(from_fn_with_state(edge_state, edge))
}

/// The outermost layer of every route: access log, problem details, headers for browsers.
async fn edge(
    State((hops, public_url)): State<(usize, Arc<PublicUrl>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let log_entry = AccessLogEntry::begin(&mut request, hops);
    let transport = Transport::of(request.headers(), hops);
    request.extensions_mut().insert(transport);
    public_url.accept(request.headers_mut());
    let response = match request.extensions_mut().remove() {
        Some(ProtocolError(error)) => error.into_response(),
        None => next.run(request).await,
    };
    let response = problem::render(response, &log_entry.id);
    let mut response = AnswerBytes::count_error(response);
    security_headers::insert(response.headers_mut(), transport);
    public_url.correct(response.headers_mut());
    log_entry.end(&mut response);
    response
}

fn original(state: &AppState) -> Router<AppState> {
    use original::handlers as h;
    let credentials = Router::new()
        .route("/register", post(h::register))
        .route("/login", post(h::login))
        .route("/refresh", post(h::refresh));
    let routes = Router::new()
        .route("/logout", post(h::logout))
        .route("/user/{username}", get(h::get_user).delete(h::delete_user))
        .route("/createtodo", post(h::create_todo))
        .route("/todo/{todo_id}", get(h::get_todo).put(h::replace_todo).delete(h::delete_todo))
        .route("/todolist", get(h::list_todos));
    guarded(routes.merge(with_small_body(credentials)), state)
}

fn v1(state: &AppState) -> Router<AppState> {
    use access_tokens::handlers as a;
    use lists::handlers as l;
    use sync::handlers as s;
    use tags::handlers as g;
    use todos::handlers as t;
    use users::handlers as u;
    let credentials = Router::new()
        .route("/v1/register", post(u::register))
        .route("/v1/login", post(u::login))
        .route("/v1/refresh", post(u::refresh));
    let routes = Router::new()
        .route("/v1/logout", post(u::logout))
        .route("/v1/sessions", get(u::sessions).delete(u::end_sessions))
        .route("/v1/sessions/{id}", delete(u::end_session))
        .route("/v1/user", get(u::get).patch(u::patch).delete(u::delete))
        .route("/v1/user/password", put(u::change_password))
        .route("/v1/tokens", get(a::list).post(a::create))
        .route("/v1/tokens/{id}", delete(a::end))
        .route("/v1/todos", get(t::list).post(t::create))
        .route("/v1/todos/{id}", get(t::get).put(t::put).patch(t::patch).delete(t::delete))
        .route("/v1/todos/{id}/restore", post(t::restore))
        .route("/v1/todos/{id}/move", post(t::move_to))
        .route("/v1/todos/{id}/skip", post(t::skip))
        .route("/v1/todos/{id}/undo", post(t::undo))
        .route("/v1/todos/{id}/tags/{tag}", put(g::link).delete(g::unlink))
        .route("/v1/tags", get(g::list))
        .route("/v1/tags/{tag}", patch(g::rename).delete(g::delete))
        .route("/v1/lists", get(l::list).post(l::create))
        .route("/v1/lists/{id}", get(l::get).put(l::put).patch(l::patch).delete(l::delete))
        .route("/v1/lists/{id}/restore", post(l::restore))
        .route("/v1/lists/{id}/move", post(l::move_to))
        .route("/v1/sync", post(s::sync))
        .route("/v1/events", get(s::events));
    guarded(routes.merge(with_small_body(credentials)), state)
}

fn transfer(state: &AppState) -> Router<AppState> {
    use crate::transfer::handlers as t;
    let imports = Router::new()
        .route("/v1/user/import", post(t::import))
        .route("/v1/import", post(t::import))
        .route_layer(Extension(t::UPLOAD));
    let others = Router::new()
        .route("/v1/user/export", get(t::export))
        .route("/v1/imports", get(t::all))
        .route("/v1/imports/{id}", get(t::progress))
        .route("/v1/imports/{id}/undo", post(t::undo));
    guarded_for(imports, state, t::IMPORT_DEADLINE, &state.uploads).merge(guarded(others, state))
}

fn admin(state: &AppState) -> Router<AppState> {
    use admin::handlers as a;
    let routes = Router::new()
        .route("/v1/admin/users", get(a::users).post(a::create))
        .route("/v1/admin/users/{id}", get(a::get).patch(a::patch).delete(a::delete))
        .route("/v1/admin/users/{id}/password", put(a::set_password))
        .route("/v1/admin/users/{id}/sessions", get(a::sessions).delete(a::end_sessions))
        .route("/v1/admin/users/{id}/sessions/{sid}", patch(a::block_session).delete(a::end_session))
        .route("/v1/admin/users/{id}/tokens", get(a::tokens).delete(a::end_tokens))
        .route("/v1/admin/users/{id}/tokens/{tid}", delete(a::end_token))
        .route("/v1/admin/audit", get(a::audit));
    guarded(routes, state)
}

fn web_client(state: &AppState) -> Router<AppState> {
    use web::handlers as w;
    let routes = Router::new()
        .route("/web/login", post(w::login))
        .route("/web/refresh", post(w::refresh))
        .route("/web/logout", post(w::logout));
    guarded(with_small_body(routes), state).route_layer(from_fn(web::extract::same_origin))
}

fn dav(state: &AppState) -> Router<AppState> {
    let add = |routes: Router<AppState>, path| routes.route(path, any(dav::handlers::serve));
    let routes = guarded(["/dav", "/dav/", "/dav/{*rest}"].into_iter().fold(Router::new(), add), state);
    let routes = routes.route_layer(from_fn(dav::accept_basic)).route_layer(from_fn(dav::wire::render));
    routes.route("/.well-known/caldav", any(dav::handlers::well_known))
}

fn service() -> Router<AppState> {
    // Not guarded: these routes also respond before the database is ready.
    Router::new()
        .route("/livez", get(readiness::live))
        .route("/readyz", get(readiness::ready))
        .route("/problems/{code}", get(openapi::problem_pages::explain))
        .route("/v1/openapi.json", get(openapi::handlers::document))
        .route("/v1/openapi-3.0.json", get(openapi::handlers::document_3_0))
        .route("/original/openapi.json", get(openapi::handlers::original))
        .route("/docs", get(openapi::handlers::docs))
        .route("/docs/", get(openapi::handlers::index))
        .route("/assets/{version}/{*path}", get(web::assets::get))
        .route("/", any(front_page))
        .route("/sw.js", get(web::handlers::service_worker))
        .route("/app.webmanifest", get(web::handlers::manifest))
}

fn admin_pages(state: &AppState) -> Router<AppState> {
    use crate::admin_pages::handlers::{audit, changes, overview, sign_in, unknown, users};
    let routes = Router::new()
        .route("/admin", get(overview::show))
        .route("/admin/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/admin/sign-out", post(sign_in::sign_out))
        .route("/admin/users", get(users::list))
        .route("/admin/users/new", get(users::ask_for_new).post(users::create))
        .route("/admin/users/{id}", get(users::show))
        .route("/admin/users/{id}/roles", post(changes::set_roles))
        .route("/admin/users/{id}/disable", post(changes::disable))
        .route("/admin/users/{id}/enable", post(changes::enable))
        .route("/admin/users/{id}/password", post(changes::set_password))
        .route("/admin/users/{id}/delete", get(users::ask_to_delete).post(changes::delete))
        .route("/admin/users/{id}/sessions/end", post(changes::end_sessions))
        .route("/admin/users/{id}/sessions/{sid}/end", post(changes::end_session))
        .route("/admin/users/{id}/sessions/{sid}/block", post(changes::block))
        .route("/admin/users/{id}/sessions/{sid}/unblock", post(changes::unblock))
        .route("/admin/users/{id}/tokens/end", post(changes::end_tokens))
        .route("/admin/users/{id}/tokens/{tid}/end", post(changes::end_token))
        .route("/admin/audit", get(audit::list))
        .route("/admin/{*rest}", any(unknown));
    guarded(with_small_body(routes), state)
}

fn with_small_body(routes: Router<AppState>) -> Router<AppState> {
    routes.route_layer(Extension(BodyLimit { size: CREDENTIALS_LIMIT, time: BODY_TIMEOUT }))
}

async fn method_not_allowed(method: Method) -> Result<StatusCode, Error> {
    // The router adds `Allow` to the response to `OPTIONS` (RFC 9110 §9.3.7).
    if method == Method::OPTIONS { Ok(StatusCode::OK) } else { Err(Error::MethodNotAllowed) }
}

async fn front_page(
    State(public_url): State<Arc<PublicUrl>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let format = [Method::GET, Method::HEAD].contains(&method).then(|| preferred(&headers)).flatten();
    match format {
        Some(Format::Html) => web::handlers::index(&headers).into_response(),
        Some(Format::Json) => openapi::handlers::links(&public_url).into_response(),
        None => unknown_path(method, uri).await,
    }
}

async fn unknown_path(method: Method, uri: Uri) -> Response {
    in_format_of(uri.path(), &method, Error::NotFound(Resource::Path).into_response())
}

fn in_format_of(path: &str, method: &Method, error: Response) -> Response {
    if path == "/v1" || path.starts_with("/v1/") {
        return error;
    }
    // Outside `/v1`, clients of the original service expect its error format.
    original::wire::render_error(error, method)
}
