//! Signing in and out.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};

use crate::admin_pages::extract::{PageSession, Visit};
use crate::admin_pages::filters::Filters;
use crate::admin_pages::form::Form;
use crate::admin_pages::notice::Notice;
use crate::admin_pages::render::{SIGN_IN, html, html_with_status};
use crate::admin_pages::texts::Texts;
use crate::admin_pages::views::{Section, SignInPage};
use crate::admin_pages::wording::{error_text, violation_texts};
use crate::error::Error;
use crate::users::client_info::Attempt;
use crate::users::operations::{Accounts, ClientInfo};

/// `GET /admin/sign-in`
pub(crate) async fn form(visit: Visit, RawQuery(query): RawQuery) -> Response {
    html(&page(&visit, "", Filters::read(query.as_deref()).get("next")))
}

/// `POST /admin/sign-in`
pub(crate) async fn sign_in(
    State(accounts): State<Arc<Accounts>>,
    visit: Visit,
    earlier: Option<PageSession>,
    Attempt(client): Attempt,
    form: Form,
) -> Result<Response, Error> {
    let new_password = form.has("new_password").then(|| form.secret("new_password"));
    let (name, password) = (form.get("username"), form.secret("password"));
    match accounts.sign_in_to_pages(name, &password, new_password.as_ref(), &client).await {
        Ok(token) => {
            // Otherwise a session that nobody uses any more would stay open.
            if let Some(PageSession(claims)) = earlier {
                accounts.log_out(&claims, &client).await?;
            }
            visit.set_session(&token);
            Ok(Redirect::to(own_page(form.get("next"))).into_response())
        }
        Err(error) => refused(&visit, &form, error),
    }
}

/// `POST /admin/sign-out`
pub(crate) async fn sign_out(
    State(accounts): State<Arc<Accounts>>,
    visit: Visit,
    session: Option<PageSession>,
    client: ClientInfo,
) -> Result<Redirect, Error> {
    if let Some(PageSession(claims)) = session {
        accounts.log_out(&claims, &client).await?;
    }
    visit.clear_session();
    visit.announce(Notice::SignedOut);
    Ok(Redirect::to(SIGN_IN))
}

fn refused(visit: &Visit, form: &Form, error: Error) -> Result<Response, Error> {
    let is_for_the_form = matches!(
        error,
        Error::InvalidCredentials
            | Error::Forbidden
            | Error::PasswordChangeRequired
            | Error::Invalid(_)
            | Error::Throttled { .. }
    );
    if !is_for_the_form {
        return Err(error);
    }
    let text = match error {
        Error::Forbidden => Texts::of(visit.language).not_an_admin,
        _ => error_text(visit.language, &error),
    };
    let page = SignInPage {
        wants_new_password: form.has("new_password") || matches!(error, Error::PasswordChangeRequired),
        error: Some(text),
        details: violation_texts(&error, visit.language),
        ..page(visit, form.get("username"), form.get("next"))
    };
    Ok(html_with_status(&page, &error))
}

fn page(visit: &Visit, username: &str, next: &str) -> SignInPage {
    SignInPage {
        page: visit.page(Texts::of(visit.language).sign_in, Section::None),
        username: username.to_owned(),
        next: own_page(next).to_owned(),
        wants_new_password: false,
        error: None,
        details: Vec::new(),
    }
}

/// Only an address of the admin pages, because anyone can write the link to the sign-in page.
fn own_page(next: &str) -> &str {
    let is_below = next.starts_with("/admin/") || next.starts_with("/admin?");
    if is_below && next.bytes().all(|byte| byte.is_ascii_graphic()) { next } else { "/admin" }
}

#[cfg(test)]
mod tests {
    use super::own_page;

    #[test]
    fn the_sign_in_page_leads_only_to_admin_pages() {
        for page in ["/admin/users", "/admin/users?q=a%20b", "/admin?x"] {
            assert_eq!(own_page(page), page);
        }
        for page in [
            "",
            "/",
            "//evil.example",
            "/admin.evil",
            "https://evil.example/admin/",
            "/admin/\r\nx",
            "/admin/ä",
        ] {
            assert_eq!(own_page(page), "/admin", "{page:?}");
        }
    }
}
