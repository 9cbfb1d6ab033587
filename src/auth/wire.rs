//! The wire form of tokens and sessions. Must hold no rule.

use serde::Serialize;

use super::operations::Tokens;
use super::store::Session;
use crate::clock::rfc3339;
use crate::id::RandomId;

/// Tokens on the wire, as OAuth 2.0 words them (RFC 6749 §5.1).
#[derive(Serialize)]
pub(crate) struct TokensBody {
    token_type: &'static str,
    access_token: String,
    expires_in: i64,
    refresh_token: String,
    refresh_expires_in: i64,
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

/// A session on the wire.
#[derive(Serialize)]
pub(crate) struct SessionBody {
    id: RandomId,
    device: Option<String>,
    ip: Option<String>,
    created_at: String,
    last_used_at: String,
    current: bool,
}

impl SessionBody {
    /// A session as its user sees it, who calls by the session `current`.
    pub(crate) fn of(session: Session, current: RandomId) -> Self {
        Self {
            id: session.id,
            device: session.device,
            ip: session.ip,
            created_at: rfc3339(session.created_at),
            last_used_at: rfc3339(session.last_used_at),
            current: session.id == current,
        }
    }
}
