//! The collection `idempotency`: the response to each key.
//!
//! **Invariant:** a key is not a lock. No request waits for another.
//!
//! The first request with a key claims the key together with a new id. Every request with the same key and content
//! creates its object under that id, so the object is created once. The response that is stored first is returned to all.
//!
//! What one user stores is bounded: a user with [`USER_BYTES_MAX`] of responses gets no further claims, and a response
//! above `RESPONSE_BYTES_MAX` is not stored.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::{Hint, IndexOptions, ReturnDocument};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::scope::Scope;
use super::usage::Usage;
use crate::clock::Clock;
use crate::crypto::derive;
use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db, PrepareError, object_id};

// The API promises 24 hours. One more hour allows for clocks that differ.
const KEPT_MILLIS: i64 = 25 * 60 * 60 * 1_000;

/// Of the stored responses of one user, each with `CLAIM_BYTES` for its claim.
pub const USER_BYTES_MAX: u64 = 64 * 1024 * 1024;
// About what a claim without its response takes, with its index entries.
const CLAIM_BYTES: u64 = 500;
// Responses to valid input are smaller. A request with a larger response runs again when it is repeated.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
// The oldest claims of the user expire within this time or later.
const RETRY_AFTER: Duration = Duration::from_hours(1);

/// A response that its repetitions return in a shorter form.
pub struct Kept<T> {
    pub response: T,
    pub stored: T,
}

#[derive(Debug)]
pub struct Attempt {
    pub key: String,
    /// Method, path and body, or the whole command. A repetition must have the same.
    pub request: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The id that was given to the new object, if the request created one.
    pub target: ObjectId,
    pub response: String,
    pub replayed: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Claim {
    #[serde(rename = "_id")]
    pub(super) id: String,
    digest: Binary,
    pub(super) target: ObjectId,
    #[serde(rename = "answer", skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<String>,
    expires_at: DateTime,
    // Anonymous claims, and claims of earlier versions, have no owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<ObjectId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<i64>,
}

#[derive(Clone)]
pub struct Idempotency {
    pub(super) claims: Collection<Claim>,
    usage: Arc<Usage>,
    clock: Clock,
    current: hmac::Key,
    previous: Vec<hmac::Key>,
}

impl Idempotency {
    pub fn new(
        db: &Db,
        clock: Clock,
        current: &SecretString,
        previous: &[SecretString],
    ) -> Result<Self, Error> {
        let key = |secret| {
            derive::derive(secret, b"idempotency").map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key))
        };
        let previous = previous.iter().map(key).collect::<Result<_, _>>()?;
        let claims = db.collection("idempotency");
        Ok(Self { claims, usage: Arc::default(), clock, current: key(current)?, previous })
    }

    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let ttl = IndexOptions::builder().expire_after(Duration::ZERO).build();
        let ttl = mongo::index(doc! { "expires_at": 1 }, ttl);
        // Sparse, because anonymous claims have no owner.
        let sparse = IndexOptions::builder().name(BY_OWNER.to_owned()).sparse(true).build();
        let by_owner = mongo::index(doc! { "owner_id": 1, "bytes": 1 }, sparse);
        mongo::ensure_indexes(&self.claims, [ttl, by_owner]).await
    }

    /// Like [`Idempotency::once`], for a request that creates an object. `make` fails with [`Error::IdTaken`] if the id
    /// belongs to somebody else, and then runs again with another id.
    pub async fn create<T, F, Fut>(
        &self,
        scope: Scope,
        attempt: Option<&Attempt>,
        make: F,
    ) -> Result<Outcome, Error>
    where
        T: Serialize,
        F: Fn(ObjectId) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        object_id::until_free(async || self.once(scope, attempt, &make).await).await
    }

    /// Runs `make` and stores its response, unless a response to this key is stored already. Without an attempt, `make`
    /// always runs. Errors are not stored, so the client may try again.
    ///
    /// `make` receives the id for the object that it creates. Concurrent requests with one key, and a repetition after
    /// a crash, receive the same id, so `make` must treat an existing object with this id as its own.
    pub async fn once<T, F, Fut>(
        &self,
        scope: Scope,
        attempt: Option<&Attempt>,
        make: F,
    ) -> Result<Outcome, Error>
    where
        T: Serialize,
        F: FnOnce(ObjectId) -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let respond = async |target| serde_json::to_string(&make(target).await?).map_err(Error::internal);
        let Some(attempt) = attempt else {
            let target = object_id::generate(self.clock.now());
            return Ok(Outcome { target, response: respond(target).await?, replayed: false });
        };
        let both = async |target| {
            let response = respond(target).await?;
            Ok(Kept { stored: response.clone(), response })
        };
        self.once_keeping(scope, attempt, both).await
    }

    /// Like [`Idempotency::once`], with another response for repetitions.
    pub async fn once_keeping<F, Fut>(
        &self,
        scope: Scope,
        attempt: &Attempt,
        make: F,
    ) -> Result<Outcome, Error>
    where
        F: FnOnce(ObjectId) -> Fut,
        Fut: Future<Output = Result<Kept<String>, Error>>,
    {
        let id = scope.claim_id(&attempt.key);
        let claim = self.claim(&id, scope, attempt).await?;
        if !self.is_same_request(&claim, attempt) {
            return Err(Error::IdempotencyKeyReused);
        }
        let target = claim.target;
        if let Some(response) = claim.response {
            return Ok(Outcome { target, response, replayed: true });
        }
        let result = make(target).await;
        if let Err(Error::IdTaken) = result {
            self.replace_target(&id, target).await?;
        }
        let Kept { response, stored } = result?;
        if stored.len() > RESPONSE_BYTES_MAX {
            return Ok(Outcome { target, response, replayed: false });
        }
        Ok(match self.store_first(&id, scope, &stored).await? {
            Some(first) => Outcome { target, response: first, replayed: true },
            None => Outcome { target, response, replayed: false },
        })
    }

    /// For the deletion of a user. Claims of earlier versions have no owner and expire.
    pub async fn delete_all_of(&self, owner_id: ObjectId) -> Result<(), Error> {
        self.claims.delete_many(doc! { "owner_id": owner_id }).hint(by_owner()).timed().await?;
        Ok(())
    }

    async fn claim(&self, id: &str, scope: Scope, attempt: &Attempt) -> Result<Claim, Error> {
        if self.is_full(scope).await? {
            let known = self.claims.find_one(doc! { "_id": id }).max_time(mongo::MAX_TIME).timed().await?;
            return known.ok_or(Error::Throttled { retry_after: RETRY_AFTER });
        }
        // An upsert that sets nothing if the key is claimed already.
        let claim = bson::serialize_to_document(&self.new_claim(scope, attempt));
        let mut claim = claim.map_err(Error::internal)?;
        claim.remove("_id");
        let claim = doc! { "$setOnInsert": claim };
        let claimed = async || {
            let upsert = self.claims.find_one_and_update(doc! { "_id": id }, claim.clone()).upsert(true);
            upsert.return_document(ReturnDocument::After).max_time(mongo::MAX_TIME).timed().await
        };
        // The unique index may reject one of two concurrent upserts. Its second try finds the claim of the other.
        let claim = match claimed().await {
            Err(error) if mongo::is_duplicate_key(&error) => claimed().await?,
            claim => claim?,
        };
        claim.ok_or_else(|| Error::internal("an upsert returned no document"))
    }

    /// Whether the user has stored so much that there is no room for further claims.
    pub(super) async fn is_full(&self, scope: Scope) -> Result<bool, Error> {
        let Some(owner_id) = scope.owner_id() else { return Ok(false) };
        self.usage.is_at_least(USER_BYTES_MAX, owner_id, self.clock.now(), || self.bytes_of(owner_id)).await
    }

    /// Has only a keyed digest of the request, because requests may contain passwords.
    pub(super) fn new_claim(&self, scope: Scope, attempt: &Attempt) -> Claim {
        let (now, owner_id) = (self.clock.now(), scope.owner_id());
        let digest = hmac::sign(&self.current, &attempt.request).as_ref().to_vec();
        Claim {
            id: scope.claim_id(&attempt.key),
            digest: Binary { subtype: BinarySubtype::Generic, bytes: digest },
            target: object_id::generate(now),
            response: None,
            expires_at: now.saturating_add_millis(KEPT_MILLIS),
            owner_id,
            bytes: owner_id.map(|_| signed(CLAIM_BYTES)),
        }
    }

    async fn bytes_of(&self, owner_id: ObjectId) -> Result<u64, Error> {
        // The index contains both fields, so MongoDB fetches no document.
        let sum = [
            doc! { "$match": { "owner_id": owner_id } },
            doc! { "$group": { "_id": null, "bytes": { "$sum": "$bytes" } } },
        ];
        let summed = self.claims.aggregate(sum).hint(by_owner()).max_time(mongo::MAX_TIME);
        let summed: Vec<Document> = summed.timed().await?.try_collect().await?;
        let bytes = summed.first().and_then(|sum| sum.get("bytes")).and_then(Bson::as_i64);
        Ok(bytes.unwrap_or_default().unsigned_abs())
    }

    /// Reserves another id instead of one that is taken. Concurrent requests agree on it, because only one of them finds
    /// the taken id.
    async fn replace_target(&self, id: &str, taken: ObjectId) -> Result<(), Error> {
        let reserved = doc! { "_id": id, "target": taken, "answer": null };
        let another = doc! { "$set": { "target": object_id::generate(self.clock.now()) } };
        self.claims.find_one_and_update(reserved, another).max_time(mongo::MAX_TIME).timed().await?;
        Ok(())
    }

    pub(super) fn is_same_request(&self, claim: &Claim, attempt: &Attempt) -> bool {
        // A claim from before the last change of the secret has a digest of a previous key.
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        keys.any(|key| hmac::verify(key, &attempt.request, &claim.digest.bytes).is_ok())
    }

    /// Returns the response that was stored before, if any.
    async fn store_first(&self, id: &str, scope: Scope, response: &str) -> Result<Option<String>, Error> {
        let store = self.storing(scope, response);
        let settled = self.claims.find_one_and_update(doc! { "_id": id }, store);
        let before =
            settled.return_document(ReturnDocument::Before).max_time(mongo::MAX_TIME).timed().await?;
        Ok(before.and_then(|before| before.response))
    }

    /// The update that stores a response in a claim without one.
    pub(super) fn storing(&self, scope: Scope, response: &str) -> Vec<Document> {
        let bytes = CLAIM_BYTES + u64::try_from(response.len()).unwrap_or(u64::MAX - CLAIM_BYTES);
        // Without `$literal`, a pipeline would read a text that starts with `$` as the path of a field.
        let mut set = doc! { "answer": { "$ifNull": ["$answer", { "$literal": response }] } };
        if let Some(owner_id) = scope.owner_id() {
            // Where an answer is stored already, `bytes` is its size.
            let size = doc! { "$cond": [{ "$lte": ["$answer", null] }, signed(bytes), "$bytes"] };
            set.insert("bytes", size);
            self.usage.add(owner_id, bytes);
        }
        vec![doc! { "$set": set }]
    }
}

const BY_OWNER: &str = "by_owner";

fn by_owner() -> Hint {
    Hint::Name(BY_OWNER.to_owned())
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
