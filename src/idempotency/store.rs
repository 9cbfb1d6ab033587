//! The collection `idempotency`: what was answered to a key. Must not be a lock: nobody ever waits for anyone.
//!
//! Repeating: a key is claimed with an id, and everyone who repeats the request creates under that id; the first answer
//! that is stored is everyone's.

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

/// How long a key is kept, in milliseconds: 25 hours, to be sure of 24.
const KEPT_MILLIS: i64 = 25 * 60 * 60 * 1_000;

/// Whose keys those are that come without a user.
pub const ANONYMOUS: &str = "anonymous";

/// A request that may be a repetition.
#[derive(Debug)]
pub struct Attempt {
    /// The client's name for it.
    pub key: String,
    /// What must be the same for a repetition: method, path and body.
    pub request: Vec<u8>,
}

/// What a request came to, now or at first.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The id under which it created something, if it did.
    pub target: ObjectId,
    /// The answer's JSON text.
    pub answer: String,
    /// Whether this is an earlier answer.
    pub replayed: bool,
}

#[derive(Deserialize)]
struct Claim {
    digest: Binary,
    target: ObjectId,
    answer: Option<String>,
}

/// The collection `idempotency`. Requests hold passwords, so that only keyed digests of them are stored.
#[derive(Clone)]
pub struct Idempotency {
    claims: Collection<Claim>,
    clock: Clock,
    current: hmac::Key,
    previous: Vec<hmac::Key>,
}

impl Idempotency {
    /// The keys of `db`, dated by `clock`, with requests digested under the current secret, or an earlier one.
    ///
    /// # Errors
    /// [`Error::Internal`]: see [`derive::derive`].
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

    /// Creates the indexes that are missing.
    ///
    /// # Errors
    /// See [`mongo::ensure_indexes`].
    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let ttl = IndexOptions::builder().expire_after(Duration::ZERO).build();
        mongo::ensure_indexes(&self.claims, [mongo::index(doc! { "expires_at": 1 }, ttl)]).await
    }

    /// Runs `make` until it has succeeded once for a key of `scope`, which is a user's id or [`ANONYMOUS`], and always
    /// without one. `make` is given the id under which to create. Copies that race, and a repetition after a crash, are
    /// given the same id, so it must treat a thing of that id as its own. Its errors are not kept.
    ///
    /// # Errors
    /// [`Error::IdempotencyKeyReused`] when the key stands for another request; those of `make`; [`Error::Unavailable`].
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
        let answer_of = async |target| serde_json::to_string(&make(target).await?).map_err(Error::internal);
        let Some(attempt) = attempt else {
            let target = ObjectId::new();
            return Ok(Outcome { target, answer: answer_of(target).await?, replayed: false });
        };
        let id = claim_id(scope, &attempt.key);
        let claim = self.claim(&id, attempt).await?;
        if !self.is_of(&claim, attempt) {
            return Err(Error::IdempotencyKeyReused);
        }
        let target = claim.target;
        if let Some(answer) = claim.answer {
            return Ok(Outcome { target, answer, replayed: true });
        }
        let answer = answer_of(target).await?;
        Ok(match self.settle(&id, &answer).await? {
            Some(first) => Outcome { target, answer: first, replayed: true },
            None => Outcome { target, answer, replayed: false },
        })
    }

    /// The claim of a key, made now unless there is one.
    async fn claim(&self, id: &str, attempt: &Attempt) -> Result<Claim, Error> {
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
        // Of two upserts at once, the unique index may refuse one, which then finds the other's.
        let claim = match claimed().await {
            Err(error) if mongo::is_duplicate_key(&error) => claimed().await?,
            claim => claim?,
        };
        claim.ok_or_else(|| Error::internal("an upsert gave nothing back"))
    }

    fn is_of(&self, claim: &Claim, attempt: &Attempt) -> bool {
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        keys.any(|key| hmac::verify(key, &attempt.request, &claim.digest.bytes).is_ok())
    }

    /// Stores an answer unless there is one; the one that there was.
    async fn settle(&self, id: &str, answer: &str) -> Result<Option<String>, Error> {
        let first = doc! { "$set": { "answer": { "$ifNull": ["$answer", { "$literal": answer }] } } };
        let settled = self.claims.find_one_and_update(doc! { "_id": id }, vec![first]);
        let before = settled.return_document(ReturnDocument::Before).max_time(mongo::MAX_TIME).await?;
        Ok(before.and_then(|before| before.answer))
    }
}

/// Under which id a key is stored, however long it is.
fn claim_id(scope: &str, key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, format!("{scope}\0{key}").as_bytes()))
}
