//! Errors as problem details (RFC 9457).
//!
//! **Invariant:** never shows a client the cause of an internal failure.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::access_log::{ReportedError, RequestId};
use super::body::{BODY_LIMIT, BODY_TIMEOUT};
use super::error_code::ErrorCode;
use super::exchange::{HEAD_MAX, HEADERS_MAX};
use super::json::Json;
use crate::error::{Error, TokenRejection, VIOLATIONS_MAX, Violation, cut};

/// In seconds, unless the error itself says when to retry.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");
// A client can choose the names of unknown fields, which JSON may escape with six bytes for each.
const ERRORS_MAX_BYTES: usize = 48 * 1024;
const COMMAND_ERRORS_MAX_BYTES: usize = 4 * 1024;
const DETAIL_MAX_CHARS: usize = 1_000;
// RFC 5789 §3.1
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Advice for the client (RFC 9457 §3.1.4).
pub fn detail(error: &Error) -> String {
    let text = match error {
        Error::NotFound(resource) => resource.not_found(),
        Error::MalformedJson(reason) => return format!("The body could not be read as JSON: {reason}."),
        Error::MalformedRequest(reason) => return format!("The request could not be read: {reason}."),
        Error::HeadTooLarge => {
            return format!("Send at most {HEADERS_MAX} headers with together {HEAD_MAX} bytes.");
        }
        Error::Invalid(violations) => return join_details(violations),
        Error::Throttled { retry_after } => {
            return format!("Try again in {} s.", whole_seconds(*retry_after));
        }
        Error::LimitReached(limit) => {
            return format!(
                "At most {limit} are allowed, not counting the trash. Delete some and try again."
            );
        }
        // Only a file to import may be larger than other bodies.
        Error::BodyTooLarge { limit } if *limit > BODY_LIMIT => {
            return format!(
                "Send at most {limit} bytes. A larger file can be sent in a zip archive, or imported by an operator with `todo-api import`."
            );
        }
        Error::BodyTooLarge { limit } => return format!("Send at most {limit} bytes."),
        Error::TrashFull(limit) => {
            return format!(
                "At most {limit} fit in the trash. Delete some of them permanently, or delete this one permanently with `?permanent=true` (`{{\"permanent\":true}}` in a sync command)."
            );
        }
        Error::RequestTimeout => return format!("Send the whole body within {} s.", BODY_TIMEOUT.as_secs()),
        Error::MethodNotAllowed => "Use one of the methods in the header `Allow`.",
        Error::UnsupportedMediaType { accept_patch: Some(types) } => {
            return format!("Set the header `Content-Type` to {}.", types.replace(", ", " or "));
        }
        Error::UnsupportedMediaType { .. } => "Set the header `Content-Type` to `application/json`.",
        Error::UnsupportedEncoding => "Send the body without the header `Content-Encoding`.",
        Error::Token(TokenRejection::Missing) => "Send the header `Authorization: Bearer TOKEN`.",
        Error::Token(TokenRejection::NotFresh) => "Log in again, and use the access token of that login.",
        Error::Token(_) => "Refresh the access token, or log in, and try again.",
        Error::InvalidCredentials => "Check the username and the password.",
        Error::Forbidden => "This request needs the permission of another user or role.",
        Error::SessionRequired => {
            "Log in, and use the access token of the session. Personal access tokens are for todos, lists, tags, sync and events."
        }
        Error::InsufficientScope(scope) => {
            return format!("Use an access token with the scope `{scope}`, or the token of a session.");
        }
        Error::RegistrationClosed => "Ask the operator of this service for an account.",
        Error::PasswordChangeRequired => {
            "An admin has set this password for one use. Log in with it and a `new_password`."
        }
        Error::LastAdmin => "Give another user the role `admin` first.",
        Error::VersionMismatch { .. } => {
            "Apply your change to the object as it is now, and try again with its version."
        }
        Error::UsernameTaken => "Choose another username.",
        Error::IdTaken => "Choose another id.",
        Error::InTrash => "Restore the object first, or delete it permanently.",
        Error::NothingToUndo => {
            "Only completions and skips since the last change of the due date or the recurrence can be undone."
        }
        Error::IdempotencyKeyReused => "Use a new key for each new request.",
        Error::SyncTokenExpired => {
            "Start a full sync with `token: null`, because older deletions are no longer recorded."
        }
        Error::TooManyConnections => "Close one of your event streams, or wait until one ends.",
        Error::Internal(_) => "The operator can find this request in the log by its `request_id`.",
        Error::Unavailable(_) => "Try again after the seconds in the header `Retry-After`.",
    };
    text.to_owned()
}

fn join_details(violations: &[Violation]) -> String {
    let mut joined = String::new();
    for violation in violations {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(&violation.detail);
        if joined.len() > DETAIL_MAX_CHARS {
            cut(&mut joined, DETAIL_MAX_CHARS);
            joined.push('…');
            break;
        }
    }
    joined
}

/// The first violations, whose JSON has at most `max_bytes`, and at least one.
fn within(max_bytes: usize, violations: &[Violation]) -> Vec<ProblemViolation<'_>> {
    let mut bytes = 0;
    let fits = |violation: &ProblemViolation<'_>| {
        let is_first = bytes == 0;
        bytes += serde_json::to_vec(violation).map_or(0, |json| json.len());
        is_first || bytes <= max_bytes
    };
    violations.iter().take(VIOLATIONS_MAX).map(ProblemViolation::from).take_while(fits).collect()
}

fn whole_seconds(duration: Duration) -> u64 {
    // Rounded up, so that a client that waits this long is not refused again.
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Problem details (RFC 9457 §3), with extension members (§3.2).
#[derive(Serialize, ToSchema)]
pub struct Problem<'a> {
    /// Where the code is explained: `/problems/CODE`.
    r#type: String,
    /// What is wrong, for people. The same for every problem with this code.
    title: &'a str,
    /// The status of the response.
    pub status: u16,
    /// What to do about it, for people.
    detail: String,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    /// The violated rules of the input. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ProblemViolation<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub current: Option<&'a serde_json::Value>,
}

/// One violated rule of the input: where, which, and as a sentence.
#[derive(Serialize, ToSchema)]
#[schema(as = InvalidField)]
pub struct ProblemViolation<'a> {
    /// The field of the body (a JSON Pointer, RFC 6901), or the name of the parameter after a slash. Empty for the whole.
    pointer: &'a str,
    /// The violated rule, for programs.
    code: &'a str,
    /// The violated rule, for people.
    detail: &'a str,
}

impl<'a> Problem<'a> {
    pub fn new(error: &'a Error, request_id: Option<&'a str>) -> Self {
        Self::with(error, request_id, ERRORS_MAX_BYTES)
    }

    /// For the result of a sync command. It lists fewer violations, because a response has up to 100 results.
    pub fn of_command(error: &'a Error) -> Self {
        Self::with(error, None, COMMAND_ERRORS_MAX_BYTES)
    }

    fn with(error: &'a Error, request_id: Option<&'a str>, errors_max_bytes: usize) -> Self {
        let ErrorCode { code, status, title, .. } = ErrorCode::of(error);
        let errors = match error {
            Error::Invalid(violations) => within(errors_max_bytes, violations),
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

    /// Removes half of the errors, or the text if there are none. Returns false if nothing is left to remove.
    pub fn shorten(&mut self) -> bool {
        if self.errors.is_empty() {
            return !std::mem::take(&mut self.detail).is_empty();
        }
        self.errors.truncate(self.errors.len() / 2);
        self.detail = self.errors.iter().map(|error| error.detail).collect::<Vec<_>>().join(" ");
        true
    }
}

impl<'a> From<&'a Violation> for ProblemViolation<'a> {
    fn from(violation: &'a Violation) -> Self {
        Self { pointer: &violation.pointer, code: violation.code, detail: &violation.detail }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = ErrorCode::of(&self).status.into_response();
        let headers = response.headers_mut();
        match &self {
            Error::UnsupportedMediaType { accept_patch: Some(types) } => {
                headers.insert(ACCEPT_PATCH, HeaderValue::from_static(types));
            }
            Error::UnsupportedEncoding => {
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            Error::Unavailable(_) | Error::TooManyConnections => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            Error::Throttled { retry_after } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(*retry_after)));
            }
            Error::Token(TokenRejection::Missing) | Error::InvalidCredentials => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Error::Token(_) => {
                // RFC 6750 §3.1 names the error only if the request had a token.
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static(r#"Bearer error="invalid_token""#),
                );
            }
            _ => {}
        }
        // The body is still missing: only a later layer knows the format of the API surface.
        response.extensions_mut().insert(Unrendered(self));
        response
    }
}

/// In the extensions of a response: an error without a rendered body.
#[derive(Clone)]
struct Unrendered(Error);

/// Replaces the body of a response that carries an error, and keeps its headers. Other responses pass unchanged.
pub fn render_with(mut response: Response, body: impl FnOnce(&Error) -> Response) -> Response {
    let Some(Unrendered(error)) = response.extensions_mut().remove() else { return response };
    let mut rendered = body(&error);
    for (name, value) in response.headers() {
        // The length belongs to the replaced body.
        if name != header::CONTENT_LENGTH {
            rendered.headers_mut().insert(name.clone(), value.clone());
        }
    }
    rendered.extensions_mut().extend(std::mem::take(response.extensions_mut()));
    rendered.extensions_mut().insert(ReportedError(error));
    rendered
}

pub fn render(response: Response, request_id: &RequestId) -> Response {
    render_with(response, |error| {
        let problem = Problem::new(error, Some(&request_id.0));
        (ErrorCode::of(error).status, [(header::CONTENT_TYPE, PROBLEM_JSON)], Json(problem)).into_response()
    })
}
