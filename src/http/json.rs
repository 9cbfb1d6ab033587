//! Responses in JSON.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::Error;

pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub struct Json<T>(pub T);

/// Appends a value to a text, because `serde_json` is fastest with one `Vec`.
pub fn append(json: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Error> {
    serde_json::to_writer(json, value).map_err(Error::internal)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        // One `Vec`, because that is the fast path of `serde_json`. Not axum's `Json`, which would show the client the
        // text of a serialization error.
        let serialized = serde_json::to_vec(&self.0).map_err(Error::internal);
        serialized.map(|bytes| ([(CONTENT_TYPE, JSON)], bytes)).into_response()
    }
}
