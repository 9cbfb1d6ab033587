//! The claims of several keys of one user: two writes for all of them, instead of two for each.
//!
//! **Invariant:** a response is stored only after a majority has the changes that it reports. Otherwise a failover could
//! undo the change and keep the response, and a repetition would not make the change again.

use std::collections::HashMap;
use std::sync::Arc;

use bson::doc;
use bson::oid::ObjectId;
use futures_util::TryStreamExt;

use super::scope::Scope;
use super::store::{Attempt, Claim, Idempotency};
use crate::error::Error;
use crate::mongo;
use crate::mongo::commands;
use crate::mongo::deferred::Deferred;
use crate::mongo::metrics::Command;

pub struct Claims<'a> {
    store: &'a Idempotency,
    scope: Scope,
    deferred: Arc<Deferred>,
    by_id: HashMap<String, Claim>,
}

/// What is known about a key.
pub enum Claimed {
    /// The response to an earlier request.
    Answered(String),
    /// Nothing but the id of the object that the request creates.
    New(ObjectId),
}

impl Idempotency {
    /// Claims all keys, and defers the waits of what the requests write. `None` if they must be made one by one: the
    /// database does not allow to defer, or the user has no room for further claims.
    pub async fn claim_all(&self, scope: Scope, attempts: &[&Attempt]) -> Result<Option<Claims<'_>>, Error> {
        if self.is_full(scope).await? {
            return Ok(None);
        }
        let mut by_id = HashMap::new();
        for claim in attempts.iter().map(|attempt| self.new_claim(scope, attempt)) {
            // The first one, if a key is used twice.
            by_id.entry(claim.id.clone()).or_insert(claim);
        }
        let documents = by_id.values().map(bson::serialize_to_document).collect::<Result<_, _>>();
        // Waits for a majority, so that no failover keeps a change without its claim.
        let taken = commands::insert_free(&self.claims, documents.map_err(Error::internal)?).await?;
        // After that, so that the primary is the one that has just taken the claims.
        let Some(deferred) = Deferred::begin(&self.claims).await? else { return Ok(None) };
        let mut claims = Claims { store: self, scope, deferred: Arc::new(deferred), by_id };
        if taken > 0 {
            claims.read().await?;
        }
        Ok(Some(claims))
    }
}

impl Claims<'_> {
    pub fn deferred(&self) -> &Arc<Deferred> {
        &self.deferred
    }

    pub fn of(&self, attempt: &Attempt) -> Result<Claimed, Error> {
        let claim = self.by_id.get(&self.scope.claim_id(&attempt.key));
        let claim = claim.ok_or_else(|| Error::internal("a key was not claimed"))?;
        if !self.store.is_same_request(claim, attempt) {
            return Err(Error::IdempotencyKeyReused);
        }
        Ok(match &claim.response {
            Some(response) => Claimed::Answered(response.clone()),
            None => Claimed::New(claim.target),
        })
    }

    /// Has a response stored at the next settlement. `about` is the document that the request changes.
    pub fn answer(&mut self, attempt: &Attempt, about: Option<ObjectId>, response: String) {
        let id = self.scope.claim_id(&attempt.key);
        let stored = self.store.storing(self.scope, &response);
        self.deferred.note_result(about, doc! { "q": { "_id": &id }, "u": stored, "hint": "_id_" });
        if let Some(claim) = self.by_id.get_mut(&id) {
            claim.response = Some(response);
        }
    }

    /// Waits until a majority has all changes, and stores the responses. Another request with the same keys may have stored
    /// its responses first: see [`Self::first`].
    pub async fn settle(&mut self) -> Result<(), Error> {
        self.deferred.settle().await?;
        if self.deferred.is_outrun() {
            self.read().await?;
            self.deferred.confirm().await?;
        }
        Ok(())
    }

    /// The response that was stored first.
    pub fn first(&self, attempt: &Attempt) -> Option<&str> {
        self.by_id.get(&self.scope.claim_id(&attempt.key))?.response.as_deref()
    }

    async fn read(&mut self) -> Result<(), Error> {
        let ids: Vec<_> = self.by_id.keys().collect();
        let found = self.store.claims.find(doc! { "_id": { "$in": &ids } }).max_time(mongo::MAX_TIME);
        let found: Vec<Claim> =
            found.selection_criteria(self.deferred.primary()).timed().await?.try_collect().await?;
        if found.len() < ids.len() {
            return Err(Error::unavailable("a claim has expired at this moment"));
        }
        self.by_id = found.into_iter().map(|claim| (claim.id.clone(), claim)).collect();
        Ok(())
    }
}
