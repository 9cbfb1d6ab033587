//! The JSON of tokens and sessions.

use serde::Serialize;
use utoipa::ToSchema;

use super::operations::Tokens;
use super::store::Session;
use crate::crypto::random_id::RandomId;
use crate::openapi::schema::{Secret, Time};

/// The tokens of a session, with the field names of OAuth 2.0 (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(crate) struct TokensBody {
    token_type: &'static str,
    access_token: String,
    expires_in: i64,
    refresh_token: String,
    refresh_expires_in: i64,
    #[schema(value_type = Secret)]
    session_id: RandomId,
}

impl From<Tokens> for TokensBody {
    fn from(tokens: Tokens) -> Self {
        Self {
            token_type: "Bearer",
            access_token: tokens.access,
            expires_in: tokens.access_expires_in,
            refresh_token: tokens.refresh,
            refresh_expires_in: tokens.refresh_expires_in,
            session_id: tokens.session_id,
        }
    }
}

/// A session that has not ended.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionBody {
    #[schema(value_type = Secret)]
    id: RandomId,
    device: Option<String>,
    ip: Option<String>,
    created_at: Time,
    last_used_at: Time,
    current: bool,
}

impl SessionBody {
    pub(crate) fn of(session: Session, current: RandomId) -> Self {
        Self {
            id: session.id,
            device: session.device,
            ip: session.ip,
            created_at: Time(session.created_at),
            last_used_at: Time(session.last_used_at),
            current: session.id == current,
        }
    }
}
