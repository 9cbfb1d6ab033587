//! What an entry of the blacklist revokes: one token, one session, or the tokens of one user. The text form is the
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
    /// The tokens of a user that are of an earlier epoch than the entry.
    User(ObjectId),
}

impl RevocationTarget {
    pub fn all_of(claims: &Claims) -> [Self; 3] {
        [Self::Token(claims.jti), Self::Session(claims.sid), Self::User(claims.sub)]
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
    fn a_target_is_the_same_after_a_round_trip_through_text() {
        for target in [
            RevocationTarget::Token(RandomId::new()),
            RevocationTarget::Session(RandomId::new()),
            RevocationTarget::User(ObjectId::new()),
        ] {
            assert_eq!(target.to_string().parse::<RevocationTarget>().unwrap(), target);
        }
    }
}
