//! Creating, listing and ending personal access tokens.
//!
//! **Invariant:** an operation that ends tokens first writes an entry to the blacklist and then updates the tokens, so that a
//! client can safely repeat it. A token that an instance has verified is refused because of the entry; its document keeps
//! it from being verified later.

use std::sync::Arc;

use bson::DateTime;
use bson::oid::ObjectId;
use metrics::counter;

use super::memory::Memory;
use super::model::{AccessToken, NewToken, TOKENS_MAX, removal_after, stored};
use super::store::TokenStore;
use super::text::{NewText, RepeatableTexts};
use crate::audit::store::{Actor, Audit, Event, RequestContext};
use crate::auth::operations::Auth;
use crate::auth::throttling::Throttle;
use crate::clock::Clock;
use crate::crypto::random_id::random_bytes;
use crate::error::{Error, Resource, Violation};
use crate::mongo::object_id;
use crate::users::model::User;
use crate::users::store::Users;

pub const CREATED: &str = "todo_api_access_tokens_created_total";

// Concurrent requests of a user compete for slots. Each round, at least one of them gets its slot.
const SLOT_ROUNDS: u64 = TOKENS_MAX * 2;

pub struct AccessTokens {
    pub(super) store: TokenStore,
    pub(super) users: Users,
    pub(super) auth: Arc<Auth>,
    pub(super) audit: Audit,
    pub(super) guesses: Throttle,
    pub(super) clock: Clock,
    pub(super) memory: Memory,
    texts: RepeatableTexts,
}

/// From where tokens are created or ended.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub ip: Option<String>,
    /// If an admin ends the tokens of a user.
    pub by: Option<Actor>,
    /// Whether this is a command instead of a request.
    pub is_operator: bool,
}

/// The text of the token that a request creates.
pub enum Texts<'a> {
    Random(NewText),
    /// For a request with this `Idempotency-Key`: always the same for the same id.
    Repeatable(&'a RepeatableTexts, String),
}

impl Texts<'_> {
    /// Those that the token with this id may have, the one to use first.
    pub fn of(&self, id: ObjectId) -> Vec<NewText> {
        match self {
            Self::Random(text) => vec![text.clone()],
            Self::Repeatable(texts, key) => texts.all(id, key),
        }
    }
}

impl AccessTokens {
    /// `guesses` limits how many unknown tokens an address may present.
    pub fn new(
        store: TokenStore,
        users: Users,
        auth: Arc<Auth>,
        audit: Audit,
        guesses: Throttle,
        clock: Clock,
        texts: RepeatableTexts,
    ) -> Self {
        Self { store, users, auth, audit, guesses, clock, memory: Memory::default(), texts }
    }

    pub fn texts(&self, idempotency_key: Option<&str>) -> Texts<'_> {
        let derived = idempotency_key.map(|key| (&self.texts, key.to_owned()));
        derived.map_or_else(|| Texts::Random(NewText::random()), |(texts, key)| Texts::Repeatable(texts, key))
    }

    /// For operators.
    pub async fn create_for(&self, user: &User, new: NewToken) -> Result<(AccessToken, NewText), Error> {
        let text = NewText::random();
        let create = async || {
            let id = object_id::generate(self.clock.now());
            self.create(user, id, new.clone(), std::slice::from_ref(&text), Origin::default()).await
        };
        Ok((object_id::until_free(create).await?, text))
    }

    /// Returns an existing token with this id and one of the texts, because an earlier attempt of the same request created
    /// it. Fails with [`Error::IdTaken`] if another user has this id.
    pub async fn create(
        &self,
        user: &User,
        id: ObjectId,
        new: NewToken,
        texts: &[NewText],
        origin: Origin,
    ) -> Result<AccessToken, Error> {
        let now = self.clock.now();
        if new.expires_at.is_some_and(|expires_at| expires_at <= now) {
            let detail = "A token must expire in the future.";
            return Err(Error::Invalid(vec![Violation::of("expires_at", "in_the_past", detail)]));
        }
        let text = texts.first().ok_or_else(|| Error::internal("a token needs a text"))?;
        let mut token = token(user, id, new, text, now);
        for _ in 0..SLOT_ROUNDS {
            let Some(slot) = self.free_slot(user.id, now).await? else {
                return self.existing(&token, texts).await?.ok_or(Error::LimitReached(TOKENS_MAX));
            };
            token.slot = Some(slot);
            if self.store.insert(&token).await? {
                counter!(CREATED).increment(1);
                self.record(Event::TokenCreated, user, Some(id), origin).await;
                return Ok(token);
            }
            if let Some(earlier) = self.existing(&token, texts).await? {
                return Ok(earlier);
            }
        }
        Err(Error::unavailable("too many requests create tokens of the user"))
    }

    async fn existing(&self, token: &AccessToken, texts: &[NewText]) -> Result<Option<AccessToken>, Error> {
        let Some(earlier) = self.store.find_by_id(token.id).await? else { return Ok(None) };
        let is_own =
            earlier.user_id == token.user_id && texts.iter().any(|text| stored(&text.digest) == earlier.hash);
        if is_own { Ok(Some(earlier)) } else { Err(Error::IdTaken) }
    }

    async fn free_slot(&self, user_id: ObjectId, now: DateTime) -> Result<Option<i32>, Error> {
        let limit = i32::try_from(TOKENS_MAX).unwrap_or(i32::MAX);
        let mut taken = self.store.taken_slots(user_id).await?;
        if taken.len() >= limit.unsigned_abs() as usize && self.store.end_expired(user_id, now).await? {
            taken = self.store.taken_slots(user_id).await?;
        }
        let free: Vec<_> = (0..limit).filter(|slot| !taken.contains(slot)).collect();
        // Any of them, so that concurrent requests seldom compete for the same one.
        let [random] = random_bytes();
        Ok(free.get(usize::from(random) % free.len().max(1)).copied())
    }

    /// Newest first.
    pub async fn list(&self, user_id: ObjectId) -> Result<Vec<AccessToken>, Error> {
        self.store.all_of(user_id).await
    }

    pub async fn end(&self, user: &User, id: ObjectId, origin: Origin) -> Result<(), Error> {
        let found = self.store.find(id, user.id).await?;
        found.ok_or(Error::NotFound(Resource::AccessToken))?;
        self.auth.revoke_access_token(id).await?;
        self.store.end(id, self.clock.now()).await?;
        self.record(Event::TokensEnded, user, Some(id), origin).await;
        Ok(())
    }

    /// Ends all tokens of a user. Returns how many there were, without those that another request ended at the same time.
    pub async fn end_all_of(&self, user_id: ObjectId, origin: Origin) -> Result<u64, Error> {
        let user = self.users.raise_token_epoch(user_id).await?.ok_or(Error::NotFound(Resource::User))?;
        self.end_before_epoch(&user, origin).await
    }

    /// Ends the tokens of earlier epochs. The caller must already have raised the user's `token_epoch` in the database: a
    /// token that is created at the same time then belongs to an earlier epoch, and is refused too.
    pub async fn end_before_epoch(&self, user: &User, origin: Origin) -> Result<u64, Error> {
        self.auth.revoke_access_tokens_before_epoch(user.id, user.token_epoch).await?;
        let ended = self.store.end_before_epoch(user.id, user.token_epoch, self.clock.now()).await?;
        if ended > 0 {
            self.record(Event::TokensEnded, user, None, origin).await;
        }
        Ok(ended)
    }

    /// For the deletion of a user, after [`AccessTokens::end_before_epoch`].
    pub async fn delete_all_of(&self, user_id: ObjectId) -> Result<(), Error> {
        self.store.delete_all_of(user_id).await
    }

    async fn record(&self, event: Event, user: &User, token_id: Option<ObjectId>, origin: Origin) {
        let (user_id, username) = (Some(user.id), Some(user.username.clone()));
        let Origin { ip, by, is_operator: by_operator } = origin;
        let context =
            RequestContext { user_id, username, token_id, ip, by, by_operator, ..RequestContext::default() };
        self.audit.record(event, context).await;
    }
}

fn token(user: &User, id: ObjectId, new: NewToken, text: &NewText, now: DateTime) -> AccessToken {
    AccessToken {
        id,
        user_id: user.id,
        slot: None,
        hash: stored(&text.digest),
        last_four: text.last_four.clone(),
        name: new.name,
        scopes: new.scopes,
        epoch: user.token_epoch,
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        ended_at: None,
        removed_at: new.expires_at.map(removal_after),
        networks: Vec::new(),
    }
}
