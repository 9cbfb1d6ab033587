//! What a request proves its caller with: the access token of a session, or a personal access token.

use std::sync::Arc;

use bson::DateTime;
use bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

use super::revocation::target::{Revocable, RevocationTarget};
use super::token::{Claims, LEEWAY_SECONDS};

/// What a personal access token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenScope {
    #[serde(rename = "todos:read")]
    TodosRead,
    /// Includes [`TokenScope::TodosRead`].
    #[serde(rename = "todos:write")]
    TodosWrite,
    #[serde(rename = "caldav")]
    CalDav,
}

impl TokenScope {
    pub const ALL: [Self; 3] = [Self::TodosRead, Self::TodosWrite, Self::CalDav];

    pub fn name(self) -> &'static str {
        match self {
            Self::TodosRead => "todos:read",
            Self::TodosWrite => "todos:write",
            Self::CalDav => "caldav",
        }
    }

    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// Of a route for todos, lists or tags.
    pub fn of_method(method: &str) -> Self {
        if method == "get" { Self::TodosRead } else { Self::TodosWrite }
    }

    fn includes(self, needed: Self) -> bool {
        self == needed || (self == Self::TodosWrite && needed == Self::TodosRead)
    }
}

/// What a verified personal access token allows.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    pub id: ObjectId,
    pub user_id: ObjectId,
    /// For the access log.
    pub username: Box<str>,
    pub scopes: Vec<TokenScope>,
    /// The user's `token_epoch` when the token was created.
    pub epoch: i64,
    pub expires_at: Option<DateTime>,
}

impl Grant {
    pub fn allows(&self, needed: TokenScope) -> bool {
        self.scopes.iter().any(|scope| scope.includes(needed))
    }
}

#[derive(Debug, Clone)]
pub enum Credential {
    Session(Box<Claims>),
    AccessToken(Arc<Grant>),
}

impl Credential {
    pub fn user_id(&self) -> ObjectId {
        match self {
            Self::Session(claims) => claims.sub,
            Self::AccessToken(grant) => grant.user_id,
        }
    }

    /// A session allows everything that a scope can allow.
    pub fn allows(&self, needed: TokenScope) -> bool {
        match self {
            Self::Session(_) => true,
            Self::AccessToken(grant) => grant.allows(needed),
        }
    }

    /// From this time on it is refused.
    pub fn expires_at(&self) -> Option<DateTime> {
        match self {
            // Verification accepts a token until the end of the leeway.
            Self::Session(claims) => {
                Some(DateTime::from_millis((claims.exp + LEEWAY_SECONDS).saturating_mul(1_000)))
            }
            Self::AccessToken(grant) => grant.expires_at,
        }
    }
}

impl From<&Grant> for Revocable {
    fn from(grant: &Grant) -> Self {
        let (token, all) =
            (RevocationTarget::AccessToken(grant.id), RevocationTarget::AccessTokensOf(grant.user_id));
        Self { targets: [Some(token), Some(all), None, None], epoch: grant.epoch }
    }
}

impl From<&Credential> for Revocable {
    fn from(credential: &Credential) -> Self {
        match credential {
            Credential::Session(claims) => (&**claims).into(),
            Credential::AccessToken(grant) => (&**grant).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_the_same_name_everywhere() {
        for scope in TokenScope::ALL {
            assert_eq!(serde_json::to_string(&scope).unwrap(), format!("\"{}\"", scope.name()));
            assert_eq!(TokenScope::find(scope.name()), Some(scope));
        }
        for unknown in ["", "todos", "todos:*", "Todos:read", "todos:read ", "admin"] {
            assert_eq!(TokenScope::find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn only_writing_includes_another_scope() {
        let allowed = |has: TokenScope| TokenScope::ALL.map(|needed| has.includes(needed));
        assert_eq!(allowed(TokenScope::TodosRead), [true, false, false]);
        assert_eq!(allowed(TokenScope::TodosWrite), [true, true, false]);
        assert_eq!(allowed(TokenScope::CalDav), [false, false, true]);
    }
}
