//! What surrounds every handler that uses the database: readiness, the caller's share of slots and memory, authentication,
//! and running to completion.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::access_tokens::extract::{authenticate, identify};
use crate::access_tokens::operations::AccessTokens;
use crate::auth::operations::Auth;
use crate::error::Error;
use crate::http::admission::Admission;
use crate::http::answer_bytes::AnswerBytes;
use crate::http::body::BodyBytes;
use crate::http::byte_budget::ByteBudget;
use crate::http::detached::{self, DEADLINE};
use crate::http::readiness::Readiness;
use crate::state::AppState;

pub(super) fn guarded(routes: Router<AppState>, state: &AppState) -> Router<AppState> {
    guarded_for(routes, state, DEADLINE, &state.byte_budget)
}

/// Clients wait at most for `time`. The bodies of their requests count in `bodies`.
pub(super) fn guarded_for(
    routes: Router<AppState>,
    state: &AppState,
    time: Duration,
    bodies: &ByteBudget,
) -> Router<AppState> {
    let (auth, access_tokens, readiness) =
        (state.auth.clone(), state.access_tokens.clone(), state.readiness.clone());
    let (admission, tasks) = (state.admission.clone(), state.tasks.clone());
    let (budget, bodies) = (state.byte_budget.clone(), bodies.clone());
    routes.route_layer(from_fn_with_state(
        Guard { auth, access_tokens, readiness, admission, budget, bodies, tasks, time },
        run_guarded,
    ))
}

#[derive(Clone)]
struct Guard {
    auth: Arc<Auth>,
    access_tokens: Arc<AccessTokens>,
    readiness: Readiness,
    admission: Admission,
    budget: ByteBudget,
    bodies: ByteBudget,
    tasks: TaskTracker,
    time: Duration,
}

async fn run_guarded(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    guard.readiness.check()?;
    let deadline = Instant::now() + guard.time;
    let client = identify(&guard.access_tokens, &guard.auth, &mut request);
    guard.budget.check(client)?;
    let slot = guard.admission.admit(client, &mut request, deadline).await?;
    let answer_bytes = AnswerBytes::of(&guard.budget, client, &request);
    let body_bytes = BodyBytes::count(&guard.bodies, client, &mut request);
    let work = async move {
        let _slot = slot;
        authenticate(&guard.access_tokens, &mut request).await;
        let response = next.run(request).await;
        drop(body_bytes);
        answer_bytes.count(response)
    };
    detached::run_to_completion(guard.tasks, deadline, work).await
}
