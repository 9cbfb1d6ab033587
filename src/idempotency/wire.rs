//! The response of an idempotent request. The first response and its repetitions differ only in one header.

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::store::Outcome;
use crate::error::Error;
use crate::http::preconditions::WithEtag;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let replayed = replayed(&self);
        let body = with_etag(self.response).map_err(Error::internal);
        (replayed, body).into_response()
    }
}

pub fn replayed(outcome: &Outcome) -> Option<[(HeaderName, HeaderValue); 1]> {
    outcome.replayed.then_some([(REPLAYED, HeaderValue::from_static("true"))])
}

/// Reads the version for the `ETag` from the field `version`, which the body of every object has.
fn with_etag(response: String) -> serde_json::Result<WithEtag<Box<RawValue>>> {
    #[derive(Deserialize)]
    struct Version {
        version: i64,
    }
    let Version { version } = serde_json::from_str(&response)?;
    Ok(WithEtag { version, body: RawValue::from_string(response)? })
}
