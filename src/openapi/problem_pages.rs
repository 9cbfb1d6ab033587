//! `GET /problems/{code}`: explains an error code, as a page for people and as a document for programs.

use std::sync::LazyLock;

use askama::Template;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::document::DOCUMENT;
use crate::error::{Error, Resource};
use crate::http::accept::{Format, preferred};
use crate::http::error_code::ErrorCode;
use crate::http::json::Json;
use crate::web::assets;

const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Serialize)]
struct Explanation {
    r#type: String,
    code: &'static str,
    status: u16,
    title: &'static str,
    advice: &'static str,
    /// An example of a problem with this code.
    problem: Value,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    assets: String,
    code: &'static str,
    status: u16,
    title: &'static str,
    /// Text and code in turn, beginning with text.
    advice: std::str::Split<'static, char>,
    example: String,
}

pub(crate) async fn explain(
    headers: HeaderMap,
    code: Result<Path<String>, PathRejection>,
) -> Result<Response, Error> {
    let unknown = Error::NotFound(Resource::Problem);
    let Path(code) = code.map_err(|_| unknown.clone())?;
    let explanation = explanation(ErrorCode::find(&code).ok_or(unknown)?);
    let response = match preferred(&headers) {
        Some(Format::Html) => page(explanation)?,
        _ => Json(explanation).into_response(),
    };
    Ok(([(VARY, "Accept")], response).into_response())
}

fn explanation(&ErrorCode { code, status, title, advice }: &ErrorCode) -> Explanation {
    let (r#type, status) = (format!("/problems/{code}"), status.as_u16());
    let rest = json!({ "type": r#type, "title": title, "status": status, "detail": advice, "code": code });
    let problem = EXAMPLES.get(code).cloned().unwrap_or(rest);
    Explanation { r#type, code, status, title, advice, problem }
}

fn page(Explanation { code, status, title, advice, problem, .. }: Explanation) -> Result<Response, Error> {
    let example = serde_json::to_string_pretty(&problem).map_err(Error::internal)?;
    // Relative, so that the page also works below a path of a proxy.
    let assets = format!("../assets/{}", assets::VERSION);
    let advice = advice.split('`');
    let html = ProblemPage { assets, code, status, title, advice, example }.render();
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    Ok((headers, html.map_err(Error::internal)?).into_response())
}

/// By code: the problems that the API document shows.
static EXAMPLES: LazyLock<serde_json::Map<String, Value>> = LazyLock::new(|| {
    let responses = DOCUMENT["components"]["responses"].as_object().into_iter().flatten();
    let examples = responses.flat_map(|(_, response)| {
        response["content"]["application/problem+json"]["examples"].as_object().into_iter().flatten()
    });
    examples.map(|(code, example)| (code.clone(), example["value"].clone())).collect()
});
