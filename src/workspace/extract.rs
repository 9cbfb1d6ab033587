//! A handler that takes a [`Workspace`] serves authenticated callers only, and reaches only their todos and lists.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use super::{Workspace, Workspaces};
use crate::auth::extract::CurrentUser;
use crate::auth::operations::Auth;
use crate::error::Error;

impl<S: Send + Sync> FromRequestParts<S> for Workspace
where
    Arc<Auth>: FromRef<S>,
    Arc<Workspaces>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let CurrentUser(caller) = CurrentUser::from_request_parts(parts, state).await?;
        Ok(Arc::<Workspaces>::from_ref(state).of(caller.sub))
    }
}
