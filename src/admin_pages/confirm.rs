//! Forms that change something. If the admin gave the password more than 5 minutes ago, a page asks for it and repeats the
//! form.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, Request};
use axum::response::{IntoResponse, Response};

use super::extract::PageAdmin;
use super::form::Form;
use super::render::{html, html_with_status};
use super::texts::Texts;
use super::views::{ConfirmPage, Section};
use super::wording::error_text;
use crate::admin::operations::Administration;
use crate::auth::operations::Auth;
use crate::error::Error;
use crate::users::operations::Accounts;

const PASSWORD_FIELD: &str = "own_password";

pub(crate) struct Confirmed {
    pub(crate) admin: PageAdmin,
    pub(crate) form: Form,
}

impl<S: Send + Sync> FromRequest<S> for Confirmed
where
    Arc<Auth>: FromRef<S>,
    Arc<Accounts>: FromRef<S>,
    Arc<Administration>: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        use axum::extract::FromRequestParts;

        let (mut parts, body) = request.into_parts();
        let admin = PageAdmin::from_request_parts(&mut parts, state).await;
        let admin = admin.map_err(IntoResponse::into_response)?;
        let action = parts.uri.path().to_owned();
        let form = Form::from_request(Request::from_parts(parts, body), state).await;
        let form = form.map_err(IntoResponse::into_response)?;
        if Arc::<Auth>::from_ref(state).password_is_recent(&admin.claims) {
            return Ok(Self { admin, form });
        }
        if !form.has(PASSWORD_FIELD) {
            return Err(ask(&admin, action, form, None));
        }
        let accounts = Arc::<Accounts>::from_ref(state);
        accounts.admit_attempt(&admin.client).map_err(IntoResponse::into_response)?;
        let password = form.secret(PASSWORD_FIELD);
        match accounts.confirm_password(&admin.claims, &password, &admin.client).await {
            Ok(token) => {
                admin.visit.set_session(&token);
                Ok(Self { admin, form })
            }
            Err(error @ Error::InvalidCredentials) => Err(ask(&admin, action, form, Some(&error))),
            Err(error) => Err(error.into_response()),
        }
    }
}

fn ask(admin: &PageAdmin, action: String, form: Form, error: Option<&Error>) -> Response {
    let language = admin.visit.language;
    let page = admin.page(Texts::of(language).confirm_title, Section::None);
    let error_text = error.map(|error| error_text(language, error));
    let page = ConfirmPage { page, action, fields: form.without(PASSWORD_FIELD), error: error_text };
    match error {
        Some(error) => html_with_status(&page, error),
        None => html(&page),
    }
}
