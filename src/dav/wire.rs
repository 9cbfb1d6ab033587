//! Responses to CalDAV clients: multistatus documents (RFC 4918 §13) and error bodies (§16).

use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::markup::Markup;
use super::properties::{Resource, View};
use super::refusal::{Condition, Refusal};
use super::requests::Wanted;
use super::xml::{DAV, Name};
use crate::error::Error;
use crate::http::error_code::ErrorCode;
use crate::http::problem;

/// In bytes. A report that would be longer names the rest with 507, and the client asks for it again.
pub(crate) const ANSWER_MAX: usize = 16 * 1024 * 1024;

pub(crate) const XML: HeaderValue = HeaderValue::from_static("application/xml; charset=utf-8");
const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Basic realm="todo-api", charset="UTF-8""#);

/// Of a successful write.
pub(crate) fn written(is_new: bool) -> StatusCode {
    if is_new { StatusCode::CREATED } else { StatusCode::NO_CONTENT }
}

/// Of `/.well-known/caldav`. Clients have learnt this status from other servers.
pub(crate) const MOVED: StatusCode = StatusCode::MOVED_PERMANENTLY;

pub(crate) const DAV_HEADER: HeaderName = HeaderName::from_static("dav");
/// What the service can do (RFC 4918 §10.1, RFC 4791 §5.1, RFC 5689 §3.1). `3` without `2`, because there are no locks.
pub(crate) const CLASSES: HeaderValue =
    HeaderValue::from_static("1, 3, extended-mkcol, access-control, calendar-access");

/// The status of a part of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    Forbidden,
    NotFound,
    Conflict,
    FailedDependency,
    InsufficientStorage,
}

impl Status {
    fn line(self) -> String {
        let status = match self {
            Self::Ok => StatusCode::OK,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::FailedDependency => StatusCode::FAILED_DEPENDENCY,
            Self::InsufficientStorage => StatusCode::INSUFFICIENT_STORAGE,
        };
        format!("HTTP/1.1 {} {}", status.as_u16(), status.canonical_reason().unwrap_or_default())
    }
}

/// A multistatus document while it is written.
pub(crate) struct Multistatus<'a> {
    pub(crate) view: &'a View<'a>,
    wanted: &'a Wanted,
    is_brief: bool,
    out: Markup,
}

impl<'a> Multistatus<'a> {
    /// Without properties that do not exist if `is_brief` (RFC 7240 §4.2, RFC 8144 §2.1).
    pub(crate) fn new(view: &'a View<'a>, wanted: &'a Wanted, is_brief: bool) -> Self {
        let mut out = Markup::document();
        out.open_root(DAV, "multistatus");
        Self { view, wanted, is_brief, out }
    }

    /// Whether the client asks for this property by its name, or for all names.
    pub(crate) fn wants(&self, space: &str, local: &str) -> bool {
        self.wanted.includes(space, local)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.out.0.len() >= ANSWER_MAX
    }

    pub(crate) fn resource(&mut self, href: &str, resource: &Resource<'_>) {
        let (view, wanted, is_brief) = (self.view, self.wanted, self.is_brief);
        let (mut found, mut missing) = (Markup::default(), Vec::new());
        match wanted {
            Wanted::Names => {
                for name in resource.names() {
                    found.empty(&name.space, &name.local);
                }
            }
            Wanted::All(more) => {
                for name in resource.names().iter().chain(more) {
                    resource.write(view, name, &mut found);
                }
            }
            Wanted::Some(elements) => {
                for element in elements {
                    if !resource.write(view, &element.name, &mut found) {
                        missing.push(&element.name);
                    }
                }
            }
        }
        let has_missing = !missing.is_empty() && !is_brief;
        self.out.element(DAV, "response", |out| {
            out.href(href);
            if !found.0.is_empty() || !has_missing {
                propstat(out, Status::Ok, |out| out.0.push_str(&found.0));
            }
            if has_missing {
                let names = |out: &mut Markup| {
                    for name in &missing {
                        out.empty(&name.space, &name.local);
                    }
                };
                propstat(out, Status::NotFound, names);
            }
        });
    }

    pub(crate) fn status(&mut self, href: &str, status: Status) {
        self.out.element(DAV, "response", |out| {
            out.href(href);
            out.text_element(DAV, "status", &status.line());
        });
    }

    /// Says that the response does not have all matches (RFC 6578 §3.6, RFC 4791 §7.8).
    pub(crate) fn truncated(&mut self, href: &str) {
        self.out.element(DAV, "response", |out| {
            out.href(href);
            out.text_element(DAV, "status", &Status::InsufficientStorage.line());
            out.element(DAV, "error", |out| out.empty(DAV, "number-of-matches-within-limits"));
        });
    }

    /// The outcomes of changes of properties.
    pub(crate) fn outcomes(&mut self, href: &str, outcomes: &[(Name, Status)]) {
        self.out.element(DAV, "response", |out| {
            out.href(href);
            for status in [
                Status::Ok,
                Status::Forbidden,
                Status::Conflict,
                Status::InsufficientStorage,
                Status::FailedDependency,
            ] {
                let of_status = || outcomes.iter().filter(|(_, outcome)| *outcome == status);
                if of_status().next().is_some() {
                    let names = |out: &mut Markup| {
                        of_status().for_each(|(name, _)| out.empty(&name.space, &name.local));
                    };
                    propstat(out, status, names);
                }
            }
        });
    }

    pub(crate) fn finish(mut self, sync_token: Option<&str>) -> Response {
        if let Some(token) = sync_token {
            self.out.text_element(DAV, "sync-token", token);
        }
        self.out.close(DAV, "multistatus");
        (StatusCode::MULTI_STATUS, [(CONTENT_TYPE, XML)], self.out.0).into_response()
    }
}

fn propstat(out: &mut Markup, status: Status, properties: impl FnOnce(&mut Markup)) {
    out.element(DAV, "propstat", |out| {
        out.element(DAV, "prop", properties);
        out.text_element(DAV, "status", &status.line());
    });
}

impl Condition {
    fn status(&self) -> StatusCode {
        match self {
            Self::MalformedXml(_) => StatusCode::BAD_REQUEST,
            Self::ResourceMustBeNull | Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::InvalidProperties | Self::UidTaken(_) | Self::Parents => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::Object(crate::icalendar::Refusal::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::LimitReached(_) | Self::TooManyProperties | Self::TooManyMatches => {
                StatusCode::INSUFFICIENT_STORAGE
            }
            Self::TlsRequired
            | Self::FiniteDepth
            | Self::ProtectedProperty
            | Self::NotHere
            | Self::ValidSyncToken
            | Self::SupportedReport
            | Self::SupportedFilter(_)
            | Self::SupportedCollation
            | Self::ValidFilter(_)
            | Self::Object(_) => StatusCode::FORBIDDEN,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let condition = match self {
            Self::Error(error) => return error.into_response(),
            Self::Condition(condition) => condition,
        };
        let mut body = Markup::document();
        body.root(DAV, "error", |out| {
            if let Some((space, local)) = condition.element() {
                out.element(space, local, |out| {
                    if let Condition::UidTaken(href) = &condition {
                        out.href(href);
                    }
                });
            }
            out.text_element(DAV, "responsedescription", &condition.detail());
        });
        (condition.status(), [(CONTENT_TYPE, XML)], body.0).into_response()
    }
}

/// The layer that gives errors their bodies.
pub(crate) async fn render(request: Request, next: Next) -> Response {
    let response = problem::render_with(next.run(request).await, error_body);
    let mut response = response;
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    response.headers_mut().insert(DAV_HEADER, CLASSES);
    response
}

fn error_body(error: &Error) -> Response {
    let mut body = Markup::document();
    body.root(DAV, "error", |out| {
        out.text_element(DAV, "responsedescription", &problem::detail(error));
    });
    (ErrorCode::of(error).status, [(CONTENT_TYPE, XML)], body.0).into_response()
}
