//! Extractors for the routes of admins. A handler that lists one of these types runs only for an admin.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use super::model::Administrator;
use super::operations::Administration;
use crate::auth::extract::CurrentUser;
use crate::auth::operations::Auth;
use crate::error::Error;

pub(crate) struct Admin(pub Administrator);

/// For changes: requires a token that a login or a change of password issued.
pub(crate) struct FreshAdmin(pub Administrator);

impl<S: Send + Sync> FromRequestParts<S> for Admin
where
    Arc<Auth>: FromRef<S>,
    Arc<Administration>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let CurrentUser(caller) = CurrentUser::from_request_parts(parts, state).await?;
        Arc::<Administration>::from_ref(state).administrator(&caller).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for FreshAdmin
where
    Arc<Auth>: FromRef<S>,
    Arc<Administration>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let caller = CurrentUser::from_request_parts(parts, state).await?;
        caller.require_fresh()?;
        Arc::<Administration>::from_ref(state).administrator(&caller.0).await.map(Self)
    }
}
