//! Which token an operation needs: its security, its errors, and the sentence in its description.

use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, TokenRejection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    Access,
    /// From a login.
    Fresh,
    Refresh,
    SentRefresh,
    Either,
    /// An access token of a session, or a personal access token with this scope.
    Scope(&'static str),
}

impl Needs {
    // One scheme for all kinds of tokens.
    pub(super) fn security(self) -> Value {
        match self {
            Self::Nothing => json!([]),
            Self::SentRefresh => json!([{ "bearer": [] }, {}]),
            _ => json!([{ "bearer": [] }]),
        }
    }

    /// The kind of token, for programs.
    pub(super) fn token(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Access | Self::Scope(_) | Self::Either => Some("access"),
            Self::Fresh => Some("fresh"),
            Self::Refresh | Self::SentRefresh => Some("refresh"),
        }
    }

    pub(super) fn sentence(self) -> Option<String> {
        let sentence = match self {
            Self::Nothing => return None,
            Self::Access => "Needs the access token of a session.",
            Self::Fresh => "Needs a fresh access token: one from a login, not from a refresh.",
            Self::Refresh => "Needs a refresh token.",
            Self::SentRefresh => "Needs a refresh token, in the header or in the body.",
            Self::Either => "Needs the access token or the refresh token of the session.",
            Self::Scope(scope) => {
                return Some(format!(
                    "Needs the access token of a session, or a personal access token with the scope `{scope}`."
                ));
            }
        };
        Some(sentence.to_owned())
    }

    /// The errors of every operation that needs this and uses the database.
    pub(super) fn errors(self) -> Vec<Error> {
        // The database is unreachable, too many clients wait, or the client has too many requests.
        let mut errors =
            vec![Error::unavailable(""), Error::Throttled { retry_after: Duration::from_secs(1) }];
        if self == Self::Nothing {
            return errors;
        }
        let rejections = [
            TokenRejection::Missing,
            TokenRejection::Invalid,
            TokenRejection::Expired,
            TokenRejection::Revoked,
        ];
        errors.extend(rejections.map(Error::Token));
        errors.push(match self {
            Self::Scope(scope) => Error::InsufficientScope(scope),
            _ => Error::SessionRequired,
        });
        if self == Self::Fresh {
            errors.push(Error::Token(TokenRejection::NotFresh));
        }
        errors
    }
}
