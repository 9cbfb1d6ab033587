//! Counts the bytes of responses in the [`ByteBudget`] of their clients until they have been sent.
//!
//! **Invariant:** a response to a request that may have changed something is never refused. [`ByteBudget::check`] refuses
//! the request before.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;

use super::byte_budget::{ByteBudget, HeldBytes, UNCOUNTED_BYTES};
use super::client::ClientKey;
use super::guarded_body::guarded;
use crate::error::Error;

/// What a stream that its client reads slowly holds, in bytes: a batch of the original's list of todos, and chunks of its text.
pub const STREAM_BYTES: usize = 512 * 1024;

/// In the extensions of a response that is a stream: what it holds, if this is not [`STREAM_BYTES`].
#[derive(Clone, Copy)]
pub struct StreamBytes(pub usize);

// RFC 4918 §9.1 and RFC 3253 §3.6
const SAFE_METHODS: [&str; 2] = ["PROPFIND", "REPORT"];

fn is_safe(method: &Method) -> bool {
    method.is_safe() || SAFE_METHODS.contains(&method.as_str())
}

/// Of one request.
#[derive(Clone)]
pub struct AnswerBytes {
    budget: ByteBudget,
    client: ClientKey,
    is_safe: bool,
}

impl AnswerBytes {
    pub fn of(budget: &ByteBudget, client: ClientKey, request: &Request) -> Self {
        Self { budget: budget.clone(), client, is_safe: is_safe(request.method()) }
    }

    /// Fails if the response does not fit into the client's part.
    pub fn count(self, mut response: Response) -> Result<Response, Error> {
        // The body of an error is written later: see `count_error`.
        if response.status().is_client_error() || response.status().is_server_error() {
            response.extensions_mut().insert(self);
            return Ok(response);
        }
        let Some(bytes) = size(&response) else { return Ok(response) };
        let held = if self.is_safe {
            self.budget.try_hold(self.client, bytes)?
        } else {
            self.budget.hold(self.client, bytes)
        };
        Ok(hold(response, held))
    }

    /// Counts the rendered response of an error.
    pub fn count_error(mut response: Response) -> Response {
        let Some(Self { budget, client, .. }) = response.extensions_mut().remove() else { return response };
        match size(&response) {
            Some(bytes) => hold(response, budget.hold(client, bytes)),
            None => response,
        }
    }
}

fn hold(response: Response, held: HeldBytes) -> Response {
    response.map(|body| guarded(body, held))
}

/// `None` if the response need not be counted.
fn size(response: &Response<Body>) -> Option<usize> {
    match response.body().size_hint().exact() {
        Some(size) => usize::try_from(size).ok().filter(|size| *size > UNCOUNTED_BYTES),
        // `sync::hub` and `sync::event_stream` limit what an event stream holds.
        None if is_event_stream(response) => None,
        None => Some(response.extensions().get().map_or(STREAM_BYTES, |StreamBytes(bytes)| *bytes)),
    }
}

fn is_event_stream(response: &Response<Body>) -> bool {
    response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream")
}
