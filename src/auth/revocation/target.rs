//! What an entry of the blacklist revokes: a token, a session, the tokens of a session for a time, or all tokens of a user.
//! The text form is the `_id` of the entry in the database.

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
    /// The tokens of a user's sessions that are of an earlier epoch than the entry.
    User(ObjectId),
    /// A personal access token.
    AccessToken(ObjectId),
    /// The personal access tokens of a user that are of an earlier epoch than the entry.
    AccessTokensOf(ObjectId),
}

/// What can revoke a credential.
#[derive(Debug, Clone, Copy)]
pub struct Revocable {
    pub targets: [Option<RevocationTarget>; 4],
    pub epoch: i64,
}

impl Revocable {
    pub fn targets(self) -> impl Iterator<Item = RevocationTarget> {
        self.targets.into_iter().flatten()
    }

    /// Without the block, which is the only revocation that can be taken back.
    #[must_use]
    pub fn without_block(self) -> Self {
        let lasting = |target: &RevocationTarget| !matches!(target, RevocationTarget::Block(_));
        Self { targets: self.targets.map(|target| target.filter(lasting)), ..self }
    }
}

impl From<&Claims> for Revocable {
    fn from(claims: &Claims) -> Self {
        let Claims { jti, sid, sub, .. } = *claims;
        let targets = [
            RevocationTarget::Token(jti),
            RevocationTarget::Session(sid),
            RevocationTarget::Block(sid),
            RevocationTarget::User(sub),
        ];
        Self { targets: targets.map(Some), epoch: claims.epoch }
    }
}

impl RevocationTarget {
    /// Whether an entry of this target and epoch revokes a token.
    pub(super) fn revokes(self, epoch: i64, token: Revocable) -> bool {
        match self {
            Self::Block(_) => epoch % 2 == 1,
            _ => token.epoch < epoch,
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
            Self::AccessToken(id) => write!(f, "pat:{id}"),
            Self::AccessTokensOf(id) => write!(f, "pats:{id}"),
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
            Some(("pat", id)) => Ok(Self::AccessToken(id.parse()?)),
            Some(("pats", id)) => Ok(Self::AccessTokensOf(id.parse()?)),
            _ => Err("not jti:, sid:, block:, user:, pat: or pats:".into()),
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
            RevocationTarget::AccessToken(ObjectId::new()),
            RevocationTarget::AccessTokensOf(ObjectId::new()),
        ] {
            assert_eq!(target.to_string().parse::<RevocationTarget>().unwrap(), target);
        }
    }
}
