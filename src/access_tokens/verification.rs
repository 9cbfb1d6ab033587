//! What the token of a request allows.
//!
//! An instance remembers a verified token for up to an hour. Ending a token writes an entry to the blacklist, which every
//! request checks, so a remembered token is refused within [`crate::auth::revocation::blacklist::AGE_MAX`]. The check takes
//! 3 µs. A read of the token for each request would take 0.6 ms on a node of the same machine, and would prove less: a former
//! primary that was cut off from the others still returns an ended token until it steps down, after 10 s by default. Only a
//! linearizable read would prove that it has not ended, and on an idle replica set this takes 100 ms.
//!
//! **Invariant:** a remembered token was read from the database, so no client can claim to be the user of another's token.

use std::sync::Arc;

use bson::DateTime;
use metrics::counter;

use super::memory::{REFUSED_MILLIS, Refused, VERIFIED_MILLIS, Verified};
use super::model::{AccessToken, NETWORKS_MAX};
use super::operations::AccessTokens;
use super::text::TokenDigest;
use crate::audit::store::{Event, RequestContext};
use crate::auth::credential::Grant;
use crate::error::{Error, TokenRejection};
use crate::http::client_address::ClientAddress;

pub const LOOKUPS: &str = "todo_api_access_token_lookups_total";

impl AccessTokens {
    /// The grant of a token that this instance has verified before, and that has neither expired nor ended as far as it
    /// knows. Never asks the database.
    pub fn known(&self, digest: &TokenDigest) -> Option<Arc<Grant>> {
        let now = self.clock.now();
        let verified = self.memory.verified.get_unexpired(digest, now.timestamp_millis())?;
        let is_usable = !has_expired(&verified.grant, now) && !self.auth.is_known_revoked(&*verified.grant);
        is_usable.then_some(verified.grant)
    }

    /// Fails with [`Error::Throttled`] if the address has presented too many unknown tokens and this instance does not know
    /// the token, and with [`Error::Unavailable`] if it is unknown whether the token has ended.
    pub async fn verify(&self, digest: TokenDigest, address: ClientAddress) -> Result<Arc<Grant>, Error> {
        let now = self.clock.now();
        let known = self.memory.verified.get_unexpired(&digest, now.timestamp_millis());
        let (grant, is_read) = match known {
            Some(known) => (known.grant, false),
            None => (self.look_up(digest, address, now).await?, true),
        };
        if has_expired(&grant, now) {
            return Err(Error::Token(TokenRejection::Expired));
        }
        if let Err(error) = self.auth.check_revocation(&*grant).await {
            self.forget(digest, &grant, &error, is_read, now);
            return Err(error);
        }
        self.note_use(digest, &grant, address, now);
        Ok(grant)
    }

    async fn look_up(
        &self,
        digest: TokenDigest,
        address: ClientAddress,
        now: DateTime,
    ) -> Result<Arc<Grant>, Error> {
        let refused = self.memory.refused.get_unexpired(&digest, now.timestamp_millis());
        if let Some(Refused { why, .. }) = refused {
            return Err(Error::Token(why));
        }
        self.guesses.check_address(address.ip()).inspect_err(|_| count("throttled"))?;
        match self.read(digest).await? {
            Ok(grant) => {
                count("found");
                let until = now.timestamp_millis() + VERIFIED_MILLIS;
                let verified = Verified { grant: grant.clone(), networks: Arc::default(), until };
                self.memory.verified.insert(digest, verified, now.timestamp_millis());
                Ok(grant)
            }
            Err(why) => {
                count("refused");
                // Only afterwards, because a token that is right does not count. The requests of an address at the same
                // time can exceed the limit by their number, which its share of the slots bounds.
                let _ = self.guesses.admit_address(address.ip());
                self.refuse(digest, why, now);
                Err(Error::Token(why))
            }
        }
    }

    async fn read(&self, digest: TokenDigest) -> Result<Result<Arc<Grant>, TokenRejection>, Error> {
        let Some(token) = self.store.find_by_digest(&digest).await? else {
            return Ok(Err(TokenRejection::Invalid));
        };
        let user = self.users.find_by_id(token.user_id).await?;
        let user = user.filter(|user| user.disabled_at.is_none() && user.token_epoch == token.epoch);
        Ok(match user {
            Some(user) if is_kept(&token) => Ok(Arc::new(token.grant(&user.username))),
            _ => Err(TokenRejection::Revoked),
        })
    }

    fn refuse(&self, digest: TokenDigest, why: TokenRejection, now: DateTime) {
        let now = now.timestamp_millis();
        self.memory.refused.insert(digest, Refused { why, until: now + REFUSED_MILLIS }, now);
    }

    fn forget(&self, digest: TokenDigest, grant: &Grant, error: &Error, is_read: bool, now: DateTime) {
        let Error::Token(why) = error else { return };
        self.memory.verified.remove(&digest);
        self.refuse(digest, *why, now);
        // The request that ended the token was interrupted before it could update the document.
        if is_read {
            let (store, id) = (self.store.clone(), grant.id);
            tokio::spawn(async move {
                if let Err(error) = store.end(id, now).await {
                    tracing::debug!(%error, "could not complete the end of an access token");
                }
            });
        }
    }

    /// Writes at most once an hour for each network of the token. The request does not wait for it.
    fn note_use(&self, digest: TokenDigest, grant: &Arc<Grant>, address: ClientAddress, now: DateTime) {
        let network = address.network();
        let is_new = self.memory.verified.update_existing(&digest, |known| {
            let is_new = known.networks.len() < NETWORKS_MAX && !known.networks.contains(&network);
            if is_new {
                Arc::make_mut(&mut known.networks).push(network);
            }
            is_new
        });
        if is_new != Some(true) {
            return;
        }
        let (store, audit, grant) = (self.store.clone(), self.audit.clone(), grant.clone());
        tokio::spawn(async move {
            let noted = async {
                store.touch(grant.id, now).await?;
                store.add_network(grant.id, &network.to_string()).await
            };
            match noted.await {
                Ok(true) => audit.record(Event::TokenNewNetwork, context_of(&grant, address)).await,
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "could not note the use of an access token"),
            }
        });
    }
}

fn context_of(grant: &Grant, address: ClientAddress) -> RequestContext {
    RequestContext {
        user_id: Some(grant.user_id),
        username: Some(grant.username.to_string()),
        token_id: Some(grant.id),
        ip: address.ip().map(|ip| ip.to_string()),
        ..RequestContext::default()
    }
}

fn is_kept(token: &AccessToken) -> bool {
    token.ended_at.is_none()
}

fn has_expired(grant: &Grant, now: DateTime) -> bool {
    grant.expires_at.is_some_and(|expires_at| expires_at <= now)
}

fn count(outcome: &'static str) {
    counter!(LOOKUPS, "outcome" => outcome).increment(1);
}
