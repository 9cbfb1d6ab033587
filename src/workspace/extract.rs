//! A handler that takes one of these types serves authenticated callers only, and reaches only their todos and lists.
//!
//! **Invariant:** [`Workspace`] itself is no extractor, so that each route says whether it reads or writes.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use super::{Workspace, Workspaces};
use crate::auth::extract::{TodoReader, TodoWriter};
use crate::auth::operations::Auth;
use crate::error::Error;

/// For a route that only reads.
pub struct ToRead(pub Workspace);

/// For a route that changes something.
pub struct ToWrite(pub Workspace);

impl<S: Send + Sync> FromRequestParts<S> for ToRead
where
    Arc<Auth>: FromRef<S>,
    Arc<Workspaces>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let TodoReader(caller) = TodoReader::from_request_parts(parts, state).await?;
        Ok(Self(Arc::<Workspaces>::from_ref(state).of(caller.user_id())))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ToWrite
where
    Arc<Auth>: FromRef<S>,
    Arc<Workspaces>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let TodoWriter(caller) = TodoWriter::from_request_parts(parts, state).await?;
        Ok(Self(Arc::<Workspaces>::from_ref(state).of(caller.user_id())))
    }
}
