//! What an entry of the blacklist revokes: one token, one session, the tokens of one session for a time, or the tokens of one user. The text form is the
//! `_id` of the entry in the database.

use std::fmt;
use std::str::FromStr;

use bson::oid::ObjectId;

use crate::auth::token::Claims;
use crate::crypto::random_id::RandomId;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevocationTarget {
    Token(RandomId),
    Session(RandomId),
    /// The tokens of a session while it is blocked. The epoch of the entry counts blocks and unblocks, so it is odd while
    /// the session is blocked, and a later change always has a higher epoch.
    Block(RandomId),
    /// The tokens of a user that are of an earlier epoch than the entry.
    User(ObjectId),
}

impl RevocationTarget {
    pub fn all_of(claims: &Claims) -> [Self; 4] {
        let Claims { jti, sid, sub, .. } = *claims;
        [Self::Token(jti), Self::Session(sid), Self::Block(sid), Self::User(sub)]
    }

    /// Whether an entry of this target and epoch revokes a token.
    pub(super) fn revokes(self, epoch: i64, claims: &Claims) -> bool {
        match self {
            Self::Block(_) => epoch % 2 == 1,
            Self::Token(_) | Self::Session(_) | Self::User(_) => claims.epoch < epoch,
        }
    }
}

impl fmt::Display for RevocationTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(jti) => write!(f, "jti:{jti}"),
            Self::Session(sid) => write!(f, "sid:{sid}"),
            Self::Block(sid) => write!(f, "block:{sid}"),
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
            Some(("block", id)) => Ok(Self::Block(id.parse()?)),
            Some(("user", id)) => Ok(Self::User(id.parse()?)),
            _ => Err("not jti:, sid:, block: or user:".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_the_same_after_a_round_trip_through_text() {
        for target in [
            RevocationTarget::Token(RandomId::new()),
            RevocationTarget::Session(RandomId::new()),
            RevocationTarget::Block(RandomId::new()),
            RevocationTarget::User(ObjectId::new()),
        ] {
            assert_eq!(target.to_string().parse::<RevocationTarget>().unwrap(), target);
        }
    }
}
