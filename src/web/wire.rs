//! The JSON of the sign-in of the web client.

use serde::Serialize;

use crate::auth::operations::Tokens;
use crate::crypto::random_id::RandomId;
use crate::http::preconditions::WithEtag;
use crate::users::model::User;
use crate::users::wire::UserBody;

/// The tokens without the refresh token, which is in the cookie.
#[derive(Serialize)]
pub(crate) struct SignedIn {
    token_type: &'static str,
    access_token: String,
    expires_in: i64,
    refresh_expires_in: i64,
    session_id: RandomId,
    user: UserBody,
}

impl SignedIn {
    pub(crate) fn of(user: User, tokens: Tokens) -> Self {
        Self {
            token_type: "Bearer",
            access_token: tokens.access,
            expires_in: tokens.access_expires_in,
            refresh_expires_in: tokens.refresh_expires_in,
            session_id: tokens.session_id,
            user: WithEtag::from(user).body,
        }
    }
}
