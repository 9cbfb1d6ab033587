//! The collection `idempotency`: the response to each key.
//!
//! **Invariant:** a key is not a lock. No request waits for another.
//!
//! The first request with a key claims the key together with a new id. Every request with the same key and content
//! creates its object under that id, so the object is created once. The response that is stored first is returned to all.

use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, doc};
use mongodb::Collection;
use mongodb::options::{IndexOptions, ReturnDocument};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::crypto::derive;
use crate::error::Error;
use crate::mongo::{self, Db, PrepareError};

// The API promises 24 hours. One more hour allows for clocks that differ.
const KEPT_MILLIS: i64 = 25 * 60 * 60 * 1_000;

pub const ANONYMOUS: &str = "anonymous";

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

#[derive(Deserialize)]
struct Claim {
    digest: Binary,
    target: ObjectId,
    #[serde(rename = "answer")]
    response: Option<String>,
}

#[derive(Clone)]
pub struct Idempotency {
    claims: Collection<Claim>,
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
        Ok(Self { claims: db.collection("idempotency"), clock, current: key(current)?, previous })
    }

    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let ttl = IndexOptions::builder().expire_after(Duration::ZERO).build();
        mongo::ensure_indexes(&self.claims, [mongo::index(doc! { "expires_at": 1 }, ttl)]).await
    }

    /// Runs `make` and stores its response, unless a response to this key is stored already. Keys of different scopes
    /// are independent. Without an attempt, `make` always runs. Errors are not stored, so the client may try again.
    ///
    /// `make` receives the id for the object that it creates. Concurrent requests with one key, and a repetition after
    /// a crash, receive the same id, so `make` must treat an existing object with this id as its own.
    pub async fn once<T, F, Fut>(
        &self,
        scope: &str,
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
            let target = ObjectId::new();
            return Ok(Outcome { target, response: respond(target).await?, replayed: false });
        };
        let id = claim_id(scope, &attempt.key);
        let claim = self.claim(&id, attempt).await?;
        if !self.is_same_request(&claim, attempt) {
            return Err(Error::IdempotencyKeyReused);
        }
        let target = claim.target;
        if let Some(response) = claim.response {
            return Ok(Outcome { target, response, replayed: true });
        }
        let response = respond(target).await?;
        Ok(match self.store_first(&id, &response).await? {
            Some(first) => Outcome { target, response: first, replayed: true },
            None => Outcome { target, response, replayed: false },
        })
    }

    async fn claim(&self, id: &str, attempt: &Attempt) -> Result<Claim, Error> {
        // An upsert that sets nothing if the key is claimed already. It stores only a keyed digest of the request,
        // because requests may contain passwords.
        let digest = hmac::sign(&self.current, &attempt.request).as_ref().to_vec();
        let claim = doc! { "$setOnInsert": {
            "digest": Binary { subtype: BinarySubtype::Generic, bytes: digest },
            "target": ObjectId::new(),
            "expires_at": self.clock.now().saturating_add_millis(KEPT_MILLIS),
        } };
        let claimed = async || {
            let upsert = self.claims.find_one_and_update(doc! { "_id": id }, claim.clone()).upsert(true);
            upsert.return_document(ReturnDocument::After).max_time(mongo::MAX_TIME).await
        };
        // The unique index may reject one of two concurrent upserts. Its second try finds the claim of the other.
        let claim = match claimed().await {
            Err(error) if mongo::is_duplicate_key(&error) => claimed().await?,
            claim => claim?,
        };
        claim.ok_or_else(|| Error::internal("an upsert returned no document"))
    }

    fn is_same_request(&self, claim: &Claim, attempt: &Attempt) -> bool {
        // A claim from before the last change of the secret has a digest of a previous key.
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        keys.any(|key| hmac::verify(key, &attempt.request, &claim.digest.bytes).is_ok())
    }

    /// Returns the response that was stored before, if any.
    async fn store_first(&self, id: &str, response: &str) -> Result<Option<String>, Error> {
        // Without `$literal`, a pipeline would read a text that starts with `$` as the path of a field.
        let first = doc! { "$set": { "answer": { "$ifNull": ["$answer", { "$literal": response }] } } };
        let settled = self.claims.find_one_and_update(doc! { "_id": id }, vec![first]);
        let before = settled.return_document(ReturnDocument::Before).max_time(mongo::MAX_TIME).await?;
        Ok(before.and_then(|before| before.response))
    }
}

fn claim_id(scope: &str, key: &str) -> String {
    // A digest, so that the length of the stored id does not depend on the key.
    BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, format!("{scope}\0{key}").as_bytes()))
}
