//! The JSON of tokens and sessions.

use serde::Serialize;
use utoipa::ToSchema;

use super::operations::Tokens;
use super::store::Session;
use crate::crypto::random_id::RandomId;
use crate::openapi::schema::{SessionId, Time};

/// The tokens of a session, with the field names of OAuth 2.0 (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(crate) struct TokensBody {
    /// Always `Bearer`.
    token_type: &'static str,
    /// Send it with requests: `Authorization: Bearer TOKEN`.
    access_token: String,
    /// Seconds until the access token expires.
    expires_in: i64,
    /// Exchange it for new tokens at `/v1/refresh`. It works once.
    refresh_token: String,
    /// Seconds until the refresh token expires.
    refresh_expires_in: i64,
    /// The session to which the tokens belong.
    #[schema(value_type = SessionId)]
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
    /// The id of the session.
    #[schema(value_type = SessionId)]
    id: RandomId,
    /// The name that the client gave at the login.
    device: Option<String>,
    /// The address of the last login or refresh.
    ip: Option<String>,
    /// When the session began.
    created_at: Time,
    /// When the session was last used.
    last_used_at: Time,
    /// Whether the request belongs to this session.
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
