//! What a creation answers, at first and again. Must not differ between the two but by one header.

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::store::Outcome;
use crate::error::Error;
use crate::http::preconditions::WithEtag;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The thing with its version, which every body of a thing has as `version`, and whether this is a repetition.
impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let replayed = self.replayed.then_some([(REPLAYED, HeaderValue::from_static("true"))]);
        let versioned = versioned(self.answer).map_err(Error::internal);
        (replayed, versioned).into_response()
    }
}

fn versioned(answer: String) -> serde_json::Result<WithEtag<Box<RawValue>>> {
    #[derive(Deserialize)]
    struct Version {
        version: i64,
    }
    let Version { version } = serde_json::from_str(&answer)?;
    Ok(WithEtag { version, body: RawValue::from_string(answer)? })
}
