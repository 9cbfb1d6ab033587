//! Who asks, by an access token in Basic or Bearer authentication.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use bson::oid::ObjectId;

use super::basic::BasicName;
use crate::auth::credential::{Credential, TokenScope};
use crate::auth::extract::authenticate_scoped;
use crate::auth::operations::Auth;
use crate::error::Error;
use crate::users::model::username_key;

pub(crate) struct Caller {
    pub(crate) user_id: ObjectId,
    pub(crate) username: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Arc<Auth>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let credential = authenticate_scoped(parts, state, TokenScope::CalDav).await?;
        let username = match &credential {
            Credential::Session(claims) => claims.username.clone(),
            Credential::AccessToken(grant) => grant.username.to_string(),
        };
        if let Some(BasicName(name)) = parts.extensions.get()
            && username_key(name) != username_key(&username)
        {
            return Err(Error::InvalidCredentials);
        }
        Ok(Self { user_id: credential.user_id(), username })
    }
}
