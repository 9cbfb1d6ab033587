//! `GET /metrics` in the text format of Prometheus, on a separate address.
//!
//! **Invariant:** no label has values that clients can choose, because each value takes memory for as long as the service
//! runs.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use tokio::net::TcpListener;

use crate::access_tokens::{self, verification};
use crate::auth::throttling::THROTTLED;
use crate::error::OperatorError;
use crate::http::access_log::{REQUEST_SECONDS, REQUESTS};
use crate::http::fair_queue::REFUSALS;
use crate::http::{activity, connections, server};
use crate::mongo;
use crate::owned::unreadable::UNREADABLE;
use crate::startup::{MAINTENANCE_FAILURES, UNFINISHED_SECONDS};
use crate::state::AppState;
use crate::users::operations::FAILED_LOGINS;

const BUILD_INFO: &str = "todo_api_build_info";
/// Upper bounds of the buckets of durations, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
// Recorded durations are kept one by one until they are sorted into buckets. Without this upkeep they would accumulate
// until the next scrape.
const UPKEEP_PERIOD: Duration = Duration::from_secs(5);

/// Starts recording. Without a recorder, the metrics in the code cost almost nothing. Fails on the second call.
pub fn install_recorder() -> Result<PrometheusHandle, OperatorError> {
    let refused = |error: BuildError| OperatorError(format!("metrics cannot be recorded: {error}"));
    let durations = [REQUEST_SECONDS, mongo::metrics::COMMAND_SECONDS, mongo::metrics::WAIT_SECONDS];
    let builder = durations.into_iter().try_fold(PrometheusBuilder::new(), |builder, name| {
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), &BUCKETS)
    });
    let handle = builder.and_then(PrometheusBuilder::install_recorder).map_err(refused)?;
    describe();
    Collector::default().describe();
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

fn describe() {
    describe_gauge!(BUILD_INFO, "Always 1, with the version of the service.");
    describe_counter!(REQUESTS, "Requests, by route, method and status.");
    describe_counter!(REFUSALS, "Requests that were refused because of too much load, by queue and reason.");
    describe_histogram!(REQUEST_SECONDS, "Duration of requests, by route.");
    describe_histogram!(
        mongo::metrics::COMMAND_SECONDS,
        "Duration of database commands with the wait for a connection, by command and outcome."
    );
    describe_histogram!(
        mongo::metrics::WAIT_SECONDS,
        "Duration of `getMore`, which mostly waits for the next change, by outcome."
    );
    describe_gauge!(mongo::metrics::CONNECTIONS, "Connections to the database: open, and in use.");
    describe_counter!(UNREADABLE, "Stored documents that could not be decoded, by collection.");
    describe_gauge!(connections::OPEN, "Open connections, with those of this listener.");
    describe_counter!(activity::CLOSED, "Connections that were refused or closed to make room, by reason.");
    describe_counter!(server::ACCEPT_ERRORS, "Connections that could not be accepted.");
    describe_counter!(
        verification::LOOKUPS,
        "Personal access tokens that were looked up in the database, by outcome."
    );
    describe_counter!(access_tokens::operations::CREATED, "Personal access tokens that were created.");
    describe_gauge!("todo_api_body_bytes", "Bytes of requests and responses that wait for their clients.");
    describe_gauge!("todo_api_requests", "Requests that are being processed or wait for a slot.");
    describe_gauge!("todo_api_event_streams", "Open event streams.");
    describe_gauge!("todo_api_password_hashing", "Passwords that are being hashed or wait to be hashed.");
    describe_gauge!("todo_api_blacklist_entries", "Revoked tokens, sessions and users in memory.");
    describe_gauge!("todo_api_blacklist_age_seconds", "Age of the blacklist in memory.");
    describe_counter!(FAILED_LOGINS, "Logins with a wrong name or password.");
    describe_counter!(THROTTLED, "Attempts that a rate limit refused, by limit.");
    describe_counter!(MAINTENANCE_FAILURES, "Failed runs of the maintenance, by task.");
    describe_gauge!(UNFINISHED_SECONDS, "Age of the oldest change whose side effects are unfinished.");
}

pub async fn listen(address: SocketAddr) -> Result<TcpListener, OperatorError> {
    let listener = TcpListener::bind(address).await;
    let listener = listener
        .map_err(|error| OperatorError(format!("cannot listen on {address}: {error}; set METRICS_ADDR")))?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(metrics = %address, "serving metrics");
    }
    Ok(listener)
}

/// The state is empty until the service knows the hosts of its database.
pub fn router(state: Arc<OnceLock<AppState>>, handle: PrometheusHandle) -> Router {
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_PERIOD).await;
            upkeep.run_upkeep();
        }
    });
    Router::new().route("/metrics", get(serve_metrics)).with_state((state, handle))
}

/// `GET /metrics`
async fn serve_metrics(
    State((state, handle)): State<(Arc<OnceLock<AppState>>, PrometheusHandle)>,
) -> impl IntoResponse {
    if let Some(state) = state.get() {
        measure(state);
    }
    Collector::default().collect();
    ([(CONTENT_TYPE, PROMETHEUS_TEXT)], handle.render())
}

fn measure(state: &AppState) {
    let (working, waiting) = state.admission.busy();
    gauge!("todo_api_requests", "state" => "working").set(gauge_value(working));
    gauge!("todo_api_requests", "state" => "waiting").set(gauge_value(waiting));
    gauge!("todo_api_body_bytes")
        .set(gauge_value(state.byte_budget.held_bytes() + state.uploads.held_bytes()));
    gauge!("todo_api_event_streams").set(gauge_value(state.sources.hub.connections()));
    gauge!("todo_api_password_hashing").set(gauge_value(state.hasher.queue_length()));
    let (entries, age) = state.auth.blacklist_state();
    gauge!("todo_api_blacklist_entries").set(gauge_value(entries));
    gauge!("todo_api_blacklist_age_seconds").set(age.map_or(f64::INFINITY, |age| age.as_secs_f64()));
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn gauge_value(count: usize) -> f64 {
    count as f64
}
