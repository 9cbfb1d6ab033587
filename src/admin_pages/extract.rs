//! Who asks for a page.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;

use super::notice::{NOTICE_COOKIE, Notice};
use super::render::NewCookies;
use super::views::{Page, Section};
use crate::admin::model::Administrator;
use crate::admin::operations::Administration;
use crate::auth::extract::log_caller;
use crate::auth::operations::Auth;
use crate::auth::token::{Claims, TokenKind};
use crate::error::{Error, TokenRejection};
use crate::http::security_headers::Transport;
use crate::users::operations::{Accounts, ClientInfo};
use crate::web::cookies::CookieKind;
use crate::web::language::Language;

/// Ends with the browser. The token in it ends earlier if it is not used.
const SESSION_COOKIE: CookieKind = CookieKind::new("todo_admin", "/admin", None);

/// What a page needs to know of its request.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) language: Language,
    pub(crate) transport: Transport,
    pub(crate) cookies: NewCookies,
    notice: Option<Notice>,
}

impl Visit {
    fn of(parts: &Parts) -> Self {
        let transport = parts.extensions.get().copied().unwrap_or(Transport::Plain);
        Self {
            language: Language::of(&parts.headers),
            transport,
            cookies: parts.extensions.get().cloned().unwrap_or_default(),
            notice: NOTICE_COOKIE.read(&parts.headers, transport).and_then(Notice::read),
        }
    }

    pub(crate) fn set_session(&self, token: &str) {
        self.cookies.add(SESSION_COOKIE.set(token, self.transport));
    }

    pub(crate) fn clear_session(&self) {
        self.cookies.add(SESSION_COOKIE.clear(self.transport));
    }

    pub(crate) fn announce(&self, notice: Notice) {
        self.cookies.add(NOTICE_COOKIE.set(notice.code(), self.transport));
    }

    /// Shows the notice of the previous request once.
    pub(crate) fn page(&self, title: &str, section: Section) -> Page {
        if self.notice.is_some() {
            self.cookies.add(NOTICE_COOKIE.clear(self.transport));
        }
        Page { notice: self.notice, ..Page::anonymous(self.language, title, section) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// An admin with a session of the pages, checked in the database. Renews the token of the session.
pub(crate) struct PageAdmin {
    pub(crate) claims: Claims,
    pub(crate) administrator: Administrator,
    pub(crate) visit: Visit,
    pub(crate) client: ClientInfo,
}

impl PageAdmin {
    pub(crate) fn page(&self, title: &str, section: Section) -> Page {
        Page { user: Some(self.administrator.user.username.clone()), ..self.visit.page(title, section) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageAdmin
where
    Arc<Auth>: FromRef<S>,
    Arc<Accounts>: FromRef<S>,
    Arc<Administration>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (visit, auth) = (Visit::of(parts), Arc::<Auth>::from_ref(state));
        let claims = auth.authenticate(verified(parts, &visit, &auth)?, TokenKind::Page).await?;
        let administrator = Arc::<Administration>::from_ref(state).administrator(&claims).await?;
        let claims = log_caller(parts, claims);
        if auth.page_token_needs_renewal(&claims) {
            visit.set_session(&Arc::<Accounts>::from_ref(state).renew_page_token(&claims).await?);
        }
        let Ok(client) = ClientInfo::from_request_parts(parts, state).await;
        let client = administrator.acting_from(client);
        Ok(Self { claims, administrator, visit, client })
    }
}

/// A signed session of the pages that is not known to have ended. For signing out, which can be repeated.
pub(crate) struct PageSession(pub(crate) Claims);

impl<S: Send + Sync> OptionalFromRequestParts<S> for PageSession
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Self::Rejection> {
        let (visit, auth) = (Visit::of(parts), Arc::<Auth>::from_ref(state));
        let claims = verified(parts, &visit, &auth);
        let claims = claims.and_then(|claims| auth.authenticate_logout(claims, &[TokenKind::Page]));
        Ok(claims.ok().map(Self))
    }
}

fn verified(parts: &Parts, visit: &Visit, auth: &Auth) -> Result<Claims, Error> {
    let token = SESSION_COOKIE.read(&parts.headers, visit.transport).filter(|token| !token.is_empty());
    auth.verify(token.ok_or(Error::Token(TokenRejection::Missing))?).map_err(Error::Token)
}
