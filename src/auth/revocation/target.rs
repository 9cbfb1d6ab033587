//! What can be revoked, and how far: a token, a session, the tokens of a user. Must stay readable in the database: the text is an id.

use std::fmt;
use std::str::FromStr;

use bson::oid::ObjectId;

use crate::auth::token::Claims;
use crate::crypto::random_id::RandomId;

/// What an entry revokes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevocationTarget {
    /// One token, by its `jti`.
    Token(RandomId),
    /// Every token of a session, by their `sid`.
    Session(RandomId),
    /// Every token of a user that is of an earlier epoch than the entry's, but those of a session that it spares.
    User(ObjectId),
}

impl RevocationTarget {
    /// What would revoke a token that says this.
    #[must_use]
    pub fn all_of(claims: &Claims) -> [Self; 3] {
        [Self::Token(claims.jti), Self::Session(claims.sid), Self::User(claims.sub)]
    }
}

/// How far an entry reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationScope {
    /// Tokens of an earlier epoch are revoked; [`RevocationScope::ALL`] for tokens and sessions, which have none.
    pub epoch: i64,
    /// The session that is spared.
    pub except: Option<RandomId>,
}

impl RevocationScope {
    /// Whatever the epoch.
    pub const ALL: Self = Self { epoch: i64::MAX, except: None };

    /// Whether it reaches the token that says this.
    #[must_use]
    pub fn covers(self, claims: &Claims) -> bool {
        claims.epoch < self.epoch && self.except != Some(claims.sid)
    }
}

impl fmt::Display for RevocationTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(jti) => write!(f, "jti:{jti}"),
            Self::Session(sid) => write!(f, "sid:{sid}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

impl FromStr for RevocationTarget {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("jti", id)) => Ok(Self::Token(id.parse()?)),
            Some(("sid", id)) => Ok(Self::Session(id.parse()?)),
            Some(("user", id)) => Ok(Self::User(id.parse()?)),
            _ => Err("not jti:, sid: or user:".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_survives_its_text() {
        for target in [
            RevocationTarget::Token(RandomId::new()),
            RevocationTarget::Session(RandomId::new()),
            RevocationTarget::User(ObjectId::new()),
        ] {
            assert_eq!(target.to_string().parse::<RevocationTarget>().unwrap(), target);
        }
    }
}
