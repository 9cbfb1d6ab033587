//! The layer around the admin pages, and how a response becomes a page.

use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::notice::{NOTICE_COOKIE, Notice};
use super::texts::Texts;
use super::views::{ErrorPage, Page, Section};
use super::wording::{error_text, violation_texts};
use crate::config::public_url::PublicUrl;
use crate::error::{Error, TokenRejection};
use crate::http::error_code::ErrorCode;
use crate::http::problem;
use crate::http::security_headers::Transport;
use crate::web::language::Language;
use crate::web::same_origin::require_same_origin;

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

pub(crate) const SIGN_IN: &str = "/admin/sign-in";

/// In the extensions of a request: the cookies that its response sets.
#[derive(Clone, Default)]
pub(crate) struct NewCookies(Arc<Mutex<Vec<HeaderValue>>>);

impl NewCookies {
    pub(crate) fn add(&self, cookie: Option<HeaderValue>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(cookie);
    }

    fn add_to(&self, headers: &mut HeaderMap) {
        for cookie in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

pub(crate) async fn render(
    State(public_url): State<Arc<PublicUrl>>,
    request: Request,
    next: Next,
) -> Response {
    below(public_url.path(), page(request, next).await).await
}

/// The page with links that begin with the path of a proxy. Texts of users cannot contain the quotation mark of an attribute.
async fn below(path: &str, response: Response) -> Response {
    if path.is_empty() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return Error::internal(error).into_response(),
    };
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    for attribute in ["href", "action", "src"] {
        text = text.replace(&format!("{attribute}=\"/"), &format!("{attribute}=\"{path}/"));
    }
    Response::from_parts(parts, text.into())
}

async fn page(mut request: Request, next: Next) -> Response {
    let transport = request.extensions().get().copied().unwrap_or(Transport::Plain);
    let (language, cookies) = (Language::of(request.headers()), NewCookies::default());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    request.extensions_mut().insert(cookies.clone());
    let response = match require_same_origin(&method, request.headers(), transport) {
        Ok(()) => next.run(request).await,
        Err(_) => return error_page(language, &Error::Forbidden, Texts::of(language).error_origin),
    };
    let mut response = problem::render_with(response, |error| match error {
        Error::Token(rejection) => {
            if *rejection != TokenRejection::Missing {
                cookies.add(NOTICE_COOKIE.set(Notice::OwnSessionEnded.code(), transport));
            }
            Redirect::to(&sign_in_address(&method, &uri)).into_response()
        }
        _ => error_page(language, error, error_text(language, error)),
    });
    // It would tell a browser to ask for a password in a window of its own.
    response.headers_mut().remove(WWW_AUTHENTICATE);
    cookies.add_to(response.headers_mut());
    response
}

/// The sign-in page that leads back to the page that was asked for.
fn sign_in_address(method: &Method, uri: &Uri) -> String {
    let page = uri.path_and_query().map_or("", |page| page.as_str());
    if *method != Method::GET || page == "/admin" {
        return SIGN_IN.to_owned();
    }
    let encoded: String = form_urlencoded::byte_serialize(page.as_bytes()).collect();
    format!("{SIGN_IN}?next={encoded}")
}

fn error_page(language: Language, error: &Error, text: &'static str) -> Response {
    let page = Page::anonymous(language, Texts::of(language).error_title, Section::None);
    let details = violation_texts(error, language);
    html_with_status(&ErrorPage { page, text, details }, error)
}

/// A page with the status of an error: its form again, with a message.
pub(crate) fn html_with_status(template: &impl Template, error: &Error) -> Response {
    let mut response = html(template);
    *response.status_mut() = ErrorCode::of(error).status;
    response
}

pub(crate) fn html(template: &impl Template) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        // With `no-referrer`, browsers send `Origin: null` with forms to hosts without TLS.
        (REFERRER_POLICY, "same-origin"),
    ];
    match template.render() {
        Ok(text) => (headers, text).into_response(),
        Err(error) => Error::internal(error).into_response(),
    }
}
