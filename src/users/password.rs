//! Hashes passwords with bcrypt over a keyed digest, on [threads](super::hashing_threads) that leave room for everything
//! else. A bounded number of requests may wait.
//!
//! **Invariant:** no other file hashes a password, and no password is logged or returned.

use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::hmac;
use base64::prelude::{BASE64_STANDARD, Engine};
use icu_normalizer::ComposingNormalizer;
use secrecy::{ExposeSecret, SecretString};

use super::hashing_threads::HashingThreads;
use crate::error::Error;
use crate::http::admission::Requester;
use crate::http::fair_queue::{Bounds, FairQueue, Permit, Share};

// A stored hash starts with the name of its scheme. This one is bcrypt over the base64 text of the HMAC-SHA-384 of the
// password in Unicode form NFKC. The base64 text has 64 characters, and bcrypt reads only 72 bytes, so a long password
// is not cut off.
const PLAIN: &str = "hmac-sha384:";
// Like `PLAIN`, with the pepper as the key of the HMAC.
const PEPPERED: &str = "hmac-sha384-pepper:";
// The key of the HMAC without a pepper.
const LABEL: &[u8] = b"todo-api password";
// For each hash that is being computed. At cost 12 a queue of this length takes about five seconds.
const WAITING_PER_SLOT: usize = 20;
// At most two hashes of a user run or wait, because nobody needs more.
const USER_SHARE: Share = Share { slots: 1, waiting: 1 };

pub struct Hasher {
    plain: hmac::Key,
    peppered: Option<hmac::Key>,
    cost: u32,
    /// The cost of every failed check: the highest of `cost` and the costs of stored hashes.
    checked_cost: AtomicU32,
    queue: FairQueue,
    threads: HashingThreads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordCheck {
    Wrong,
    /// Wrong, because the stored hash is damaged.
    Damaged,
    Correct,
    /// The scheme or the cost of the stored hash is no longer current, so the password should be hashed again.
    CorrectButOutdated,
}

impl Hasher {
    pub fn new(cost: u32, pepper: Option<&SecretString>) -> Self {
        let threads = HashingThreads::default();
        let slots = threads.count();
        let waiting = slots * WAITING_PER_SLOT;
        // One more than half, so that an address can use two cores.
        let address = Share { slots: (slots / 2 + 1).min(slots), waiting: waiting / 2 };
        let key = |secret: &[u8]| hmac::Key::new(hmac::HMAC_SHA384, secret);
        Self {
            plain: key(LABEL),
            peppered: pepper.map(|pepper| key(pepper.expose_secret().as_bytes())),
            cost,
            checked_cost: AtomicU32::new(cost),
            queue: FairQueue::new(Bounds { name: "hashing", slots, waiting, user: USER_SHARE, address }),
            threads,
        }
    }

    pub fn queue_length(&self) -> usize {
        let (running, waiting) = self.queue.busy();
        running + waiting
    }

    /// Returns [`Error::Throttled`] or [`Error::Unavailable`] if too many requests are waiting.
    pub async fn hash(&self, by: &Requester, password: &SecretString) -> Result<String, Error> {
        by.without_slot(async {
            let permit = self.queue.acquire(by.client).await?;
            self.hash_with(permit, password).await
        })
        .await
    }

    /// Like [`Hasher::hash`], for a requester whose password was just checked. Never refused, so that the check was not
    /// in vain.
    pub async fn hash_again(&self, by: &Requester, password: &SecretString) -> Result<String, Error> {
        by.without_slot(async {
            let permit = self.queue.rejoin(by.client).await?;
            self.hash_with(permit, password).await
        })
        .await
    }

    async fn hash_with(&self, permit: Permit, password: &SecretString) -> Result<String, Error> {
        let (scheme, key) = self.peppered.as_ref().map_or((PLAIN, &self.plain), |key| (PEPPERED, key));
        let (key, password, cost) = (key.clone(), password.clone(), self.cost);
        let hash = move || bcrypt::non_truncating_hash(digest(&key, &password).expose_secret(), cost);
        let hash = self.run(permit, hash).await?;
        Ok(format!("{scheme}{}", hash.map_err(Error::internal)?))
    }

    /// A check of a wrong password costs as much as the most expensive stored hash. Otherwise its time would reveal which
    /// users exist, because some hashes have another cost than the dummy hash of unknown users.
    pub fn expect_stored_cost(&self, highest: Option<u32>) {
        self.checked_cost.store(highest.unwrap_or(0).max(self.cost), Ordering::Relaxed);
    }

    /// `None` stands for an unknown user: always wrong, after the same time. Returns [`Error::Throttled`] or
    /// [`Error::Unavailable`] if too many requests are waiting.
    pub async fn verify(
        &self,
        by: &Requester,
        password: &SecretString,
        stored: Option<&str>,
    ) -> Result<PasswordCheck, Error> {
        let (key, hash) = stored.and_then(|stored| self.split(stored)).unzip();
        let (key, password) = (key.unwrap_or(&self.plain).clone(), password.clone());
        let usable = hash.filter(|hash| bcrypt_cost(hash).is_some());
        let (known, damaged) = (usable.is_some(), hash.is_some() && usable.is_none());
        let stored_cost = usable.and_then(bcrypt_cost).unwrap_or(0);
        let checked_cost = self.checked_cost.fetch_max(stored_cost, Ordering::Relaxed).max(stored_cost);
        let hash = usable.map_or_else(|| dummy_hash(checked_cost), str::to_owned);
        let outdated = stored.is_some_and(|stored| !self.is_current(stored));
        let check = move || {
            let digest = digest(&key, &password);
            let matches = bcrypt::non_truncating_verify(digest.expose_secret(), &hash);
            if !matches!(matches, Ok(true)) {
                pad(&digest, &hash, checked_cost);
            }
            matches
        };
        let checking = async { self.run(self.queue.acquire(by.client).await?, check).await };
        Ok(match by.without_slot(checking).await? {
            Ok(true) if known && outdated => PasswordCheck::CorrectButOutdated,
            Ok(true) if known => PasswordCheck::Correct,
            _ if damaged => PasswordCheck::Damaged,
            _ => PasswordCheck::Wrong,
        })
    }

    async fn run<T: Send + 'static>(
        &self,
        permit: Permit,
        work: impl Fn() -> T + Clone + Send + 'static,
    ) -> Result<T, Error> {
        // Held until the hash is done, even if the request stops waiting for it.
        let permit = Arc::new(permit);
        let hashing = move || {
            let _permit = &permit;
            work()
        };
        self.threads.run(hashing).await
    }

    /// Returns `None` if the scheme is unknown, or needs a pepper that is not configured.
    fn split<'a>(&'a self, stored: &'a str) -> Option<(&'a hmac::Key, &'a str)> {
        let plain = || stored.strip_prefix(PLAIN).map(|hash| (&self.plain, hash));
        let peppered = || self.peppered.as_ref().zip(stored.strip_prefix(PEPPERED));
        plain().or_else(peppered)
    }

    fn is_current(&self, stored: &str) -> bool {
        let scheme = if self.peppered.is_some() { PEPPERED } else { PLAIN };
        let cost = format!("$2b${:02}$", self.cost);
        stored.strip_prefix(scheme).is_some_and(|hash| hash.starts_with(&cost))
    }
}

fn dummy_hash(cost: u32) -> String {
    // No password with this hash is known, and `verify` would not accept it either.
    format!("$2b${cost:02}$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01232")
}

fn bcrypt_cost(hash: &str) -> Option<u32> {
    hash.parse::<bcrypt::HashParts>().ok().map(|parts| parts.get_cost())
}

/// Does as much work as is missing from a check of `hash` to a check of a hash with the cost `total`.
fn pad(digest: &SecretString, hash: &str, total: u32) {
    for cost in padding(bcrypt_cost(hash), total) {
        let _ = black_box(bcrypt::hash_with_salt(digest.expose_secret(), cost, [0; 16]));
    }
}

/// The costs of the hashes to compute after a check of cost `checked`.
fn padding(checked: Option<u32>, total: u32) -> Range<u32> {
    // A hash of cost c has 2^c rounds, and 2^c + 2^c + 2^(c+1) + … + 2^(total-1) = 2^total.
    checked.unwrap_or(total)..total
}

// Longer than the body of a login, so that such a text is no user's password.
const NORMALIZED_MAX_BYTES: usize = 16 * 1024;

/// Takes a few milliseconds for the most expensive text, so it must not run on an async worker.
fn digest(key: &hmac::Key, password: &SecretString) -> SecretString {
    let text = password.expose_secret();
    let normal = match text.len() {
        ..=NORMALIZED_MAX_BYTES => ComposingNormalizer::new_nfkc().normalize(text),
        _ => text.into(),
    };
    BASE64_STANDARD.encode(hmac::sign(key, normal.as_bytes())).into()
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;

    use super::*;
    use crate::http::client::ClientKey;

    async fn verdict(hasher: &Hasher, password: &str, stored: &str) -> PasswordCheck {
        hasher.verify(&Requester::OPERATOR, &password.into(), Some(stored)).await.unwrap()
    }

    #[tokio::test]
    async fn passwords_that_differ_after_72_bytes_are_different() {
        let hasher = Hasher::new(4, None);
        let long = "x".repeat(100);
        let stored = hasher.hash(&Requester::OPERATOR, &long.as_str().into()).await.unwrap();
        assert_eq!(verdict(&hasher, &long, &stored).await, PasswordCheck::Correct);
        assert_eq!(verdict(&hasher, &"x".repeat(99), &stored).await, PasswordCheck::Wrong);
    }

    #[tokio::test]
    async fn unicode_forms_of_a_password_are_the_same() {
        let hasher = Hasher::new(4, None);
        let stored = hasher.hash(&Requester::OPERATOR, &"caf\u{e9}-caf\u{e9}".into()).await.unwrap();
        assert_eq!(verdict(&hasher, "cafe\u{301}-cafe\u{301}", &stored).await, PasswordCheck::Correct);
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_or_without_the_pepper_is_outdated() {
        let stored = Hasher::new(4, None).hash(&Requester::OPERATOR, &"password".into()).await.unwrap();
        assert_eq!(
            verdict(&Hasher::new(5, None), "password", &stored).await,
            PasswordCheck::CorrectButOutdated
        );
        let peppered = Hasher::new(4, Some(&"pepper".into()));
        assert_eq!(verdict(&peppered, "password", &stored).await, PasswordCheck::CorrectButOutdated);
        let stored = peppered.hash(&Requester::OPERATOR, &"password".into()).await.unwrap();
        assert_eq!(verdict(&peppered, "password", &stored).await, PasswordCheck::Correct);
        assert_eq!(verdict(&Hasher::new(4, None), "password", &stored).await, PasswordCheck::Wrong);
    }

    #[tokio::test]
    async fn an_unknown_user_has_no_right_password() {
        let hasher = Hasher::new(4, None);
        assert_eq!(
            hasher.verify(&Requester::OPERATOR, &"password".into(), None).await.unwrap(),
            PasswordCheck::Wrong
        );
        assert_eq!(bcrypt_cost(&dummy_hash(4)), Some(4));
        assert_eq!(bcrypt_cost(&dummy_hash(12)), Some(12));
    }

    #[test]
    fn a_check_of_any_stored_hash_has_the_rounds_of_the_most_expensive_one() {
        for total in 4..=20 {
            for stored in 4..=total {
                let rounds = padding(Some(stored), total).map(|cost| 1_u64 << cost).sum::<u64>();
                assert_eq!((1 << stored) + rounds, 1_u64 << total, "{stored} of {total}");
            }
        }
        assert!(padding(Some(12), 10).is_empty() && padding(None, 10).is_empty());
    }

    #[tokio::test]
    async fn the_cost_of_checks_follows_the_most_expensive_stored_hash() {
        let hasher = Hasher::new(5, None);
        let checked_cost = || hasher.checked_cost.load(Ordering::Relaxed);
        assert_eq!(checked_cost(), 5);
        let stored = Hasher::new(7, None).hash(&Requester::OPERATOR, &"password".into()).await.unwrap();
        assert_eq!(verdict(&hasher, "wrong", &stored).await, PasswordCheck::Wrong);
        assert_eq!(checked_cost(), 7, "at once, if a check meets the hash");
        for (stored, checked) in [(Some(9), 9), (Some(4), 5), (None, 5)] {
            hasher.expect_stored_cost(stored);
            assert_eq!(checked_cost(), checked);
        }
        let cheap = Hasher::new(4, None).hash(&Requester::OPERATOR, &"password".into()).await.unwrap();
        assert_eq!(verdict(&hasher, "wrong", &cheap).await, PasswordCheck::Wrong);
        assert_eq!(verdict(&hasher, "password", &cheap).await, PasswordCheck::CorrectButOutdated);
    }

    #[tokio::test]
    async fn a_damaged_hash_matches_no_password() {
        let hasher = Hasher::new(4, None);
        for damaged in ["hmac-sha384:", "hmac-sha384:$2b$04$short", "hmac-sha384-pepper:x", ""] {
            let check = verdict(&hasher, "password", damaged).await;
            let expected =
                if damaged.starts_with(PLAIN) { PasswordCheck::Damaged } else { PasswordCheck::Wrong };
            assert_eq!(check, expected, "{damaged}");
        }
    }

    #[tokio::test]
    async fn at_most_two_hashes_of_a_user_run_or_wait() {
        let hasher = Hasher::new(4, None);
        let user = || Requester::new(ClientKey::User(ObjectId::new()));
        let (ann, ben) = (user(), user());
        let _running = hasher.queue.acquire(ann.client).await.unwrap();
        let password = "password".into();
        let mut waiting = Box::pin(hasher.hash(&ann, &password));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert!(matches!(hasher.hash(&ann, &password).await, Err(Error::Throttled { .. })));
        let mut of_ben = Box::pin(hasher.hash(&ben, &password));
        assert!(futures_util::poll!(&mut of_ben).is_pending() || hasher.queue.busy().0 > 1);
    }
}
