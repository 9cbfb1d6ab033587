//! The API documents, `/docs`, and the links for programs at `/`.
//!
//! **Invariant:** the pages load nothing from other hosts; their files are in the binary ([`crate::web::assets`]).

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use super::document::{DOCUMENT, DOCUMENT_3_0, ORIGINAL};
use crate::config::public_url::PublicUrl;
use crate::error::Error;
use crate::http::json::{JSON, Json};
use crate::http::preconditions::unless_known;
use crate::web::assets;

// Swagger UI needs inline styles, and icons as `data:` URIs.
const PAGE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

// Shared by all responses, however many clients read slowly.
static DOCUMENT_BYTES: LazyLock<Bytes> = LazyLock::new(|| bytes(&DOCUMENT));
static DOCUMENT_3_0_BYTES: LazyLock<Bytes> = LazyLock::new(|| bytes(&DOCUMENT_3_0));
static ORIGINAL_BYTES: LazyLock<Bytes> = LazyLock::new(|| bytes(&ORIGINAL));

fn bytes(document: &Value) -> Bytes {
    serde_json::to_vec(document).unwrap_or_default().into()
}

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage {
    assets: String,
}

/// `GET /v1/openapi.json`
pub(crate) async fn document(State(public_url): State<Arc<PublicUrl>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, JSON)], at(&public_url, &DOCUMENT_BYTES))
}

/// The document with the URL at which people reach the service.
fn at(public_url: &PublicUrl, document: &Bytes) -> Bytes {
    const SERVERS: &str = r#""servers":[{"url":"/"}]"#;
    match std::str::from_utf8(document) {
        Ok(text) if public_url.server() != "/" => {
            text.replacen(SERVERS, &SERVERS.replace('/', public_url.server()), 1).into()
        }
        _ => document.clone(),
    }
}

/// `GET /v1/openapi-3.0.json`
pub(crate) async fn document_3_0(State(public_url): State<Arc<PublicUrl>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, JSON)], at(&public_url, &DOCUMENT_3_0_BYTES))
}

/// `GET /original/openapi.json`
pub(crate) async fn original(State(public_url): State<Arc<PublicUrl>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, JSON)], at(&public_url, &ORIGINAL_BYTES))
}

/// `GET /` for programs.
pub(crate) fn links(public_url: &PublicUrl) -> impl IntoResponse {
    let at = |path: &str| format!("{}{path}", public_url.server().trim_end_matches('/'));
    let documents = ["/v1/openapi.json", "/v1/openapi-3.0.json", "/original/openapi.json"].map(at);
    let links = json!({
        "api": at("/v1/"), "documents": documents, "docs": at("/docs/"), "problems": at("/problems/{code}"),
        "live": at("/livez"), "ready": at("/readyz"),
    });
    ([(VARY, "accept")], Json(links))
}

/// `GET /docs`
pub(crate) async fn docs() -> Redirect {
    Redirect::permanent("/docs/")
}

/// `GET /docs/`
pub(crate) async fn index(headers: HeaderMap) -> Result<Response, Error> {
    // Relative, so that the page also works below a path of a proxy.
    let page = DocsPage { assets: format!("../assets/{}", assets::VERSION) };
    let html = page.render().map_err(Error::internal)?;
    let policies = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    // The page changes only when its files do.
    Ok(unless_known(&headers, &format!("\"{}\"", assets::VERSION), (policies, html).into_response()))
}
