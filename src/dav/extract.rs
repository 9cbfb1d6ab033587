//! Who asks, by an access token in Basic or Bearer authentication, or by the password of the account.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use bson::oid::ObjectId;
use secrecy::ExposeSecret;

use super::basic::BasicCredentials;
use crate::access_tokens::text::TokenDigest;
use crate::auth::credential::{Credential, TokenScope};
use crate::auth::extract::{authenticate_scoped, log_name};
use crate::auth::operations::Auth;
use crate::error::{Error, TokenRejection};
use crate::users::basic_passwords::BasicPasswords;
use crate::users::model::username_key;
use crate::users::operations::ClientInfo;

pub(crate) struct Caller {
    pub(crate) user_id: ObjectId,
    pub(crate) username: String,
}

impl Caller {
    pub(crate) async fn of(
        parts: &mut Parts,
        auth: &Arc<Auth>,
        passwords: &BasicPasswords,
    ) -> Result<Self, Error> {
        let basic = parts.extensions.get::<BasicCredentials>().cloned();
        let credential = authenticate_scoped(parts, auth, TokenScope::CalDav).await;
        match (&credential, &basic) {
            (Err(Error::Token(TokenRejection::Invalid)), Some(basic)) if passwords.is_enabled() => {
                Self::by_password(parts, basic, auth, passwords).await
            }
            _ => Self::by_token(&credential?, basic.as_ref()),
        }
    }

    fn by_token(credential: &Credential, basic: Option<&BasicCredentials>) -> Result<Self, Error> {
        let username = match credential {
            Credential::Session(claims) => claims.username.clone(),
            Credential::AccessToken(grant) => grant.username.to_string(),
        };
        if basic.is_some_and(|basic| username_key(&basic.name) != username_key(&username)) {
            return Err(Error::InvalidCredentials);
        }
        Ok(Self { user_id: credential.user_id(), username })
    }

    async fn by_password(
        parts: &mut Parts,
        BasicCredentials { name, password }: &BasicCredentials,
        auth: &Arc<Auth>,
        passwords: &BasicPasswords,
    ) -> Result<Self, Error> {
        // A token that is unknown is no attempt to guess a password.
        if TokenDigest::of(password.expose_secret()).is_some() {
            return Err(Error::Token(TokenRejection::Invalid));
        }
        let Ok(client) = ClientInfo::from_request_parts(parts, auth).await;
        let user = passwords.verify(name, password, &client).await?;
        log_name(parts, &user.username);
        Ok(Self { user_id: user.id, username: user.username.to_string() })
    }
}
