//! Errors as clients see them: the one table of statuses, and their form as problem details (RFC 9457).
//! Must not tell a client why something of ours failed.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::access_log::{ReportedError, RequestId};
use super::error_code::ErrorCode;
use super::json::Json;
use crate::error::{Error, Resource, TokenRejection, Violation};

/// When a client may try again that nothing else is said to, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// `GET /problems/{code}`: what a code means, for a person.
pub(crate) async fn explain(code: Result<Path<String>, PathRejection>) -> Result<String, Error> {
    let unknown = Error::NotFound(Resource::Problem);
    let Path(code) = code.map_err(|_| unknown.clone())?;
    let ErrorCode { code, status, title } = ErrorCode::find(&code).ok_or(unknown)?;
    Ok(format!("{code}: {title}. It comes with status {}.\n", status.as_u16()))
}

/// What a client can do about it.
fn detail(error: &Error) -> String {
    match error {
        Error::MalformedJson(what) => format!("The body cannot be read as JSON: {what}."),
        Error::NotFound(Resource::Path) => "No route has this path.".to_owned(),
        Error::Token(_) => "Log in, or refresh the access token, and try again.".to_owned(),
        Error::Invalid(faults) => {
            faults.iter().map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join(" ")
        }
        Error::Throttled { retry_after } => {
            format!("The next attempt is admitted in {} s.", retry_after.as_secs_f64().ceil())
        }
        Error::VersionMismatch { .. } => "Read `current`, apply the change to it, and try again.".to_owned(),
        Error::SyncTokenExpired => {
            "Begin again with `null`: what was removed meanwhile is forgotten.".to_owned()
        }
        Error::TooManyConnections => "Close one of them, or wait until one ends.".to_owned(),
        Error::InTrash => "Restore it first, or remove it for good.".to_owned(),
        Error::LimitReached(limit) => {
            format!("There are {limit} already, which is the limit. What is in the trash does not count.")
        }
        Error::Internal(_) => "The request is named by `request_id` in our log.".to_owned(),
        Error::Unavailable(_) => "Please try again shortly.".to_owned(),
        _ => format!("{}.", ErrorCode::of(error).title),
    }
}

/// A problem (RFC 9457 §3), with `code`, `request_id`, `errors` and `current` as extension members.
#[derive(Serialize, ToSchema)]
pub struct Problem<'a> {
    r#type: String,
    title: &'a str,
    /// The status of an answer that is this problem.
    pub status: u16,
    detail: String,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Pointed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    current: Option<&'a serde_json::Value>,
}

/// One broken rule of the input: where, which, and as a sentence.
#[derive(Serialize, ToSchema)]
#[schema(as = Fault)]
pub struct Pointed<'a> {
    pointer: &'a str,
    code: &'a str,
    detail: &'a str,
}

impl<'a> Problem<'a> {
    /// The problem that an error is, of the request that is named.
    #[must_use]
    pub fn of(error: &'a Error, request_id: Option<&'a str>) -> Self {
        let ErrorCode { code, status, title } = ErrorCode::of(error);
        let errors = match error {
            Error::Invalid(faults) => faults.iter().map(Pointed::from).collect(),
            _ => Vec::new(),
        };
        let current = match error {
            Error::VersionMismatch { current } => Some(&**current),
            _ => None,
        };
        let r#type = format!("/problems/{code}");
        Self {
            r#type,
            title,
            status: status.as_u16(),
            detail: detail(error),
            code,
            request_id,
            errors,
            current,
        }
    }
}

impl<'a> From<&'a Violation> for Pointed<'a> {
    fn from(fault: &'a Violation) -> Self {
        Self { pointer: &fault.pointer, code: fault.code, detail: &fault.detail }
    }
}

/// The status and the headers of an error. The body comes later, from the layer that knows how this part of the
/// service speaks: [`render`], or that of the original's routes.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = ErrorCode::of(&self).status.into_response();
        let headers = response.headers_mut();
        match &self {
            Error::Unavailable(_) | Error::TooManyConnections => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            Error::Throttled { retry_after } => {
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Error::Token(TokenRejection::Missing) | Error::InvalidCredentials => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Error::Token(_) => {
                // RFC 6750 §3.1
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static(r#"Bearer error="invalid_token""#),
                );
            }
            _ => {}
        }
        response.extensions_mut().insert(Unrendered(self));
        response
    }
}

/// In an answer: an error whose body is still missing.
#[derive(Clone)]
struct Unrendered(Error);

/// Gives an answer that carries an error the body that `body` makes of it; other answers pass.
pub fn render_with(mut response: Response, body: impl FnOnce(&Error) -> Response) -> Response {
    let Some(Unrendered(error)) = response.extensions_mut().remove() else { return response };
    let mut rendered = body(&error);
    for (name, value) in response.headers() {
        if name != header::CONTENT_LENGTH {
            rendered.headers_mut().insert(name.clone(), value.clone());
        }
    }
    rendered.extensions_mut().insert(ReportedError(error));
    rendered
}

/// An answer to the request of this id; an error leaves as `application/problem+json`.
#[must_use]
pub fn render(response: Response, request_id: &RequestId) -> Response {
    render_with(response, |error| {
        let problem = Problem::of(error, Some(&request_id.0));
        (ErrorCode::of(error).status, [(header::CONTENT_TYPE, PROBLEM_JSON)], Json(problem)).into_response()
    })
}
