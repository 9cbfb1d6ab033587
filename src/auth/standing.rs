//! Whether a caller who was let in may be served on, for answers that take long. Must not let anyone in.

use std::time::Duration;

use tokio::sync::watch;

use super::blacklist::Verdict;
use super::operations::Auth;
use super::token::{Claims, LEEWAY_SECONDS};
use crate::error::{Error, TokenFault};

impl Auth {
    /// Refuses claims that were revoked since they were authenticated.
    ///
    /// # Errors
    /// [`Error::Token`]; [`Error::Unavailable`] when that cannot be known.
    pub async fn check_revocation(&self, claims: &Claims) -> Result<(), Error> {
        match self.blacklist.check(claims).await? {
            Verdict::Clear => Ok(()),
            Verdict::Pending | Verdict::Revoked => Err(Error::Token(TokenFault::Revoked)),
        }
    }

    /// As [`Auth::check_revocation`], as far as this instance knows already.
    #[must_use]
    pub fn is_known_to_be_over(&self, claims: &Claims) -> bool {
        self.blacklist.known(claims) != Verdict::Clear
    }

    /// Changes whenever this instance learns of a revocation.
    #[must_use]
    pub fn revocations(&self) -> watch::Receiver<()> {
        self.blacklist.entered()
    }

    /// How many entries the blacklist in memory has, and how old it is, if it was ever read.
    #[must_use]
    pub fn blacklist_state(&self) -> (usize, Option<Duration>) {
        (self.blacklist.len(), self.blacklist.age())
    }

    /// How long an access token is still accepted.
    #[must_use]
    pub fn time_left(&self, claims: &Claims) -> Duration {
        let millis = (claims.exp + LEEWAY_SECONDS)
            .saturating_mul(1_000)
            .saturating_sub(self.clock.now().timestamp_millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}
