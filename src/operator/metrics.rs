//! What the service tells those who watch it: figures in the form of Prometheus. Must not have a label whose values
//! clients make up.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use crate::error::OperatorError;
use crate::http::access_log::{REQUEST_SECONDS, REQUESTS};
use crate::mongo;
use crate::state::AppState;

/// The upper ends of the buckets of durations, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// The version of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How often durations are put into their buckets when nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// Begins to count. Until then, and without it, counting costs next to nothing.
///
/// # Errors
/// It was begun before.
pub fn begin() -> Result<PrometheusHandle, OperatorError> {
    let refused = |error: BuildError| OperatorError(format!("the figures cannot be counted: {error}"));
    let builder = [REQUEST_SECONDS, mongo::metrics::COMMAND_SECONDS]
        .into_iter()
        .try_fold(PrometheusBuilder::new(), |builder, name| {
            builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), &BUCKETS)
        });
    let handle = builder.and_then(PrometheusBuilder::install_recorder).map_err(refused)?;
    describe_counter!(REQUESTS, "Requests by route, method and status.");
    describe_histogram!(REQUEST_SECONDS, "How long requests took, by route.");
    describe_histogram!(
        mongo::metrics::COMMAND_SECONDS,
        "How long commands to the database took, by name and outcome."
    );
    describe_gauge!(mongo::metrics::CONNECTIONS, "Connections to the database, by whether they are in use.");
    describe_gauge!("todo_api_requests", "Requests that work with the database, or wait for their turn.");
    describe_gauge!("todo_api_event_streams", "Streams of events.");
    describe_gauge!("todo_api_password_hashing", "Passwords that are being hashed, or wait for it.");
    describe_gauge!("todo_api_blacklist_entries", "Revoked tokens, sessions and users in memory.");
    describe_gauge!("todo_api_blacklist_age_seconds", "How old the blacklist in memory is.");
    Ok(handle)
}

/// Listens for those who ask for figures.
///
/// # Errors
/// The address cannot be listened on.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, OperatorError> {
    let listener = TcpListener::bind(address).await;
    let listener = listener
        .map_err(|error| OperatorError(format!("cannot listen on {address}: {error}; set METRICS_ADDR")))?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(metrics = %address, "telling figures");
    }
    Ok(listener)
}

/// The route `/metrics`, for an address of its own.
pub fn router(state: AppState, handle: PrometheusHandle) -> Router {
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Router::new().route("/metrics", get(told)).with_state((state, handle))
}

/// `GET /metrics`
async fn told(State((state, handle)): State<(AppState, PrometheusHandle)>) -> impl IntoResponse {
    let (working, waiting) = state.admission.busy();
    gauge!("todo_api_requests", "state" => "working").set(number(working));
    gauge!("todo_api_requests", "state" => "waiting").set(number(waiting));
    gauge!("todo_api_event_streams").set(number(state.sources.hub.connections()));
    gauge!("todo_api_password_hashing").set(number(state.hasher.queue_length()));
    let (entries, age) = state.auth.blacklist_state();
    gauge!("todo_api_blacklist_entries").set(number(entries));
    gauge!("todo_api_blacklist_age_seconds").set(age.map_or(f64::INFINITY, |age| age.as_secs_f64()));
    ([(CONTENT_TYPE, TEXT)], handle.render())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}
