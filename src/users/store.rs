//! The collection `users`.
//!
//! **Invariant:** every write is safe to repeat. A registration with an idempotency key is repeated under the same id;
//! without a key, the client finds out the result by logging in. All other writes set the same values again, or raise
//! the epoch once more.

use bson::oid::ObjectId;
use bson::{DateTime, Document, RawDocumentBuf, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::{IndexOptions, ReturnDocument, UpdateModifications};

use super::model::{User, UserPatch, username_key};
use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db, PrepareError};

pub const COLLECTION: &str = "users";

#[derive(Clone)]
pub struct Users(pub(super) Collection<User>);

/// For what state of the user a new password is meant. `None` accepts any.
#[derive(Debug, Clone, Copy, Default)]
pub struct PasswordGuard<'a> {
    /// Not the hash, because a login that runs at the same time may renew the hash of the same password.
    pub epoch: Option<i64>,
    pub versions: Option<&'a [i64]>,
}

/// What follows from a new password.
#[derive(Debug, Clone, Copy, Default)]
pub struct PasswordTerms {
    /// Whether it is for one use.
    pub must_change: bool,
    /// Whether the personal access tokens end too.
    pub end_tokens: bool,
}

impl Users {
    pub fn new(db: &Db) -> Self {
        Self(db.collection(COLLECTION))
    }

    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let unique = IndexOptions::builder().unique(true).build();
        let deleting = IndexOptions::builder()
            .partial_filter_expression(doc! { "deleted_at": { "$type": "date" } })
            .build();
        let admins = IndexOptions::builder().partial_filter_expression(doc! { "roles": "admin" }).build();
        let indexes = [
            mongo::index(doc! { "username_key": 1 }, unique),
            mongo::index(doc! { "deleted_at": 1 }, deleting),
            mongo::index(doc! { "roles": 1, "username_key": 1 }, admins),
            mongo::index(doc! { "created_at": 1, "_id": 1 }, IndexOptions::default()),
        ];
        mongo::ensure_indexes(&self.0, indexes).await?;
        self.ensure_guard().await
    }

    /// Returns [`Error::UsernameTaken`] if the unique index on names or the one on ids refuses the user.
    pub async fn insert(&self, user: &User) -> Result<(), Error> {
        match self.0.insert_one(user).timed().await {
            Err(error) if mongo::is_duplicate_key(&error) => Err(Error::UsernameTaken),
            inserted => Ok(inserted.map(|_| ())?),
        }
    }

    /// Adds at most 1,000 users. An existing id stays unchanged. Returns [`Error::UsernameTaken`] after it has added
    /// the others, if somebody else has one of the names or one of these users is being deleted.
    pub async fn insert_missing(&self, users: &[User]) -> Result<(), Error> {
        match self.0.insert_many(users).ordered(false).timed().await {
            Err(error) if mongo::is_duplicate_key(&error) => {
                let ids: Vec<_> = users.iter().map(|user| user.id).collect();
                let there = doc! { "_id": { "$in": ids }, "deleted_at": null };
                let there = self.0.count_documents(there).max_time(mongo::MAX_TIME).timed().await?;
                if usize::try_from(there) == Ok(users.len()) { Ok(()) } else { Err(Error::UsernameTaken) }
            }
            inserted => Ok(inserted.map(|_| ())?),
        }
    }

    /// Whether a user has an id outside `first..=last`.
    pub async fn has_others_than(&self, first: ObjectId, last: ObjectId) -> Result<bool, Error> {
        let others = doc! { "$or": [{ "_id": { "$lt": first } }, { "_id": { "$gt": last } }] };
        Ok(self.0.find_one(others).max_time(mongo::MAX_TIME).timed().await?.is_some())
    }

    /// Compares names by [`username_key`]. Does not find a user that is being deleted.
    pub async fn find_by_name(&self, username: &str) -> Result<Option<User>, Error> {
        let named = doc! { "username_key": username_key(username), "deleted_at": null };
        Ok(self.0.find_one(named).max_time(mongo::MAX_TIME).timed().await?)
    }

    pub async fn find_by_id(&self, id: ObjectId) -> Result<Option<User>, Error> {
        Ok(self.0.find_one(doc! { "_id": id, "deleted_at": null }).max_time(mongo::MAX_TIME).timed().await?)
    }

    /// Reads every user. Returns `None` if there is no user.
    pub async fn highest_hash_cost(&self) -> Result<Option<u32>, Error> {
        // A stored hash ends with the 60 characters of bcrypt, such as `$2b$12$...`.
        let length = doc! { "$strLenBytes": "$password_hash" };
        let cost =
            doc! { "$substrBytes": ["$password_hash", { "$max": [0, { "$subtract": [length, 56] }] }, 2] };
        let highest = [
            doc! { "$match": { "password_hash": { "$type": "string" } } },
            doc! { "$group": { "_id": null, "cost": { "$max": cost } } },
        ];
        let found: Vec<Document> = self.0.aggregate(highest).timed().await?.try_collect().await?;
        Ok(found.first().and_then(|highest| highest.get_str("cost").ok()?.parse().ok()))
    }

    pub async fn replace_hash(&self, user: &User, password_hash: &str) -> Result<(), Error> {
        // Another request may have changed the password since `user` was read.
        let unchanged = doc! { "_id": user.id, "password_hash": &user.password_hash };
        self.0.update_one(unchanged, doc! { "$set": { "password_hash": password_hash } }).timed().await?;
        Ok(())
    }

    /// Returns `None` if the user has none of the `versions`. `versions: None` accepts any version.
    pub async fn patch(
        &self,
        id: ObjectId,
        patch: UserPatch,
        versions: Option<Vec<i64>>,
    ) -> Result<Option<User>, Error> {
        let mut set = Document::new();
        if let Some(email) = patch.email {
            set.insert("email", email);
        }
        if let Some(time_zone) = patch.time_zone {
            set.insert("time_zone", time_zone);
        }
        let mut filter = doc! { "_id": id, "deleted_at": null };
        if let Some(versions) = versions {
            filter.insert("version", doc! { "$in": versions });
        }
        // An empty patch changes nothing, so it does not raise the version.
        if set.is_empty() {
            return Ok(self.0.find_one(filter).max_time(mongo::MAX_TIME).timed().await?);
        }
        self.find_and_update(filter, doc! { "$set": set, "$inc": { "version": 1 } }).await
    }

    /// Returns `None` if `guard` refuses the change.
    pub async fn set_password(
        &self,
        id: ObjectId,
        guard: PasswordGuard<'_>,
        password_hash: &str,
        terms: PasswordTerms,
    ) -> Result<Option<User>, Error> {
        let mut filter = doc! { "_id": id, "deleted_at": null };
        if let Some(epoch) = guard.epoch {
            filter.insert("epoch", epoch);
        }
        if let Some(versions) = guard.versions {
            filter.insert("version", doc! { "$in": versions });
        }
        let set = doc! { "password_hash": password_hash, "must_change_password": terms.must_change };
        // One write, so that no login with the old password gets the new epoch.
        let raised = doc! { "epoch": 1, "version": 1, "token_epoch": i32::from(terms.end_tokens) };
        self.find_and_update(filter, doc! { "$set": set, "$inc": raised }).await
    }

    pub async fn raise_epoch(&self, id: ObjectId) -> Result<Option<User>, Error> {
        self.find_and_update(doc! { "_id": id, "deleted_at": null }, doc! { "$inc": { "epoch": 1 } }).await
    }

    /// Personal access tokens of an earlier epoch are refused from here on, except by an instance that knows them.
    pub async fn raise_token_epoch(&self, id: ObjectId) -> Result<Option<User>, Error> {
        self.find_and_update(doc! { "_id": id }, doc! { "$inc": { "token_epoch": 1 } }).await
    }

    pub(super) async fn find_and_update(
        &self,
        filter: Document,
        change: impl Into<UpdateModifications>,
    ) -> Result<Option<User>, Error> {
        let changed = self.0.find_one_and_update(filter, change).return_document(ReturnDocument::After);
        Ok(changed.max_time(mongo::MAX_TIME).timed().await?)
    }

    pub async fn finish_deletion(&self, id: ObjectId) -> Result<(), Error> {
        // Only a user that `begin_deletion` has marked.
        self.0.delete_one(doc! { "_id": id, "deleted_at": { "$ne": null } }).timed().await?;
        Ok(())
    }

    /// Without users whose documents cannot be decoded.
    pub async fn unfinished_deletions(&self, begun: DateTime) -> Result<Vec<User>, Error> {
        // A query uses a partial index only if it contains the filter of the index (MongoDB manual, "Partial Indexes").
        let begun = doc! { "deleted_at": { "$type": "date", "$lt": begun } };
        let stored = self.0.clone_with_type::<RawDocumentBuf>();
        let mut found = stored.find(begun).max_time(mongo::MAX_TIME).timed().await?;
        let mut users = Vec::new();
        while found.advance().await? {
            match bson::deserialize_from_slice(found.current().as_bytes()) {
                Ok(user) => users.push(user),
                Err(error) => tracing::error!(%error, "a user who is being deleted cannot be read"),
            }
        }
        Ok(users)
    }
}
