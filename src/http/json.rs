//! Responses in JSON.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::Error;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Differs from axum's `Json` in two ways: it serializes into one `Vec`, which is the fast path of `serde_json`, and a
/// value that cannot be serialized becomes an [`Error::Internal`].
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let serialized = serde_json::to_vec(&self.0).map_err(Error::internal);
        serialized.map(|bytes| ([(CONTENT_TYPE, JSON)], bytes)).into_response()
    }
}
