//! Answers in JSON. Must not know what is in them.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::Error;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer with a body in JSON. Other than axum's own, it is written into one `Vec`, for which `serde_json` has a
/// quick way, and what cannot be written is an [`Error::Internal`].
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let written = serde_json::to_vec(&self.0).map_err(Error::internal);
        written.map(|bytes| ([(CONTENT_TYPE, JSON)], bytes)).into_response()
    }
}
