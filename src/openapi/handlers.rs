//! The routes `/v1/openapi.json` and `/docs`.
//!
//! **Invariant:** the pages load nothing from other hosts; their files are in the binary.

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect};
use utoipa_swagger_ui::{Config, serve};

use super::document::DOCUMENT;
use crate::error::{Error, Resource};
use crate::http::json::JSON;

const CACHE_POLICY: &str = "public, max-age=3600";

// Swagger UI needs inline styles, and icons as `data:` URIs.
const PAGE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

// Shared by all responses, however many clients read slowly.
static DOCUMENT_BYTES: LazyLock<Bytes> =
    LazyLock::new(|| serde_json::to_vec(&*DOCUMENT).unwrap_or_default().into());

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    Arc::new(
        Config::new(["/v1/openapi.json"])
            .persist_authorization(true)
            .display_request_duration(true)
            .filter(true),
    )
});

/// `GET /v1/openapi.json`
pub(crate) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, JSON)], DOCUMENT_BYTES.clone())
}

/// `GET /docs`
pub(crate) async fn docs() -> Redirect {
    Redirect::permanent("/docs/")
}

/// `GET /docs/`
pub(crate) async fn index() -> Result<impl IntoResponse, Error> {
    docs_file("index.html")
}

/// `GET /docs/{file}`
pub(crate) async fn file(file: Result<Path<String>, PathRejection>) -> Result<impl IntoResponse, Error> {
    let Path(file) = file.map_err(|_| Error::NotFound(Resource::Path))?;
    docs_file(&file)
}

fn docs_file(file: &str) -> Result<impl IntoResponse + use<>, Error> {
    let found = serve(file, CONFIG.clone()).map_err(|error| Error::internal(error.to_string()))?;
    let found = found.ok_or(Error::NotFound(Resource::Path))?;
    let headers = [
        (CONTENT_TYPE, &*found.content_type),
        (CACHE_CONTROL, CACHE_POLICY),
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    let headers = headers.map(|(name, value)| (name, value.to_owned()));
    Ok((headers, found.bytes))
}
